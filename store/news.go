package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// channel carries the news of changes to every process that listens.
const channel = "postern_news"

// News says what has changed: ids only, since the reader fetches what it may see.
type News struct {
	Tickets   []int64 `json:"t,omitempty"`
	Moved     []Moved `json:"m,omitempty"` // of these tickets, those that others have now than before, as they were
	Suspended bool    `json:"s,omitempty"` // the list of suspended mail has changed
	Settings  bool    `json:"c,omitempty"` // mailboxes, domains or users have changed
	Stopped   *Halt   `json:"h,omitempty"` // somebody wants a delivery stopped that a process has in hand
	Here      []Here  `json:"p,omitempty"` // where tabs are, at most 20
	Asks      string  `json:"q,omitempty"` // a process of that name has begun to listen: where are your tabs?
	Bell      []int64 `json:"b,omitempty"` // people for whom something new is to be read
}

// Moved is whose a ticket was before somebody gave it to others. Who saw it then, and does not any more, is told that it has changed.
type Moved struct {
	Ticket   int64 `json:"i"`
	Team     int64 `json:"g,omitempty"` // 0: it was no team's
	Assignee int64 `json:"a,omitempty"`
}

// Here is where one tab of a person is. It goes from process to process and is kept nowhere.
type Here struct {
	Tab     string `json:"i"`
	User    int64  `json:"u"`
	Name    string `json:"n"`
	Ticket  int64  `json:"t,omitempty"` // 0: it has gone
	Writing bool   `json:"w,omitempty"`
}

// Halt names one recipient of a message.
type Halt struct {
	Message   int64  `json:"m"`
	Recipient string `json:"r"`
}

// most is how many ticket ids one piece of news holds: PostgreSQL's limit for a payload is 8000 bytes.
const most = 400

// announceMessages tells every listener of the tickets that messages stand on, 400 messages at most.
const announceMessages = `
		select pg_notify($1, json_build_object('t', json_agg(distinct ticket_id))::text)
		from message
		where id = any($2::bigint[])
		having count(*) > 0`

// Announce tells every listener, on every machine, when the transaction commits.
func (tx *Tx) Announce(ctx context.Context, news News) error {
	for {
		part := news
		if len(part.Tickets) > most {
			part.Tickets = part.Tickets[:most]
		}
		payload, err := json.Marshal(part)
		if err != nil {
			return fmt.Errorf("store: announce: %w", err)
		}
		if _, err := tx.tx.Exec(ctx, `select pg_notify($1, $2)`, channel, string(payload)); err != nil {
			return fmt.Errorf("store: announce: %w", err)
		}
		if len(news.Tickets) <= most {
			return nil
		}
		news = News{Tickets: news.Tickets[most:]}
	}
}

// Listen calls hear for all news from now on until ctx ends. A lost connection is taken up again; lost is called then, since news may have passed by unheard.
func (s *Store) Listen(ctx context.Context, hear func(News), lost func(error)) {
	for ctx.Err() == nil {
		err := s.listen(ctx, hear)
		if ctx.Err() != nil {
			return
		}
		lost(err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second): // PostgreSQL is restarting: no use in asking faster
		}
	}
}

func (s *Store) listen(ctx context.Context, hear func(News)) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("store: listen: %w", err)
	}
	defer closeConn(conn)
	if _, err := conn.Exec(ctx, `listen `+channel); err != nil {
		return fmt.Errorf("store: listen: %w", err)
	}
	for {
		notice, err := conn.Conn().WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("store: listen: %w", err)
		}
		var news News
		if err := json.Unmarshal([]byte(notice.Payload), &news); err != nil {
			return fmt.Errorf("store: listen: payload: %w", err)
		}
		hear(news)
	}
}

// closeConn closes the connection instead of handing it back: it still listens.
func closeConn(conn *pgxpool.Conn) {
	raw := conn.Hijack()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = raw.Close(ctx) // it is broken, or we are stopping: there is nothing to do about an error
}
