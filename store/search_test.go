package store

import (
	"testing"
	"time"

	"postern/desk"
)

// Whatever stands in a lexeme is a word and no operator.
func TestTsquery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lexemes []string
		last    Ending
		want    string
	}{
		{[]string{"pump"}, WholeWord, `'pump'`},
		{[]string{"a", "b"}, Beginning, `'a' & 'b':*`},
		{[]string{`o'brien`, `back\slash`, `a | !b`}, WholeWord, `'o''brien' & 'back\\slash' & 'a | !b'`},
	} {
		if got := tsquery(c.lexemes, c.last); got != c.want {
			t.Errorf("%q: %s, want %s", c.lexemes, got, c.want)
		}
	}
}

// A value never becomes part of the statement.
func TestConditionsKeepValuesOut(t *testing.T) {
	t.Parallel()
	evil := `x') or true --`
	var c conditions
	c.filter(Viewer{Sight: desk.SightOwn, Contacts: []int64{7}}, TicketFilter{Statuses: []desk.Status{desk.Status(evil)}, Assignee: evil, Mailbox: evil, Requester: evil, Tags: []string{evil}, Subject: evil,
		Find:   []Find{{Lexemes: []string{evil}, Exact: evil, In: People}, {Lexemes: []string{evil}, Absent: true}, {Lexemes: []string{evil}, Number: 3}},
		Narrow: Narrow{Team: evil, Priorities: []desk.Priority{desk.Priority(evil)}, Fields: []Field{{Name: evil, Value: evil}, {Name: evil}}, Without: []TicketFilter{{Mailbox: evil, Narrow: Narrow{Team: evil}}}}})
	for i := 0; i+len(evil) <= len(c.where()); i++ {
		if c.where()[i:i+len(evil)] == evil {
			t.Fatalf("the statement holds the value: %s", c.where())
		}
	}
}

func TestCursor(t *testing.T) {
	t.Parallel()
	want := place{Part: partRest, At: time.Date(2026, 11, 22, 9, 0, 0, 123456000, time.UTC), ID: 42, Name: "a@b.test"}
	got, err := parsePlace(want.String())
	if err != nil || *got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if first, err := parsePlace(""); first != nil || err != nil {
		t.Error("the empty cursor is not the first page")
	}
	for _, bad := range []string{"x", "!!!", "bnVsbA=", "WzFd"} {
		if _, err := parsePlace(bad); err == nil {
			t.Errorf("%q is a cursor", bad)
		}
	}
}

func TestPageOf(t *testing.T) {
	t.Parallel()
	at := func(id int64) place { return place{ID: id} }
	if page := pageOf([]int64{1, 2}, 2, at); len(page.Items) != 2 || page.Next != "" {
		t.Errorf("the last page is %+v", page)
	}
	if page := pageOf([]int64{1, 2, 3}, 2, at); len(page.Items) != 2 || page.Next != at(2).String() {
		t.Errorf("a page before the last is %+v", page)
	}
	for limit, want := range map[int]int{0: 25, -1: 25, 7: 7, 1000: 100} {
		if got := bounded(limit, largestPage); got != want {
			t.Errorf("a page of %d is one of %d, want %d", limit, got, want)
		}
	}
}
