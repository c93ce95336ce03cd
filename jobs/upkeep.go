package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/domains"
	"postern/identity"
	"postern/language"
	"postern/mailout"
	"postern/store"
	"postern/tickets"
)

// verifyDomains does for domains what their time has come for (T-PREFLIGHT), and tells managers what they should know.
type verifyDomains struct {
	river.WorkerDefaults[desk.VerifyDomains]
	tickets *tickets.Service
	domains *domains.Service
	sender  *mailout.Sender
	log     *slog.Logger
}

func (w *verifyDomains) Work(ctx context.Context, _ *river.Job[desk.VerifyDomains]) error {
	return errors.Join(w.domains.Tend(ctx), w.tell(ctx))
}

// tell mails alerts about domains to owners and admins. They are taken before they are sent: rather lost, for the portal shows them, than sent twice.
func (w *verifyDomains) tell(ctx context.Context) error {
	alerts, err := w.domains.DueAlerts(ctx)
	if err != nil || len(alerts) == 0 {
		return err
	}
	notice, sendable, err := w.tickets.Notice(ctx, "domains", "/domains")
	if err != nil || !sendable {
		return err
	}
	return post(ctx, letter{w.domains, w.sender, w.log, notice, func(from author, readers tickets.Readers) mailout.Draft {
		subject, text := wordsOfAlerts(language.Pick(readers.Language, ""), alerts, notice.URL)
		return draftOfNotice(notice, from, readers, subject, text)
	}})
}

// wordsOfAlerts says what is wrong or right again, one paragraph each.
func wordsOfAlerts(lang *language.Language, alerts []domains.Alert, url string) (subject, text string) {
	var out strings.Builder
	names := []string{}
	for _, alert := range alerts {
		if !slices.Contains(names, alert.Domain) {
			names = append(names, alert.Domain)
		}
		fmt.Fprintf(&out, "%s:\n%s\n\n", lang.Minute(alert.At.UTC()), lang.Sentence(alert.Text))
	}
	fmt.Fprintf(&out, "%s %s\n", lang.Say("What is wanted and what was found:"), url)
	if len(names) > 1 {
		return "Postern: " + lang.Count(int64(len(names)), "about one domain", "about %d domains"), out.String()
	}
	return "Postern: " + lang.Say("about %s", names[0]), out.String()
}

// renewPolicies keeps what other domains ask of senders from running out.
type renewPolicies struct {
	river.WorkerDefaults[desk.RenewPolicies]
	sender *mailout.Sender
}

func (w *renewPolicies) Work(ctx context.Context, _ *river.Job[desk.RenewPolicies]) error {
	return w.sender.RenewPolicies(ctx)
}

// sweep removes what nobody will ask for again. Each part is tried, whatever becomes of the others.
type sweep struct {
	river.WorkerDefaults[desk.Sweep]
	store    *store.Store
	tickets  *tickets.Service
	identity *identity.Service
	now      func() time.Time
}

// keepAcknowledgements is longer than any limit looks back but that of a ticket, which counts this far.
const keepAcknowledgements = 30 * 24 * time.Hour

func (w *sweep) Work(ctx context.Context, _ *river.Job[desk.Sweep]) error {
	before := w.now().Add(-keepAcknowledgements)
	return errors.Join(w.tickets.Sweep(ctx), w.tickets.SweepRuns(ctx), w.identity.Sweep(ctx), w.store.Write(ctx, func(tx *store.Tx) error { return tx.SweepAcknowledgements(ctx, before) }))
}

// readMetadata lets SAML identity providers be asked what has changed about them.
type readMetadata struct {
	river.WorkerDefaults[desk.ReadMetadata]
	identity *identity.Service
}

func (w *readMetadata) Work(ctx context.Context, _ *river.Job[desk.ReadMetadata]) error {
	return w.identity.RefreshSAML(ctx)
}

// elapse lets automations look for tickets on which enough time has passed.
type elapse struct {
	river.WorkerDefaults[desk.Elapse]
	tickets *tickets.Service
}

func (w *elapse) Work(ctx context.Context, _ *river.Job[desk.Elapse]) error {
	return w.tickets.Elapse(ctx)
}

// tellDelays shows on tickets that a reply still waits after hours.
type tellDelays struct {
	river.WorkerDefaults[desk.TellDelays]
	tickets *tickets.Service
}

func (w *tellDelays) Work(ctx context.Context, _ *river.Job[desk.TellDelays]) error {
	return w.tickets.TellDelays(ctx)
}
