package tickets

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/desk"
)

// mostMentions is how many people one note names; more would be a mailing list.
const mostMentions = 50

// Mentions finds the people whom a text names with @: by their whole name, by a first name that only one of them has, or by what stands before the @ of their address.
// The longest name that fits counts. An @ inside a word names nobody: that is an address.
func Mentions(text string, people []desk.User) (named []int64) {
	names := callNames(people)
	before := ' '
	for at, r := range text {
		if r == '@' && !unicode.IsLetter(before) && !unicode.IsDigit(before) {
			if user := calledBy(text[at+1:], names); user != 0 && !slices.Contains(named, user) && len(named) < mostMentions {
				named = append(named, user)
			}
		}
		before = r
	}
	return named
}

// callName is something that a person is called by, in lower case; its user is 0 where two are.
type callName struct {
	name string
	user int64
}

// callNames lists what people are called by, the longest first.
func callNames(people []desk.User) []callName {
	byName := map[string]int64{}
	add := func(name string, user int64) {
		name = strings.ToLower(oneLine(name))
		if other, taken := byName[name]; taken && other != user {
			user = 0 // which of the two is nobody's guess
		}
		if name != "" {
			byName[name] = user
		}
	}
	for _, person := range people {
		first, _, _ := strings.Cut(oneLine(person.Name), " ")
		local, _ := desk.SplitAddress(person.Email)
		for _, name := range slices.Compact(slices.Sorted(slices.Values([]string{oneLine(person.Name), first, local}))) {
			add(name, person.ID)
		}
	}
	names := make([]callName, 0, len(byName))
	for name, user := range byName {
		names = append(names, callName{name, user})
	}
	slices.SortFunc(names, func(a, b callName) int {
		if len(a.name) != len(b.name) {
			return len(b.name) - len(a.name)
		}
		return strings.Compare(a.name, b.name)
	})
	return names
}

// calledBy is the user whose name stands at the start of the text, as whole words; 0: nobody's does.
func calledBy(text string, names []callName) int64 {
	line := strings.ToLower(text[:min(len(text), 400)])
	for _, one := range names {
		rest, begins := strings.CutPrefix(line, one.name)
		if !begins {
			continue
		}
		if next, _ := utf8.DecodeRuneInString(rest); rest == "" || !unicode.IsLetter(next) && !unicode.IsDigit(next) {
			return one.user
		}
	}
	return 0
}

// mention notes whom a note names.
func (c *change) mention(ctx context.Context, message int64, text string) error {
	if !strings.Contains(text, "@") {
		return nil
	}
	people, err := c.Colleagues(ctx)
	if err != nil {
		return err
	}
	named := Mentions(text, people)
	if len(named) == 0 {
		return nil
	}
	return c.Mention(ctx, message, named)
}

// SuggestColleagues lists those of our people whose name, or a word of it, or address begins with the text; eight at most.
func (s *Service) SuggestColleagues(ctx context.Context, actor desk.Actor, text string) ([]desk.User, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, err
	}
	people, err := s.store.Colleagues(ctx)
	if err != nil {
		return nil, err
	}
	text = strings.ToLower(oneLine(text))
	people = slices.DeleteFunc(people, func(person desk.User) bool {
		name := strings.ToLower(person.Name)
		return !strings.HasPrefix(name, text) && !strings.Contains(name, " "+text) && !strings.HasPrefix(person.Email, text)
	})
	return people[:min(len(people), 8)], nil
}
