package store

import (
	"context"
	"strings"
)

// HitText is the newest message of a ticket in which something that was searched for stands.
type HitText struct {
	Ticket int64  `db:"ticket_id"`
	Text   string `db:"text"`   // its beginning
	Quoted string `db:"quoted"` // the beginning of the rest
}

// hitRunes is how much of a message is read to show a hit in it.
const hitRunes = 20_000

// Hits reads, of each ticket, the newest message that fulfils any of the finds; a ticket without one is left out. It is for staff: notes count.
func (r Reader) Hits(ctx context.Context, tickets []int64, finds []Find) ([]HitText, error) {
	var queries []string
	for _, f := range finds {
		if len(f.Lexemes) > 0 && !f.Absent {
			queries = append(queries, "("+tsquery(f.Lexemes, f.Prefix)+")")
		}
	}
	if len(queries) == 0 || len(tickets) == 0 {
		return nil, nil
	}
	hits, err := rowsOf[HitText](ctx, r.q, `
		select w.id as ticket_id, hit.text, hit.quoted
		from unnest($1::bigint[]) as w (id)
		cross join lateral (
		    select left(m.text, $3) as text, left(m.quoted, $3) as quoted
		    from message m
		    where m.ticket_id = w.id and m.kind <> 'event' and m.search @@ $2::tsquery
		    order by m.at desc, m.id desc
		    limit 1
		) as hit`, tickets, strings.Join(queries, " | "), hitRunes)
	return hits, wrap(err, "hits")
}
