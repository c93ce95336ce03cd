package mtasts

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/testkit"
	"postern/store"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	db, err := store.Open(t.Context(), testkit.Postgres(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// process is one of several that share a database.
func (s *policyServer) process(db *store.Store, at *clock) *Cache {
	return &Cache{Store: db, Resolver: s.fetcher.Resolver, Fetcher: s.fetcher, Now: at.now}
}

func ask(t *testing.T, c *Cache) string {
	t.Helper()
	found, err := c.Policy(t.Context(), "to.example")
	if err != nil {
		t.Fatal(err)
	}
	words := fmt.Sprintf("%s %s", found.Policy.Mode, strings.Join(found.Policy.MX, " "))
	if found.Failure != nil {
		words += " (" + found.Failure.Result + ")"
	}
	return strings.Join(strings.Fields(words), " ")
}

// RFC 8461 §3.3: the life of a policy, as two processes see it that come after each other.
func TestPolicyLife(t *testing.T) {
	t.Parallel()
	server, db, at := serve(t, "mta-sts.to.example"), openStore(t), &clock{at: time.Now()}
	fresh := func() *Cache { // knows nothing by itself, and the resolver's memory is a real minute
		server.fetcher.Resolver = newResolver(server)
		return server.process(db, at)
	}
	record := func(id string) {
		server.dns.Set(t, strings.Replace(zone, "id=1", "id="+id, 1))
	}
	step := func(what, want string, asked int32) {
		t.Helper()
		if got := ask(t, fresh()); got != want || server.asked.Load() != asked {
			t.Errorf("%s: %q after %d fetches, want %q after %d", what, got, server.asked.Load(), want, asked)
		}
	}
	step("the first time", "enforce mx1.example", 1)
	step("another process", "enforce mx1.example", 1)
	server.says(strings.Replace(enforce, "mx1", "mx2", 1))
	step("a policy that changed, a record that did not", "enforce mx1.example", 1)
	record("2")
	step("a record that changed", "enforce mx2.example", 2)
	server.does(http.NotFound)
	record("3")
	step("a new one that cannot be fetched: the old one holds", "enforce mx2.example (sts-policy-fetch-error)", 3)
	step("nor is it tried again at once", "enforce mx2.example (sts-policy-fetch-error)", 3)
	at.pass(pause)
	step("but later", "enforce mx2.example (sts-policy-fetch-error)", 4)
	server.dns.Set(t, "mta-sts.to.example. 60 IN A 127.0.0.1")
	step("the record is suppressed: the policy holds", "enforce mx2.example", 4)
	at.pass(24 * time.Hour)
	step("until it expires", "none", 4)
	record("3")
	step("and then one that cannot be fetched is as none", "none (sts-policy-fetch-error)", 5)
	server.says("version: STSv1\nmode: none\nmax_age: 60\n")
	at.pass(pause)
	step("a policy that there is none", "none", 6)
	step("is kept as well", "none", 6)
	server.says("version: STSv1\nmode: enforce\nmax_age: 60\n")
	record("4")
	step("a policy that makes no sense", "none (sts-policy-invalid)", 7)
	server.says("version: STSv1\nmode: testing\nmx: *.example\nmax_age: 0\n")
	record("5")
	step("one that must not be kept counts for the mail at hand", "testing *.example", 8)
	at.pass(2 * time.Minute)
	step("and is fetched again for the next", "testing *.example", 9)
}

// A domain without a policy costs one look at its record, and nothing is kept of it.
func TestDomainsWithoutPolicies(t *testing.T) {
	t.Parallel()
	server, db, at := serve(t, "mta-sts.to.example"), openStore(t), &clock{at: time.Now()}
	server.dns.Set(t, "to.example. 60 IN A 127.0.0.1")
	c := server.process(db, at)
	for range 5 {
		if got := ask(t, c); got != "none" {
			t.Error(got)
		}
	}
	if _, kept, err := db.STSPolicy(t.Context(), "to.example"); kept || err != nil || server.asked.Load() != 0 || server.dns.Asked("_mta-sts.to.example") != 1 {
		t.Errorf("kept %t, %v, fetched %d times, asked %d times", kept, err, server.asked.Load(), server.dns.Asked("_mta-sts.to.example"))
	}
	server.dns.Fail("_mta-sts.to.example")
	at.pass(fresh)
	server.fetcher.Resolver = newResolver(server)
	if got := ask(t, server.process(db, at)); got != "none" {
		t.Errorf("a record that cannot be asked for: %s", got)
	}
}

// Many mails for one domain at once fetch its policy once.
func TestPolicyIsFetchedOnce(t *testing.T) {
	t.Parallel()
	server, db, at := serve(t, "mta-sts.to.example"), openStore(t), &clock{at: time.Now()}
	c := server.process(db, at)
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			if found, err := c.Policy(t.Context(), "to.example"); err != nil || found.Policy.Mode != ModeEnforce {
				t.Errorf("%+v, %v", found, err)
			}
		})
	}
	all.Wait()
	if n := server.asked.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
}

