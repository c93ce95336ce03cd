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

// policyNow is the policy with what else is set for the whole installation, as the API shows it.
type policyNow struct {
	desk.Policy
	AgentsByMail desk.AgentsByMail `json:"agents_by_mail"`
}

// policyKey is one setting of the policy as the command line names it, which is how the API does.
type policyKey struct {
	name, help string
	value      func(*policyNow) any // points to it
}

// agentsByMailKey names the setting that is kept apart from the policy.
const agentsByMailKey = "agents_by_mail"

// policyKeys lists every setting.
func policyKeys() []policyKey {
	return []policyKey{
		{"arc_sealers", "domains whose ARC seals are believed, with commas between them; nothing: nobody's", func(p *policyNow) any { return &p.ARCSealers }},
		{"spam_suspend", "the spam filter's score from which mail is held", func(p *policyNow) any { return &p.SpamSuspend }},
		{"spam_reject", "and from which it is refused; 0: never", func(p *policyNow) any { return &p.SpamReject }},
		{"filter_down", "while a filter does not answer: accept goes on without its word, defer makes senders try again later", func(p *policyNow) any { return &p.FilterDown }},
		{"suspended_days", "how long held mail is kept: 1 to 90", func(p *policyNow) any { return &p.SuspendedDays }},
		{"digest", "mail to owners and admins about what is held: off, hourly or daily", func(p *policyNow) any { return &p.Digest }},
		{"per_sender", "mails of one address in an hour, of which more are held; 0: any number", func(p *policyNow) any { return &p.PerSender }},
		{"per_automatic", "the same for automatic mail", func(p *policyNow) any { return &p.PerAutomatic }},
		{"stranger_recipients", "people in To and Cc of a stranger's mail; to more, it is held", func(p *policyNow) any { return &p.StrangerRecipients }},
		{"verification_codes", "on holds other services' sign-in codes and confirmation links", func(p *policyNow) any { return &p.VerificationCodes }},
		{"language", "of what Postern writes to customers by itself: en or it", func(p *policyNow) any { return &p.Language }},
		{agentsByMailKey, "on lets agents answer by mail, each to the personal address that a ticket's page shows; on or off", func(p *policyNow) any { return &p.AgentsByMail }},
	}
}

// text is the setting's value as set takes it.
func (k policyKey) text(policy policyNow) string {
	switch value := k.value(&policy).(type) {
	case *[]string:
		return strings.Join(*value, ",")
	case *string:
		return *value
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
	case *desk.AgentsByMail:
		return string(*value)
	default:
		panic("a kind of setting that cannot be shown: " + k.name)
	}
}

// set reads the value into the policy. Whether it is within its bounds is the policy's own to say.
func (k policyKey) set(policy *policyNow, text string) (err error) {
	switch value := k.value(policy).(type) {
	case *[]string:
		*value = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	case *string:
		*value = text
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
	case *desk.AgentsByMail:
		if *value = desk.AgentsByMail(text); *value != desk.AgentsByMailOn && *value != desk.AgentsByMailOff {
			return fmt.Errorf("%s is on or off, not %q", k.name, text)
		}
	default:
		panic("a kind of setting that cannot be set: " + k.name)
	}
	return nil
}

// policy is the policy as it is.
func (a *administration) policy(ctx context.Context) (now policyNow, err error) {
	if now.Policy, err = a.tickets.Policy(ctx, operator()); err != nil {
		return now, err
	}
	now.AgentsByMail, err = a.tickets.AgentsByMail(ctx, operator())
	return now, err
}

type policyShow struct{ listing }

// Run shows the policy.
func (s policyShow) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		policy, err := a.policy(ctx)
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
	return s.apply(&policyNow{Policy: desk.DefaultPolicy()})
}

// apply sets every pair.
func (s policySet) apply(policy *policyNow) error {
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

// names says whether a setting is among the pairs.
func (s policySet) names(key string) bool {
	return slices.ContainsFunc(s.Pairs, func(pair string) bool { return strings.HasPrefix(pair, key+"=") })
}

// save writes what the pairs change. Only what they name is written, so that the audit log holds no change that is none.
func (s policySet) save(ctx context.Context, a *administration) (now policyNow, err error) {
	if !s.names(agentsByMailKey) || len(s.Pairs) > 1 {
		_, err = a.tickets.SetPolicy(ctx, operator(), func(policy *desk.Policy) error {
			now.Policy = *policy
			err := s.apply(&now)
			*policy = now.Policy
			return err
		})
		if err != nil {
			return now, err
		}
	}
	if s.names(agentsByMailKey) {
		if err := s.apply(&now); err != nil {
			return now, err
		}
		if err := a.tickets.SetAgentsByMail(ctx, operator(), now.AgentsByMail); err != nil {
			return now, err
		}
	}
	return a.policy(ctx)
}

// Run changes the policy and prints what was set.
func (s policySet) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		policy, err := s.save(ctx, a)
		if err != nil {
			return err
		}
		for _, key := range policyKeys() {
			if s.names(key.name) {
				fmt.Fprintf(term.out, "%s=%s\n", key.name, plain(key.text(policy)))
			}
		}
		return nil
	})
}
