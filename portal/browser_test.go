package portal

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"postern/desk"
)

// chromium is the browser that the tests drive; `make test` installs it.
const chromium = "/usr/bin/chromium"

// chromium starts a real browser, in which nobody is signed in.
func (h *house) chromium(options ...chromedp.ExecAllocatorOption) context.Context {
	t := h.t
	t.Helper()
	if _, err := os.Stat(chromium); err != nil {
		t.Fatalf("the pages are tested in a real browser, which is not here: install Debian's package chromium (%v)", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(append(options, chromedp.ExecPath(chromium), chromedp.NoSandbox)...))
	t.Cleanup(stop)
	check(t, chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900), chromedp.Navigate("about:blank"))) // the browser lives as long as the context of its first step
	return ctx
}

// browser starts a real browser, with somebody signed in by a one-time link, as a person would be.
func (h *house) browser(email string, options ...chromedp.ExecAllocatorOption) context.Context {
	t := h.t
	t.Helper()
	ctx := h.chromium(options...)
	link, err := h.people.LoginLink(t.Context(), h.owner, email)
	check(t, err)
	check(t, chromedp.Do(ctx, chromedp.Navigate(link)))
	_, err = chromedp.RunResponse(ctx, chromedp.Click(".plate .primary"))
	check(t, err)
	return ctx
}

// does runs steps in the browser and says where a step that failed stands.
func does(t *testing.T, ctx context.Context, what string, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	patient, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := chromedp.Do(patient, steps...); err != nil {
		page, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText + document.querySelector('#news')?.outerHTML"))
		t.Fatalf("%s: %v; the page says:\n%s", what, err, page)
	}
}

