package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"postern/desk"
)

// crossAsked is a request as it reached the portal from a page of another origin.
type crossAsked struct {
	method, path, site, kind string
	cookie                   bool
	status                   int
}

// crossWatch is the portal behind a listener of its own, which writes down what arrives.
type crossWatch struct {
	url  string
	mu   sync.Mutex
	seen []crossAsked
}

func (w *crossWatch) take() []crossAsked {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return seen
}

// watched serves the portal at a second port of the same host: cookies know no ports.
func (h *house) watched() *crossWatch {
	w := &crossWatch{}
	inner := h.portal.Gate(GateConfig{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, h.portal.Handler())
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: rw}
		_, err := r.Cookie(h.portal.cookieName())
		inner.ServeHTTP(rec, r)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen = append(w.seen, crossAsked{r.Method, r.URL.Path, r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Content-Type"), err == nil, rec.status})
	}))
	h.t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// crossPage is what the other site serves: it does what the test says, with the whole power of a page.
const crossPage = `<!doctype html><title>Win a lamp</title><script>
window.attack = async (base, paths) => {
  window.done = false
  for (const path of paths) { try { await fetch(base + path, { method: "POST", mode: "no-cors", credentials: "include", body: new URLSearchParams("do=disable&status=closed&text=x&answer=allow&name=x") }) } catch (e) {} }
  const kinds = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]
  await Promise.all(paths.map((path, i) => new Promise(end => {
    const frame = document.body.appendChild(Object.assign(document.createElement("iframe"), { name: "f" + i }))
    const form = document.body.appendChild(Object.assign(document.createElement("form"), { action: base + path, method: "post", enctype: kinds[i % 3], target: "f" + i }))
    form.append(Object.assign(document.createElement("input"), { name: "status", value: "closed" }))
    frame.onload = () => { if (frame.sent) end(); }
    frame.sent = true
    form.submit()
  })))
  window.done = true
}
window.peep = async (base, paths) => {
  window.told = null
  const told = {}
  const embed = (tag, attribute, url) => new Promise(end => {
    const node = document.createElement(tag)
    node.onload = () => end("load"); node.onerror = () => end("error")
    if (tag === "link") node.rel = "stylesheet"
    node[attribute] = url
    document.body.append(node)
  })
  for (const path of paths) {
    const url = base + path
    const said = []
    for (const [tag, attribute] of [["img", "src"], ["script", "src"], ["link", "href"], ["iframe", "src"]]) said.push(tag + " " + await embed(tag, attribute, url))
    said.push("frames " + window.frames[window.frames.length - 1].length)
    for (const mode of ["cors", "no-cors"]) try { const r = await fetch(url, { mode, credentials: "include" }); said.push(mode + " " + r.type + " " + r.status + " " + (await r.text()).length) } catch (e) { said.push(mode + " refused") }
    told[path] = said.join("; ")
  }
  window.told = JSON.stringify(told)
}
</script>`

// TestPagesOfOtherSites is a page of another origin in a real browser in which an owner is signed in. From another port of the same host it has their cookies, which is the worst that can be: every form
// and every request of its is refused, for every route that changes anything. From another host it does not even have those. What it embeds or fetches tells it nothing of what there is.
func TestPagesOfOtherSites(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number := h.mail(question).Ticket
	watch := h.watched()
	ctx := h.browser("olga@example.com")
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, crossPage)
	}))
	t.Cleanup(other.Close)
	at, err := url.Parse(other.URL)
	check(t, err)
	var paths []string
	for _, route := range routes {
		if method, pattern, _ := strings.Cut(route.pattern, " "); method == http.MethodPost && !slices.Contains(fromElsewhere, route.pattern) {
			paths = append(paths, strings.NewReplacer("{number}", fmt.Sprint(number), "{$}", "").Replace(rightsBraces.ReplaceAllStringFunc(pattern, func(part string) string {
				if part == "{number}" {
					return part
				}
				return "1"
			})))
		}
	}
	for site, base := range map[string]string{"same-site": "http://127.0.0.1:" + at.Port(), "cross-site": "http://localhost:" + at.Port()} {
		does(t, ctx, site, chromedp.Navigate(base+"/"), until("document.readyState === 'complete'"))
		watch.take()
		h.crossAttacks(ctx, site, watch, paths)
		h.crossPeeps(ctx, site, watch.url, []string{fmt.Sprintf("/tickets/%d", number), "/tickets/987654321"})
	}
	ticket, err := h.tickets.Get(t.Context(), h.owner, number)
	check(t, err)
	if ticket.Status != desk.StatusNew {
		t.Errorf("the ticket is %s", ticket.Status)
	}
	does(t, ctx, "still signed in", chromedp.Navigate(h.url+"/tickets"), until(`location.pathname === "/tickets" && document.body.innerText.includes("Charged twice")`))
}

