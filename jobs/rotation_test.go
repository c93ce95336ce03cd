package jobs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
)

// rotationMails is how many replies leave while keys change: 10,000 by `make rotation`.
func rotationMails(t *testing.T) int {
	t.Helper()
	given := os.Getenv("ROTATION_MAILS")
	if given == "" {
		return 300
	}
	mails, err := strconv.Atoi(given)
	if err != nil || mails < 1 {
		t.Fatalf("ROTATION_MAILS=%q is no number of mails", given)
	}
	return mails
}

// rotationSpans are real life some ten thousand times faster, but for what is under way: a loaded machine may take seconds between a signature and the mail's arrival.
var rotationSpans = domains.Spans{
	Day: 60 * time.Millisecond, Settle: 500 * time.Millisecond, Cached: 200 * time.Millisecond, Retired: 9 * time.Second, UnderWay: 6 * time.Second, Revoked: 300 * time.Millisecond,
	Grace: 6 * time.Second, Memory: 200 * time.Millisecond, Fallback: time.Hour, Dangling: time.Hour, Soon: 50 * time.Millisecond, Routine: 50 * time.Millisecond, Forgotten: time.Hour, Quiet: time.Hour,
}

// era is a state of the DNS, and the mails that arrived in it.
type era struct {
	keys  string // file of 'name record' lines
	mails []string
}

// rotating is a domain whose keys change all the time in an operator's zone that a real name server holds.
type rotating struct {
	*house
	knot   *testkit.Knot
	owner  string // the zone of the domain's owner, which never changes
	cnames map[string]string
	dir    string

	mu       sync.Mutex
	zone     string
	eras     []*era
	came     map[string]*era // by recipient
	heardOf  int             // mails that the server was given
	arrived  int             // that it took
	rotated  int
	urgently int
}

// Replies leave while keys change by age, by hand and in emergencies, and some wait in the queue while theirs are revoked. Every signature of every mail holds by the records that the DNS had when the mail arrived:
// dkimpy judges both, OpenDKIM the RSA one.
func TestRotationLeavesNoMailUnsigned(t *testing.T) {
	t.Parallel()
	total := rotationMails(t)
	var mu sync.Mutex
	greeted := map[string]bool{}
	r := &rotating{dir: t.TempDir(), came: map[string]*era{}}
	r.house = newHouse(t, testkit.Behaviour{Rcpt: func(to string) *smtp.SMTPError { // every twentieth is sent away once
		mu.Lock()
		defer mu.Unlock()
		if strings.HasSuffix(strings.TrimSuffix(to, "@customer.test"), "7") && strings.HasPrefix(to, "late") && !greeted[to] {
			greeted[to] = true
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "come again"}
		}
		r.comes(to)
		return nil
	}})
	t.Cleanup(func() { r.explain(t) })
	r.delegate(t)
	mailbox := r.mailbox(t, "support@example.com")
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() { r.turnKeys(ctx, t) })
	t.Cleanup(func() { stop(); working.Wait() })
	go func() {
		for range r.heard { // nobody waits for news here
			continue
		}
	}()
	r.start(t)

	late := map[int64]string{}
	var writing sync.WaitGroup
	messages := make(chan desk.Message, total)
	for w := range 4 {
		writing.Go(func() {
			for i := w; i < total; i += 4 {
				to := fmt.Sprintf("customer%d@customer.test", i)
				if i%20 == 7 {
					to = fmt.Sprintf("late%d7@customer.test", i)
				}
				_, m, err := r.tickets.Start(t.Context(), r.ann, desk.NewTicket{MailboxID: mailbox, Subject: "Keys that change", Text: fmt.Sprintf("Mail %d of many.", i), To: []desk.Address{{Addr: to}}})
				if err != nil {
					t.Errorf("mail %d: %v", i, err)
					return
				}
				messages <- m
			}
		})
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		for m := range messages {
			if strings.HasPrefix(m.To[0].Addr, "late") {
				late[m.ID] = m.To[0].Addr
			}
		}
	}()
	go func() { writing.Wait(); close(messages) }()
	for sentAway := (total + 12) / 20; r.arrived < total-sentAway; { // each mail counts for the moment at which it came
		r.receive(t)
	}
	<-written
	for gone := time.Now().Add(rotationSpans.Retired + rotationSpans.Revoked); time.Now().Before(gone); { // what waits then was signed by keys that are gone
		r.listenFor(t, 100*time.Millisecond)
	}
	for id, to := range late {
		err := r.tickets.RetryDelivery(t.Context(), r.ann, id, to)
		var fault *desk.Fault
		if err != nil && (!errors.As(err, &fault) || fault.Kind != desk.Conflict) { // it is a Conflict where its own time has come already
			t.Fatalf("try %s again: %v", to, err)
		}
	}
	for r.arrived < total {
		r.listenFor(t, 3*time.Minute) // who could not be tried at once comes when their own time has come
	}
	stop()
	working.Wait()
	resigned := r.judge(t, total)
	t.Logf("%d mails, %d of them after their keys were gone; keys changed by hand %d times, %d of these in an emergency, else by age; %d states of the DNS; %d mails signed anew", total, len(late), r.rotated, r.urgently, len(r.eras), resigned)
	if r.urgently < 1 || len(r.eras) < 10 || resigned == 0 {
		t.Errorf("%d emergencies, %d states of the DNS, and %d mails were signed anew: this proves nothing", r.urgently, len(r.eras), resigned)
	}
}

