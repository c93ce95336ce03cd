package portal

import (
	"net/http"

	"postern/desk"
)

// passwordField is the field for a new password, with what it has to be.
type passwordField struct {
	Shortest int
	Needs    []string // what else it needs, a sentence each
	Wrong    bool
}

// passwordFieldOf is the field under a rule.
func passwordFieldOf(c *call, rule desk.PasswordRule, wrong bool) passwordField {
	field := passwordField{Shortest: rule.Shortest, Wrong: wrong}
	for _, one := range []struct {
		is   bool
		says string
	}{
		{rule.Lower, c.lang.Say("It needs a small letter.")},
		{rule.Upper, c.lang.Say("It needs a capital letter.")},
		{rule.Digit, c.lang.Say("It needs a digit.")},
		{rule.Special, c.lang.Say("It needs a character that is no letter and no digit.")},
		{rule.Repeat > 0, c.lang.Say("No character stands more than %d times in a row.", rule.Repeat)},
		{rule.Sequence > 0, c.lang.Say("No sequence like abcd is longer than %d characters.", rule.Sequence)},
		{rule.History > 0, c.lang.Say("It is none of the last %d.", rule.History)},
	} {
		if one.is {
			field.Needs = append(field.Needs, one.says)
		}
	}
	return field
}

// strengthPart is how strong a password is that somebody is typing; without words it is empty.
type strengthPart struct {
	Score int // 0 to 4
	Says  string
}

// strengths are the words for the scores.
var strengths = []string{
	"Guessed at once.", "Guessed in no time.", "Guessed in hours or days.", "Hard to guess.", "Very hard to guess.",
}

// passwordStrength says how hard a password is to guess, for the meter beside its field. Nothing of it is kept.
func (p *Portal) passwordStrength(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	score, ok := p.identity.Strength(form.Get("password"), c.actor.User)
	if !ok {
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return p.part(c, "password_settings", "password-meter", strengthPart{score, c.lang.Say(strengths[score])})
}
