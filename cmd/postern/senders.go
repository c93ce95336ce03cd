package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"

	"postern/config"
	"postern/desk"
)

type senderCommand struct {
	List    senderList    `cmd:"" help:"Show the block and allow lists."`
	Allow   senderAllow   `cmd:"" help:"Let senders past the spam filter, the limits and the other rules; never past authentication or the virus scanner."`
	Suspend senderSuspend `cmd:"" help:"Hold back what senders write."`
	Reject  senderReject  `cmd:"" help:"Refuse what senders write, with 550."`
	Remove  senderRemove  `cmd:"" help:"Remove rules."`
	Test    senderTest    `cmd:"" help:"Say what would happen to a mail, by the rules as they are now."`
}

type senderList struct{ listing }

// Run lists the rules.
func (s senderList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		rules, err := all(func(cursor string) (desk.Page[desk.SenderRule], error) {
			return a.tickets.SenderRules(ctx, operator(), cursor, 100)
		})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, rule := range rules {
			rows = append(rows, []string{rule.Pattern, string(rule.Action), day(rule.ExpiresAt), day(&rule.CreatedAt), rule.CreatedBy, plain(rule.Note)})
		}
		return s.print(term.out, rules, []string{"sender", "action", "ends", "added", "by", "note"}, rows)
	})
}

type senderPatterns struct {
	Patterns []string `arg:"" name:"sender" help:"Address, domain, *.domain for all below it, or network like 192.0.2.0/24."`
}

// Validate reads every pattern, so that a misspelt one changes nothing.
func (s senderPatterns) Validate() error {
	for _, pattern := range s.Patterns {
		if _, err := desk.CanonicalPattern(pattern); err != nil {
			return err
		}
	}
	return nil
}

type senderRules struct {
	senderPatterns
	Note    string   `name:"note" help:"Why, for whoever reads the list."`
	Expires lifetime `name:"expires" placeholder:"30d" help:"When the rules end: after hours, days or weeks (12h, 30d, 2w), or when a day begins (2027-01-31). Never unless given."`
}

// set adds the rules, or puts them in the place of those with the same pattern.
func (s senderRules) set(ctx context.Context, settings config.Settings, term terminal, action desk.RuleAction) error {
	return administer(ctx, settings, func(a *administration) error {
		for _, pattern := range s.Patterns {
			rule, err := a.tickets.SetSenderRule(ctx, operator(), desk.SenderRule{Pattern: pattern, Action: action, Note: s.Note, ExpiresAt: s.Expires.end(time.Now())})
			if err != nil {
				return err
			}
			until := ""
			if rule.ExpiresAt != nil {
				until = " until " + day(rule.ExpiresAt)
			}
			if _, err := fmt.Fprintf(term.out, "%s: %s%s\n", rule.Pattern, rule.Action, until); err != nil {
				return err
			}
		}
		return nil
	})
}

type senderAllow struct{ senderRules }

// Run allows senders.
func (s senderAllow) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return s.set(ctx, settings, term, desk.RuleAllow)
}

type senderSuspend struct{ senderRules }

// Run suspends senders.
func (s senderSuspend) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return s.set(ctx, settings, term, desk.RuleSuspend)
}

type senderReject struct{ senderRules }

// Run rejects senders.
func (s senderReject) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return s.set(ctx, settings, term, desk.RuleReject)
}

type senderRemove struct{ senderPatterns }

// Run removes rules.
func (s senderRemove) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		for _, pattern := range s.Patterns {
			if err := a.tickets.DropSenderRule(ctx, operator(), pattern); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(term.out, "removed "+pattern); err != nil {
				return err
			}
		}
		return nil
	})
}

type senderTest struct {
	From       string     `arg:"" help:"Address in the From of the mail."`
	MailFrom   string     `name:"mail-from" help:"Sender in its envelope; the same unless given."`
	IP         netip.Addr `name:"ip" help:"Address of the server that brings it."`
	Mailbox    string     `name:"mailbox" help:"Mailbox that it is for; the first unless given."`
	Proof      string     `name:"proof" enum:"pass,fail,none" default:"none" help:"Whether the From domain vouches for it: pass, fail or none."`
	Asked      string     `name:"asked" enum:"none,quarantine,reject" default:"none" help:"What the From domain asks for on fail: none, quarantine or reject."`
	Score      float64    `name:"score" help:"Score of the spam filter."`
	Recipients int        `name:"recipients" help:"People in To and Cc."`
	listing
}

// Run asks, and changes nothing.
func (s senderTest) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return letIn(ctx, settings, term, func(a *administration) error {
		ruling, err := a.tickets.Would(ctx, operator(), desk.Supposed{
			From: s.From, MailFrom: s.MailFrom, IP: s.IP, Mailbox: s.Mailbox, Proof: desk.Result(s.Proof), Asked: s.Asked, Score: s.Score, Recipients: s.Recipients,
		})
		if err != nil {
			return err
		}
		if s.JSON {
			return s.print(term.out, ruling, nil, nil)
		}
		return printRuling(term.out, ruling)
	})
}

// printRuling writes the end state, why, and the rule that named the sender.
func printRuling(out io.Writer, ruling desk.Ruling) error {
	fmt.Fprint(out, ruling.Disposition)
	if ruling.Cause != "" {
		fmt.Fprintf(out, ": %s", ruling.Cause)
	}
	fmt.Fprintln(out)
	if ruling.Evidence != "" {
		fmt.Fprintln(out, "  "+plain(ruling.Evidence))
	}
	if ruling.Rule != nil {
		fmt.Fprintf(out, "  rule: %s %s\n", ruling.Rule.Action, ruling.Rule.Pattern)
	}
	return nil
}

// lifetime is how long a rule holds: a span from now, or until a day begins. The zero value is for ever.
type lifetime struct {
	span  time.Duration
	until time.Time
}

// longestLife is the longest span that a lifetime may have, in years: beyond it somebody means for ever.
const longestLife = 100

// UnmarshalText reads 12h, 30d, 2w or 2027-01-31.
func (l *lifetime) UnmarshalText(text []byte) error {
	word := string(text)
	if until, err := time.ParseInLocation(time.DateOnly, word, time.Local); err == nil {
		l.until = until
		return nil
	}
	if len(word) > 1 {
		unit := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[word[len(word)-1]]
		count, err := strconv.ParseUint(word[:len(word)-1], 10, 20)
		if span := unit * time.Duration(count); err == nil && span > 0 && span <= longestLife*365*24*time.Hour {
			l.span = span
			return nil
		}
	}
	return fmt.Errorf("%q is no time for a rule to end: write 12h, 30d, 2w or 2027-01-31", word)
}

// end is when it ends; nil: never.
func (l lifetime) end(now time.Time) *time.Time {
	if l.span > 0 {
		l.until = now.Add(l.span)
	}
	if l.until.IsZero() {
		return nil
	}
	return &l.until
}
