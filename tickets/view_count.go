package tickets

import (
	"context"
	"fmt"
	"sync"
	"time"

	"postern/desk"
	"postern/store"
)

const (
	countShare  = 40 * time.Millisecond // of one view: what takes longer has no number
	countFor    = 10 * time.Second      // a count is shown so long before it is made again
	countRested = 5 * time.Minute       // after a view took too long
	countRoom   = 10_000                // counts kept at once
	mostCounted = 20                    // views of one reader that are counted: the first of their list
)

// viewCounts remembers counts of saved views for a while, so that a page costs its reader no more than one count every ten seconds.
type viewCounts struct {
	mu    sync.Mutex
	known map[countedView]counted
}

// countedView is a view in one reader's eyes: "me" is somebody else in another's.
type countedView struct {
	user, view int64
	sight      string // which tickets they see, in a word
}

type counted struct {
	count int64
	of    time.Time // when the view was changed that was counted
	until time.Time
}

// CountViews says how many tickets stand in views, by their ids: 1,000 at most. Views that take too long to count, those that had to wait for them, and those beyond the first twenty, have no number.
func (s *Service) CountViews(ctx context.Context, actor desk.Actor, views []desk.View) (map[int64]int64, error) {
	viewer, err := s.viewer(ctx, actor)
	if err != nil {
		return nil, err
	}
	eyes := fmt.Sprint(viewer.Sight, viewer.Teams)
	now, by := s.now(), asker{actor.User.ID, s.now()}
	found := map[int64]int64{}
	var missing []desk.View
	var filters []store.TicketFilter
	for i, v := range views {
		if i == mostCounted {
			break
		}
		if known, ok := s.counts.get(countedView{by.me, v.ID, eyes}); ok && known.of.Equal(v.UpdatedAt) && now.Before(known.until) {
			found[v.ID] = max(known.count, 0)
			continue
		}
		filter, err := s.filterOfView(v, by)
		if err != nil {
			continue // such as a status that is no more: opening it says so
		}
		if m := maskOf(viewer.Masks); m.refuse(filter) != nil {
			continue
		} else {
			m.narrow(&filter)
		}
		missing, filters = append(missing, v), append(filters, filter)
	}
	counts, err := s.store.Count(ctx, viewer, filters, countShare)
	if err != nil {
		return nil, err
	}
	for i, v := range missing {
		keep := countFor
		if counts[i] == store.Uncounted {
			keep = countRested
		}
		s.counts.set(countedView{by.me, v.ID, eyes}, counted{counts[i], v.UpdatedAt, now.Add(keep)})
		found[v.ID] = max(counts[i], 0)
	}
	return found, nil
}

func (s *Service) filterOfView(v desk.View, by asker) (store.TicketFilter, error) {
	q, err := v.Filter.Query(by.me)
	if err != nil {
		return store.TicketFilter{}, err
	}
	return filterOf(q, by)
}

func (c *viewCounts) get(of countedView) (counted, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.known[of]
	return known, ok
}

func (c *viewCounts) set(of countedView, known counted) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= countRoom {
		c.known = map[countedView]counted{} // a fresh start costs a count each
	}
	c.known[of] = known
}

// TeamInboxes lists the actor's teams with how many of their tickets wait.
func (s *Service) TeamInboxes(ctx context.Context, actor desk.Actor) ([]store.TeamInbox, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return nil, err
	}
	return s.store.TeamInboxes(ctx, eyes)
}