// until waits for a condition on the page, which its script makes true.
func until(condition string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		for {
			met, err := chromedp.Evaluate[bool](condition)(ctx, target)
			if err != nil || met {
				return chromedp.Void{}, err
			}
			select {
			case <-ctx.Done():
				return chromedp.Void{}, fmt.Errorf("waiting for %s: %w", condition, ctx.Err())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// says waits until an element holds the words.
func says(selector, words string) chromedp.Action[chromedp.Void] {
	return until(fmt.Sprintf("document.querySelector(%q)?.textContent.includes(%q) ?? false", selector, words))
}

func TestADayInTheBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	h.mail("From: bo@customer.example\nTo: support@example.com\nSubject: Another one\nMessage-ID: <o1@customer.example>\n\nHello?\n")
	ctx := h.browser("ada@example.com")

	does(t, ctx, "open a ticket from the list, without loading the page again", chromedp.WaitVisible(".row"),
		evaluate("window.stays = true"), chromedp.Click(fmt.Sprintf(`.row[data-number="%d"]`, n)), says(".ticket h1", "Charged twice"),
		until("window.stays === true"), until(fmt.Sprintf("location.pathname === '/tickets/%d'", n)), says(".row[aria-current]", "Charged twice"))
	does(t, ctx, "reply by keys", chromedp.Focus("#main"), chromedp.KeyEvent("r"), chromedp.SendKeys("#reply-text", "We will look into it."))
	does(t, ctx, "the draft is saved by itself", says(".saved", "Saved"))
	does(t, ctx, "send, and the next one is there", chromedp.Click(".write.reply .primary"), says(".sent", "leaves in"), says(".ticket h1", "Another one"), until(fmt.Sprintf("location.pathname !== '/tickets/%d' && location.search === ''", n)))
	does(t, ctx, "undo", chromedp.Click(".sent .button"), until(`document.querySelector("#reply-text").value.includes("We will look into it.")`), chromedp.WaitNotPresent(".card.reply"),
		until(fmt.Sprintf("location.pathname === '/tickets/%d'", n)))
	does(t, ctx, "note", chromedp.Focus("#main"), chromedp.KeyEvent("n"), chromedp.SendKeys("#note-text", "Ask the bank."), chromedp.Click(".write.note .primary"), says(".card.note", "Ask the bank."))
	does(t, ctx, "take it", chromedp.Click("[data-key=m]"), says(".event", "took it"))
	does(t, ctx, "solve by key", chromedp.Focus("#main"), chromedp.KeyEvent("e"), until(`document.querySelector(".ticket select[name=status]").value === "solved"`),
		until(`document.querySelectorAll(".row").length === 1`)) // the list has left it out: what follows must not meet that answer on its way
	ticket, err := h.tickets.Get(t.Context(), h.agent, n)
	check(t, err)
	if ticket.Status != desk.StatusSolved || ticket.AssigneeName != "Ada Agent" {
		t.Errorf("the ticket is %s, of %q", ticket.Status, ticket.AssigneeName)
	}

	h.mail("From: anna@customer.example\nTo: support@example.com\nSubject: Re: Charged twice\nIn-Reply-To: <q1@customer.example>\nMessage-ID: <q9@customer.example>\n\nStill waiting.\n")
	does(t, ctx, "new mail shows as a bar and moves nothing", says("#news", "1 new message"))
	h.mail("From: cy@customer.example\nTo: support@example.com\nSubject: A third\nMessage-ID: <o2@customer.example>\n\nHello!\n")
	does(t, ctx, "in the list too", says("#list-news", "1 conversation has changed"), until(`document.querySelectorAll(".row").length === 1`))
	does(t, ctx, "and is one click away", chromedp.Click("#news a"), says(".cards", "Still waiting."))
	does(t, ctx, "back, by way of the ticket that came after sending, to the list", chromedp.NavigateBack(), until(fmt.Sprintf("location.pathname !== '/tickets/%d'", n)),
		chromedp.NavigateBack(), until(fmt.Sprintf("location.pathname === '/tickets/%d'", n)), chromedp.NavigateBack(), until("location.pathname === '/tickets'"), chromedp.WaitVisible(".row"))
}

// evaluate runs a script for its effect.
func evaluate(script string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Evaluate[any](script)(ctx, target)
		return chromedp.Void{}, err
	}
}

func TestHostileMailDoesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var asked atomic.Int64
	beacon := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		t.Logf("the mail reached out: %s", r.URL)
	}))
	defer beacon.Close()
	vectors := []string{
		`<script>top.document.title='pwned';fetch('BEACON/1')</script>`, `<img src="BEACON/2">`, `<img src=x onerror="parent.document.title='pwned'">`,
		`<svg onload="parent.document.title='pwned'"></svg>`, `<iframe src="BEACON/3"></iframe>`, `<object data="BEACON/4"></object>`, `<embed src="BEACON/5">`,
		`<link rel=stylesheet href="BEACON/6">`, `<style>@import url(BEACON/7); body{background:url(BEACON/8)}</style>`, `<p style="background:url(BEACON/9)">x</p>`,
		`<meta http-equiv=refresh content="0;url=BEACON/10">`, `<base href="BEACON/">`, `<video src="BEACON/11" poster="BEACON/12" autoplay></video>`, `<audio src="BEACON/13" autoplay></audio>`,
		`<form action="BEACON/14"><button autofocus onfocus="this.form.submit()">x</button></form>`, `<img srcset="BEACON/15 1x">`, `<table background="BEACON/16"><tr><td>x</table>`,
		`<math><mtext><table><mglyph><style><img src=x onerror="parent.document.title='pwned'">`, `<a href="javascript:parent.document.title='pwned'" id=main>click</a>`, `<link rel=prefetch href="BEACON/17">`, `<link rel=dns-prefetch href="BEACON">`,
	}
	html := strings.ReplaceAll(strings.Join(vectors, "\n"), "BEACON", beacon.URL)
	n := h.mail("From: eve@evil.example\nTo: support@example.com\nSubject: Look\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n<p>Look at <b>this</b></p><table><tr><td>really</td></tr></table>\n" + html + "\n").Ticket
	// The sanitizer is the first wall. The second must hold alone: the same mail, stored as it came.
	for name, raw := range map[string]string{"sanitized": "", "as it came": "<table><tr><td>really</td></tr></table>" + html} {
		if raw != "" {
			h.sql(`update message set html = $1 where ticket_id = $2 and kind = 'inbound'`, raw, n)
		}
		ctx := h.browser("ada@example.com")
		does(t, ctx, name, chromedp.Navigate(fmt.Sprintf("%s/tickets/%d", h.url, n)), chromedp.WaitVisible("iframe.mail"), evaluate("document.querySelector('iframe.mail').scrollIntoView()"))
		frame, err := chromedp.Run(ctx, chromedp.AttributeValue("iframe.mail", "src"))
		check(t, err)
		does(t, ctx, name+": the frame alone", chromedp.Navigate(h.url+frame.Value), evaluate("1"), until("document.readyState === 'complete'"))
		title, err := chromedp.Run(ctx, chromedp.Title())
		check(t, err)
		if strings.Contains(title, "pwned") {
			t.Errorf("%s: a script ran", name)
		}
		does(t, ctx, name+": the page", chromedp.Navigate(fmt.Sprintf("%s/tickets/%d", h.url, n)), chromedp.WaitVisible("iframe.mail"), until("document.readyState === 'complete'"))
		if title, err = chromedp.Run(ctx, chromedp.Title()); err != nil || strings.Contains(title, "pwned") || !strings.Contains(title, "Look") {
			t.Errorf("%s: the page is called %q, %v", name, title, err)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("%d requests went out", asked.Load())
	}
}
