package jobs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/identity"
	"postern/language"
	"postern/mailout"
)

// tellVisitor mails the code by which somebody proves an address. Somebody waits for it, so it is tried again soon, until it would come too late.
type tellVisitor struct {
	river.WorkerDefaults[desk.TellVisitor]
	identity *identity.Service
	post     postman
}

// codeRetry is how long a code waits that could not leave just now.
const codeRetry = 20 * time.Second

func (w *tellVisitor) Work(ctx context.Context, job *river.Job[desk.TellVisitor]) error {
	id := job.Args.Code
	letter, wanted, err := w.identity.VisitorLetter(ctx, id)
	if err != nil || !wanted {
		return err
	}
	did, err := w.post.bring(ctx, errand{
		what: "code for a visitor", about: []any{"code", id}, id: fmt.Sprintf("code.%d", id), from: letter.From,
		draft: func(from desk.Address, m mark) mailout.Draft { return visitorDraft(letter, from, m) },
	})
	if err != nil {
		return err
	}
	if did.waits {
		return river.JobSnooze(codeRetry)
	}
	return w.identity.VisitorTold(ctx, id, string(did.State)+" "+did.Reply)
}

// visitorDraft is the mail with the code. Not one word in it is of whoever asked for it: they may have typed somebody else's address (T-02).
func visitorDraft(letter identity.VisitorLetter, from desk.Address, m mark) mailout.Draft {
	lang := language.Pick(letter.Language, "")
	desk := letter.From.Label()
	var text strings.Builder
	subject := lang.Say("Your code for %s", desk)
	if letter.Form {
		subject = lang.Say("Confirm your message to %s", desk)
		text.WriteString(lang.Say("Somebody wrote to %s by a form on the web and gave this address. If it was you, confirm it, and the message is sent.", desk) + "\n\n")
	} else {
		text.WriteString(lang.Say("With this code you see your conversations with %s.", desk) + "\n\n")
	}
	text.WriteString(lang.Say("Your code: %s", spaced(letter.Code)) + "\n")
	text.WriteString(lang.Say("It works for %d minutes, in the browser in which you asked for it.", int(letter.Until.Sub(letter.At).Minutes())) + "\n\n")
	text.WriteString(lang.Say("Or open this link: %s", letter.URL) + "\n\n")
	text.WriteString(lang.Say("If it was not you, there is nothing to do: without the code nobody gets further. Never tell it to anybody.") + "\n")
	return mailout.Draft{
		From: from, To: to(letter.To), Subject: subject, MessageID: m.id, Date: letter.At, Text: text.String(), AutoSubmitted: "auto-generated", Loop: m.loop,
	}
}

// to is one bare address.
func to(addr string) []desk.Address { return []desk.Address{{Addr: addr}} }

// spaced writes a code in two halves, as people read it out.
func spaced(code string) string { return code[:len(code)/2] + " " + code[len(code)/2:] }
