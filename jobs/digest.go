package jobs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/domains"
	"postern/mailout"
	"postern/tickets"
)

// tellManagers mails the digest of suspended mail to owners and admins. It is tried once: the next one tells what this one could not.
type tellManagers struct {
	river.WorkerDefaults[desk.TellManagers]
	tickets *tickets.Service
	domains *domains.Service
	sender  *mailout.Sender
	log     *slog.Logger
}

func (w *tellManagers) Work(ctx context.Context, _ *river.Job[desk.TellManagers]) error {
	digest, due, err := w.tickets.DueDigest(ctx)
	if err != nil || !due {
		return err
	}
	from, err := authorOf(ctx, w.domains, digest.From, digest.System)
	if err != nil {
		return err
	}
	letter, err := write(draftOfDigest(digest, from), from.keys, letterSize, time.Time{})
	if err != nil {
		return err
	}
	defer letter.close()
	recipients := make([]string, len(digest.To))
	for i, manager := range digest.To {
		recipients[i] = manager.Addr
	}
	outcome := w.sender.Deliver(ctx, mailout.Outgoing{ // without a return path: the null sender
		ID: digest.MessageID, Recipients: recipients, Size: letter.size, Patience: digestPatience,
		Open: func() (io.ReadCloser, error) {
			reader, err := letter.reader()
			if err != nil {
				return nil, fmt.Errorf("jobs: digest: %w", err)
			}
			return io.NopCloser(reader), nil
		},
	})
	for _, one := range outcome {
		w.log.InfoContext(ctx, "digest of suspended mail", "recipient", one.Recipient, "state", one.State, "reply", one.Reply)
	}
	return nil
}

// digestPatience is how long a digest waits for its turn at a busy destination: nobody brings it back.
const digestPatience = time.Minute

// draftOfDigest says what is held back, by cause, and where to look.
func draftOfDigest(digest tickets.Digest, from author) mailout.Draft {
	var text strings.Builder
	total := int64(0)
	for _, one := range digest.Counts {
		total += one.Count
	}
	mails := "1 mail was"
	if total != 1 {
		mails = fmt.Sprintf("%d mails were", total)
	}
	fmt.Fprintf(&text, "%s held back since %s:\n\n", mails, digest.Since.UTC().Format("2 January 2006, 15:04 MST"))
	for _, one := range digest.Counts {
		fmt.Fprintf(&text, "%6d  %s\n        %s\n", one.Count, one.Cause, desk.Causes[one.Cause])
	}
	fmt.Fprintf(&text, "\nRelease what is genuine: %s\nWhat nobody looks at is purged after %d days.\n", digest.URL, int(digest.Keep.Hours()/24))
	return mailout.Draft{
		From: from.from, To: digest.To, Subject: fmt.Sprintf("Postern: %s held back", mails), MessageID: digest.MessageID, Date: digest.At,
		Text: text.String(), AutoSubmitted: "auto-generated", Loop: digest.Loop,
	}
}
