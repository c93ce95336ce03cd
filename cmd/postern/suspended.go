package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"postern/config"
	"postern/desk"
)

type suspendedCommand struct {
	List    suspendedList    `cmd:"" help:"List the mails that are held back, the newest first."`
	Show    suspendedShow    `cmd:"" help:"Show a mail that is held back, with all that is known of it."`
	Release suspendedRelease `cmd:"" help:"Let mails in as if they had just arrived, or onto a ticket."`
	Delete  suspendedDelete  `cmd:"" help:"Delete mails that are held back."`
	Spam    suspendedSpam    `cmd:"" help:"Delete mails that are held back, and teach them to the spam filter."`
	Causes  suspendedCauses  `cmd:"" help:"Explain every cause, and count what is held for it."`
}

type suspendedList struct {
	Cause string `name:"cause" help:"Only for this cause: one of those that postern suspended causes lists."`
	Text  string `name:"search" help:"Only with this in the sender's address or the subject."`
	Limit int    `name:"limit" default:"1000" help:"At most this many."`
	listing
}

// Validate names the causes there are to somebody who has misspelt one.
func (s suspendedList) Validate() error {
	if _, known := desk.Causes[desk.Cause(s.Cause)]; s.Cause != "" && !known {
		return fmt.Errorf("--cause must be one of %s but got %q", joined(desk.CauseList), s.Cause)
	}
	if s.Limit < 1 {
		return fmt.Errorf("--limit must be at least 1 but got %d", s.Limit)
	}
	return nil
}

// Run lists suspended mail.
func (s suspendedList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		mails := []desk.SuspendedMail{}
		query := desk.SuspendedQuery{Cause: desk.Cause(s.Cause), Text: s.Text}
		for more := true; more && len(mails) < s.Limit; more = query.Cursor != "" {
			query.Limit = min(100, s.Limit-len(mails))
			page, err := a.tickets.Suspended(ctx, operator(), query)
			if err != nil {
				return err
			}
			mails, query.Cursor = append(mails, page.Items...), page.Next
		}
		var rows [][]string
		for _, mail := range mails {
			rows = append(rows, []string{strconv.FormatInt(mail.ID, 10), string(mail.Cause), plain(mail.From), short(mail.Subject, 60), day(&mail.ReceivedAt)})
		}
		if err := s.print(term.out, mails, []string{"id", "cause", "from", "subject", "received"}, rows); err != nil {
			return err
		}
		if query.Cursor != "" {
			fmt.Fprintf(term.err, "there are more: these are the newest %d, and --limit shows as many as you like\n", len(mails))
		}
		return nil
	})
}

type suspendedShow struct {
	ID int64 `arg:"" help:"Id of the entry, as list shows it."`
	listing
}

// suspendedMail is an entry with its documents read.
type suspendedMail struct {
	desk.SuspendedMail
	Explanation string        `json:"explanation"`
	Envelope    desk.Envelope `json:"envelope"`
	Verdict     desk.Verdict  `json:"verdict"`
	Opinion     desk.Opinion  `json:"opinion"`
}

// Run shows the entry.
func (s suspendedShow) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		found, err := a.tickets.SuspendedMail(ctx, operator(), s.ID)
		if err != nil {
			return err
		}
		mail := suspendedMail{SuspendedMail: found, Explanation: desk.Causes[found.Cause]}
		err = errors.Join(json.Unmarshal(found.Envelope, &mail.Envelope), json.Unmarshal(found.Verdict, &mail.Verdict), json.Unmarshal(found.Opinion, &mail.Opinion))
		if err != nil {
			return fmt.Errorf("read suspended mail %d: %w", s.ID, err)
		}
		if s.JSON {
			return s.print(term.out, mail, nil, nil)
		}
		policy, err := a.tickets.Policy(ctx, operator())
		if err != nil {
			return err
		}
		until := found.ReceivedAt.Add(policy.Keep())
		fmt.Fprintf(term.out, "%d is held for %s since %s, and kept until %s\n%s\n", found.ID, found.Cause, day(&found.ReceivedAt), day(&until), mail.Explanation)
		return mail.print(term.out)
	})
}

// print writes what is known of a mail, a line each. Whatever others wrote is on one line and without what a terminal would obey.
func (m suspendedMail) print(out io.Writer) error {
	line := func(name, text string) {
		if text = plain(text); text != "" {
			fmt.Fprintf(out, "%-9s %s\n", name, text)
		}
	}
	line("evidence", m.Evidence)
	line("from", m.From)
	line("subject", m.Subject)
	line("preview", m.Preview)
	line("size", strconv.FormatInt(m.Size, 10)+" bytes")
	e := m.Envelope
	line("envelope", fmt.Sprintf("<%s> to %s by %s", e.MailFrom, strings.Join(e.Recipients, ", "), cmp.Or(e.Protocol, string(e.Source))))
	if e.RemoteIP.IsValid() {
		line("client", e.RemoteIP.String()+" calls itself "+e.Helo)
	}
	if len(e.Listed) > 0 {
		line("listed", strings.Join(e.Listed, ", "))
	}
	line("spf", method(m.Verdict.SPF))
	for _, signature := range m.Verdict.DKIM {
		line("dkim", method(signature))
	}
	line("dmarc", method(m.Verdict.DMARC))
	line("arc", method(m.Verdict.ARC))
	line("helo", method(m.Verdict.Helo))
	line("iprev", method(m.Verdict.IPRev))
	line("rescued", m.Verdict.Rescued)
	for _, said := range opinions(m.Opinion) {
		line("filters", said)
	}
	_, err := fmt.Fprintf(out, "%-9s postern suspended release %d\n", "let in", m.ID)
	return err
}

