package main

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
)

// story is one conversation: what the customer wrote, and what the agents did about it, in order.
type story struct {
	marks marks
	steps []step
}

// verb is what happens in a step.
type verb string

const (
	writes  verb = "writes" // the customer's first mail
	again   verb = "again"  // the customer writes again
	notes   verb = "note"   // an agent writes a private note
	replies verb = "reply"  // an agent answers
)

// step is one thing that happens.
type step struct {
	verb    verb
	marks   marks
	from    mail.Address
	subject string
	text    string
}

// marks are the words on a heading: plain ones (photo, html, billing, 26h) and pairs (tags=a,b).
type marks struct {
	plain map[string]bool
	pairs map[string]string
	age   time.Duration // how long ago it was written
}

func (s story) first() step { return s.steps[0] }

// read takes the script apart. A story begins with a line "# marks", its second line is "Name <address> | subject"; a line "+ verb marks" begins a further step.
func read(script string) (stories []story, err error) {
	for n, line := range strings.Split(script, "\n") {
		switch heading, rest, _ := strings.Cut(line, " "); {
		case heading == "#":
			stories = append(stories, story{marks: marked(rest), steps: []step{{verb: writes, marks: marked(rest)}}})
		case len(stories) == 0: // what stands before the first story is about the script
		case heading == "+":
			word, marks, _ := strings.Cut(rest, " ")
			if verb(word) != again && verb(word) != notes && verb(word) != replies {
				return nil, fmt.Errorf("line %d of the script: nobody knows how to %q", n+1, word)
			}
			last := &stories[len(stories)-1]
			last.steps = append(last.steps, step{verb: verb(word), marks: marked(marks), from: last.first().from, subject: "Re: " + last.first().subject})
		default:
			if err := stories[len(stories)-1].add(line); err != nil {
				return nil, fmt.Errorf("line %d of the script: %w", n+1, err)
			}
		}
	}
	if len(stories) == 0 {
		return nil, errors.New("the script tells nothing")
	}
	return stories, nil
}

// add puts a line where it belongs: the first one of a story names customer and subject, the others are text.
func (s *story) add(line string) error {
	last := &s.steps[len(s.steps)-1]
	if last.from.Address == "" {
		who, subject, _ := strings.Cut(line, " | ")
		at := strings.LastIndex(who, " <") // names stand there as people write them, not as RFC 5322 wants them
		if at < 0 || !strings.HasSuffix(who, ">") {
			return fmt.Errorf("%q names no customer", line)
		}
		last.from, last.subject = mail.Address{Name: who[:at], Address: who[at+2 : len(who)-1]}, subject
		return nil
	}
	last.text = strings.TrimLeft(last.text+line+"\n", "\n")
	return nil
}

func marked(text string) marks {
	m := marks{plain: map[string]bool{}, pairs: map[string]string{}}
	for word := range strings.FieldsSeq(text) {
		if key, value, ok := strings.Cut(word, "="); ok {
			m.pairs[key] = value
		} else if age, err := time.ParseDuration(word); err == nil {
			m.age = age
		} else {
			m.plain[word] = true
		}
	}
	return m
}