// RFC 8461 §10.2: a policy that is used is fetched again before it expires, record or not; one that is not used is forgotten.
func TestRenew(t *testing.T) {
	t.Parallel()
	server, db, at := serve(t, "mta-sts.to.example"), openStore(t), &clock{at: time.Now()}
	c := server.process(db, at)
	server.says(strings.Replace(enforce, "86400", "259200", 1))
	_ = ask(t, c)
	renew := func(what string, fetched int32, expires time.Duration) {
		t.Helper()
		if err := c.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		kept, ok, err := db.STSPolicy(t.Context(), "to.example")
		if err != nil || ok != (expires > 0) || server.asked.Load() != fetched {
			t.Fatalf("%s: kept %t, %v, fetched %d times, want %d", what, ok, err, server.asked.Load(), fetched)
		}
		if left := kept.ExpiresAt.Sub(at.now()); ok && (left-expires).Abs() > time.Second {
			t.Errorf("%s: expires in %s, want %s", what, left, expires)
		}
	}
	const day = 24 * time.Hour
	renew("fetched just now", 1, 3*day)
	server.dns.Set(t, "mta-sts.to.example. 60 IN A 127.0.0.1")
	at.pass(day + time.Minute)
	renew("a day old, its record suppressed", 2, 3*day)
	server.does(http.NotFound)
	at.pass(day + time.Minute)
	renew("its host is away", 3, 2*day-time.Minute)
	at.pass(time.Hour)
	renew("not every hour", 3, 2*day-time.Hour-time.Minute)
	at.pass(unused + 3*day)
	renew("nobody uses it", 3, 0)
}

// A database that is away must not turn a policy in force into none.
func TestNobodyKnows(t *testing.T) {
	t.Parallel()
	server, db, at := serve(t, "mta-sts.to.example"), openStore(t), &clock{at: time.Now()}
	db.Close()
	if found, err := server.process(db, at).Policy(t.Context(), "to.example"); err == nil {
		t.Errorf("%+v", found)
	}
}

// RFC 8461 §3.3, as values.
func TestNext(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	kept := store.STSPolicy{RecordID: "1", ExpiresAt: now.Add(time.Hour)}
	expired := store.STSPolicy{RecordID: "1", ExpiresAt: now.Add(-time.Hour)}
	for name, test := range map[string]struct {
		kept store.STSPolicy
		id   string
		want step
	}{
		"nothing anywhere":           {store.STSPolicy{}, "", keep},
		"a new record":               {store.STSPolicy{}, "1", fetch},
		"the same one":               {kept, "1", keep},
		"another one":                {kept, "2", fetch},
		"the same one, expired":      {expired, "1", fetch},
		"no record, kept":            {kept, "", keep},
		"no record, expired":         {expired, "", keep},
		"failed a minute ago":        {store.STSPolicy{TriedID: "1", TriedAt: ago(time.Minute)}, "1", keep},
		"failed ten minutes ago":     {store.STSPolicy{TriedID: "1", TriedAt: ago(10 * time.Minute)}, "1", fetch},
		"another failed just now":    {store.STSPolicy{TriedID: "1", TriedAt: ago(time.Minute)}, "2", fetch},
		"a kept one failed to renew": {store.STSPolicy{RecordID: "1", ExpiresAt: now.Add(time.Hour), TriedID: "1", TriedAt: ago(time.Hour)}, "1", keep},
	} {
		if got := next(test.kept, test.id, now); got != test.want {
			t.Errorf("%s: %d", name, got)
		}
	}
}
