package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"postern/desk"
)

// Told is one line of a recipient's story.
type Told struct {
	Message   int64
	Recipient string
	desk.Attempt
}

// longestStory is how many lines of one message's stories are shown: five days of attempts at a hundred recipients.
const longestStory = 5000

// Stories are the stories of all recipients of a message, each oldest first.
func (r Reader) Stories(ctx context.Context, message int64) ([]Told, error) {
	type row struct {
		Recipient string             `db:"recipient"`
		At        time.Time          `db:"at"`
		Kind      desk.AttemptKind   `db:"kind"`
		State     desk.DeliveryState `db:"state"`
		Host      string             `db:"host"`
		Addr      string             `db:"addr"`
		TLS       *desk.TLSFacts     `db:"tls"`
		Reply     string             `db:"reply"`
		Actor     string             `db:"actor"`
		TookMS    int64              `db:"took_ms"`
	}
	rows, err := rowsOf[row](ctx, r.q, `
		select recipient, at, kind, state, host, addr, tls, reply, actor, took_ms
		from delivery_event
		where message_id = $1
		order by recipient, id
		limit $2`, message, longestStory)
	if err != nil {
		return nil, fmt.Errorf("store: stories of message %d: %w", message, err)
	}
	stories := make([]Told, len(rows))
	for i, one := range rows {
		stories[i] = Told{message, one.Recipient, desk.Attempt{At: one.At, Kind: one.Kind, State: one.State, Host: one.Host, Addr: one.Addr, TLS: one.TLS,
			Reply: one.Reply, Actor: one.Actor, TookMS: one.TookMS}}
	}
	return stories, nil
}

// addStories writes lines into the stories of recipients, whose deliveries are there.
const addStories = `
		insert into delivery_event (message_id, recipient, at, kind, state, host, addr, tls, reply, actor, took_ms, became)
		select message_id, recipient, at, kind, state, host, addr, tls::json, reply, actor, took_ms, became
		from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::text[])
		     as new (message_id, recipient, at, kind, state, host, addr, tls, reply, actor, took_ms, became)`

// storyColumns are the arguments of addStories.
func storyColumns(told []Told) ([]any, error) {
	facts := make([]*string, len(told))
	for i, one := range told {
		if one.TLS == nil {
			continue
		}
		text, err := json.Marshal(one.TLS)
		if err != nil {
			return nil, err
		}
		document := string(text)
		facts[i] = &document
	}
	return []any{
		column(told, func(t *Told) int64 { return t.Message }), column(told, func(t *Told) string { return t.Recipient }),
		column(told, func(t *Told) time.Time { return t.At }), column(told, func(t *Told) string { return string(t.Kind) }),
		column(told, func(t *Told) string { return string(t.State) }), column(told, func(t *Told) string { return t.Host }),
		column(told, func(t *Told) string { return t.Addr }), facts,
		column(told, func(t *Told) string { return t.Reply }), column(told, func(t *Told) string { return t.Actor }),
		column(told, func(t *Told) int64 { return t.TookMS }), column(told, func(t *Told) string { return string(t.Became) }),
	}, nil
}

// TellStories writes lines into the stories of recipients, whose deliveries are there.
func (tx *Tx) TellStories(ctx context.Context, told ...Told) error {
	if len(told) == 0 {
		return nil
	}
	columns, err := storyColumns(told)
	if err == nil {
		_, err = tx.tx.Exec(ctx, addStories, columns...)
	}
	return wrap(err, "stories of deliveries")
}
