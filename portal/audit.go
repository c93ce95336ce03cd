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
		answer.Rows = append(answer.Rows, auditRow{AuditEntry: entry, Means: c.lang.Say(desk.Acts[entry.Action].Words), Words: detailWords(entry.Detail), URL: subjectURL(entry.Subject)})
	}
	if answer.page, err = p.framed(c, "Audit log", "/audit"); err != nil {
		return err
	}
	return p.show(c, "audit", answer)
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
