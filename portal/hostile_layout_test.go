package portal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestHostileNamesMoveNothing opens mail whose names, subject and text are one endless word, piled up with marks, or written from right to left.
func TestHostileNamesMoveNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	piled := "Z" + strings.Repeat("\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308", 60) + "algo"
	endless := strings.Repeat("W", 900)
	out := h.mail("From: \"\u202e" + piled + "\" <" + strings.Repeat("a", 60) + "@" + strings.Repeat("b", 60) + ".example>\nTo: \"" + endless + "\" <x@y.example>, support@example.com\nSubject: \u202e" + endless + " " + piled +
		"\nMessage-ID: <" + strings.Repeat("m", 300) + "@x.example>\nContent-Type: text/plain; charset=utf-8\n\n" + endless + endless + "\n" + strings.Repeat(piled+" ", 20) + "\n")
	_, err := h.tickets.Note(t.Context(), h.owner, out.Ticket, endless, nil)
	check(t, err)
	ctx := h.browser("ada@example.com")
	for _, path := range []string{fmt.Sprintf("/tickets/%d", out.Ticket), "/tickets", fmt.Sprintf("/messages/%d", out.Message), fmt.Sprintf("/messages/%d/source", out.Message)} {
		for _, width := range []int64{390, 1440} {
			does(t, ctx, path, chromedp.EmulateViewport(width, 900), chromedp.Navigate(h.url+path), until(`document.readyState === "complete"`), evaluate(`document.querySelectorAll("details").forEach((d) => { d.open = true; })`))
			for _, part := range []string{"html", "main", ".conversation", ".list", ".panel", ".page"} {
				over, err := chromedp.Run(ctx, chromedp.Evaluate[int](fmt.Sprintf(`Math.max(0, ...[...document.querySelectorAll(%q)].filter((e) => e.clientWidth).map((e) => e.scrollWidth - e.clientWidth))`, part)))
				check(t, err)
				if over > 1 {
					t.Errorf("%s at %d px: %s is %d px too wide", path, width, part, over)
				}
			}
		}
	}
}
