package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// A search has two ways to its answer. Words that stand in few messages are looked up in the index of words, and their tickets are sorted: that costs as much as there are such messages. Words that stand
// in many are found sooner by walking the list in its order and looking into each conversation. The database chooses badly between the two, since it knows how frequent common words are and guesses
// for all others, so it is told. Either way is bounded: a walk that has looked at enough tickets ends the page, and its cursor leads on from there.
const (
	// rareTo is up to how many messages are looked up: about where both ways cost the same with a million messages, some 5,000 rows.
	rareTo = 5000
	// surely is how many messages the database has to expect before it is believed that a word is common: more than it expects, as a part of all, of a word that it has not counted.
	surely, surelyPart = 2 * rareTo, .006
	// walkTo is how many tickets of a list one page looks into.
	walkTo = 4000
	// firstWindow is how many of them are looked into first; each further window is so many times as large.
	firstWindow, windowGrowth = 100, 3
)

// chosen is the way that a search goes.
type chosen struct {
	filter TicketFilter // what is left to be asked of each ticket
	only   []int64      // the tickets that hold the rare words; nil: there are none
	walks  bool         // a condition is left that looks into conversations
}

// choose looks the rare words up.
func (r Reader) choose(ctx context.Context, viewer Viewer, f TicketFilter) (chosen, error) {
	way := chosen{filter: f}
	way.filter.Find = nil
	for _, find := range f.Find {
		found, rare, err := r.rare(ctx, viewer, find)
		switch {
		case err != nil:
			return way, err
		case !rare:
			way.filter.Find = append(way.filter.Find, find)
		case way.only == nil:
			way.only = found
		default:
			way.only = slices.DeleteFunc(way.only, func(id int64) bool { _, in := slices.BinarySearch(found, id); return !in })
		}
	}
	way.walks = len(way.filter.Find) > 0 || len(f.Without) > 0
	return way, nil
}

// rare are the tickets with a message as asked for, in order, if few messages hold the words.
func (r Reader) rare(ctx context.Context, viewer Viewer, find Find) (tickets []int64, rare bool, err error) {
	if find.Absent || len(find.Lexemes) == 0 {
		return nil, false, nil
	}
	words := tsquery(find.Lexemes, find.Prefix)
	if common, err := r.common(ctx, words); err != nil || common {
		return nil, false, err
	}
	var c conditions
	c.and("m.search @@ " + c.arg(words) + "::tsquery")
	hit := "true"
	if !viewer.Staff {
		hit = public
	}
	if find.Exact != "" {
		hit += " and " + c.exact(find)
	}
	if find.Shown {
		hit += " and " + c.shown(find)
	}

	rows, err := r.q.Query(ctx, `
		select m.ticket_id, `+hit+` as hit
		from message m
		where `+c.where()+`
		limit `+c.arg(rareTo+1), append([]any{pgx.QueryExecModeCacheDescribe}, c.args...)...)
	if err != nil {
		return nil, false, fmt.Errorf("store: search: %w", err)
	}
	tickets = []int64{}
	looked, id, ok := 0, int64(0), false
	_, err = pgx.ForEachRow(rows, []any{&id, &ok}, func() error {
		if looked++; ok {
			tickets = append(tickets, id)
		}
		return nil
	})
	if err != nil || looked > rareTo {
		return nil, false, wrap(err, "search")
	}
	if find.Number != 0 {
		tickets = append(tickets, find.Number)
	}
	slices.Sort(tickets)
	return slices.Compact(tickets), true, nil
}

// common says whether the database knows that many messages hold the words, without looking.
func (r Reader) common(ctx context.Context, words string) (bool, error) {
	var plan []byte
	if err := r.q.QueryRow(ctx, `explain (format json) select from message m where m.search @@ $1::tsquery`, pgx.QueryExecModeExec, words).Scan(&plan); err != nil {
		return false, wrap(err, "search")
	}
	var expected []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
		}
	}
	if err := json.Unmarshal(plan, &expected); err != nil || len(expected) == 0 {
		return false, wrap(err, "search")
	}
	if expected[0].Plan.Rows <= surely {
		return false, nil
	}
	var all float64
	err := r.q.QueryRow(ctx, `select reltuples from pg_class where oid = 'message'::regclass`).Scan(&all)
	return expected[0].Plan.Rows > surelyPart*all, wrap(err, "search")
}

