package portal

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"postern/desk"
)

const (
	// watchEvery is how often it is asked whether those whose streams are open may still hear, all in one question: twice within the second in which what was taken away has to end everywhere.
	watchEvery = 500 * time.Millisecond
	// gatherFor is how long news waits for more, for who does not see every ticket: which of them they see is asked once for all that came meanwhile.
	gatherFor = 100 * time.Millisecond
)

// watched is what is known of the reader of a stream. It belongs to the hub, whose lock is held to read and write it.
type watched struct {
	token string // of the session; empty: nobody looks after it
	who   desk.User
	ended chan struct{} // closed once the reader may not hear any more
}

// watch lets the hub look after the reader of a stream.
func (h *hub) watch(s *subscriber, token string, who desk.User) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.token, s.who = token, who
}

// reader is who reads a stream, as they are now.
func (h *hub) reader(s *subscriber) desk.User {
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.who
}

// tokens are the sessions of all streams.
func (h *hub) tokens() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []string
	for s := range h.subscribers {
		if s.token != "" {
			list = append(list, s.token)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// settle ends the streams of those who may not hear any more: their session has ended, or is another person's, or their role may not read or gives something else than when the stream began.
// asked are the tokens that were looked at: a stream that has begun meanwhile is left alone.
func (h *hub) settle(asked []string, live map[string]desk.User) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subscribers {
		if _, found := slices.BinarySearch(asked, s.token); !found {
			continue
		}
		now, in := live[s.token]
		if in && now.ID == s.who.ID && now.Can(desk.MayRead) && now.Role == s.who.Role && reflect.DeepEqual(now.Holds(), s.who.Holds()) {
			s.who = now
			continue
		}
		s.token = ""
		close(s.ended)
	}
}

// watchStreams ends streams whose readers may not hear any more, until ctx ends. While the database does not answer, they stay: no news comes from it either.
func (p *Portal) watchStreams(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked := p.hub.tokens()
		if len(asked) == 0 {
			continue
		}
		live, err := p.identity.StillIn(ctx, asked)
		if err != nil {
			if ctx.Err() == nil {
				p.log.Debug("live updates: sessions were not looked at", "error", err)
			}
			continue
		}
		p.hub.settle(asked, live)
	}
}

// lines is a piece of news as the reader of a stream may hear it, with what has come after it; empty: none of it is for them.
func (p *Portal) lines(c *call, tab *subscriber, first told) (string, error) {
	actor := c.actor
	actor.User = p.hub.reader(tab)
	list := []told{first}
	if actor.User.Sight() != desk.SightAll && len(first.data.Tickets) > 0 {
		list = gather(c.r.Context(), tab, first)
	}
	text := ""
	for _, news := range list {
		data := news.data
		if len(data.Tickets) > 0 {
			heard, err := p.tickets.Heard(c.r.Context(), actor, data.Tickets, news.moved)
			if err != nil {
				return "", err
			}
			data.Tickets = heard
		}
		data.Suspended = data.Suspended && actor.Can(desk.MayReadHeld)
		if news.event != "bell" && len(data.Tickets) == 0 && !data.Suspended && !data.Settings {
			continue
		}
		body, err := json.Marshal(data)
		if err != nil {
			return "", err
		}
		text += "event: " + news.event + "\ndata: " + string(body) + "\n\n"
	}
	return text, nil
}

// gather waits a moment and puts together what comes, one piece for each event.
func gather(ctx context.Context, tab *subscriber, first told) []told {
	list := []told{first}
	enough := time.NewTimer(gatherFor)
	defer enough.Stop()
	for {
		select {
		case <-ctx.Done():
			return list
		case <-enough.C:
			return list
		case news, open := <-tab.news:
			if !open {
				return list // the hub has ended, as the stream will find out
			}
			at := slices.IndexFunc(list, func(one told) bool { return one.event == news.event })
			if at < 0 {
				list = append(list, news)
				continue
			}
			one := &list[at]
			one.data.Tickets = numbers(slices.Concat(one.data.Tickets, news.data.Tickets))
			one.data.Suspended, one.data.Settings = one.data.Suspended || news.data.Suspended, one.data.Settings || news.data.Settings
			one.moved = slices.Concat(one.moved, news.moved)
		}
	}
}
