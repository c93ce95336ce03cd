package portal

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"postern/attachments"
	"postern/audit"
	"postern/desk"
	"postern/language"
)

// auditPage lists who did what.
type auditPage struct {
	page
	Asked   auditAsked
	Acts    []actGroup
	Rows    []auditRow
	Next    string
	Problem string
	Export  bool // the reader may take it out
}

// auditRow is one change or sign-in.
type auditRow struct {
	desk.AuditEntry
	Means string // the action in words
	Words string // the detail in words
	Short string // how they begin, when they are long
	URL   string // of what it was done to, where there is a page
}

// actGroup are the acts of one noun, to choose from.
type actGroup struct {
	Noun string
	Acts []actChoice
}

type actChoice struct {
	Name, Words string
	Here        bool
}

// auditAsked is the question as the address bar holds it.
type auditAsked struct {
	Actor, Action, Subject, IP, From, Until, Text string
}

func auditAskedOf(values url.Values) auditAsked {
	get := func(name string) string { return strings.TrimSpace(values.Get(name)) }
	return auditAsked{Actor: get("actor"), Action: get("action"), Subject: get("subject"), IP: get("ip"), From: get("from"), Until: get("until"), Text: get("q")}
}

// Narrowed says whether anything is asked for.
func (a auditAsked) Narrowed() bool { return a != auditAsked{} }

// Values are the parts of the question by the names that a form gives them.
func (a auditAsked) Values() map[string]string {
	all := map[string]string{"actor": a.Actor, "action": a.Action, "subject": a.Subject, "ip": a.IP, "from": a.From, "until": a.Until, "q": a.Text}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// URL is the address of the question at a place of the list.
func (a auditAsked) URL(path, cursor string) string {
	values := url.Values{}
	for name, value := range a.Values() {
		values.Set(name, value)
	}
	values.Set("cursor", cursor)
	return path + "?" + values.Encode()
}

// query is the question as the service takes it. Days are the reader's.
func (a auditAsked) query(zone *time.Location) (desk.AuditQuery, error) {
	q := desk.AuditQuery{Actor: a.Actor, Action: a.Action, Subject: a.Subject, IP: a.IP, Text: a.Text, Limit: pageLimit}
	var err error
	q.From, q.Until, err = dayRange(a.From, a.Until, zone)
	return q, err
}

// dayRange reads two days; the time until is the end of the second. Empty is the zero time.
func dayRange(from, until string, zone *time.Location) (first, end time.Time, err error) {
	if from != "" {
		if first, err = time.ParseInLocation(time.DateOnly, from, zone); err != nil {
			return first, end, desk.Wrong("from", "%q is no day: write it like 2026-11-30", from)
		}
	}
	if until != "" {
		if end, err = time.ParseInLocation(time.DateOnly, until, zone); err != nil {
			return first, end, desk.Wrong("until", "%q is no day: write it like 2026-11-30", until)
		}
		end = end.AddDate(0, 0, 1)
	}
	return first, end, nil
}

// auditList shows the log, newest first.
func (p *Portal) auditList(c *call) error {
	answer := auditPage{Asked: auditAskedOf(c.r.URL.Query()), Export: c.actor.Can(desk.MayExportAudit)}
	q, err := answer.Asked.query(c.zone)
	var found desk.Page[desk.AuditEntry]
	if err == nil {
		q.Cursor = c.r.URL.Query().Get("cursor")
		found, err = p.audit.List(c.r.Context(), c.actor, q)
	}
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		answer.Problem = c.sentence(fault.Reason)
	} else if err != nil {
		return err
	}
	if found.Next != "" {
		answer.Next = answer.Asked.URL("/audit", found.Next)
	}
	for _, entry := range found.Items {
		row := auditRow{AuditEntry: entry, Means: c.lang.Say(desk.Acts[entry.Action].Words), Words: detailWords(entry.Detail), URL: subjectURL(entry.Subject)}
		if len(row.Words) > longDetail {
			row.Short = clip(row.Words, longDetail/2)
		}
		answer.Rows = append(answer.Rows, row)
	}
	answer.Acts = actGroups(c.lang, answer.Asked.Action)
	if answer.page, err = p.framed(c, "Audit log", "/audit"); err != nil {
		return err
	}
	return p.show(c, "audit", answer)
}

// actGroups is the whole vocabulary, by nouns.
func actGroups(lang *language.Language, chosen string) []actGroup {
	var groups []actGroup
	for _, name := range slices.Sorted(maps.Keys(desk.Acts)) {
		noun, _, _ := strings.Cut(name, ".")
		if len(groups) == 0 || groups[len(groups)-1].Noun != noun {
			groups = append(groups, actGroup{noun, []actChoice{{noun + ".", lang.Say("all of it"), chosen == noun+"."}}})
		}
		last := &groups[len(groups)-1]
		last.Acts = append(last.Acts, actChoice{name, lang.Say(desk.Acts[name].Words), chosen == name})
	}
	return groups
}

// auditExport takes the log out, as far as the question goes: as a table for spreadsheets, or as lines of JSON.
func (p *Portal) auditExport(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	how, err := audit.FormOf(form.Get("format"))
	if err != nil {
		return err
	}
	q, err := auditAskedOf(form).query(c.zone)
	if err != nil {
		return err
	}
	export, err := p.audit.Export(c.r.Context(), c.actor, q, how)
	if err != nil {
		return err
	}
	header := c.w.Header()
	header.Set("Content-Type", how.Type())
	header.Set("Content-Disposition", attachments.Disposition("audit-"+p.now().UTC().Format("2006-01-02")+"."+string(how), attachments.AsAttachment))
	if err := export.Write(c.r.Context(), c.w); err != nil {
		p.log.Error("an export of the audit log broke off", "id", c.id, "error", err)
		panic(http.ErrAbortHandler) // the answer has begun: only a broken connection says that it is not whole
	}
	return nil
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
	case "view":
		return "/views/" + name + "/edit"
	case "audit":
		return "/audit"
	case "alert":
		return "/security/alerts?all=yes"
	case "sink":
		return "/audit/sinks"
	case "settings":
		return "/security"
	case "token":
		return "/tokens"
	}
	return ""
}
