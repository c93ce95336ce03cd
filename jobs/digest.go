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
	return post(ctx, letter{w.domains, w.sender, w.log, digest.Notice, func(from author) mailout.Draft { return draftOfDigest(digest, from) }})
}

// letter is a mail to managers.
type letter struct {
	domains *domains.Service
	sender  *mailout.Sender
	log     *slog.Logger
	notice  tickets.Notice
	draft   func(author) mailout.Draft
}

// post sends a letter to managers, once: it leaves with the null sender, and nobody hears of a bounce.
func post(ctx context.Context, l letter) error {
	from, err := authorOf(ctx, l.domains, l.notice.From, l.notice.System)
	if err != nil {
		return err
	}
	sheet, err := write(l.draft(from), from.keys, letterSize, time.Time{})
	if err != nil {
		return err
	}
	defer sheet.close()
	recipients := make([]string, len(l.notice.To))
	for i, manager := range l.notice.To {
		recipients[i] = manager.Addr
	}
	outcome := l.sender.Deliver(ctx, mailout.Outgoing{ // without a return path: the null sender
		ID: l.notice.MessageID, Recipients: recipients, Size: sheet.size, Patience: letterPatience,
		Open: func() (io.ReadCloser, error) {
			reader, err := sheet.reader()
			if err != nil {
				return nil, fmt.Errorf("jobs: letter to managers: %w", err)
			}
			return io.NopCloser(reader), nil
		},
	})
	for _, one := range outcome {
		l.log.InfoContext(ctx, "letter to managers", "mail", l.notice.MessageID, "recipient", one.Recipient, "state", one.State, "reply", one.Reply)
	}
	return nil
}

// letterPatience is how long a digest waits for its turn at a busy destination: nobody brings it back.
const letterPatience = time.Minute

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
