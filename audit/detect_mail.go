package audit

import (
	"slices"
	"strings"
	"time"

	"postern/desk"
)

// This file has the detectors of what mail is about: where it goes, who it claims to be from, and what it tries.

// tokenWindow is within what guesses at reply addresses are counted: a rate a minute (security row 11).
const tokenWindow = time.Minute

// tokens looks for many reply addresses in our form that we did not make. Guesses come from everywhere: they are counted together, and the alert names where the last one came from.
func (w *Watch) tokens(e desk.AuditEntry, r Rules) *Finding {
	if e.Action != "mail.token-guess" {
		return nil
	}
	n := w.add(countKey{Tokens, ""}, e.At, max(1, whole(e.Detail, "times")), tokenWindow)
	if r.Tokens == 0 || n <= r.Tokens {
		return nil
	}
	return &Finding{Detector: Tokens, About: "mail", Detail: map[string]any{"guesses": n, "ip": e.IP}}
}

// spoofed looks for mail that claims to be from a domain of ours.
func (w *Watch) spoofed(e desk.AuditEntry, r Rules) *Finding {
	if e.Action != "mail.own-domain" {
		return nil
	}
	n := w.add(countKey{Spoofed, e.Subject}, e.At, max(1, whole(e.Detail, "times")), r.Window)
	if r.Spoofed == 0 || n < r.Spoofed {
		return nil
	}
	return &Finding{Detector: Spoofed, About: e.Subject, Detail: map[string]any{"mails": n, "ip": e.IP}}
}

// forwards looks for what makes mail, or the log, go to somebody who did not get it before.
func forwards(e desk.AuditEntry, r Rules) *Finding {
	if !r.Forwards || !diverts(e) {
		return nil
	}
	return &Finding{Detector: Forwards, About: e.Subject, Detail: map[string]any{"action": e.Action, "actor": e.Actor}}
}

// diverts says whether an act is such a one.
func diverts(e desk.AuditEntry) bool {
	switch e.Action {
	case "automation.add", "automation.change", "automation.switch":
		mails, _ := valueOf(e.Detail, "mails").([]any)
		return len(mails) > 0
	case "user.change":
		fields, _ := valueOf(e.Detail, "fields").([]any)
		return slices.Contains(fields, any("email"))
	case "audit.sink":
		before, _ := valueOf(e.Detail, "before").(map[string]any)
		on, _ := valueOf(e.Detail, "enabled").(bool)
		was, _ := before["enabled"].(bool)
		return on && word(e.Detail, "kind") != string(desk.SinkFile) && (!was || before["address"] != word(e.Detail, "address"))
	}
	return false
}

// lostKeys are the records of DKIM keys that were right before a look at the DNS and are wrong after it.
func lostKeys(e desk.AuditEntry) (names []string) {
	if e.Action != "domain.state" {
		return nil
	}
	lost, _ := valueOf(e.Detail, "lost").([]any)
	for _, one := range lost {
		if name, _ := one.(string); strings.HasPrefix(name, "dkim-") {
			names = append(names, name)
		}
	}
	return names
}

// keys looks for a DKIM key in the DNS that is not ours any more.
func keys(e desk.AuditEntry, r Rules) *Finding {
	lost := lostKeys(e)
	if !r.Keys || len(lost) == 0 {
		return nil
	}
	return &Finding{Detector: Keys, About: e.Subject, Detail: map[string]any{"lost": lost}}
}

// domains looks for a domain that was right and is broken, for another reason than its keys.
func domains(e desk.AuditEntry, r Rules) *Finding {
	broken := e.Action == "domain.state" && word(e.Detail, "after") == string(desk.DomainDegraded) && word(e.Detail, "before") != word(e.Detail, "after")
	if !r.Domains || !broken || r.Keys && len(lostKeys(e)) > 0 {
		return nil
	}
	return &Finding{Detector: Domains, About: e.Subject, Detail: map[string]any{"before": word(e.Detail, "before")}}
}
