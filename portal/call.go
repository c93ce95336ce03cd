package portal

import (
	"crypto/rand"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"postern/desk"
	"postern/identity"
	"postern/language"
	"postern/store"
)

// policy is the Content-Security-Policy of every page: nothing but our own files, no script or style in the page itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// formLimit bounds a form without files. Text of a reply beyond this is no text that a person wrote.
const formLimit = 2 << 20

// call is one request on its way through a handler: who asks, and where the answer goes.
type call struct {
	w       *recorder
	r       *http.Request
	actor   desk.Actor        // its User is zero when nobody is signed in
	token   string            // of the session
	session store.LiveSession // by which they are signed in; zero: none
	visitor string            // of the session of a customer who has proved their address
	lang    *language.Language
	chosen  store.Reading  // what the person who is signed in chose; zero: nothing
	zone    *time.Location // in which the reader is shown times; UTC where it is not known
	origin  desk.Origin    // of the request, for the audit log
	id      string         // names the request in the log and on the page of an internal error
}

// recorder remembers the status for the log.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader passes the status on and remembers it.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write counts as 200 when no status was written before.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// serve is the edge: who asks, whether they may, the handler, the error as a page, one line of log.
func (p *Portal) serve(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		c := &call{w: &recorder{ResponseWriter: w}, r: r, id: rand.Text()[:12]}
		c.origin = desk.Origin{IP: c.client().IP, Request: c.id}
		c.r = r.WithContext(desk.WithOrigin(r.Context(), &c.origin))
		w.Header().Set("X-Request-Id", c.id)
		c.reads("", "")
		secureHeaders(w.Header(), p.secure)
		err := p.admit(c, route)
		p.refused(c, route, err)
		if tooFast := p.paced(c, route); tooFast != nil { // also who is not let in
			err = tooFast
		}
		if err == nil {
			err = p.admitPlace(c, route.right)
		}
		if err == nil {
			err = p.confirmed(c, route.right)
		}
		if err == nil {
			err = route.handle(p, c)
		}
		if err != nil {
			p.fail(c, err)
		}
		p.noted(c, route)
		if slices.Contains(guessed, route.pattern) && c.w.status >= http.StatusBadRequest {
			p.log.Warn("sign-in refused", "ip", c.actor.IP, "door", "portal") // deploy/fail2ban reads this line: no text of a stranger stands in it
		}
		p.log.Debug("portal request", "id", c.id, "method", r.Method, "route", route.pattern, "status", c.w.status,
			"ms", time.Since(start).Milliseconds(), "user", c.actor.User.ID)
	})
}

// refused notes that somebody who is known was turned away by their role.
func (p *Portal) refused(c *call, route route, err error) {
	if fault := asFault(err); fault == nil || fault.Kind != desk.Forbidden {
		return
	}
	if noted := p.identity.Refused(c.r.Context(), c.actor, route.right, route.pattern); noted != nil {
		p.log.Warn("a refusal is not noted", "id", c.id, "error", noted)
	}
}

// guessed are the forms at which strangers guess.
var guessed = []string{"POST /sign-in", "POST /sign-in/factor", "POST /sign-in/passkey", "POST /sign-in/{token}", "POST /confirm", "POST /my/code"}

