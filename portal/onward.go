package portal

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"postern/desk"
)

// onward is where the reader goes once a mail was sent: known before, since sending moves the ticket in its list.
type onward struct{ path string }

// with is that address, with the mail that can still be taken back.
func (o onward) with(message int64) string { return withQuery(o.path, "sent", fmt.Sprint(message)) }

// onward is the next ticket of the list, the list itself, or the ticket that is open, as the reader likes it. Where no ticket comes after it, it is not left.
func (p *Portal) onward(c *call, number int64, after desk.AfterSend) (onward, error) {
	back := c.back()
	switch after {
	case desk.ThenList:
		return onward{back.URL()}, nil
	case desk.ThenNext:
		next, err := p.after(c, back, number)
		if err != nil {
			return onward{}, err
		}
		if next != 0 {
			return onward{back.Ticket(next)}, nil
		}
	}
	return onward{back.Ticket(number)}, nil
}

// withQuery adds a value to an address of ours.
func withQuery(path, name, value string) string {
	sign := "?"
	if strings.Contains(path, "?") {
		sign = "&"
	}
	return path + sign + name + "=" + value
}

// tabOf is the query that opens a tab of the composer.
func tabOf(kind desk.MessageKind) string {
	if kind == desk.KindReply {
		return ""
	}
	return "?tab=" + string(kind)
}

// sentPart is the bar about a mail that was sent from another page than the one that is open now.
type sentPart struct {
	Message int64
	Number  int64
	To      string // the first recipient
	Seconds int    // for which it can still be taken back; 0: it is on its way
}

// Link is the ticket, to go back to.
func (s sentPart) Link() template.HTML {
	return template.HTML(fmt.Sprintf(`<a href="/tickets/%d">#%d</a>`, s.Number, s.Number))
}

// sentOf is the bar that an address asks for; nil: there is nothing to say. Only whoever wrote a mail sees it.
func (p *Portal) sentOf(c *call, id int64) (*sentPart, error) {
	if id == 0 {
		return nil, nil
	}
	m, err := p.tickets.Message(c.r.Context(), c.actor, id)
	if fault := asFault(err); fault != nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !m.Kind.Leaves() || m.AuthorID == nil || *m.AuthorID != c.actor.User.ID || m.SendAt == nil {
		return nil, nil
	}
	part := &sentPart{Message: m.ID, Number: m.TicketID}
	for _, d := range m.Deliveries {
		part.To = d.Recipient
		break
	}
	if left := m.SendAt.Sub(p.now()); left > 0 {
		part.Seconds = int(left.Seconds()) + 1
	}
	return part, nil
}

// sentShow is what has become of the bar: it says once that the mail is on its way.
func (p *Portal) sentShow(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	part, err := p.sentOf(c, id)
	if err != nil {
		return err
	}
	if part == nil {
		return p.part(c, "ticket_list", "gone", nil)
	}
	if !c.partial() {
		return c.seeOther(fmt.Sprintf("/messages/%d", id))
	}
	return p.part(c, "ticket_list", "sent", part)
}

// moved tells the page's script under which address what it shows now is found, when a form has led somewhere else.
func (c *call) moved() {
	if values := c.r.URL.Query(); c.partial() && c.r.Method == http.MethodGet && c.r.Header.Get("HX-Target") == "work" && (values.Has("sent") || values.Has("tab") && !values.Has("forward")) {
		values.Del("sent")
		values.Del("tab")
		path := c.r.URL.Path
		if len(values) > 0 {
			path += "?" + values.Encode()
		}
		c.w.Header().Set("HX-Push-Url", path)
	}
}
