package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

const (
	batch   = 10_000 // rows of messages that are written at a time
	streams = 2      // that write at the same time
)

// filler writes the plan into a database.
type filler struct {
	size
	url       string
	conn      *pgx.Conn
	languages []language
	author    *author
	talks     []conversation
	contacts  int

	mailboxes []mailbox
	users     []int64 // of the agents
	teams     []int64
	people    []int64 // ids of contacts, by their place
	ticket    int64   // the first number
	message   int64   // the first id

	written, events int
	longest         int64 // number of a ticket of longLength messages
}

type mailbox struct {
	id            int64
	address, name string
}

// fill does everything, in the order in which rows refer to each other.
func (f *filler) fill(ctx context.Context) error {
	if err := f.staff(ctx); err != nil {
		return err
	}
	f.author = &author{seed: f.seed, languages: f.languages, agents: agents()}
	plan := newPlanner(f.size, f.languages, len(f.mailboxes), len(f.users))
	f.contacts = plan.contacts
	bar := begin("plan    ", f.tickets)
	for n := range f.tickets {
		f.talks = append(f.talks, plan.make(n))
		bar.add(1)
	}
	bar.end()
	spots := chronicle(f.talks)
	if err := f.reserve(ctx, len(spots)); err != nil {
		return err
	}
	if err := f.addContacts(ctx); err != nil {
		return err
	}
	rebuild, err := f.indexes(ctx)
	if err != nil {
		return err
	}
	err = errors.Join(f.addTickets(ctx), f.addMessages(ctx, spots))
	if err = errors.Join(err, rebuild(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	_, err = f.conn.Exec(ctx, `vacuum analyze`)
	return err
}

// indexed are the tables that get most rows.
func indexed() []string { return []string{"ticket", "message", "message_key", "delivery"} }

// indexes takes the indexes of empty tables away and returns what makes them again, as they were: one pass at the end costs a fraction of an entry for each row.
func (f *filler) indexes(ctx context.Context) (rebuild func(context.Context) error, err error) {
	var again []string
	for _, table := range indexed() {
		var full bool
		if err := f.conn.QueryRow(ctx, `select exists (select from `+pgx.Identifier{table}.Sanitize()+`)`).Scan(&full); err != nil {
			return nil, err
		}
		if full {
			continue
		}
		rows, err := f.conn.Query(ctx, `
			select i.indexdef, i.indexname
			from pg_indexes i
			where i.schemaname = current_schema() and i.tablename = $1
			  and not exists (select from pg_constraint c where c.conindid = (quote_ident(i.schemaname) || '.' || quote_ident(i.indexname))::regclass)
			order by i.indexname`, table)
		if err != nil {
			return nil, err
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Definition, Name string }])
		if err != nil {
			return nil, err
		}
		for _, index := range found {
			if _, err := f.conn.Exec(ctx, `drop index `+pgx.Identifier{index.Name}.Sanitize()); err != nil {
				return nil, err
			}
			again = append(again, index.Definition)
		}
	}
	return func(ctx context.Context) error {
		if _, err := f.conn.Exec(ctx, `set maintenance_work_mem = '1GB'`); err != nil {
			return err
		}
		bar := begin("indexes ", len(again))
		for _, definition := range again {
			if _, err := f.conn.Exec(ctx, definition); err != nil {
				return err
			}
			bar.add(1)
		}
		bar.end()
		return nil
	}, nil
}

// reserve takes the numbers of the new tickets and messages, so that a Postern at work takes others.
func (f *filler) reserve(ctx context.Context, messages int) error {
	take := func(sequence string, n int) (first int64, err error) {
		err = f.conn.QueryRow(ctx, `select setval($1::regclass, nextval($1::regclass) + $2) - $2`, sequence, n).Scan(&first)
		return first, err
	}
	var err error
	if f.ticket, err = take("ticket_id_seq", f.tickets); err != nil {
		return err
	}
	f.message, err = take("message_id_seq", messages)
	return err
}

// copyRows sends rows into a table over a connection.
func copyRows(ctx context.Context, conn *pgx.Conn, into string, r *rows) error {
	_, err := conn.PgConn().CopyFrom(ctx, &r.buf, `copy `+into+` from stdin`)
	if err != nil {
		table, _, _ := strings.Cut(into, " ")
		return fmt.Errorf("write %s: %w", table, err)
	}
	return nil
}

// parallel does the parts of something over connections of their own, in about their order.
func (f *filler) parallel(ctx context.Context, parts int, do func(context.Context, *pgx.Conn, int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next := make(chan int)
	failed := make(chan error, streams)
	var working sync.WaitGroup
	for range streams {
		working.Go(func() {
			conn, err := pgx.Connect(ctx, f.url)
			if err != nil {
				failed <- err
				cancel()
				return
			}
			defer conn.Close(context.WithoutCancel(ctx))
			for part := range next {
				if err := do(ctx, conn, part); err != nil {
					failed <- err
					cancel()
					return
				}
			}
		})
	}
	for part := range parts {
		select {
		case next <- part:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	working.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return ctx.Err()
	}
}