// secureHeaders are on every answer, errors too.
func secureHeaders(h http.Header, secure bool) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store") // pages of people who are signed in stay out of every cache
	if secure {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

// admit finds out who asks and whether they hold the right.
func (p *Portal) admit(c *call, route route) error {
	right := route.right
	c.actor = desk.Actor{Via: "portal", IP: c.client().IP, Request: c.id}
	if right == desk.MayOwnRead || right == desk.MayOwnWrite {
		return p.admitCustomer(c, right)
	}
	if err := p.knowSession(c, route); err != nil {
		return err
	}
	if c.session.Pending != "" && right != desk.Public && right != desk.Arriving {
		return detour("/sign-in/" + c.session.Pending)
	}
	switch {
	case c.actor.Can(right):
		return nil
	case c.actor.User.ID == 0:
		return desk.Faultf(desk.Unsigned, "Please sign in.")
	case c.actor.User.Role == desk.RoleCustomer:
		return desk.Faultf(desk.Forbidden, "This page is for the support team. Answer any of our mails to reach us.")
	}
	return desk.Faultf(desk.Forbidden, "Your role does not allow this. Ask an admin of your desk.")
}

// knowSession finds out whose session the request carries. One that lacks a step counts for the pages of that step only.
func (p *Portal) knowSession(c *call, route route) error {
	cookie, err := c.r.Cookie(p.cookieName())
	if err != nil {
		return nil
	}
	how := identity.Used
	if background[route.pattern] {
		how = identity.Glanced
	}
	session, err := p.identity.In(c.r.Context(), cookie.Value, c.client(), how)
	if err != nil {
		if asFault(err) != nil { // a session that has ended is nobody; a database that is down is an error
			return nil
		}
		return err
	}
	c.token, c.session = cookie.Value, session
	c.origin.User, c.origin.Session = session.ID, session.SessionID
	c.chosen = store.Reading{Language: session.Language, TimeZone: session.TimeZone}
	c.reads(session.Language, session.TimeZone)
	if session.Pending == "" || route.right == desk.Arriving {
		c.actor.User, c.actor.Session = session.User, session.SessionID
	}
	return nil
}

// detour is where somebody has to go first: no failure, but a way round.
type detour string

// Error is for a log that should never see it.
func (d detour) Error() string { return "go to " + string(d) + " first" }

// zoneCookie is where the page's script leaves the zone of the browser, which no header tells. It is a preference and proves nothing.
const zoneCookie = "zone"

// reads sets how the reader likes to read: what they chose, else what the browser says.
func (c *call) reads(chosen, zone string) {
	if cookie, err := c.r.Cookie(languageCookie); err == nil && chosen == "" {
		chosen = cookie.Value // chosen on a page for people who are not signed in
	}
	c.lang = language.Pick(chosen, c.r.Header.Get("Accept-Language"))
	if cookie, err := c.r.Cookie(zoneCookie); err == nil && zone == "" {
		zone = cookie.Value
	}
	c.zone = zoneOf(zone)
}

// zoneOf is the zone of that name in the IANA database; UTC for none, or one that nobody knows.
func zoneOf(name string) *time.Location {
	if name == "" || name == "Local" || len(name) > 64 {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// sentence is a reason from a deeper room as a sentence in the reader's language.
func (c *call) sentence(reason string) string { return sentence(c.lang.Sentence(reason)) }

// client is where the request comes from, for the audit log.
func (c *call) client() identity.Client {
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		host = c.r.RemoteAddr
	}
	from := identity.Client{IP: host, UserAgent: c.r.UserAgent()}
	for _, name := range []string{secureDevice, plainDevice} {
		if cookie, err := c.r.Cookie(name); err == nil {
			from.Device = cookie.Value
			break
		}
	}
	return from
}

// id64 reads a number out of the path. What is no number names nothing.
func (c *call) id64(name string) (int64, error) {
	id, err := strconv.ParseInt(c.r.PathValue(name), 10, 64)
	if err != nil || id <= 0 {
		return 0, desk.Faultf(desk.NotFound, "There is nothing at this address.")
	}
	return id, nil
}

// form reads a form without files.
func (c *call) form() (url.Values, error) {
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, formLimit)
	if err := c.r.ParseForm(); err != nil {
		return nil, desk.Faultf(desk.Invalid, "The form could not be read. Go back and try again.")
	}
	return c.r.PostForm, nil
}

// number64 reads a number out of a form or query; what is no number is 0.
func number64(values url.Values, name string) int64 {
	n, err := strconv.ParseInt(values.Get(name), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// numbers64 reads all numbers of one name out of a form; what is no number is left out.
func numbers64(values url.Values, name string) (list []int64) {
	for _, text := range values[name] {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
			list = append(list, n)
		}
	}
	return list
}

// partial says whether the page's script asks for a part of a page: htmx names itself, except when it rebuilds a page from the history.
func (c *call) partial() bool {
	return c.r.Header.Get("HX-Request") == "true" && c.r.Header.Get("HX-History-Restore-Request") != "true"
}

// seeOther sends the browser on with GET after a form was taken (RFC 9110 §15.4.4).
func (c *call) seeOther(path string) error {
	http.Redirect(c.w, c.r, path, http.StatusSeeOther)
	return nil
}
