package audit

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

var ownerOfSinks = desk.Actor{User: desk.User{ID: 1, Email: "olga@example.com", Role: desk.RoleOwner}, Via: "portal"}

// TestSyslogLinesCannotBeForged has strangers write what looks like the begin of another message.
func TestSyslogLinesCannotBeForged(t *testing.T) {
	evil := "\n{\"fake\":1}\r\n<109>1 2026-11-30T00:00:00Z desk postern - user.add - \u2028x\x00]\"\\"
	detail, err := json.MarshalIndent(map[string]string{"subject": evil}, "", "\n")
	if err != nil {
		t.Fatal(err)
	}
	m, err := messageOf(desk.Linked{AuditEntry: desk.AuditEntry{ID: 12, At: time.Unix(1, 2000).UTC(), Actor: evil, Via: "mail", Action: "ticket.subject", Subject: evil, Detail: detail, Outcome: desk.EndRefused}, Seq: 5, Hash: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	line := string(syslogLine(m, "desk host\n.example", "7"))
	if strings.ContainsAny(line, "\r\n\x00\u2028") {
		t.Errorf("a line has more than one line: %q", line)
	}
	const head = `<108>1 1970-01-01T00:00:01.000002Z deskhost.example postern 7 ticket.subject [postern@32473 id="12" seq="5"] ` + "\xEF\xBB\xBF" + `{"id":12,`
	if !strings.HasPrefix(line, head) {
		t.Errorf("%q\ndoes not begin with\n%q", line, head)
	}
	var back sent
	if err := json.Unmarshal([]byte(line[strings.Index(line, "\xEF\xBB\xBF")+3:]), &back); err != nil || back.Actor != evil || back.Subject != evil {
		t.Errorf("what was written does not come back: %v %q", err, back.Actor)
	}
	if framed := string(frame([]byte("abc"))); framed != "3 abc" {
		t.Errorf("%q", framed)
	}
}

func TestSinksAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		w    WantedSink
		want string // field that is wrong; empty: none
	}{
		"syslog":              {WantedSink{Name: "a", Kind: desk.SinkSyslog, Address: "logs.example.com"}, ""},
		"syslog, IPv6":        {WantedSink{Name: "a", Kind: desk.SinkSyslog, Address: "[2001:db8::1]:6514"}, ""},
		"a URL for a server":  {WantedSink{Name: "a", Kind: desk.SinkSyslog, Address: "https://logs.example.com/"}, "address"},
		"no port":             {WantedSink{Name: "a", Kind: desk.SinkSyslog, Address: "logs.example.com:x"}, "address"},
		"webhook":             {WantedSink{Name: "a", Kind: desk.SinkWebhook, Address: "https://logs.example.com/x?y=1"}, ""},
		"webhook without TLS": {WantedSink{Name: "a", Kind: desk.SinkWebhook, Address: "http://logs.example.com/x"}, "address"},
		"password in a URL":   {WantedSink{Name: "a", Kind: desk.SinkWebhook, Address: "https://u:p@logs.example.com/x"}, "address"},
		"a path for a name":   {WantedSink{Name: "../a", Kind: desk.SinkFile}, "name"},
		"no certificate":      {WantedSink{Name: "a", Kind: desk.SinkSyslog, Address: "x:1", Authority: "hello"}, "authority"},
		"another kind":        {WantedSink{Name: "a", Kind: "ftp"}, "kind"},
	} {
		err := c.w.check()
		var fault *desk.Fault
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &fault) || fault.Field != c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// stream runs what sends the log, until the test ends.
func (d *desktop) stream(t testing.TB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.Stream(ctx) })
	running.Go(func() {
		for ctx.Err() == nil {
			if _, err := d.Link(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			pause(ctx, 20*time.Millisecond)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return stop
}

func within(t testing.TB, patience time.Duration, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within", patience, what)
		}
	}
}

func TestWebhookGetsEveryRecordAndKnowsWhoSends(t *testing.T) {
	d := newDesktop(t)
	var mu sync.Mutex
	seen, failing, forged := map[int64]int{}, true, 0
	var key string
	hook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("Postern-Signature") != Sign([]byte(key), r.Header.Get("Postern-Timestamp"), body) {
			forged++
		}
		if failing {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		for line := range strings.Lines(string(body)) {
			var got sent
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Error(err)
			}
			seen[got.ID]++
		}
	}))
	t.Cleanup(hook.Close)
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}))
	sink, shown, err := d.SetSink(t.Context(), ownerOfSinks, WantedSink{Name: "siem", Kind: desk.SinkWebhook, Address: hook.URL + "/in?token=secret", Authority: authority, Whole: true})
	if err != nil || shown == "" {
		t.Fatal(err)
	}
	mu.Lock()
	key = shown
	mu.Unlock()
	d.record(t, 700, "ticket.note")
	d.stream(t)
	within(t, 20*time.Second, "the failure is written down", func() bool {
		got, err := d.store.Sink(t.Context(), sink.ID)
		return err == nil && got.FailingSince != nil && strings.Contains(got.Problem, "503")
	})
	mu.Lock()
	failing = false
	mu.Unlock()
	within(t, 40*time.Second, "all records arrive", func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) >= 701 })
	within(t, 10*time.Second, "the sink is well", func() bool {
		got, err := d.store.Sink(t.Context(), sink.ID)
		return err == nil && got.FailingSince == nil && got.Behind == 0 && got.DeliveredAt != nil
	})
	mu.Lock()
	defer mu.Unlock()
	for id, times := range seen {
		if times != 1 {
			t.Errorf("record %d came %d times, though every request was answered", id, times)
		}
	}
	if forged > 0 {
		t.Errorf("%d requests were not signed as they should be", forged)
	}
	log, err := d.store.AuditLog(t.Context(), desk.AuditQuery{Action: "audit.sink"})
	if err != nil || len(log.Items) != 1 || strings.Contains(string(log.Items[0].Detail), "secret") || strings.Contains(string(log.Items[0].Detail), shown) {
		t.Errorf("%v %+v", err, log.Items)
	}
}