// method puts one check into a line.
func method(m desk.Method) string {
	text := string(m.Result)
	for _, more := range []struct{ name, value string }{{"", m.Domain}, {"s=", m.Selector}, {"", m.Algorithm}, {"asks for ", m.Policy}} {
		if more.value != "" {
			text += ", " + more.name + more.value
		}
	}
	if m.Bits > 0 {
		text += fmt.Sprintf(", %d bits", m.Bits)
	}
	if m.Reason != "" {
		text += ": " + m.Reason
	}
	return text
}

// opinions puts what the filters said into lines.
func opinions(o desk.Opinion) (lines []string) {
	if o.Action != "" {
		var symbols []string
		for _, symbol := range o.Symbols[:min(len(o.Symbols), 8)] {
			symbols = append(symbols, fmt.Sprintf("%s %.1f", symbol.Name, symbol.Score))
		}
		lines = append(lines, fmt.Sprintf("score %.1f (%s) %s", o.Score, o.Action, strings.Join(symbols, ", ")))
	}
	for _, name := range o.Malware {
		lines = append(lines, "malware: "+name)
	}
	if o.Quarantined != "" {
		lines = append(lines, "wants it held: "+o.Quarantined)
	}
	lines = append(lines, o.Notes...)
	for _, silent := range o.Silent {
		lines = append(lines, silent.Filter+" gave no answer: "+silent.Reason)
	}
	return lines
}

type suspendedIDs struct {
	IDs []int64 `arg:"" name:"id" help:"Ids of the entries, as list shows them."`
}

// each does the same to every entry and prints a line for each. One that fails does not stop the others.
func (s suspendedIDs) each(out io.Writer, do func(id int64) (outcome string, err error)) error {
	failed := false
	for _, id := range s.IDs {
		outcome, err := do(id)
		var fault *desk.Fault
		if err != nil {
			if !errors.As(err, &fault) {
				return err
			}
			failed, outcome = true, "failed\t"+plain(fault.Reason)
		}
		if _, err := fmt.Fprintf(out, "%d\t%s\n", id, outcome); err != nil {
			return err
		}
	}
	if failed {
		return errQuiet
	}
	return nil
}

type suspendedRelease struct {
	suspendedIDs
	Ticket int64 `name:"ticket" help:"Number of the ticket onto which they go, whatever they say themselves."`
}

// Run lets the mails in.
func (s suspendedRelease) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return letIn(ctx, settings, term, func(a *administration) error {
		return s.each(term.out, func(id int64) (string, error) {
			outcome, err := a.tickets.Release(ctx, operator(), id, s.Ticket)
			if outcome.Ticket != 0 {
				return fmt.Sprintf("%s\t#%d", outcome.Disposition, outcome.Ticket), err
			}
			return string(outcome.Disposition) + "\t-", err
		})
	})
}

type suspendedDelete struct{ suspendedIDs }

// Run deletes the mails.
func (s suspendedDelete) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		return s.each(term.out, func(id int64) (string, error) { return "deleted", a.tickets.DeleteSuspended(ctx, operator(), id) })
	})
}

type suspendedSpam struct{ suspendedIDs }

// Run deletes the mails as spam.
func (s suspendedSpam) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return letIn(ctx, settings, term, func(a *administration) error {
		return s.each(term.out, func(id int64) (string, error) { return "deleted as spam", a.tickets.Spam(ctx, operator(), id) })
	})
}

type suspendedCauses struct{ listing }

// Run explains the causes.
func (s suspendedCauses) Run(ctx context.Context, settings config.Settings, term terminal) error {
	type cause struct {
		Cause       desk.Cause `json:"cause"`
		Count       int64      `json:"count"`
		Explanation string     `json:"explanation"`
	}
	return administer(ctx, settings, func(a *administration) error {
		found, err := a.tickets.SuspendedCauses(ctx, operator())
		if err != nil {
			return err
		}
		counts := map[desk.Cause]int64{}
		for _, each := range found {
			counts[each.Cause] = each.Count
		}
		var causes []cause
		var rows [][]string
		for _, name := range desk.CauseList {
			causes = append(causes, cause{name, counts[name], desk.Causes[name]})
			rows = append(rows, []string{string(name), strconv.FormatInt(counts[name], 10), desk.Causes[name]})
		}
		return s.print(term.out, causes, []string{"cause", "held", "meaning"}, rows)
	})
}
