package portal

import (
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
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
	name        string // of this process, among those that listen
	heardItself atomic.Bool
	beat        chan struct{} // somebody wants to know where our tabs are

	mu          sync.Mutex
	subscribers map[*subscriber]bool
	closed      bool
}

// newHub makes a hub without tabs.
func newHub() *hub {
	return &hub{name: rand.Text(), beat: make(chan struct{}, 1), subscribers: map[*subscriber]bool{}}
}

// subscriber is one open tab.
type subscriber struct {
	tabKey
	news  chan told
	again chan struct{} // something was missed: look at everything again
	watched
}

// told is a piece of news as it goes into a stream: numbers only, never a word of a ticket.
type told struct {
	event string
	data  changes
	moved []store.Moved // of the tickets named, whose they were before
	only  []int64       // the people whom it concerns; none: everybody
}

// changes is what is new on tickets and elsewhere.
type changes struct {
	Tickets   []int64 `json:"t,omitempty"`
	Suspended bool    `json:"s,omitempty"`
	Settings  bool    `json:"c,omitempty"`
}

// newsOf is news from the database as tabs hear it.
func newsOf(news store.News) told {
	if len(news.Bell) > 0 {
		return told{event: "bell", only: news.Bell}
	}
	return told{event: "news", data: changes{news.Tickets, news.Suspended, news.Settings}, moved: news.Moved}
}

// hereNews says that other people are on these tickets than before.
func hereNews(tickets []int64) told { return told{event: "here", data: changes{Tickets: tickets}} }

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
	s := &subscriber{tabKey: tabKey{user, rand.Text()}, news: make(chan told, backlog), again: make(chan struct{}, 1), watched: watched{ended: make(chan struct{})}}
	h.subscribers[s] = true
	return s, nil
}

// leave removes a tab. false: the hub has ended, and with it all of them.
func (h *hub) leave(s *subscriber) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subscribers, s)
	return !h.closed
}

// tabs names the open tabs.
func (h *hub) tabs() []tabKey {
	h.mu.Lock()
	defer h.mu.Unlock()
	keys := make([]tabKey, 0, len(h.subscribers))
	for s := range h.subscribers {
		keys = append(keys, s.tabKey)
	}
	return keys
}

// tell passes a piece of news on to every tab that it concerns.
func (h *hub) tell(news told) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subscribers {
		if len(news.only) > 0 && !slices.Contains(news.only, s.user) {
			continue
		}
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

// wantBeat leaves one wish to hear where our tabs are; more say nothing new.
func (h *hub) wantBeat() {
	select {
	case h.beat <- struct{}{}:
	default:
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

// events is the stream of one tab (server-sent events, WHATWG HTML §9.2). It carries numbers of tickets that its reader sees, never a word of theirs. Its first event gives the tab its name, by which
// it says where it is. It ends within a second when its reader may not hear any more (watchStreams).
func (p *Portal) events(c *call) error {
	tab, err := p.hub.join(c.actor.User.ID)
	if err != nil {
		return err
	}
	p.hub.watch(tab, c.token, c.actor.User)
	defer func() {
		if p.hub.leave(tab) {
			p.left(tab.tabKey)
		}
	}()
	out := http.NewResponseController(c.w)
	_ = out.SetWriteDeadline(time.Time{}) // the stream lives as long as the tab
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.Header().Set("X-Accel-Buffering", "no") // nginx would hold the news back
	if err := send(c.w, out, ": hello\nretry: 3000\n\nevent: tab\ndata: "+tab.tab+"\n\n"); err != nil {
		return nil // the tab has gone
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		line := ""
		select {
		case <-c.r.Context().Done():
			return nil
		case <-tab.ended:
			return nil
		case <-beat.C:
			line = ": still here\n\n"
		case <-tab.again:
			line = "event: again\ndata: {}\n\n"
		case news, open := <-tab.news:
			if !open {
				return nil
			}
			if line, err = p.lines(c, tab, news); err != nil {
				return err
			}
		}
		if line == "" {
			continue
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
