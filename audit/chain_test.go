package audit

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/secret"
	"postern/store"
)

// desktop is a service over a database of its own.
type desktop struct {
	*Service
	store *store.Store
	now   time.Time
}

func newDesktop(t testing.TB) *desktop {
	t.Helper()
	db, err := store.Open(t.Context(), testkit.Postgres(t), 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	d := &desktop{store: db, now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	d.Service = New(Config{Store: db, Keys: secret.NewKeyset(rand.Reader), Hostname: "desk.example", Folder: t.TempDir(), Now: func() time.Time { return d.now }})
	return d
}

// record makes entries as the rooms do.
func (d *desktop) record(t testing.TB, n int, action string) {
	t.Helper()
	err := d.store.Write(t.Context(), func(tx *store.Tx) error {
		for i := range n {
			if err := tx.Audit(t.Context(), desk.Actor{Via: "job"}, action, fmt.Sprintf("ticket/%d", i+1), map[string]any{"n": i}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (d *desktop) linkAll(t testing.TB) (all int) {
	t.Helper()
	for {
		n, err := d.Link(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return all
		}
		all += n
	}
}

func (d *desktop) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := d.store.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (d *desktop) verified(t testing.TB, known ...Known) *Report {
	t.Helper()
	report, err := d.Verify(t.Context(), known...)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// operators take the triggers off that keep them from changing the log, as whoever owns the database can.
const (
	triggersOff = `alter table audit disable trigger user; alter table audit_link disable trigger user; alter table audit_checkpoint disable trigger user; alter table audit_key disable trigger user`
	triggersOn  = `alter table audit enable trigger user; alter table audit_link enable trigger user; alter table audit_checkpoint enable trigger user; alter table audit_key enable trigger user`
)

func TestChainNamesWhatWasTamperedWith(t *testing.T) {
	d := newDesktop(t)
	d.record(t, 2500, "ticket.status")
	if n := d.linkAll(t); n != 2500 {
		t.Fatalf("%d records were linked, not 2500", n)
	}
	whole := d.verified(t)
	if !whole.Sound() || whole.Records != 2500 || whole.Last != 2500 || whole.Checkpoints != 2 || whole.VouchedTo != 2500 && whole.VouchedTo != 2000 {
		t.Fatalf("an untouched log: %+v", whole)
	}
	d.record(t, 1, "user.signin") // the last is linked, and no checkpoint stands on it yet
	d.linkAll(t)
	d.exec(t, triggersOff)

	copies := `create table kept_audit as table audit; create table kept_link as table audit_link; create table kept_checkpoint as table audit_checkpoint; create table kept_key as table audit_key`
	d.exec(t, copies)
	restore := func() {
		d.exec(t, `delete from audit; delete from audit_link; delete from audit_checkpoint; delete from audit_key; delete from audit_pending`)
		d.exec(t, `insert into audit overriding system value select * from kept_audit`)
		d.exec(t, `insert into audit_link select * from kept_link; insert into audit_checkpoint select * from kept_checkpoint; insert into audit_key overriding system value select * from kept_key; delete from audit_pending`)
	}
	for name, c := range map[string]struct{ sql, want string }{
		"one byte of a detail":       {`update audit set detail = replace(detail::text, '"n":1203', '"n":1204')::json where id = 1204`, "record 1204 is not what was recorded"},
		"a space in a detail":        {`update audit set detail = replace(detail::text, ':', ': ')::json where id = 7`, "record 7 is not what was recorded"},
		"the time, by a microsecond": {`update audit set at = at + interval '1 microsecond' where id = 8`, "record 8 is not what was recorded"},
		"who did it":                 {`update audit set actor = 'anna@example.com', actor_id = 3 where id = 9`, "record 9 is not what was recorded"},
		"how it ended":               {`update audit set outcome = 'refused' where id = 10`, "record 10 is not what was recorded"},
		"what it was done to":        {`update audit set subject = 'ticket/99' where id = 11`, "record 11 is not what was recorded"},
		"a record taken out":         {`delete from audit where id = 1500`, "record 1500 is gone"},
		"a record and its link":      {`delete from audit where id = 1500; delete from audit_link where audit_id = 1500`, "links 1500 to 1500 are gone"},
		"records slipped in":         {`insert into audit (actor, via, action, subject) values ('system', 'job', 'user.add', 'user/1')`, "was never recorded by this program"},
		"two records swapped":        {`update audit_link set audit_id = 100000 where seq = 20; update audit_link set audit_id = 20 where seq = 21; update audit_link set audit_id = 21 where seq = 20`, "record 21 is not what was recorded"},
		"a link changed":             {`update audit_link set hash = sha256('x') where seq = 30`, "record 30 is not what was recorded, or its link was changed"},
		"the end cut off":            {`delete from audit where id > 1900; delete from audit_link where seq > 1900`, "the chain ends at link 1900, and a checkpoint vouches for link 2000"},
		"a checkpoint forged":        {`update audit_checkpoint set at = at + interval '1 second' where seq = (select min(seq) from audit_checkpoint)`, "is not signed by this installation"},
		"another's key":              {`update audit_key set public = sha256('x')`, "is not signed by this installation"},
	} {
		t.Run(name, func(t *testing.T) {
			d.exec(t, c.sql)
			report := d.verified(t)
			if report.Sound() || !strings.Contains(report.Breaks[0].Reason, c.want) {
				t.Errorf("want %q, got %+v", c.want, report.Breaks)
			}
			restore()
			if again := d.verified(t); !again.Sound() {
				t.Fatalf("after it was undone: %+v", again.Breaks)
			}
		})
	}

	t.Run("the whole chain computed anew", func(t *testing.T) {
		// Whoever owns the database and knows this program can make a chain that agrees with itself. The checkpoints do not agree with it.
		d.exec(t, `update audit set subject = 'ticket/77777' where id = 1000`)
		d.exec(t, `delete from audit_link; insert into audit_pending select id from audit`)
		for { // linked anew, without signing
			records, err := d.store.Unlinked(t.Context(), mostLinks)
			if err != nil {
				t.Fatal(err)
			}
			if len(records) == 0 {
				break
			}
			err = d.store.Write(t.Context(), func(tx *store.Tx) error {
				head, err := tx.ChainHead(t.Context())
				if err != nil {
					return err
				}
				if head.Seq == 0 {
					head.Hash = start()
				}
				var links []store.Link
				for _, record := range records {
					head = store.Head{Seq: head.Seq + 1, Hash: link(head.Hash, record)}
					links = append(links, store.Link{Seq: head.Seq, Audit: record.ID, Hash: head.Hash})
				}
				return tx.AddLinks(t.Context(), links)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		report := d.verified(t)
		if report.Sound() || !strings.Contains(report.Breaks[0].Reason, "was computed anew") || report.Breaks[0].Seq != 1000 {
			t.Errorf("%+v", report.Breaks)
		}
		restore()
	})

	t.Run("the newest cut off, which only others know", func(t *testing.T) {
		last := Known{whole.Last + 1, nil}
		links, err := d.store.LinksAfter(t.Context(), whole.Last, 1)
		if err != nil || len(links) != 1 {
			t.Fatal(links, err)
		}
		last.Hash = links[0].Hash
		if report := d.verified(t, last); !report.Sound() {
			t.Errorf("what is known from elsewhere agrees: %+v", report.Breaks)
		}
		d.exec(t, `delete from audit where id = (select audit_id from audit_link where seq = 2501); delete from audit_link where seq = 2501`)
		if report := d.verified(t); !report.Sound() {
			t.Errorf("nothing here shows it, and yet: %+v", report.Breaks)
		}
		if report := d.verified(t, last); report.Sound() || !strings.Contains(report.Breaks[0].Reason, "known from elsewhere, and is gone") {
			t.Errorf("%+v", report.Breaks)
		}
		restore()
	})
	d.exec(t, triggersOn)
}

func TestTheDatabaseKeepsTheLog(t *testing.T) {
	d := newDesktop(t)
	d.record(t, 3, "ticket.note")
	d.linkAll(t)
	if _, err := d.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`update audit set subject = 'x'`, `delete from audit`, `truncate audit`, `update audit_link set seq = 9`, `delete from audit_link`, `truncate audit_link`,
		`update audit_checkpoint set seq = 9`, `delete from audit_checkpoint`, `delete from audit_key`, `update audit_key set sealed = public`, `delete from audit_tombstone`,
		`set postern.audit_purge = 'on'; delete from audit`, // a year at least, whoever asks
		`set postern.audit_purge = 'on'; update audit set subject = 'x'`,
	} {
		_, err := d.store.Pool().Exec(t.Context(), sql)
		if err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: want the error 42501, got %v", sql, err)
		}
	}
	if report := d.verified(t); !report.Sound() || report.Records != 3 {
		t.Errorf("%+v", report)
	}
}

// TestManyWritersAreLinkedOnce has writers commit out of order, and several processes link.
func TestManyWritersAreLinkedOnce(t *testing.T) {
	d := newDesktop(t)
	other := New(d.cfg)
	const writers, each = 8, 60
	ctx, cancel := context.WithCancel(t.Context())
	var linking, writing sync.WaitGroup
	for _, one := range []*Service{d.Service, other} {
		linking.Go(func() {
			for ctx.Err() == nil {
				if _, err := one.Link(ctx); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				err := d.store.Write(t.Context(), func(tx *store.Tx) error {
					err := tx.Audit(t.Context(), desk.Actor{Via: "job"}, "ticket.note", fmt.Sprintf("ticket/%d", w), map[string]int{"i": i})
					time.Sleep(time.Duration(w) * time.Millisecond) // numbers are given out in one order, and committed in another
					if i%10 == 9 {
						return context.Canceled // and some never
					}
					return err
				})
				if err != nil && i%10 != 9 {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	cancel()
	linking.Wait()
	d.linkAll(t)
	if report := d.verified(t); !report.Sound() || report.Records != writers*each*9/10 {
		t.Errorf("%d records, %+v", report.Records, report.Breaks)
	}
}

// TestCanonicalFormStays holds the form of a record still: a change of it would break every chain there is.
func TestCanonicalFormStays(t *testing.T) {
	id, session := int64(7), int64(12)
	e := desk.AuditEntry{
		ID: 3, At: time.Date(2026, 11, 30, 1, 2, 3, 4000, time.FixedZone("x", 3600)), Actor: "anna@example.com", ActorID: &id, Via: "portal", IP: "192.0.2.1", Action: "ticket.status",
		Subject: "ticket/1", Detail: []byte(`{"to": "open<"}`), Outcome: desk.EndDone, Session: &session, Request: "ABC",
	}
	const want = `{"id":3,"at":"2026-11-30T00:02:03.000004Z","actor":"anna@example.com","actor_id":7,"via":"portal","ip":"192.0.2.1","session_id":12,"request":"ABC","action":"ticket.status","outcome":"done","subject":"ticket/1","detail":"{\"to\": \"open\u003c\"}"}`
	if got := string(Canonical(e)); got != want {
		t.Errorf("the form has changed:\n%s\n%s", got, want)
	}
	if got, want := fmt.Sprintf("%x", link(start(), e)), "e092d34391e5a5ec8d33ca21578465aaf121a00f7eb1290dc03df6aeb6be4a2d"; got != want {
		t.Errorf("its link is %s, not %s", got, want)
	}
}
