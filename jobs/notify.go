package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"postern/desk"
	"postern/domains"
	"postern/language"
	"postern/mailout"
	"postern/tickets"
)

const (
	notifyEvery = 5 * time.Second // for letters that are due
	mostWords   = 1500            // runes of what was written, in a letter
	mostSubject = 120             // runes of a ticket's subject in a letter's
)

// notifier mails our people what they were told and have not read, as they wish.
type notifier struct {
	tickets *tickets.Service
	domains *domains.Service
	sender  *mailout.Sender
	log     *slog.Logger
	running sync.WaitGroup
	rest    context.CancelFunc
}

func newNotifier(cfg Config) *notifier {
	return &notifier{tickets: cfg.Tickets, domains: cfg.Domains, sender: cfg.Sender, log: cfg.Log, rest: func() {}}
}

// start looks for due letters until stop.
func (n *notifier) start(ctx context.Context) {
	ctx, n.rest = context.WithCancel(ctx)
	n.running.Go(func() {
		tick := time.NewTicker(notifyEvery)
		defer tick.Stop()
		for {
			for ctx.Err() == nil && n.round(ctx) == more {
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// stop ends it. A letter on its way may be lost: the bell keeps what it says.
func (n *notifier) stop() {
	n.rest()
	n.running.Wait()
}

// round sends what is due, one letter after the other: they are few, and none of them is urgent.
func (n *notifier) round(ctx context.Context) outlook {
	letters, err := n.tickets.DueLetters(ctx)
	if err != nil {
		if ctx.Err() == nil {
			n.log.ErrorContext(ctx, "notifications could not be mailed", "error", err)
		}
		return enough
	}
	for _, one := range letters {
		one.Notice.To = []tickets.Reader{{Address: one.To}}
		draft := func(from author, _ tickets.Readers) mailout.Draft { return draftOfNotification(one, from) }
		if err := post(ctx, letter{n.domains, n.sender, n.log, one.Notice, draft}); err != nil {
			n.log.WarnContext(ctx, "a notification was not mailed", "mail", one.MessageID, "error", err)
		}
	}
	if len(letters) == 0 {
		return enough
	}
	return more
}

// draftOfNotification is the letter as it leaves. It is automatic, and answers nothing but the earlier letters of its thread; an answer to it goes to the person's own address for the ticket, if anywhere.
func draftOfNotification(one tickets.NotificationLetter, from author) mailout.Draft {
	lang := one.Language
	draft := mailout.Draft{
		From: from.from, To: []desk.Address{one.To}, MessageID: one.MessageID, Date: one.At, AutoSubmitted: "auto-generated", Loop: one.Loop,
		Subject: lang.Say("Postern: what is new for you"), Text: textOfNotification(one),
	}
	if one.ReplyTo != "" {
		draft.ReplyTo = desk.Address{Name: from.from.Name, Addr: one.ReplyTo}
	}
	if one.Thread != "" {
		draft.InReplyTo, draft.References = one.Thread, []string{one.Thread}
		first := one.Lines[0]
		draft.Subject = fmt.Sprintf("[#%d] %s", first.Ticket, clipped(strings.Join(strings.Fields(first.Subject), " "), mostSubject))
	}
	return draft
}

// textOfNotification says what happened, where to read it and, of one ticket, what was written: quoted, and under the name of who wrote it, since it leaves under our name.
func textOfNotification(one tickets.NotificationLetter) string {
	var text strings.Builder
	lang := one.Language
	for _, line := range one.Lines {
		fmt.Fprintf(&text, "%s\n", tickets.NotificationLine(lang, line.Notification))
		if one.Thread == "" {
			fmt.Fprintf(&text, "    %s\n", clipped(strings.Join(strings.Fields(line.Subject), " "), mostSubject))
		}
		fmt.Fprintf(&text, "    %s\n", line.URL)
		if line.Words != "" {
			fmt.Fprintf(&text, "\n%s\n%s\n", lang.Say("%s wrote:", line.Author), quoted(clipped(line.Words, mostWords)))
		}
		text.WriteString("\n")
	}
	text.WriteString(ending(lang, one))
	return text.String()
}

// ending says how to answer and where to change what is told.
func ending(lang *language.Language, one tickets.NotificationLetter) string {
	end := "-- \n" + lang.Say("What you are told of, and how: %s", one.Settings()) + "\n"
	if one.ReplyTo != "" {
		return lang.Say("An answer to this mail goes to the customer, in your name.") + "\n\n" + end
	}
	return lang.Say("Please do not answer this mail: an answer would begin a new conversation.") + "\n\n" + end
}

// quoted puts a mark before each line, as mail programs do.
func quoted(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	return "> " + strings.Join(lines, "\n> ")
}

// clipped is the beginning of a text.
func clipped(text string, runes int) string {
	if utf8.RuneCountInString(text) <= runes {
		return text
	}
	return string([]rune(text)[:runes-1]) + "…"
}
