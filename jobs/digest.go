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
	"postern/language"
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
	return post(ctx, letter{w.domains, w.sender, w.log, digest.Notice, func(from author, readers tickets.Readers) mailout.Draft {
		subject, text := wordsOfDigest(language.Pick(readers.Language, ""), digest)
		return draftOfNotice(digest.Notice, from, readers, subject, text)
	}})
}

// letter is a mail to people of ours.
type letter struct {
	domains *domains.Service
	sender  *mailout.Sender
	log     *slog.Logger
	notice  tickets.Notice
	draft   func(author, tickets.Readers) mailout.Draft
}

// post sends a letter to managers, once to those of each language: it leaves with the null sender, and nobody hears of a bounce.
func post(ctx context.Context, l letter) error {
	from, err := authorOf(ctx, l.domains, l.notice.From, l.notice.System)
	if err != nil {
		return err
	}
	for _, readers := range l.notice.ByLanguage() {
		if err := l.to(ctx, from, readers); err != nil {
			return err
		}
	}
	return nil
}

// to sends it to those of one language.
func (l letter) to(ctx context.Context, from author, readers tickets.Readers) error {
	sheet, err := write(l.draft(from, readers), from.keys, letterSize, time.Time{})
	if err != nil {
		return err
	}
	defer sheet.close()
	recipients := make([]string, len(readers.To))
	for i, manager := range readers.To {
		recipients[i] = manager.Addr
	}
	outcome := l.sender.Deliver(ctx, mailout.Outgoing{ // without a return path: the null sender
		ID: readers.MessageID, Recipients: recipients, Size: sheet.size, Patience: letterPatience,
		Open: func() (io.ReadCloser, error) {
			reader, err := sheet.reader()
			if err != nil {
				return nil, fmt.Errorf("jobs: letter to managers: %w", err)
			}
			return io.NopCloser(reader), nil
		},
	})
	for _, one := range outcome {
		l.log.InfoContext(ctx, "letter to managers", "mail", readers.MessageID, "recipient", one.Recipient, "state", one.State, "reply", one.Reply)
	}
	return nil
}

// letterPatience is how long a digest waits for its turn at a busy destination: nobody brings it back.
const letterPatience = time.Minute

// draftOfNotice is a letter to managers with its words.
func draftOfNotice(notice tickets.Notice, from author, readers tickets.Readers, subject, text string) mailout.Draft {
	return mailout.Draft{From: from.from, To: readers.To, Subject: subject, MessageID: readers.MessageID, Date: notice.At, Text: text, AutoSubmitted: "auto-generated", Loop: notice.Loop}
}

// wordsOfDigest says what is held back, by cause, and where to look.
func wordsOfDigest(lang *language.Language, digest tickets.Digest) (subject, text string) {
	total := int64(0)
	for _, one := range digest.Counts {
		total += one.Count
	}
	var out strings.Builder
	fmt.Fprintln(&out, lang.Count(total, "One mail was held back since %[2]s:", "%d mails were held back since %s:", lang.Minute(digest.Since.UTC()))+"\n")
	for _, one := range digest.Counts {
		fmt.Fprintf(&out, "%6d  %s\n        %s\n", one.Count, one.Cause, lang.Say(desk.Causes[one.Cause]))
	}
	fmt.Fprintf(&out, "\n%s %s\n", lang.Say("Release what is genuine:"), digest.URL)
	fmt.Fprintln(&out, lang.Count(int64(digest.Keep.Hours()/24), "What nobody looks at is purged after a day.", "What nobody looks at is purged after %d days."))
	return "Postern: " + lang.Count(total, "one mail was held back", "%d mails were held back"), out.String()
}
