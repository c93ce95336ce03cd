package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"postern/config"
	"postern/desk"
)

type policyCommand struct {
	Show policyShow `cmd:"" help:"Show how mail is judged."`
	Set  policySet  `cmd:"" help:"Change how mail is judged, from the next mail on."`
}

// policyKey is one setting of the policy as the command line names it, which is how the API does.
type policyKey struct {
	name, help string
	value      func(*desk.Policy) any // points to it
}

// policyKeys lists every setting.
func policyKeys() []policyKey {
	return []policyKey{
		{"arc_sealers", "domains whose ARC seals are believed, with commas between them; nothing: nobody's", func(p *desk.Policy) any { return &p.ARCSealers }},
		{"spam_suspend", "the spam filter's score from which mail is held", func(p *desk.Policy) any { return &p.SpamSuspend }},
		{"spam_reject", "and from which it is refused; 0: never", func(p *desk.Policy) any { return &p.SpamReject }},
		{"filter_down", "while a filter does not answer: accept goes on without its word, defer makes senders try again later", func(p *desk.Policy) any { return &p.FilterDown }},
		{"suspended_days", "how long held mail is kept: 1 to 90", func(p *desk.Policy) any { return &p.SuspendedDays }},
		{"digest", "mail to owners and admins about what is held: off, hourly or daily", func(p *desk.Policy) any { return &p.Digest }},
		{"per_sender", "mails of one address in an hour, of which more are held; 0: any number", func(p *desk.Policy) any { return &p.PerSender }},
		{"per_automatic", "the same for automatic mail", func(p *desk.Policy) any { return &p.PerAutomatic }},
		{"stranger_recipients", "people in To and Cc of a stranger's mail; to more, it is held", func(p *desk.Policy) any { return &p.StrangerRecipients }},
		{"verification_codes", "on holds other services' sign-in codes and confirmation links", func(p *desk.Policy) any { return &p.VerificationCodes }},
	}
}

// text is the setting's value as set takes it.
func (k policyKey) text(policy desk.Policy) string {
	switch value := k.value(&policy).(type) {
	case *[]string:
		return strings.Join(*value, ",")
	case *float64:
		return strconv.FormatFloat(*value, 'f', -1, 64)
	case *int:
		return strconv.Itoa(*value)
	case *bool:
		return onOff(*value)
	case *desk.FilterDown:
		return string(*value)
	case *desk.Digest:
		return string(*value)
	default:
		panic("a kind of setting that cannot be shown: " + k.name)
	}
}

// set reads the value into the policy. Whether it is within its bounds is the policy's own to say.
func (k policyKey) set(policy *desk.Policy, text string) (err error) {
	switch value := k.value(policy).(type) {
	case *[]string:
		*value = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	case *float64:
		if *value, err = strconv.ParseFloat(text, 64); err != nil || math.IsNaN(*value) || math.IsInf(*value, 0) {
			return fmt.Errorf("%s is a number, and %q is none", k.name, text)
		}
	case *int:
		if *value, err = strconv.Atoi(text); err != nil {
			return fmt.Errorf("%s is a whole number, and %q is none", k.name, text)
		}
	case *bool:
		if text != "on" && text != "off" {
			return fmt.Errorf("%s is on or off, not %q", k.name, text)
		}
		*value = text == "on"
	case *desk.FilterDown:
		*value = desk.FilterDown(text)
	case *desk.Digest:
		*value = desk.Digest(text)
	default:
		panic("a kind of setting that cannot be set: " + k.name)
	}
	return nil
}

type policyShow struct{ listing }

// Run shows the policy.
func (s policyShow) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		policy, err := a.tickets.Policy(ctx, operator())
		if err != nil {
			return err
		}
		var rows [][]string
		for _, key := range policyKeys() {
			rows = append(rows, []string{key.name, plain(key.text(policy)), key.help})
		}
		return s.print(term.out, policy, []string{"key", "value", "meaning"}, rows)
	})
}

type policySet struct {
	Pairs []string `arg:"" name:"key=value" help:"What shall be different, for instance spam_suspend=5."`
}

// Help lists the keys.
func (policySet) Help() string {
	var text strings.Builder
	text.WriteString("Keys:\n\n")
	for _, key := range policyKeys() {
		fmt.Fprintf(&text, "    %-20s %s\n", key.name, key.help)
	}
	return text.String()
}

// Validate reads the pairs before anything is opened.
func (s policySet) Validate() error {
	policy := desk.DefaultPolicy()
	return s.apply(&policy)
}

// apply sets every pair.
func (s policySet) apply(policy *desk.Policy) error {
	keys := policyKeys()
	for _, pair := range s.Pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found {
			return fmt.Errorf("%q is no pair like spam_suspend=5", pair)
		}
		at := slices.IndexFunc(keys, func(key policyKey) bool { return key.name == name })
		if at < 0 {
			return fmt.Errorf("there is no setting %q", name)
		}
		if err := keys[at].set(policy, strings.TrimSpace(value)); err != nil {
			return err
		}
	}
	return nil
}

// Run changes the policy and prints what was set.
func (s policySet) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		policy, err := a.tickets.SetPolicy(ctx, operator(), s.apply)
		if err != nil {
			return err
		}
		for _, key := range policyKeys() {
			if slices.ContainsFunc(s.Pairs, func(pair string) bool { return strings.HasPrefix(pair, key.name+"=") }) {
				fmt.Fprintf(term.out, "%s=%s\n", key.name, plain(key.text(policy)))
			}
		}
		return nil
	})
}