// explain says of a test that failed what has not arrived, and why.
func (r *rotating) explain(t *testing.T) {
	if !t.Failed() {
		return
	}
	rows, err := r.store.Pool().Query(context.WithoutCancel(t.Context()), `select recipient || ' is ' || state || ' after ' || attempts || ' attempts, next at ' || coalesce(next_at::text, 'no time') || ' ' || held_why || ' ' || reply from delivery where state <> 'sent' limit 20`)
	if err != nil {
		t.Log(err)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err == nil {
			t.Log(line)
		}
	}
}

// delegate adds a domain whose keys lie in the operator's zone, and lets the DNS hold what its owner publishes once.
func (r *rotating) delegate(t *testing.T) {
	t.Helper()
	r.knot = testkit.StartKnot(t, "dkim.operator.test")
	resolver := domains.NewResolver([]string{r.dns.Addr}, 5*time.Second)
	_, port, _ := net.SplitHostPort(r.dns.Addr)
	number, _ := strconv.Atoi(port)
	r.domains = domains.NewService(domains.ServiceConfig{
		Store: r.store, Keys: r.keys, Resolver: resolver, Hostname: "mx.example.com", Spans: rotationSpans,
		Preflight: &domains.Preflight{Authority: domains.NewAuthority(domains.AuthorityConfig{Resolver: resolver, Port: number}), Hostname: "mx.example.com"},
		Zone:      domains.OperatorZone{Name: r.knot.Zone, Server: r.knot.Addr, Key: domains.TSIG{Name: r.knot.KeyName, Algorithm: r.knot.Algorithm, Secret: r.knot.Secret}},
	})
	r.config.Domains = r.domains
	_, records, err := r.domains.AddPublished(t.Context(), r.ann, "example.com", desk.PublishDelegated)
	if err != nil {
		t.Fatal(err)
	}
	r.owner, r.cnames = zone+`
example.com. 60 IN NS ns.example.com.
ns.example.com. 60 IN A 127.0.0.1
dkim.operator.test. 60 IN NS ns.example.com.
mx.example.com. 60 IN A 127.0.0.1
`, map[string]string{}
	for _, record := range records {
		r.owner += domains.ZoneLine(record) + "\n"
		if record.Type == "CNAME" {
			r.cnames[record.Name] = record.Wanted
		}
	}
	r.look(t)
	if d, _, err := r.domains.Verify(t.Context(), r.ann, "example.com"); err != nil || d.State != desk.DomainActive {
		t.Fatalf("the domain is %s: %v", d.State, err)
	}
}

