package jobs

import (
	"context"
	"fmt"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/identity"
	"postern/language"
	"postern/mailout"
)

// proveAddress mails the link by which somebody shows that the address of their account elsewhere is theirs. Somebody waits for it, so it is tried again soon, until it would come too late.
type proveAddress struct {
	river.WorkerDefaults[desk.ProveAddress]
	identity *identity.Service
	post     postman
}

func (w *proveAddress) Work(ctx context.Context, job *river.Job[desk.ProveAddress]) error {
	letter, wanted, err := w.identity.ClaimLetter(ctx, job.Args)
	if err != nil || !wanted {
		return err
	}
	did, err := w.post.bring(ctx, errand{
		what: "letter to prove an address", id: fmt.Sprintf("claim.%d", job.ID), from: desk.Address{Name: "Postern", Addr: letter.From},
		draft: func(from desk.Address, m mark) mailout.Draft { return claimDraft(letter, from, m) },
	})
	if err != nil {
		return err
	}
	if did.waits {
		return river.JobSnooze(codeRetry)
	}
	return nil
}

// claimDraft is the mail with the link. Not one word in it is of whoever signed in elsewhere: they may have typed somebody else's address there (T-02).
func claimDraft(letter identity.ClaimLetter, from desk.Address, m mark) mailout.Draft {
	l := language.Pick(letter.Language, "")
	minutes := int(letter.Until.Sub(letter.At).Minutes())
	text := l.Say("Somebody signed in at %s and gave this address. If it was you, open this link in the same browser, and you are signed in here:", letter.Provider) + "\n\n" +
		letter.URL + "\n\n" +
		l.Say("It works once, for %d minutes, and only in the browser in which you began.", minutes) + "\n\n" +
		l.Say("If it was not you, do not open it: without it nobody gets further.") + "\n"
	return mailout.Draft{
		From: from, To: to(letter.To), Subject: l.Say("Confirm your address"), MessageID: m.id, Date: letter.At, Text: text, AutoSubmitted: "auto-generated", Loop: m.loop,
	}
}

// sendBypass mails an owner's way in, if there is an owner of the address that somebody typed.
type sendBypass struct {
	river.WorkerDefaults[desk.SendBypass]
	identity *identity.Service
}

func (w *sendBypass) Work(ctx context.Context, job *river.Job[desk.SendBypass]) error {
	return w.identity.SendBypass(ctx, job.Args)
}
