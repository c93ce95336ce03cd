package portal

import (
	"net/http"
	"net/url"
	"strings"

	"postern/attachments"
	"postern/audit"
	"postern/desk"
)

// readingRoute says what of a page's address is read there.
type readingRoute struct {
	kind string // ticket, customer, attachment, original, search, export
	id   string // the part of the path that names it; empty: none does
}

// readingRoutes are the pages on which people read what others wrote or are, and those by which data leaves. A page that shows such things and is not here escapes the log of readings.
var readingRoutes = map[string]readingRoute{
	"GET /tickets/{number}":        {"ticket", "number"},
	"GET /messages/{id}":           {"message", "id"},
	"GET /messages/{id}/original":  {"original", "id"},
	"GET /messages/{id}/source":    {"original", "id"},
	"GET /messages/{id}/sent":      {"message", "id"},
	"GET /attachments/{id}":        {"attachment", "id"},
	"GET /suspended/{id}":          {"suspended", "id"},
	"GET /suspended/{id}/original": {"suspended", "id"},
	"GET /reports.csv":             {"export", ""},
	"GET /my":                      {"customer", ""}, // these by who looks in a customer's place; customers themselves are not logged
	"GET /my/tickets/{number}":     {"ticket", "number"},
	"GET /my/messages/{id}/body":   {"message", "id"},
	"GET /my/files/{id}":           {"attachment", "id"},
	"POST /audit/export":           {"export", ""},
	"POST /audit/readings/export":  {"export", ""},
}

// noted writes down what was read by a request that was answered, if that is wanted.
func (p *Portal) noted(c *call, route route) {
	at, is := readingRoutes[route.pattern]
	if route.pattern == "GET /tickets" && c.r.URL.Query().Get("q") != "" {
		at, is = readingRoute{"search", ""}, true
	}
	if !is || c.actor.Person().ID == 0 || c.hasAccount() || c.w.status >= http.StatusBadRequest {
		return
	}
	values, err := p.identity.Settings(c.r.Context())
	if err != nil || !values.On(desk.AccessLog) && c.actor.Behind == nil { // who looks in a customer's place is noted in any case
		return
	}
	entry := desk.AccessEntry{UserID: c.actor.Person().ID, Via: "portal", IP: c.actor.IP, Kind: at.kind, Subject: audit.Subject(at.kind, c.r.PathValue(at.id)), Method: c.r.Method, Route: route.pattern, Request: c.id}
	if c.actor.Session != 0 {
		entry.Session = &c.actor.Session
	}
	if c.actor.Behind != nil {
		entry.OnBehalf = c.actor.User.Email
	}
	p.audit.Read(entry)
}

// readingsPage lists who read what.
type readingsPage struct {
	page
	Asked   readingsAsked
	Kinds   []string
	Rows    []desk.AccessEntry
	Next    string
	Problem string
	On      bool
	Export  bool
}

// readingsAsked is the question as the address bar holds it.
type readingsAsked struct{ User, Kind, Subject, IP, From, Until string }

func readingsAskedOf(values url.Values) readingsAsked {
	get := func(name string) string { return strings.TrimSpace(values.Get(name)) }
	return readingsAsked{get("user"), get("kind"), get("subject"), get("ip"), get("from"), get("until")}
}

// Narrowed says whether anything is asked for.
func (a readingsAsked) Narrowed() bool { return a != readingsAsked{} }

func (a readingsAsked) query(c *call) (desk.AccessQuery, error) {
	q := desk.AccessQuery{User: a.User, Kind: a.Kind, Subject: a.Subject, IP: a.IP, Limit: pageLimit}
	var err error
	q.From, q.Until, err = dayRange(a.From, a.Until, c.zone)
	return q, err
}

// Values are the parts of the question by the names that a form gives them.
func (a readingsAsked) Values() map[string]string {
	all := map[string]string{}
	for name, value := range map[string]string{"user": a.User, "kind": a.Kind, "subject": a.Subject, "ip": a.IP, "from": a.From, "until": a.Until} {
		if value != "" {
			all[name] = value
		}
	}
	return all
}

// readingKinds are those to choose from.
var readingKinds = []string{"ticket", "message", "original", "attachment", "customer", "suspended", "search", "export"}

// readingList shows who read what, the newest first.
func (p *Portal) readingList(c *call) error {
	answer := readingsPage{Asked: readingsAskedOf(c.r.URL.Query()), Kinds: readingKinds, Export: c.actor.Can(desk.MayExportAudit)}
	settings, err := p.identity.Settings(c.r.Context())
	if err != nil {
		return err
	}
	answer.On = settings.On(desk.AccessLog)
	q, err := answer.Asked.query(c)
	var found desk.Page[desk.AccessEntry]
	if err == nil {
		q.Cursor = c.r.URL.Query().Get("cursor")
		found, err = p.audit.Readings(c.r.Context(), c.actor, q)
	}
	if fault := asFault(err); fault != nil && fault.Kind == desk.Invalid {
		answer.Problem = c.sentence(fault.Reason)
	} else if err != nil {
		return err
	}
	answer.Rows = found.Items
	if found.Next != "" {
		next := url.Values{"cursor": {found.Next}}
		for name, value := range answer.Asked.Values() {
			next.Set(name, value)
		}
		answer.Next = "/audit/readings?" + next.Encode()
	}
	if answer.page, err = p.framed(c, "Who read what", "/security"); err != nil {
		return err
	}
	return p.show(c, "readings", answer)
}

// readingExport takes readings out as a table.
func (p *Portal) readingExport(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	q, err := readingsAskedOf(form).query(c)
	if err != nil {
		return err
	}
	write, err := p.audit.ExportReadings(c.r.Context(), c.actor, q)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", audit.CSV.Type())
	c.w.Header().Set("Content-Disposition", attachments.Disposition("readings-"+p.now().UTC().Format("2006-01-02")+".csv", attachments.AsAttachment))
	if err := write(c.w); err != nil {
		p.log.Error("an export of readings broke off", "id", c.id, "error", err)
		panic(http.ErrAbortHandler) // the answer has begun: only a broken connection says that it is not whole
	}
	return nil
}
