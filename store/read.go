package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/desk"
)

// rowsOf collects the rows of a query by the names of their columns.
func rowsOf[T any](ctx context.Context, q querier, sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

// rowOf is the one row of a query, by the names of its columns, or pgx.ErrNoRows.
func rowOf[T any](ctx context.Context, q querier, sql string, args ...any) (T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		var none T
		return none, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
}

// place is where a page ended: the values by which the list is sorted. It travels as an opaque cursor.
type place struct {
	Part string    `json:"p,omitempty"` // of a list that is sorted in parts: which one
	At   time.Time `json:"t,omitzero"`
	ID   int64     `json:"i,omitempty"`
	Name string    `json:"n,omitempty"`
}

func (p place) String() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // a struct of strings, numbers and a time
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parsePlace reads a cursor. The empty one gives nil: the first page.
func parsePlace(cursor string) (*place, error) {
	if cursor == "" {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		var p place
		if err = json.Unmarshal(text, &p); err == nil {
			return &p, nil
		}
	}
	return nil, desk.Wrong("cursor", "this cursor is none that was given out: begin again with the first page")
}

// The number of rows that a page has when nobody says, and at most.
const (
	defaultPage = 25
	largestPage = 100
)

// bounded is the size of a page.
func bounded(limit, largest int) int {
	if limit <= 0 {
		return min(defaultPage, largest)
	}
	return min(limit, largest)
}

// pageOf cuts off the row too many by which a query shows that there is another page.
func pageOf[T any](items []T, limit int, at func(T) place) desk.Page[T] {
	if len(items) <= limit {
		return desk.Page[T]{Items: items}
	}
	return desk.Page[T]{Items: items[:limit], Next: at(items[limit-1]).String()}
}

// none says whether err is 'no rows'.
func none(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
