package intake

import (
	"cmp"
	"slices"

	"postern/desk"
	"postern/store"
)

// oddities are what the mails of one group tried that should alarm people when there is much of it. A group writes one entry into the audit log for each kind and place, however many mails tried it.
type oddities map[oddity]int

// oddity is one thing that was tried, and from where.
type oddity struct {
	action, subject, ip string
}

// note looks at a mail from outside.
func (o *oddities) note(m *mail) {
	if m.env.Source != desk.FromSMTP {
		return
	}
	if *o == nil {
		*o = oddities{}
	}
	ip := m.env.RemoteIP.String()
	if m.guesses > 0 {
		(*o)[oddity{"mail.token-guess", "mail", ip}] += m.guesses
	}
	if pretends(m.view) {
		(*o)[oddity{"mail.own-domain", "domain/" + desk.DomainOf(m.from.Addr), ip}]++
	}
}

// pretends says whether a mail claims to come from one of our own domains and nothing proves it.
func pretends(v view) bool { return (v.FromOwned || v.FromUs) && !v.Verified }

// rows are the entries, in an order that does not change.
func (o oddities) rows() []store.AuditRow {
	var rows []store.AuditRow
	for what, times := range o {
		rows = append(rows, store.AuditRow{Action: what.action, Subject: what.subject, Detail: map[string]any{"times": times}, IP: what.ip})
	}
	slices.SortFunc(rows, func(a, b store.AuditRow) int {
		return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.IP, b.IP))
	})
	return rows
}
