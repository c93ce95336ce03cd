package portal

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/desk"
	"postern/store"
)

const (
	hereBeat    = 15 * time.Second // how often a process says again where its tabs are
	hereLife    = 40 * time.Second // a tab that nobody has spoken of for so long is gone: its process has died
	hereChunk   = 20               // tabs in one piece of news, which holds 8000 bytes
	hereNamed   = 40               // runes of a name in the news
	hereAsked   = 120              // tickets that one request asks about: more than a list shows
	hereWait    = 2 * time.Second  // for the database, when a tab goes
	longestTab  = 32               // bytes of a tab's name
	mostPresent = 8                // people that a ticket names; the others are counted
)

// board knows who is on which ticket, as all processes have told each other. It is kept in memory alone, and bounded: so many tabs a person.
type board struct {
	mu   sync.Mutex
	tabs map[tabKey]spot
}

// tabKey names a tab. A person's tabs are theirs alone: nobody speaks for those of others.
type tabKey struct {
	user int64
	tab  string
}

// spot is where a tab is.
type spot struct {
	name    string
	ticket  int64
	writing bool
	heard   time.Time
}

// note takes in what a process said of tabs, and returns the tickets where that changes something to see.
func (b *board) note(tabs []store.Here, now time.Time) []int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var changed []int64
	for _, one := range tabs {
		key := tabKey{one.User, one.Tab}
		before := b.tabs[key]
		after := spot{name: one.Name, ticket: one.Ticket, writing: one.Writing && one.Ticket != 0, heard: now}
		if after.ticket == 0 {
			delete(b.tabs, key)
		} else {
			b.tabs[key] = after
			b.bound(one.User)
		}
		if before.ticket != after.ticket || before.writing != after.writing {
			changed = append(changed, before.ticket, after.ticket)
		}
	}
	return numbers(changed)
}

// bound forgets the oldest of too many tabs of one person.
func (b *board) bound(user int64) {
	var own []tabKey
	for key := range b.tabs {
		if key.user == user {
			own = append(own, key)
		}
	}
	if len(own) > mostOwn {
		delete(b.tabs, slices.MinFunc(own, func(x, y tabKey) int { return b.tabs[x].heard.Compare(b.tabs[y].heard) }))
	}
}

// expire forgets tabs of which nobody has spoken for long, and returns their tickets.
func (b *board) expire(now time.Time) []int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var changed []int64
	for key, one := range b.tabs {
		if now.Sub(one.heard) > hereLife {
			delete(b.tabs, key)
			changed = append(changed, one.ticket)
		}
	}
	return numbers(changed)
}

// numbers are the tickets named, each once, without 0.
func numbers(list []int64) []int64 {
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(n int64) bool { return n == 0 })
}

// where is what the board knows of one tab, as news; its ticket is 0 where it knows nothing.
func (b *board) where(key tabKey) store.Here {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.tabs[key]
	return store.Here{Tab: key.tab, User: key.user, Name: one.name, Ticket: one.ticket, Writing: one.writing}
}

// present is one person on a ticket.
type present struct {
	Name    string
	Writing bool
}

// on lists who is on a ticket besides one person: those who write first, each once however many tabs they have.
func (b *board) on(ticket, except int64) []present {
	b.mu.Lock()
	defer b.mu.Unlock()
	people := map[int64]present{}
	for key, one := range b.tabs {
		if one.ticket == ticket && key.user != except {
			people[key.user] = present{one.name, one.writing || people[key.user].Writing}
		}
	}
	var list []present
	for _, one := range people {
		list = append(list, one)
	}
	slices.SortFunc(list, func(x, y present) int {
		if x.Writing != y.Writing {
			if x.Writing {
				return -1
			}
			return 1
		}
		return cmp.Compare(strings.ToLower(x.Name), strings.ToLower(y.Name))
	})
	return list
}

// herePart is who is on a ticket, for its page or for its row in a list.
type herePart struct {
	Number int64
	People []present
	More   int  // beyond those named
	Swap   bool // it goes into a page that is there
}

// Writers are those who write.
func (h herePart) Writers() []present {
	end := slices.IndexFunc(h.People, func(one present) bool { return !one.Writing })
	if end < 0 {
		end = len(h.People)
	}
	return h.People[:end]
}

// hereOn is who else is on a ticket.
func (p *Portal) hereOn(c *call, ticket int64) herePart {
	part := herePart{Number: ticket, People: p.board.on(ticket, c.actor.User.ID)}
	if len(part.People) > mostPresent {
		part.People, part.More = part.People[:mostPresent], len(part.People)-mostPresent
	}
	return part
}

// hereAnswer is what the script of a page asked for.
type hereAnswer struct {
	Open herePart // of the open ticket; Number is 0 where none is
	Rows []herePart
}