// look lets everybody see the operator's zone as it is now. A change begins a new era.
func (r *rotating) look(t *testing.T) {
	texts := r.knot.Texts(t)
	var all, keys strings.Builder
	all.WriteString(r.owner)
	for name, found := range texts {
		for _, text := range found {
			all.WriteString(domains.ZoneLine(desk.Record{Type: "TXT", Name: name, Wanted: text}) + "\n")
		}
	}
	for name, label := range r.cnames {
		if found := texts[label]; len(found) == 1 {
			fmt.Fprintf(&keys, "%s %s\n", name, found[0])
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if keys.String() == r.zone {
		return
	}
	r.zone = keys.String()
	r.dns.Set(t, all.String())
	file := filepath.Join(r.dir, fmt.Sprintf("keys-%d", len(r.eras)))
	if err := os.WriteFile(file, []byte(r.zone), 0o600); err != nil {
		t.Error(err)
	}
	r.eras = append(r.eras, &era{keys: file})
}

// turnKeys lets time pass for the domain, and changes its keys by hand and in haste now and then.
func (r *rotating) turnKeys(ctx context.Context, t *testing.T) {
	for turn := 1; ctx.Err() == nil; turn++ {
		var err error
		switch {
		case turn%60 == 0:
			if _, err = r.domains.Emergency(ctx, r.ann, "example.com", rotationSpans.Grace); err == nil {
				r.urgently++
				r.rotated++
			}
		case turn%25 == 0:
			if _, err = r.domains.Rotate(ctx, r.ann, "example.com"); err == nil {
				r.rotated++
			}
		}
		var fault *desk.Fault
		if err != nil && ctx.Err() == nil && !errors.As(err, &fault) { // a change that must wait for the one before is none
			t.Errorf("change of keys: %v", err)
		}
		if err := r.domains.Tend(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("tend: %v", err)
		}
		if ctx.Err() == nil {
			r.look(t)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// listenFor receives the next mail, if one comes within the time.
func (r *rotating) listenFor(t *testing.T, patience time.Duration) {
	t.Helper()
	for began := time.Now(); time.Since(began) < patience; time.Sleep(10 * time.Millisecond) {
		if len(r.sink.Mails()) > r.heardOf {
			r.receive(t)
			return
		}
	}
}

// comes notes the state of the DNS in which a mail comes: it is judged by that, whenever this test gets to it.
func (r *rotating) comes(to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.came[to] = r.eras[len(r.eras)-1]
}

// receive files a mail under the era in which it came.
func (r *rotating) receive(t *testing.T) {
	t.Helper()
	came := r.sink.Next(t)
	r.heardOf++
	if !came.Taken {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.came[came.To[0]]
	file := filepath.Join(r.dir, fmt.Sprintf("mail-%d.eml", r.arrived))
	if err := os.WriteFile(file, came.Bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	now.mails = append(now.mails, file)
	r.arrived++
}

// judge has every mail verified by the records of its era, and returns how many were signed anew.
func (r *rotating) judge(t *testing.T, total int) (resigned int) {
	t.Helper()
	both, rsa := 0, 0
	for _, one := range r.eras {
		for start := 0; start < len(one.mails); start += 500 {
			batch := one.mails[start:min(start+500, len(one.mails))]
			for line := range strings.Lines(python(t, "verify.py", one.keys, batch)) {
				if !strings.HasPrefix(line, "pass ") {
					t.Errorf("dkimpy: %s", line)
				}
				both++
			}
			for line := range strings.Lines(python(t, "opendkim.py", one.keys, batch)) {
				if !strings.HasPrefix(line, "Success ") {
					t.Errorf("OpenDKIM: %s", line)
				}
				rsa++
			}
		}
	}
	if both != 2*total || rsa != total {
		t.Errorf("of %d mails dkimpy judged %d signatures and OpenDKIM %d", total, both, rsa)
	}
	if err := r.store.Pool().QueryRow(t.Context(), `select count(distinct message_id) from delivery_event where kind = 'signed'`).Scan(&resigned); err != nil {
		t.Fatal(err)
	}
	return resigned
}

func python(t *testing.T, script, keys string, mails []string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", append([]string{filepath.Join("..", "mailout", "testdata", script), keys}, mails...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}