func TestSinksStayWithinThePolicyOfAddresses(t *testing.T) {
	d := newDesktop(t)
	asked := 0
	hook := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	t.Cleanup(hook.Close)
	d.cfg.Refuse = func(a netip.Addr) error {
		if a.IsLoopback() {
			return errors.New("this address is not allowed")
		}
		return nil
	}
	if _, _, err := d.SetSink(t.Context(), ownerOfSinks, WantedSink{Name: "inside", Kind: desk.SinkWebhook, Address: hook.URL, Whole: true}); err != nil {
		t.Fatal(err)
	}
	d.record(t, 1, "ticket.note")
	d.stream(t)
	within(t, 20*time.Second, "it is refused", func() bool {
		got, err := d.store.Sinks(t.Context())
		return err == nil && strings.Contains(got[0].Problem, "not allowed")
	})
	if asked > 0 {
		t.Error("a refused address was asked")
	}
}

func TestFileGetsEveryRecordOnALineOfItsOwn(t *testing.T) {
	d := newDesktop(t)
	path := filepath.Join(d.cfg.Folder, "copy.jsonl")
	if err := os.WriteFile(path, []byte(`{"id":0,"cut`), 0o600); err != nil { // a crash cut a line off
		t.Fatal(err)
	}
	if _, _, err := d.SetSink(t.Context(), ownerOfSinks, WantedSink{Name: "copy", Kind: desk.SinkFile, Whole: true}); err != nil {
		t.Fatal(err)
	}
	d.record(t, 1200, "ticket.status")
	stop := d.stream(t)
	count := func() (n int) {
		text, _ := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			var got sent
			if json.Unmarshal([]byte(line), &got) == nil && got.ID > 0 {
				n++
			}
		}
		return n
	}
	within(t, 20*time.Second, "all records are there", func() bool { return count() == 1201 })
	stop()
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), `"checkpoint":`) {
		t.Error("no checkpoint came along", err)
	}
	d.record(t, 5, "ticket.status")
	d.stream(t) // another process goes on where this one stopped
	within(t, 30*time.Second, "the rest is there", func() bool { return count() >= 1206 })
	if n := count(); n != 1206 {
		t.Errorf("%d records", n)
	}
}

// TestOnlyOwnersStopAStream: an admin who is about to do what nobody shall see must not be able to.
func TestOnlyOwnersStopAStream(t *testing.T) {
	d := newDesktop(t)
	admin := desk.Actor{User: desk.User{ID: 2, Email: "adam@example.com", Role: desk.RoleAdmin}, Via: "portal"}
	sink, _, err := d.SetSink(t.Context(), admin, WantedSink{Name: "copy", Kind: desk.SinkFile})
	if err != nil {
		t.Fatal(err)
	}
	var fault *desk.Fault
	if _, _, err := d.SetSink(t.Context(), admin, WantedSink{ID: sink.ID, Name: "copy", Kind: desk.SinkFile, Enabled: false}); !errors.As(err, &fault) || fault.Kind != desk.Forbidden {
		t.Error(err)
	}
	if err := d.RemoveSink(t.Context(), admin, sink.ID); !errors.As(err, &fault) || fault.Kind != desk.Forbidden {
		t.Error(err)
	}
	agent := desk.Actor{User: desk.User{ID: 3, Email: "ada@example.com", Role: desk.RoleAgent}, Via: "portal"}
	if _, err := d.Sinks(t.Context(), agent); !errors.As(err, &fault) || fault.Kind != desk.Forbidden {
		t.Error(err)
	}
	if err := d.RemoveSink(t.Context(), ownerOfSinks, sink.ID); err != nil {
		t.Error(err)
	}
}

func TestSinksThatFailAreToldOfOnce(t *testing.T) {
	d := newDesktop(t)
	sink, _, err := d.SetSink(t.Context(), ownerOfSinks, WantedSink{Name: "copy", Kind: desk.SinkFile})
	if err != nil {
		t.Fatal(err)
	}
	told := func(at time.Time) (n int) {
		err := d.store.Write(t.Context(), func(tx *store.Tx) error {
			sinks, err := tx.TellOfSinks(t.Context(), at.Add(-downFor), at)
			n = len(sinks)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, at := range []time.Time{d.now, d.now.Add(time.Minute)} {
		if err := d.store.Write(t.Context(), func(tx *store.Tx) error { return tx.SinkFailed(t.Context(), sink.ID, "no answer", at) }); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(told(d.now.Add(4*time.Minute)), told(d.now.Add(6*time.Minute)), told(d.now.Add(8*time.Minute))); got != "0 1 0" {
		t.Errorf("told after 4, 6 and 8 minutes: %s", got)
	}
}
