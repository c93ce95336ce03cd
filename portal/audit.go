package portal

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/desk"
)

// auditPage lists who did what.
type auditPage struct {
	page
	Rows []auditRow
	Next string
}

// auditRow is one change or sign-in.
type auditRow struct {
	desk.AuditEntry
	Means string // the action in words
	Words string // the detail in words
	URL   string // of what it was done to, where there is a page
}

// auditList shows the log, newest first.
func (p *Portal) auditList(c *call) error {
	found, err := p.tickets.Audit(c.r.Context(), c.actor, c.r.URL.Query().Get("cursor"), pageLimit)
	if err != nil {
		return err
	}
	answer := auditPage{Next: found.Next}
	for _, entry := range found.Items {
		answer.Rows = append(answer.Rows, auditRow{AuditEntry: entry, Means: c.lang.Say(actions[entry.Action]), Words: detailWords(entry.Detail), URL: subjectURL(entry.Subject)})
	}
	if answer.page, err = p.framed(c, "Audit log", "/audit"); err != nil {
		return err
	}
	return p.show(c, "audit", answer)
}

// actions are words for what can be done. One that is missing is shown by its name alone.
var actions = map[string]string{
	"attachment.link": "Link made", "keys.add": "Master key added", "keys.use": "Master key put to use", "attachment.revoke": "Links revoked", "contact.address": "Address added", "delivery.bounced": "Not delivered", "delivery.retry": "Delivery tried again",
	"delivery.cancel": "Delivery stopped", "delivery.redirect": "Delivery sent elsewhere", "delivery.delayed": "Delivery delayed", "suppression.add": "Address suppressed", "suppression.lift": "Suppression lifted",
	"automation.add": "Rule added", "automation.change": "Rule changed", "automation.move": "Rule moved", "automation.remove": "Rule removed", "automation.switch": "Rule switched",
	"canned.add": "Canned reply added", "canned.change": "Canned reply changed", "canned.remove": "Canned reply removed", "macro.add": "Macro added", "macro.change": "Macro changed", "macro.remove": "Macro removed",
	"ticket.automation": "Rule applied", "ticket.macro": "Macro used",
	"certificate.retry": "Certificates tried again", "domain.add": "Domain added", "domain.remove": "Domain removed", "domain.rotate": "New keys", "domain.state": "Domain checked",
	"domain.set": "Domain changed", "domain.pause": "Domain paused", "domain.resume": "Domain resumed", "domain.keys": "Keys changed", "domain.emergency": "Keys replaced", "domain.import_key": "Key imported", "domain.test": "Test mail", "domain.forget": "Removed domain forgotten",
	"mailbox.add": "Mailbox added", "mailbox.change": "Mailbox changed", "mailbox.remove": "Mailbox closed", "policy.agents-by-mail": "Agents by mail", "policy.change": "Policy changed",
	"sender.rule": "Sender rule set", "sender.unrule": "Sender rule removed",
	"suspended.delete": "Held mail deleted", "suspended.purge": "Held mail purged", "suspended.release": "Held mail released", "suspended.spam": "Held mail was spam",
	"ticket.accepted": "Person accepted", "ticket.assigned": "Assigned", "ticket.merged": "Merged", "ticket.moved": "Message moved", "ticket.note": "Note", "ticket.priority": "Priority changed",
	"ticket.removed": "Person taken off", "ticket.reopen": "Opened again", "ticket.reply": "Answered", "ticket.reply-to": "Reply-To not used", "ticket.requester": "Customer changed",
	"ticket.spam": "Marked as spam", "ticket.split": "Message split off", "ticket.start": "Conversation begun", "ticket.status": "Status changed", "ticket.subject": "Renamed",
	"ticket.tagged": "Tags changed", "ticket.undo": "Answer taken back", "ticket.unmerged": "Merge undone", "token.add": "Token made", "token.exposed": "Token sent without TLS", "token.revoke": "Token revoked",
	"user.add": "Person added", "user.change": "Person changed", "user.disable": "Person disabled", "user.enable": "Person enabled", "user.link": "Sign-in link made",
	"user.reading": "Language and zone changed", "user.signin": "Signed in", "user.signin-failed": "Sign-in failed", "user.signout": "Signed out",
}

// detailWords writes a document of simple values as 'name value, name value'. Anything deeper is shown as it is.
func detailWords(detail json.RawMessage) string {
	var fields map[string]any
	if err := json.Unmarshal(detail, &fields); err != nil {
		if text := string(detail); text != "null" {
			return text
		}
		return ""
	}
	if from, to, changed := beforeAndAfter(fields); changed {
		return changeWords(from, to)
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := fields[name]
		if number, ok := value.(float64); ok && number == float64(int64(number)) {
			value = int64(number)
		}
		if value == nil || value == "" {
			continue
		}
		out = append(out, fmt.Sprintf("%s %v", strings.ReplaceAll(name, "_", " "), value))
	}
	return strings.Join(out, ", ")
}

// beforeAndAfter says whether a document holds the whole of something as it was and as it has become.
func beforeAndAfter(fields map[string]any) (from, to map[string]any, changed bool) {
	from, was := fields["from"].(map[string]any)
	to, is := fields["to"].(map[string]any)
	return from, to, was && is
}

// changeWords names what is different, and leaves out what is not.
func changeWords(from, to map[string]any) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(to)) {
		before, after := fmt.Sprint(from[name]), fmt.Sprint(to[name])
		if before != after {
			out = append(out, fmt.Sprintf("%s %s → %s", strings.ReplaceAll(name, "_", " "), before, after))
		}
	}
	return strings.Join(out, ", ")
}

// subjectURL is the page of what an entry is about.
func subjectURL(subject string) string {
	kind, name, _ := strings.Cut(subject, "/")
	switch kind {
	case "ticket":
		return "/tickets/" + name
	case "message":
		return "/messages/" + name
	case "domain":
		return "/domains"
	case "user":
		return "/people"
	case "mailbox":
		return "/mailboxes"
	case "sender":
		return "/senders"
	case "policy":
		return "/settings/mail"
	case "automation":
		return "/automations"
	case "canned":
		return "/canned"
	case "macro":
		return "/macros"
	}
	return ""
}
