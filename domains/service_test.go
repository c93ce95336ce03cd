package domains

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/secret"
	"postern/store"
)

// office is a service on a database and a DNS of its own, with a clock that the test moves.
type office struct {
	store *store.Store
	keys  *secret.Keyset
	dns   *testkit.DNSServer
	now   time.Time
	zone  OperatorZone
	spans Spans

	problem error  // what the test mail ends in
	tested  string // the selectors that signed the last one
	*Service
}

func newOffice(t *testing.T) *office {
	t.Helper()
	st, err := store.Open(t.Context(), testkit.Postgres(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	o := &office{store: st, keys: testkit.Keys(t), dns: testkit.DNS(t, ""), now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	o.restart()
	return o
}

// restart makes a service that remembers nothing: neither the resolver's answers nor keys.
func (o *office) restart() {
	o.Service = NewService(ServiceConfig{
		Store: o.store, Keys: o.keys, Resolver: NewResolver([]string{o.dns.Addr}, 5*time.Second), Hostname: "mail.example.com", Zone: o.zone, Spans: o.spans,
		Now: func() time.Time { return o.now }, SelfTest: o.selfTest,
	})
}

// selfTest stands for the mail that is signed and verified, which is mailout's to test.
func (o *office) selfTest(_ context.Context, name string, keys []Key, to string) (desk.Trial, error) {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key.Selector
	}
	o.tested = strings.Join(names, " ")
	return desk.Trial{Domain: name, Good: o.problem == nil, To: to}, o.problem
}

var cli = desk.System("cli")

// verify publishes the records and looks at them.
func (o *office) verify(t *testing.T, published []desk.Record) (desk.Domain, []desk.Record) {
	t.Helper()
	o.dns.Set(t, zoneOf(published))
	o.restart()
	domain, records, err := o.Verify(t.Context(), cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	return domain, records
}

// selectorsOf are the selectors that sign.
func (o *office) selectorsOf(t *testing.T) (names string, active bool) {
	t.Helper()
	keys, active, err := o.SigningKeys(t.Context(), "Example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		names += key.Selector + " "
	}
	return strings.TrimSpace(names), active
}

// states lists what the audit log says of domains, oldest first.
func (o *office) states(t *testing.T) (lines []string) {
	t.Helper()
	page, err := o.store.AuditLog(t.Context(), desk.AuditQuery{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range page.Items {
		lines = append([]string{entry.Action + " " + entry.Subject}, lines...)
	}
	return lines
}

func fault(err error, kind desk.FaultKind) bool {
	var f *desk.Fault
	return errors.As(err, &f) && f.Kind == kind
}

// TestDomainLife: added, published, active, broken, mended, removed (T-PREFLIGHT).
func TestDomainLife(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	domain, records, err := o.Add(ctx, cli, "Example.COM.")
	if err != nil || domain.Name != "example.com" || domain.State != desk.DomainAdded || len(records) != 7 || records[0].Purpose != PurposeChallenge {
		t.Fatalf("%+v, %d records, %v", domain, len(records), err)
	}
	if _, _, err := o.Add(ctx, cli, "example.com"); !fault(err, desk.Conflict) {
		t.Errorf("added twice: %v", err)
	}
	first, active := o.selectorsOf(t)
	if strings.Contains(first, " ") || active {
		t.Errorf("before its records are published %s sign, active %t", first, active)
	}

	domain, found := o.verify(t, nil)
	if domain.State != desk.DomainAdded || !domain.CheckedAt.Equal(o.now) || found[0].OK || found[0].Problem == "" {
		t.Errorf("nothing published: %+v %+v", domain, found[0])
	}
	if domain, _ = o.verify(t, records[1:]); domain.State != desk.DomainAdded {
		t.Errorf("all but the challenge: anybody's domain is %s", domain.State)
	}
	if domain, _ = o.verify(t, records[:1]); domain.State != desk.DomainOwned || !domain.ProvenAt.Equal(o.now) {
		t.Errorf("the challenge alone: %+v", domain)
	}
	o.problem = errors.New("our own host is not permitted")
	if domain, _ = o.verify(t, records); domain.State != desk.DomainReady || domain.TestProblem != o.problem.Error() {
		t.Errorf("published, and the test mail is not believed: %+v", domain)
	}
	o.problem = nil
	domain, found = o.verify(t, records)
	for _, record := range found {
		if !record.OK || len(record.Found) == 0 || !record.CheckedAt.Equal(o.now) {
			t.Errorf("published as printed: %+v", record)
		}
	}
	if names, active := o.selectorsOf(t); domain.State != desk.DomainActive || !active || o.tested != names || !domain.TestedAt.Equal(o.now) || domain.TestProblem != "" {
		t.Errorf("all published: %+v, active %t, tested %s", domain, active, o.tested)
	}
	if _, shown, err := o.Show(ctx, cli, "example.com"); err != nil || !shown[1].OK || shown[1].Wanted != records[1].Wanted || !shown[1].Required || shown[0].Required {
		t.Errorf("shown: %+v, %v", shown[:2], err)
	}

	domain, found = o.verify(t, records[2:])
	if _, active := o.selectorsOf(t); domain.State != desk.DomainDegraded || active || found[1].OK || !domain.BrokenSince.Equal(o.now) || !strings.Contains(domain.BrokenWhy, found[1].Name) {
		t.Errorf("a key's record has gone: %+v, active %t", domain, active)
	}
	domain, _ = o.verify(t, records[1:2])
	if names, _ := o.selectorsOf(t); domain.State != desk.DomainActive || names != first {
		t.Errorf("only the RSA key published, the rest is advice: %s, %s sign", domain.State, names)
	}
	if err := o.Remove(ctx, cli, "example.com"); err != nil {
		t.Fatal(err)
	}
	if names, active := o.selectorsOf(t); names != "" || active {
		t.Errorf("removed, and %s still sign", names)
	}
	if err := o.Remove(ctx, cli, "example.com"); !fault(err, desk.NotFound) {
		t.Errorf("removed twice: %v", err)
	}
	want := "domain.add domain.state domain.state domain.state domain.state domain.state domain.state domain.state domain.remove"
	if got := strings.ReplaceAll(strings.Join(o.states(t), " "), " domain/example.com", ""); got != want {
		t.Errorf("audit log: %s, want %s", got, want)
	}
}

// TestRotate: the old keys sign until the new ones' records are there, and their own records stay wanted for a week.
func TestRotate(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	_, records, err := o.Add(ctx, cli, "example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Rotate(ctx, cli, "example.com"); !fault(err, desk.Conflict) {
		t.Errorf("rotated before anything was published: %v", err)
	}
	o.verify(t, records)
	old, _ := o.selectorsOf(t)

	both, err := o.Rotate(ctx, cli, "example.com")
	if err != nil || len(both) != 9 {
		t.Fatalf("%d records, %v", len(both), err)
	}
	if _, err := o.Rotate(ctx, cli, "example.com"); !fault(err, desk.Conflict) {
		t.Errorf("rotated twice: %v", err)
	}
	domain, found := o.verify(t, records)
	if names, active := o.selectorsOf(t); names != old || !active || domain.State != desk.DomainActive {
		t.Errorf("before the new records are published: %s sign, %s", names, domain.State)
	}
	for i, record := range found {
		if record.OK == (i == 3 || i == 4) || record.Required != (i == 1) {
			t.Errorf("%d: %+v", i, record)
		}
	}
	o.verify(t, both[:4]) // one of two new ones: each key makes way for one of its kind
	if half, _ := o.selectorsOf(t); strings.Fields(half)[0] != strings.Fields(old)[1] || !strings.HasPrefix(both[3].Name, strings.Fields(half)[1]) {
		t.Errorf("half published: %s sign", half)
	}
	o.verify(t, both)
	next, active := o.selectorsOf(t)
	if next == old || !active {
		t.Errorf("published: %s sign, active %t", next, active)
	}
	_, found, err = o.Show(ctx, cli, "example.com")
	if err != nil || len(found) != 9 || !found[1].Required || found[3].Required || !strings.HasPrefix(found[3].Name, strings.Fields(old)[0]) {
		t.Errorf("the old keys' records are still wanted, but not required: %+v, %v", found, err)
	}
	var left int
	if err := o.store.Pool().QueryRow(ctx, `select count(*) from domain_key where private is not null`).Scan(&left); err != nil || left != 2 {
		t.Errorf("%d private keys are left, %v", left, err)
	}
	o.now = o.now.Add(DefaultSpans().Retired)
	domain, found = o.verify(t, both)
	if domain.State != desk.DomainActive || len(found) != 9 || found[7].Purpose != PurposeObsolete || found[8].Purpose != PurposeObsolete {
		t.Errorf("after a week the old records shall go: %+v", found)
	}
	domain, found = o.verify(t, both)
	if domain.State != desk.DomainActive || found[7].OK || !strings.Contains(found[7].Problem, "delete") {
		t.Errorf("they are still there: %+v", found[7])
	}
}

// TestSealedKeys: private keys cannot be read in the database, and sign for their own domain only.
func TestSealedKeys(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	for _, name := range []string{"example.com", "evil.example"} {
		if _, _, err := o.Add(ctx, cli, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.store.Pool().Exec(ctx, `update domain_key set seen_at = now()`); err != nil {
		t.Fatal(err)
	}
	keys, _, err := o.SigningKeys(ctx, "example.com")
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, key := range keys {
		der, err := key.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var sealed []byte
		if err := o.store.Pool().QueryRow(ctx, `select private from domain_key where id = $1`, key.ID).Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(sealed, der[len(der)-32:]) {
			t.Errorf("the %s key can be read", key.Algorithm)
		}
	}
	const swap = `update domain_key k set private = o.private from domain_key o where o.algorithm = k.algorithm and o.domain_id <> k.domain_id`
	if _, err := o.store.Pool().Exec(ctx, swap); err != nil {
		t.Fatal(err)
	}
	o.restart()
	if _, _, err := o.SigningKeys(ctx, "example.com"); !errors.Is(err, secret.ErrTampered) {
		t.Errorf("signed with another domain's key: %v", err)
	}
}

func TestTendEveryDomain(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	var published []desk.Record
	for _, name := range []string{"one.example", "two.example"} {
		_, records, err := o.Add(ctx, cli, name)
		if err != nil {
			t.Fatal(err)
		}
		published = append(published, records...)
	}
	o.dns.Set(t, zoneOf(published))
	if err := o.Tend(ctx); err != nil {
		t.Fatal(err)
	}
	list, err := o.List(ctx, cli)
	if err != nil || len(list) != 2 || list[0].State != desk.DomainActive || list[1].State != desk.DomainActive {
		t.Errorf("%+v, %v", list, err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := o.Tend(gone); err == nil {
		t.Error("a look that was broken off counts as one")
	}
}

func TestDomainRefused(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	agent := desk.Actor{User: desk.User{ID: 1, Role: desk.RoleAgent}, Via: "portal"}
	for what, do := range map[string]func(actor desk.Actor, name string) error{
		"add":    func(actor desk.Actor, name string) error { _, _, err := o.Add(ctx, actor, name); return err },
		"show":   func(actor desk.Actor, name string) error { _, _, err := o.Show(ctx, actor, name); return err },
		"verify": func(actor desk.Actor, name string) error { _, _, err := o.Verify(ctx, actor, name); return err },
		"rotate": func(actor desk.Actor, name string) error { _, err := o.Rotate(ctx, actor, name); return err },
		"remove": func(actor desk.Actor, name string) error { return o.Remove(ctx, actor, name) },
	} {
		if err := do(agent, "example.com"); !fault(err, desk.Forbidden) {
			t.Errorf("an agent may %s: %v", what, err)
		}
		if err := do(cli, "not a name"); !fault(err, desk.Invalid) {
			t.Errorf("%s of no name: %v", what, err)
		}
		if what == "add" {
			continue
		}
		if err := do(cli, "elsewhere.example"); !fault(err, desk.NotFound) {
			t.Errorf("%s of a domain that is not here: %v", what, err)
		}
	}
	if _, err := o.List(ctx, agent); !fault(err, desk.Forbidden) {
		t.Errorf("an agent lists domains: %v", err)
	}
	if keys, active, err := o.SigningKeys(ctx, "no name at all"); keys != nil || active || err != nil {
		t.Errorf("%v %t %v", keys, active, err)
	}
}

func TestMailbox(t *testing.T) {
	t.Parallel()
	o, ctx := newOffice(t), t.Context()
	made, err := o.AddMailbox(ctx, cli, "Support@Bücher.example", " Example Support ")
	if err != nil || made.Address != "support@xn--bcher-kva.example" || made.Name != "Example Support" || made.ID == 0 {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := o.AddMailbox(ctx, cli, "support@bücher.example", ""); !fault(err, desk.Conflict) {
		t.Errorf("added twice: %v", err)
	}
	for _, address := range []string{"", "support", "support@", "a b@example.com", "support+x@example.com", "support@-", "a@b@example.com"} {
		if _, err := o.AddMailbox(ctx, cli, address, ""); !fault(err, desk.Invalid) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := o.AddMailbox(ctx, cli, "x@example.com", "two\r\nBcc: lines"); !fault(err, desk.Invalid) {
		t.Errorf("a name of two lines: %v", err)
	}
	agent := desk.Actor{User: desk.User{ID: 1, Role: desk.RoleAgent}, Via: "portal"}
	if _, err := o.AddMailbox(ctx, agent, "x@example.com", ""); !fault(err, desk.Forbidden) {
		t.Errorf("an agent adds a mailbox: %v", err)
	}
	if err := o.RemoveMailbox(ctx, agent, "support@bücher.example"); !fault(err, desk.Forbidden) {
		t.Errorf("an agent removes a mailbox: %v", err)
	}
	if list, err := o.Mailboxes(ctx); err != nil || len(list) != 1 || list[0] != made {
		t.Errorf("%+v, %v", list, err)
	}
	if err := o.RemoveMailbox(ctx, cli, "SUPPORT@bücher.example"); err != nil {
		t.Fatal(err)
	}
	if err := o.RemoveMailbox(ctx, cli, "support@bücher.example"); !fault(err, desk.NotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if list, err := o.Mailboxes(ctx); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	again, err := o.AddMailbox(ctx, cli, "support@bücher.example", "Again")
	if err != nil || again.ID != made.ID || again.Name != "Again" {
		t.Errorf("opened again it is another: %+v, %v", again, err)
	}
	want := "mailbox.add mailbox.remove mailbox.add"
	if got := strings.ReplaceAll(strings.Join(o.states(t), " "), " mailbox/support@xn--bcher-kva.example", ""); got != want {
		t.Errorf("audit log: %s", got)
	}
}

// TestNews: whoever keeps a list of domains and mailboxes hears that it has changed.
func TestNews(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard := make(chan store.News, 16)
	// Listen says nothing when it has begun, so the mailbox is added and removed until somebody has heard of it.
	go o.store.Listen(ctx, func(news store.News) { heard <- news }, func(error) {})
	deadline := time.After(20 * time.Second)
	for {
		if _, err := o.AddMailbox(ctx, cli, "a@example.com", ""); err != nil {
			t.Fatal(err)
		}
		if err := o.RemoveMailbox(ctx, cli, "a@example.com"); err != nil {
			t.Fatal(err)
		}
		select {
		case news := <-heard:
			if !news.Settings {
				t.Errorf("%+v", news)
			}
			return
		case <-deadline:
			t.Fatal("nobody heard anything")
		default:
		}
	}
}