// crossAttacks sends a form and a request of a script to every path, and looks at what reached the portal.
func (h *house) crossAttacks(ctx context.Context, site string, watch *crossWatch, paths []string) {
	t := h.t
	list, err := json.Marshal(paths)
	check(t, err)
	patient(t, ctx, site+": forms and requests", evaluate(fmt.Sprintf("void window.attack(%q, %s)", watch.url, list)), until("window.done === true"))
	count := map[string]int{}
	for _, one := range watch.take() {
		if one.method != http.MethodPost {
			continue
		}
		count[one.path]++
		if one.status != http.StatusForbidden || one.site != site {
			t.Errorf("%s: POST %s (%s) is answered %d to a page at %q", site, one.path, one.kind, one.status, one.site)
		}
		if one.cookie != (site == "same-site") {
			t.Errorf("%s: POST %s has the cookie: %v", site, one.path, one.cookie)
		}
	}
	for _, path := range paths {
		if count[path] < 2 {
			t.Errorf("%s: %s was asked %d times, so nothing is proved of it", site, path, count[path])
		}
	}
}

// crossPeeps embeds and fetches what there is and what there is not.
func (h *house) crossPeeps(ctx context.Context, site, base string, paths []string) {
	t := h.t
	list, err := json.Marshal(paths)
	check(t, err)
	patient(t, ctx, site+": looks in", evaluate(fmt.Sprintf("void window.peep(%q, %s)", base, list)), until("window.told !== null && window.told !== undefined"))
	told, err := chromedp.Run(ctx, chromedp.Evaluate[string]("window.told"))
	check(t, err)
	said := map[string]string{}
	check(t, json.Unmarshal([]byte(told), &said))
	if said[paths[0]] != said[paths[1]] || said[paths[0]] == "" {
		t.Errorf("%s: what there is tells itself from what there is not: %q and %q", site, said[paths[0]], said[paths[1]])
	}
	t.Logf("%s: a page is told: %s", site, said[paths[0]])
	for _, want := range []string{"img error", "script error", "link error", "frames 0", "cors refused"} {
		if !strings.Contains(said[paths[0]], want) {
			t.Errorf("%s: the page is told %q, without %q", site, said[paths[0]], want)
		}
	}
}

// patient is does for what takes long where many work at once.
func patient(t *testing.T, ctx context.Context, what string, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// What a program says of itself is believed only where a browser would say it: a form of another site is refused by each of the signs that browsers give, on every route.
func TestEveryFormAsksWhereItComesFrom(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.byLink("olga@example.com")
	for _, route := range routes {
		method, pattern, _ := strings.Cut(route.pattern, " ")
		if method != http.MethodPost {
			continue
		}
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "sec-fetch-site": "same-site", "Origin": "null"} {
			req, err := http.NewRequestWithContext(t.Context(), method, h.url+rightsBraces.ReplaceAllString(pattern, "1"), strings.NewReader("text=x"))
			check(t, err)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set(name, value)
			got := r.do(req)
			if signed := slices.Contains(fromElsewhere, route.pattern); got.status != http.StatusForbidden && !signed {
				t.Errorf("%s: %d with %s: %s", route.pattern, got.status, name, value)
			}
			for header, want := range map[string]string{"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": ""} {
				if got.header.Get(header) != want {
					t.Errorf("%s: %s is %q", route.pattern, header, got.header.Get(header))
				}
			}
		}
	}
}
