package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/identity"
	"postern/language"
	"postern/mailout"
)

// endEvery is how often it is asked whose time is over: what was theirs is taken away within a second.
const endEvery = 500 * time.Millisecond

// ender ends guests and those who look in a customer's place, when their time is over. Every process asks; one of them does it.
type ender struct {
	identity *identity.Service
	log      *slog.Logger
	running  sync.WaitGroup
	rest     context.CancelFunc
}

func newEnder(cfg Config) *ender {
	return &ender{identity: cfg.Identity, log: cfg.Log, rest: func() {}}
}

// start asks until stop. A runner without people has nobody to end.
func (e *ender) start(ctx context.Context) {
	if e.identity == nil {
		return
	}
	ctx, e.rest = context.WithCancel(ctx)
	e.running.Go(func() {
		tick := time.NewTicker(endEvery)
		defer tick.Stop()
		for {
			if err := e.identity.EndDelegations(ctx); err != nil && ctx.Err() == nil {
				e.log.ErrorContext(ctx, "whose time is over was not ended", "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// stop ends it. What is over opens nothing all the same.
func (e *ender) stop() {
	e.rest()
	e.running.Wait()
}

// tellImpersonated mails a customer that somebody of the desk has looked at their pages in their place, where that is set.
type tellImpersonated struct {
	river.WorkerDefaults[desk.TellImpersonated]
	identity *identity.Service
	post     postman
}

// impersonatedRetry is how long such a letter waits that could not leave just now.
const impersonatedRetry = 5 * time.Minute

func (w *tellImpersonated) Work(ctx context.Context, job *river.Job[desk.TellImpersonated]) error {
	letter, wanted, err := w.identity.ImpersonatedLetter(ctx, job.Args)
	if err != nil || !wanted {
		return err
	}
	did, err := w.post.bring(ctx, errand{
		what: "letter about an impersonation", about: []any{"impersonation", job.Args.Impersonation}, id: fmt.Sprintf("impersonated.%d", job.Args.Impersonation), from: letter.From,
		draft: func(from desk.Address, m mark) mailout.Draft { return impersonatedDraft(letter, from, m) },
	})
	if err != nil {
		return err
	}
	if did.waits {
		return river.JobSnooze(impersonatedRetry)
	}
	return nil
}

// impersonatedDraft is the letter. It names neither who looked nor why: that is the desk's own to answer for.
func impersonatedDraft(letter identity.ImpersonatedLetter, from desk.Address, m mark) mailout.Draft {
	lang := language.Pick(letter.Language, "")
	box := letter.From.Label()
	zone := letter.Zone
	text := []string{
		lang.Say("Somebody of %s looks at your conversations as you see them on our pages. They can change nothing there.", box),
		"    " + lang.Say("From: %s", lang.Minute(letter.At.In(zone))) + "\n    " + lang.Say("Until %s at the latest", lang.Minute(letter.Until.In(zone))),
		lang.Say("This usually happens because you asked for help. If you did not, or have a question about it, write to us."),
	}
	return mailout.Draft{
		From: from, To: to(letter.To), Subject: lang.Say("Somebody of %s looks at your conversations", box), MessageID: m.id, Date: letter.At, Text: strings.Join(text, "\n\n") + "\n", AutoSubmitted: "auto-generated", Loop: m.loop,
	}
}
