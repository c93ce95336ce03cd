package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// reloadTime is how long the running system may take to hear of a mailbox that the command line made.
const reloadTime = 5 * time.Second

// teller makes the stories happen, and counts.
type teller struct {
	office *office
	smtp   string
	now    time.Time

	mails, tickets, joined, held, notes, replies, changes, known int
}

// tell makes one story happen, unless its customer is known already.
func (t *teller) tell(ctx context.Context, s story) error {
	known, err := t.office.knows(ctx, s.first().from.Address)
	if err != nil {
		return err
	}
	if known {
		t.known++
		return nil
	}
	var number int64
	last := "" // the Message-ID that an answer would answer
	for i, step := range s.steps {
		switch step.verb {
		case writes, again:
			letter, err := t.letter(s, i)
			if err != nil {
				return err
			}
			letter.answers = last
			went, err := t.send(letter, s.marks)
			if err != nil {
				return err
			}
			number, last = cmp.Or(went, number), letter.id
		default:
			if last, err = t.say(ctx, number, last, s, step); err != nil {
				return err
			}
		}
	}
	return t.settle(ctx, number, s.marks)
}

// letter is what the customer writes in a step.
func (t *teller) letter(s story, step int) (letter, error) {
	what := s.steps[step]
	date := t.now.Add(-what.marks.age)
	files, err := enclosures(what.marks, what.from, date)
	if err != nil {
		return letter{}, err
	}
	local, domain, _ := strings.Cut(what.from.Address, "@")
	return letter{
		from: what.from, to: mail.Address{Address: t.mailbox(s.marks)}, cc: s.marks.pairs["cc"], subject: what.subject, text: what.text,
		id: fmt.Sprintf("%s.%d.%d@%s", local, date.Unix(), step, domain), date: date,
		html: what.marks.plain["html"], automatic: what.marks.plain["absent"], files: files,
	}, nil
}

func (t *teller) mailbox(m marks) string {
	if m.plain["billing"] {
		return t.office.mailboxes[1]
	}
	return t.office.mailboxes[0]
}

// send sends a letter and returns the number of the ticket on which it stands; 0: held for review.
func (t *teller) send(l letter, m marks) (number int64, err error) {
	content, err := l.write()
	if err != nil {
		return 0, err
	}
	from := l.from.Address
	if l.automatic || m.plain["bounce"] {
		from = "" // RFC 3834 §3.3: nobody answers a machine
	}
	text, err := post(t.smtp, from, l.to.Address, content)
	if err != nil {
		return 0, err
	}
	t.mails++
	found := regexp.MustCompile(`#(\d+)`).FindStringSubmatch(text)
	switch {
	case found == nil:
		t.held++
		return 0, nil
	case l.answers != "":
		t.joined++
	default:
		t.tickets++
	}
	return strconv.ParseInt(found[1], 10, 64)
}

// post is one mail over one connection; it returns the text of the 250. net/smtp keeps that text to itself, so the last command is spoken here.
func post(server, from, to string, content []byte) (string, error) {
	client, err := smtp.Dial(server)
	if err != nil {
		return "", err
	}
	defer client.Close()
	if err := client.Mail(from); err != nil {
		return "", err
	}
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		err := client.Rcpt(to)
		var said *textproto.Error
		if err == nil {
			break
		} else if !errors.As(err, &said) || said.Code != 550 || time.Since(began) > reloadTime {
			return "", err
		}
	}
	if err := client.Text.PrintfLine("DATA"); err != nil {
		return "", err
	}
	if _, _, err := client.Text.ReadResponse(354); err != nil {
		return "", err
	}
	data := client.Text.DotWriter()
	if _, err := data.Write(content); err != nil {
		return "", err
	}
	if err := data.Close(); err != nil {
		return "", err
	}
	_, text, err := client.Text.ReadResponse(250)
	if err != nil {
		return "", err
	}
	return text, client.Quit()
}

// say is an agent's note or answer. It returns the Message-ID that the customer would answer now.
func (t *teller) say(ctx context.Context, number int64, last string, s story, step step) (string, error) {
	who := cmp.Or(step.marks.pairs["by"], s.marks.pairs["assign"], agents()[0].key)
	var said struct {
		MessageID string `json:"message_id"`
	}
	path, body := "notes", map[string]string{"text": step.text}
	if step.verb == replies {
		path = "replies"
	}
	if err := t.office.call(ctx, who, http.MethodPost, fmt.Sprintf("/tickets/%d/%s", number, path), body, &said); err != nil {
		return last, err
	}
	if step.verb == notes {
		t.notes++
		return last, nil
	}
	t.replies++
	return said.MessageID, nil
}

// settle gives the ticket its assignee, tags, priority and status.
func (t *teller) settle(ctx context.Context, number int64, m marks) error {
	change := map[string]any{}
	for _, agent := range agents() {
		if m.pairs["assign"] == agent.key {
			change["assignee"] = agent.email
		}
	}
	if tags := m.pairs["tags"]; tags != "" {
		change["add_tags"] = strings.Split(tags, ",")
	}
	for _, key := range []string{"priority", "status"} {
		if value := m.pairs[key]; value != "" {
			change[key] = value
		}
	}
	if number == 0 || len(change) == 0 {
		return nil
	}
	t.changes++
	return t.office.call(ctx, agents()[0].key, http.MethodPatch, fmt.Sprintf("/tickets/%d", number), change, &struct{}{})
}