// walked is what a walk came to.
type walked struct {
	numbers []int64 // of the tickets that were found, in order
	stopped *place  // where it ended before the list did, and before there were enough; nil: it did not
}

// walk looks into one conversation after the other in the order of the list.
func (r Reader) walk(ctx context.Context, s stretch) (walked, error) {
	var got walked
	from, window := s.from, firstWindow
	for looked := 0; looked < walkTo; looked, window = looked+window, min(window*windowGrowth, max(1, walkTo-looked-window)) {
		last, n, err := r.window(ctx, s, from, window, &got.numbers)
		if err != nil {
			return got, err
		}
		if len(got.numbers) >= s.limit {
			got.numbers = got.numbers[:s.limit]
			return got, nil
		}
		if n < window {
			return got, nil // the list ends here
		}
		from = &last
	}
	got.stopped = from
	return got, nil
}

// window looks into the next tickets of a list, so many, and returns the place of the last one and how many there were.
func (r Reader) window(ctx context.Context, s stretch, from *place, size int, found *[]int64) (last place, n int, err error) {
	cheap := s.filter
	cheap.Find, cheap.Without = nil, nil
	var c conditions
	c.and(s.part.only)
	c.filter(s.viewer, cheap)
	s.narrowed(&c, from)
	inner := c.where()
	limit := c.arg(size)
	looks := conditions{args: c.args}
	for _, find := range s.filter.Find {
		looks.find(s.viewer, find)
	}
	for _, without := range s.filter.Without {
		looks.without(s.viewer, without)
	}
	at := s.part.by
	if s.part.name == partNewest {
		at = "t.created_at"
	}
	rows, err := r.q.Query(ctx, `
		with w as materialized (
		    select t.*, `+at+` as place
		    from ticket t
		    where `+inner+`
		    order by `+s.sorting()+`
		    limit `+limit+`)
		select t.id, t.place, (`+looks.where()+`) as hit
		from w t`, append([]any{pgx.QueryExecModeCacheDescribe}, looks.args...)...)
	if err != nil {
		return last, 0, fmt.Errorf("store: search: %w", err)
	}
	var id int64
	var when time.Time
	var hit bool
	_, err = pgx.ForEachRow(rows, []any{&id, &when, &hit}, func() error {
		if n++; hit {
			*found = append(*found, id)
		}
		last = place{Part: s.part.name, At: when, ID: id}
		return nil
	})
	if s.part.name == partNewest {
		last.At = time.Time{}
	}
	return last, n, wrap(err, "search")
}

// narrowed adds that a ticket stands behind a place of the list, and holds the rare words.
func (s stretch) narrowed(c *conditions, from *place) {
	if s.only != nil {
		c.and("t.id = any(" + c.arg(s.only) + ")")
	}
	if from == nil {
		return
	}
	sign := map[string]string{"asc": ">", "desc": "<"}[s.part.order]
	if s.part.name == partNewest {
		c.and("t.id " + sign + " " + c.arg(from.ID))
		return
	}
	c.and("(" + s.part.by + ", t.id) " + sign + " (" + c.arg(from.At) + "::timestamptz, " + c.arg(from.ID) + "::bigint)")
}

// sorting is the order of the list. Few tickets that are known are sorted, and not looked for along an index of all.
func (s stretch) sorting() string {
	by := s.part.by
	switch {
	case s.only != nil && s.part.name == partNewest:
		by += " + 0"
	case s.only != nil:
		by += " + interval '0'"
	}
	return by + " " + s.part.order + ", t.id " + s.part.order
}

// inOrder reads tickets and gives them back in the order of their numbers in the list.
func (r Reader) inOrder(ctx context.Context, numbers []int64) ([]desk.Ticket, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	tickets, err := rowsOf[desk.Ticket](ctx, r.q, selectTicket+"\n\t\twhere t.id = any($1)", numbers)
	slices.SortFunc(tickets, func(a, b desk.Ticket) int { return slices.Index(numbers, a.ID) - slices.Index(numbers, b.ID) })
	return tickets, wrap(err, "tickets")
}
