package portal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"postern/desk"
	"postern/store"
)

const (
	mostStreams = 2000             // open tabs in all; each costs a connection and a few kilobytes
	mostOwn     = 20               // open tabs of one person
	backlog     = 32               // pieces of news that a slow tab may be behind
	heartbeat   = 25 * time.Second // proxies close what is silent for a minute
)

// hub passes news on to the open tabs. It never waits for a slow one: that one is told to look at everything again.
type hub struct {
	mu          sync.Mutex
	subscribers map[*subscriber]bool
	closed      bool
}

// subscriber is one open tab.
type subscriber struct {
	user  int64
	news  chan store.News
	again chan struct{} // something was missed: look at everything again
}

// join adds a tab, or says in words why not.
func (h *hub) join(user int64) (*subscriber, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	own := 0
	for s := range h.subscribers {
		if s.user == user {
			own++
		}
	}
	if h.closed || own >= mostOwn || len(h.subscribers) >= mostStreams {
		return nil, desk.Faultf(desk.Unavailable, "Live updates are off in this tab: too many tabs are open.")
	}
	s := &subscriber{user: user, news: make(chan store.News, backlog), again: make(chan struct{}, 1)}
	h.subscribers[s] = true
	return s, nil
}

// leave removes a tab.
func (h *hub) leave(s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subscribers, s)
}

// tell passes a piece of news on to every tab.
func (h *hub) tell(news store.News) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subscribers {
		select {
		case s.news <- news:
		default:
			s.lookAgain()
		}
	}
}

// tellAll makes every tab look again, after news may have passed by unheard.
func (h *hub) tellAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subscribers {
		s.lookAgain()
	}
}

// lookAgain leaves one reminder; more say nothing new.
func (s *subscriber) lookAgain() {
	select {
	case s.again <- struct{}{}:
	default:
	}
}

// close ends every stream and lets no new one begin.
func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for s := range h.subscribers {
		close(s.news)
		delete(h.subscribers, s)
	}
}

// events is the stream of one tab (server-sent events, WHATWG HTML §9.2). It carries numbers of tickets, never a word of theirs.
func (p *Portal) events(c *call) error {
	tab, err := p.hub.join(c.actor.User.ID)
	if err != nil {
		return err
	}
	defer p.hub.leave(tab)
	out := http.NewResponseController(c.w)
	_ = out.SetWriteDeadline(time.Time{}) // the stream lives as long as the tab
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.Header().Set("X-Accel-Buffering", "no") // nginx would hold the news back
	if err := send(c.w, out, ": hello\nretry: 3000\n\n"); err != nil {
		return nil // the tab has gone
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		line := ""
		select {
		case <-c.r.Context().Done():
			return nil
		case <-beat.C:
			// A session that has ended, or a person who was disabled, hears nothing more.
			if _, err := p.identity.Session(c.r.Context(), c.token); err != nil {
				return nil
			}
			line = ": still here\n\n"
		case <-tab.again:
			line = "event: again\ndata: {}\n\n"
		case news, open := <-tab.news:
			if !open {
				return nil
			}
			data, err := json.Marshal(news)
			if err != nil {
				return fmt.Errorf("portal: events: %w", err)
			}
			line = "event: news\ndata: " + string(data) + "\n\n"
		}
		if err := send(c.w, out, line); err != nil {
			return nil
		}
	}
}

// send writes a line of the stream and lets it go at once.
func send(w http.ResponseWriter, out *http.ResponseController, line string) error {
	if _, err := w.Write([]byte(line)); err != nil {
		return err
	}
	return out.Flush()
}
