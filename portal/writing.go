package portal

import (
	"postern/desk"
)

// writingPage is how a person writes: their signature, how long they can take a mail back, and where they go once it was sent.
type writingPage struct {
	page
	Habits  desk.Habits
	Choices []afterChoice
	Problem string
}

// afterChoice is one place to go to, in words.
type afterChoice struct {
	After desk.AfterSend
	Words string
}

// afterChoices are their words, in the order in which the page offers them.
var afterChoices = []afterChoice{
	{desk.ThenNext, "To the next conversation of the list"},
	{desk.ThenList, "Back to the list"},
	{desk.ThenStay, "Stay on the conversation"},
}

// writingShow shows the form.
func (p *Portal) writingShow(c *call) error {
	habits, err := p.tickets.Habits(c.r.Context(), c.actor)
	if err != nil {
		return err
	}
	return p.writingPage(c, habits, nil)
}

// writingPage renders the form, with what was wrong with it.
func (p *Portal) writingPage(c *call, habits desk.Habits, fault *desk.Fault) (err error) {
	answer := writingPage{Habits: habits, Choices: afterChoices}
	if answer.page, err = p.framed(c, c.lang.Say("How I write"), "/you"); err != nil {
		return err
	}
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	return p.render(c, view{statusOf(fault), "writing", "layout"}, answer)
}

// writingPost changes how the person who is signed in writes.
func (p *Portal) writingPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	habits := desk.Habits{Signature: form.Get("signature"), UndoSeconds: int(number64(form, "undo_seconds")), AfterSend: desk.AfterSend(form.Get("after_send"))}
	err = p.tickets.SetHabits(c.r.Context(), c.actor, habits)
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		return p.writingPage(c, habits, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/you/writing?done=saved")
}