// hereShow says who is on the open ticket and on those of the list. The stream has named their numbers.
func (p *Portal) hereShow(c *call) error {
	query := c.r.URL.Query()
	open, asked := number64(query, "open"), numbers64(query, "t")
	asked = asked[:min(len(asked), hereAsked)]
	seen, err := p.tickets.InSight(c.r.Context(), c.actor, append(slices.Clone(asked), open))
	if err != nil {
		return err
	}
	var answer hereAnswer
	if open != 0 && slices.Contains(seen, open) {
		answer.Open = p.hereOn(c, open)
		answer.Open.Swap = true
	}
	for _, number := range asked {
		if slices.Contains(seen, number) {
			row := p.hereOn(c, number)
			row.Swap = true
			answer.Rows = append(answer.Rows, row)
		}
	}
	return p.part(c, "ticket_list", "here-answer", answer)
}

// herePost says where a tab of the actor is: on which ticket, and whether they write.
func (p *Portal) herePost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	tab := form.Get("tab")
	if tab == "" || len(tab) > longestTab {
		return desk.Wrong("tab", "The tab has no name.")
	}
	at := store.Here{Tab: tab, User: c.actor.User.ID, Name: clip(c.actor.User.Name, hereNamed), Ticket: number64(form, "ticket"), Writing: form.Get("writing") == "1"}
	if at.Name == "" {
		at.Name = clip(c.actor.User.Email, hereNamed)
	}
	if err := p.tickets.Here(c.r.Context(), c.actor, []store.Here{at}); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// writingToo names those who write on a ticket at this moment, besides one person.
func (p *Portal) writingToo(ticket, except int64) []string {
	var names []string
	for _, one := range p.board.on(ticket, except) {
		if one.Writing {
			names = append(names, one.Name)
		}
	}
	return names
}

// busy warns of colleagues who write on the ticket at this moment: two answers to one customer are one too many.
func (p *Portal) busy(c *call, ticket int64) (list []desk.Caution) {
	for _, name := range p.writingToo(ticket, c.actor.User.ID) {
		list = append(list, desk.Caution{Kind: desk.CautionBusy, Saw: name})
	}
	return list
}

// hear takes in one piece of news and passes on what tabs should know.
func (p *Portal) hear(news store.News) {
	switch {
	case news.Asks != "":
		if news.Asks == p.hub.name {
			p.hub.heardItself.Store(true)
		} else {
			p.hub.wantBeat()
		}
	case len(news.Here) > 0:
		if changed := p.board.note(news.Here, p.now()); len(changed) > 0 {
			p.hub.tell(hereNews(changed))
		}
	default:
		p.hub.tell(newsOf(news))
	}
}

// keepHere says again and again where the tabs of this process are, and forgets those of processes that have died, until ctx ends.
func (p *Portal) keepHere(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := p.now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.hub.beat:
			last = p.now()
			p.announceHere(ctx, p.ownTabs())
		case <-tick.C:
			now := p.now()
			if changed := p.board.expire(now); len(changed) > 0 {
				p.hub.tell(hereNews(changed))
			}
			if !p.hub.heardItself.Load() { // we have begun to listen, or begun again: who is where?
				if err := p.tickets.AskHere(ctx, p.hub.name); err != nil && ctx.Err() == nil {
					p.log.Debug("who is here: not asked", "error", err)
				}
			}
			if now.Sub(last) >= hereBeat {
				last = now
				p.announceHere(ctx, p.ownTabs())
			}
		}
	}
}

// ownTabs are the tabs whose streams this process holds, where they are on a ticket.
func (p *Portal) ownTabs() []store.Here {
	var own []store.Here
	for _, key := range p.hub.tabs() {
		if one := p.board.where(key); one.Ticket != 0 {
			own = append(own, one)
		}
	}
	return own
}

// announceHere tells every process where tabs are. What is not heard is said again with the next beat, so an error is no more than a line in the log.
func (p *Portal) announceHere(ctx context.Context, tabs []store.Here) {
	ctx, cancel := context.WithTimeout(ctx, hereWait)
	defer cancel()
	for chunk := range slices.Chunk(tabs, hereChunk) {
		if err := p.tickets.Here(ctx, desk.System("job"), chunk); err != nil {
			p.log.Debug("who is here: not told", "error", err)
			return
		}
	}
}

// allLeft ends every stream of this process and says that its tabs have gone.
func (p *Portal) allLeft() {
	gone := p.ownTabs()
	for i := range gone {
		gone[i].Ticket = 0
	}
	p.hub.close()
	p.announceHere(context.Background(), gone)
}

// left says that a tab has gone, whose stream has ended.
func (p *Portal) left(key tabKey) {
	if one := p.board.where(key); one.Ticket != 0 {
		one.Ticket = 0
		p.announceHere(context.Background(), []store.Here{one})
	}
}
