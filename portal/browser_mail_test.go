package portal

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"postern/desk"
)

func TestHeldMailInTheBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rule("spam.example", desk.RuleSuspend)
	h.rule("honest.example", desk.RuleSuspend)
	n := h.mail(question).Ticket
	for i := range 3 {
		h.hold(fmt.Sprintf("s%d@spam.example", i), fmt.Sprintf("Cheap %d", i))
	}
	honest := h.hold("good@honest.example", "Honest")
	ctx := h.browser("olga@example.com")
	held := `document.querySelectorAll(".held").length === %d`

	does(t, ctx, "tick all that the search finds, and block their senders", chromedp.Navigate(h.url+"/suspended?q=cheap"), until(fmt.Sprintf(held, 3)), chromedp.WaitVisible("[data-tick]"),
		until(`getComputedStyle(document.querySelector("#bulk [value=block]")).display === "none"`), chromedp.Click("[data-tick]"), says("[data-ticked]", "3 ticked"),
		chromedp.Click("#bulk [value=block]"), says("#toasts", "3 mails were deleted"), says(".empty", "Nothing found."))
	does(t, ctx, "release a ticked one in bulk is there too", chromedp.Navigate(h.url+"/suspended"), until(fmt.Sprintf(held, 1)))
	does(t, ctx, "look closer, without loading the page again", evaluate("window.stays = true"), chromedp.Click(fmt.Sprintf("#held-%d a", honest)), says(".checks", "Return path"), until("window.stays === true"))
	does(t, ctx, "release into the ticket", chromedp.SendKeys(fmt.Sprintf("#into-%d", honest), fmt.Sprintf("#%d", n)), chromedp.Click(".held .inline button"),
		until(fmt.Sprintf("location.pathname === '/tickets/%d'", n)), says(".cards", "Released from suspension."))
	does(t, ctx, "what would happen, without loading the page again", chromedp.Navigate(h.url+"/senders"), says(".blocks", "s2@spam.example"), evaluate("window.stays = true"), chromedp.SendKeys("#would-from", "anybody@spam.example"),
		chromedp.Click("#would .primary"), says(".ruling", "Held back: Blocked sender"), until("window.stays === true"))
	does(t, ctx, "a policy that cannot be", chromedp.Navigate(h.url+"/settings/mail"), chromedp.SetValue("#suspended_days", "91"), chromedp.Click(".settings .primary"), says(".problem", "1 to 90 days"))
	does(t, ctx, "one that can", chromedp.SetValue("#suspended_days", "30"), chromedp.Click(".settings .primary"), says("#toasts", "Saved."), until(`document.querySelector("#suspended_days").value === "30"`))
}

func TestReportsInTheBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.poisoned()
	ctx := h.browser("olga@example.com")
	quiet := until(`window.pwned === undefined && document.readyState === "complete"`)
	does(t, ctx, "the plot is drawn", chromedp.Navigate(h.url+"/domains/example.com"), quiet,
		until(`(({width, height}) => width > 300 && height > 20)(document.querySelector(".plot svg").getBoundingClientRect())`),
		until(`document.querySelectorAll(".plot-pass").length > 40 && getComputedStyle(document.querySelector(".plot-line")).stroke !== "none"`))
	for _, path := range []string{"/suspended", "/suspended/1", "/tickets/1?open=all"} {
		does(t, ctx, path+" shows hostile words as words", chromedp.Navigate(h.url+path), says("main", "window.pwned=1"), quiet, until(`getComputedStyle(document.querySelector("main")).display !== "none"`))
	}
}
