package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// hostileVectors are those of two collections: one for cleaners of HTML, one for what a browser would do.
func hostileVectors(t *testing.T) []string {
	t.Helper()
	var vectors []string
	plain := strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\0`, "\x00", `\u0001`, "\x01", "PWN", "parent.document.title='pwned'")
	for _, name := range []string{"testdata/hostile.txt", "../mailtext/testdata/xss.txt"} {
		text, err := os.ReadFile(name)
		check(t, err)
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "#") {
				host := fmt.Sprintf("v%d.evil.example", len(vectors)) // of its own, so that a request tells whose it is
				vectors = append(vectors, strings.NewReplacer("EVIL", host, "evil.example", host).Replace(plain.Replace(line)))
			}
		}
	}
	if len(vectors) < 300 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	return vectors
}

// beacon notes who is asked: every name of the browser leads there.
type beacon struct {
	listener net.Listener
	mu       sync.Mutex
	asked    []string
}

// hear reads the name out of the beginning of a connection: of TLS, or of a request in the clear.
func (b *beacon) hear(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	name, start := "somebody, without a word", make([]byte, 4096)
	if n, err := conn.Read(start); err == nil {
		name = "somebody, who began " + strconv.Quote(string(start[:min(n, 60)]))
		if found := regexp.MustCompile(`[a-z0-9.-]*evil\.example`).Find(start[:n]); found != nil {
			name = string(found)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, name)
}

func (b *beacon) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := b.asked
	b.asked = nil
	return asked
}

func newBeacon(t *testing.T) *beacon {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	b := &beacon{listener: listener}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go b.hear(conn)
		}
	}()
	return b
}

// leads makes every name of a browser lead to the beacon, but those that it asks for purposes of its own. Sandboxed frames stay in the page's process, so that what the browser says of them is heard.
func (b *beacon) leads() []chromedp.ExecAllocatorOption {
	return []chromedp.ExecAllocatorOption{
		chromedp.Flag("host-resolver-rules", "MAP *.googleapis.com ~NOTFOUND, MAP *.google.com ~NOTFOUND, MAP * "+b.listener.Addr().String()+", EXCLUDE 127.0.0.1"),
		chromedp.Flag("disable-features", "IsolateSandboxedIframes,OptimizationHints,MediaRouter,DialMediaRouteProvider"),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
	}
}

// overheard is what the browser's console says of scripts that were stopped.
type overheard struct {
	mu    sync.Mutex
	lines []string
}

func (o *overheard) listen(t *testing.T, ctx context.Context) {
	t.Helper()
	check(t, chromedp.Listen(ctx, func(ev any) {
		if entry, ok := ev.(*cdplog.EventEntryAdded); ok && strings.Contains(entry.Entry.Text, "script execution") {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.lines = append(o.lines, entry.Entry.Text)
		}
	}))
}

func (o *overheard) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := o.lines
	o.lines = nil
	return lines
}

// together is how many vectors stand on one ticket, a mail each.
const togetherOnTicket = 25

// frameOfPage is where the portal's own parts stand, and whether anything of the mail got out among them.
const frameOfPage = `JSON.stringify([
	...["#rail", "#list", ".conversation", "#panel", ".ticket-head", "#composer"].map((s) => { const e = document.querySelector(s), r = e.getBoundingClientRect(), c = getComputedStyle(e); return [s, r.x, r.width, c.display, c.color, c.backgroundColor]; }),
	[document.documentElement.scrollWidth, document.documentElement.scrollHeight, document.scripts.length, document.styleSheets.length, document.forms.length > 0, document.querySelectorAll("#main").length, document.querySelectorAll("h1").length]])`

// TestHostileMailInChromium opens more than 300 malicious mails: no script runs, no request leaves, and the portal's layout does not move. The sanitizer alone has to keep every script from the browser;
// the frame alone has to hold the same mails as they came.
func TestHostileMailInChromium(t *testing.T) {
	t.Parallel()
	h, b := newHouse(t), newBeacon(t)
	vectors := hostileVectors(t)
	// The same words in mails without harm, to compare with.
	harmless := h.hostileTicket("calm", slices.Repeat([]string{"<table><tr><td>x</td></tr></table>"}, togetherOnTicket))
	var numbers []int64
	for group := range slices.Chunk(vectors, togetherOnTicket) {
		numbers = append(numbers, h.hostileTicket(fmt.Sprintf("h%d", len(numbers)), group))
	}
	ctx := h.browser("ada@example.com", b.leads()...)
	var console overheard
	console.listen(t, ctx)
	want := h.opened(ctx, harmless)
	b.take()
	const sanitized = "sanitized"
	stopped := 0
	look := func(wall string) {
		for i, number := range numbers {
			got := h.opened(ctx, number)
			if got != want {
				t.Errorf("%s: mails %d to %d move the page:\n got %s\nwant %s", wall, i*togetherOnTicket, (i+1)*togetherOnTicket-1, got, want)
			}
			if asked := b.take(); len(asked) > 0 {
				t.Errorf("%s: of mails %d to %d, requests left to %s", wall, i*togetherOnTicket, (i+1)*togetherOnTicket-1, asked)
			}
			lines := console.take()
			stopped += len(lines)
			if wall == sanitized && len(lines) > 0 {
				t.Errorf("%s: of mails %d to %d scripts reached the frame, which stopped them: %s", wall, i*togetherOnTicket, (i+1)*togetherOnTicket-1, lines[0])
			}
		}
	}
	look(sanitized)
	for i, vector := range vectors {
		h.sql(`update message set html = $1 where message_id = $2`, "<table><tr><td>x</td></tr></table>"+strings.ReplaceAll(vector, "\x00", ""), fmt.Sprintf("h%d-%d@evil.example", i/togetherOnTicket, i%togetherOnTicket))
	}
	look("as they came")
	if stopped == 0 {
		t.Error("the browser stopped no script of the mails as they came: this test would not hear of one that the sanitizer lets through")
	}
}

// hostileTicket is a ticket with a mail for each vector, and every mail has the same words beside it.
func (h *house) hostileTicket(name string, vectors []string) int64 {
	h.t.Helper()
	var number int64
	for i := range togetherOnTicket {
		vector := ""
		if i < len(vectors) {
			vector = vectors[i]
		}
		answers := ""
		if i > 0 {
			answers = fmt.Sprintf("In-Reply-To: <%s-0@evil.example>\n", name)
		}
		body := "<table><tr><td>x</td></tr></table>\n" + vector
		raw := fmt.Sprintf("From: Eve <eve@%[1]s.example>\nTo: support@example.com\nSubject: Look at this\nMessage-ID: <%[1]s-%[2]d@evil.example>\n%[3]sMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n%[4]s\n", name, i, answers, strings.ReplaceAll(body, "\x00", ""))
		outcome := h.mail(raw)
		if i == 0 {
			if outcome.Ticket == 0 {
				h.t.Fatalf("mail %d of %s is %+v", i, name, outcome)
			}
			number = outcome.Ticket
		} else if outcome.Ticket != number {
			h.t.Fatalf("mail %d of %s went to %+v, not to #%d", i, name, outcome, number)
		}
	}
	return number
}

// opened opens a ticket with every mail unfolded and every frame loaded, and says where the portal's own parts stand.
func (h *house) opened(ctx context.Context, number int64) string {
	t := h.t
	t.Helper()
	does(t, ctx, fmt.Sprintf("open #%d", number), chromedp.Navigate(fmt.Sprintf("%s/tickets/%d?open=all", h.url, number)), until(`document.readyState === "complete"`),
		evaluate(`window.loaded = 0; for (const f of document.querySelectorAll("iframe.mail")) { f.addEventListener("load", () => { window.loaded++; }); f.loading = "eager"; f.src = f.src; }`),
		until(fmt.Sprintf(`window.loaded >= document.querySelectorAll("iframe.mail").length && document.querySelectorAll("iframe.mail").length >= %d`, 1)))
	title, err := chromedp.Run(ctx, chromedp.Title())
	check(t, err)
	if strings.Contains(title, "pwned") || !strings.Contains(title, "Look at this") {
		t.Errorf("#%d: the page is called %q", number, title)
	}
	where, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.pathname"))
	check(t, err)
	if where != fmt.Sprintf("/tickets/%d", number) {
		t.Errorf("#%d: the page went to %s", number, where)
	}
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string](frameOfPage))
	check(t, err)
	var parts []any
	check(t, json.Unmarshal([]byte(got), &parts))
	return got
}
