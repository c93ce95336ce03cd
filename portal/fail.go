package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"postern/desk"
)

// errorPage says what went wrong and what to do.
type errorPage struct {
	page
	Status   int
	Headline string
	Reason   string
	Request  string // id of the request, for internal errors
}

// failure is how a kind of fault looks.
type failure struct {
	status   int
	headline string
}

// failures gives each kind of fault its status and headline.
var failures = map[desk.FaultKind]failure{
	desk.NotFound:    {http.StatusNotFound, "Not here"},
	desk.Forbidden:   {http.StatusForbidden, "Not allowed"},
	desk.Invalid:     {http.StatusUnprocessableEntity, "That did not work"},
	desk.Conflict:    {http.StatusConflict, "Somebody was quicker"},
	desk.Unsigned:    {http.StatusUnauthorized, "Please sign in"},
	desk.TooLarge:    {http.StatusRequestEntityTooLarge, "Too large"},
	desk.Unavailable: {http.StatusServiceUnavailable, "Not now"},
	desk.TooOften:    {http.StatusTooManyRequests, "Too fast"},
}

// fail answers with the error: in words to the person, whole to the log when it is ours to mend.
func (p *Portal) fail(c *call, err error) {
	if errors.Is(err, context.Canceled) && c.r.Context().Err() != nil {
		return // the reader has gone
	}
	var round detour
	if errors.As(err, &round) {
		if round != asked {
			p.sendRound(c, string(round))
		}
		return
	}
	answer := errorPage{page: page{Title: c.lang.Say("Error")}, Status: http.StatusInternalServerError, Headline: c.lang.Say("Something broke"),
		Reason: c.lang.Say("The fault is ours and has been written to the log. Try again in a moment; if it stays, give your admin this number.")}
	if fault := asFault(err); fault != nil {
		look := failures[fault.Kind]
		answer.Status, answer.Headline, answer.Reason = look.status, c.lang.Say(look.headline), c.sentence(fault.Reason)
	} else {
		answer.Request = c.id
		p.log.Error("portal request failed", "id", c.id, "method", c.r.Method, "route", c.r.Pattern, "error", err)
	}
	if c.w.status != 0 {
		return // the answer is under way already: cutting it off is all that is left
	}
	if forCustomers(c.r.URL.Path) {
		p.failCustomer(c, answer)
		return
	}
	if answer.Status == http.StatusUnauthorized && c.token == "" && c.actor.User.ID == 0 && c.r.URL.Path != "/sign-in" {
		p.toSignIn(c)
		return
	}
	p.failPage(c, answer)
}

// sendRound sends a browser to another page first, and names the page to come back to where it asked for one.
func (p *Portal) sendRound(c *call, target string) {
	back := c.r.URL.RequestURI()
	if c.partial() { // the script asked for a part of the page that it stands on
		back = localPath(currentPath(c.r), "/")
	}
	if c.r.Method == http.MethodGet {
		target += "?next=" + url.QueryEscape(back)
	}
	if c.partial() {
		c.w.Header().Set("HX-Redirect", target)
		c.w.WriteHeader(http.StatusForbidden)
		return
	}
	http.Redirect(c.w, c.r, target, http.StatusSeeOther)
}

// currentPath is the page that htmx stands on, as it says.
func currentPath(r *http.Request) string {
	current, err := url.Parse(r.Header.Get("HX-Current-URL"))
	if err != nil {
		return ""
	}
	return current.RequestURI()
}

// toSignIn sends somebody who is not signed in to the form, and back afterwards.
func (p *Portal) toSignIn(c *call) {
	target := "/sign-in"
	if c.r.Method == http.MethodGet && !c.partial() {
		target += "?next=" + url.QueryEscape(c.r.URL.RequestURI())
	}
	if c.partial() {
		c.w.Header().Set("HX-Redirect", target)
		c.w.WriteHeader(http.StatusUnauthorized)
		return
	}
	http.Redirect(c.w, c.r, target, http.StatusSeeOther)
}

// failPage writes the page, or for a part of a page a toast.
func (p *Portal) failPage(c *call, answer errorPage) {
	if c.partial() {
		c.w.Header().Set("HX-Retarget", "#toasts")
		c.w.Header().Set("HX-Reswap", "beforeend")
		c.w.Header().Set("HX-Reselect", ".toast")
		c.w.Header().Set("HX-Push-Url", "false")
		p.renderOr500(c, answer.Status, "error", "toast", answer)
		return
	}
	answer.page = p.bare(c, answer.Headline)
	p.renderOr500(c, answer.Status, "error", "layout", answer)
}

// renderOr500 is the last resort when even the page of the error fails.
func (p *Portal) renderOr500(c *call, status int, name, block string, data any) {
	if err := p.render(c, view{status, name, block}, data); err != nil {
		p.log.Error("portal error page failed", "id", c.id, "error", err)
		http.Error(c.w, "Internal error "+c.id, http.StatusInternalServerError)
	}
}

// nowhere answers for every path that no route knows.
func (p *Portal) nowhere(*call) error {
	return desk.Faultf(desk.NotFound, "There is nothing at this address. It may have been moved, or the link is not whole.")
}

// asFault is the fault inside an error, or nil when it is none that a person can act on.
func asFault(err error) *desk.Fault {
	var fault *desk.Fault
	if errors.As(err, &fault) {
		return fault
	}
	return nil
}
