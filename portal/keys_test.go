package portal

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"postern/desk"
)

// strike presses and lets go of a key as a keyboard does: the character comes with the key, and not where a page has used the key up (chromedp's own KeyEvent types it all the same).
func strike(ctx context.Context, target *chromedp.Target, key string) error {
	for _, r := range key {
		text := ""
		for _, event := range kb.Encode(r) {
			if event.Type == kb.KeyChar {
				text = event.Text
			}
		}
		for _, event := range kb.Encode(r) {
			switch event.Type {
			case kb.KeyChar:
				continue
			case kb.KeyUp:
			default:
				event.Type, event.Text = input.DispatchKeyEventTypeKeyDown, text
			}
			if _, err := cdp.Call(ctx, target, input.DispatchKeyEvent, *event); err != nil {
				return err
			}
		}
	}
	return nil
}

// A day's work without a mouse: from the list into a conversation, take it, answer it, write a note, tag it, set its priority, solve it, and back; the keys are shown by ? and can be switched off.
func TestADayByKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	h.mail("From: bo@customer.example\nTo: support@example.com\nSubject: Another one\nMessage-ID: <k1@customer.example>\n\nHello?\n")
	ctx := h.browser("ada@example.com")
	key := func(keys ...string) chromedp.Action[chromedp.Void] { // presses one after the other, as a hand does
		return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			for _, one := range keys {
				if err := strike(ctx, target, one); err != nil {
					return chromedp.Void{}, err
				}
			}
			return chromedp.Void{}, nil
		}
	}
	send := chromedp.KeyEvent("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	escape := chromedp.KeyEvent("\x1b")

	does(t, ctx, "to those that are nobody's", chromedp.WaitVisible(".row"), key("g", "u"), until(`location.search === "?view=unassigned"`), says(".list-head h1", "Unassigned"), until(`document.readyState === "complete"`))
	does(t, ctx, "down to the first, and open it", key("j"), until(`document.activeElement.matches(".row")`), key("o"), says(".ticket h1", "Charged twice"), until(fmt.Sprintf("location.pathname === '/tickets/%d'", n)))
	does(t, ctx, "take it", key("m"), says(".cards", "took it"))
	does(t, ctx, "answer everybody", key("a"), until(`document.activeElement.id === "reply-text"`), chromedp.KeyEvent("We look into it."), send, says(".card.reply", "We look into it."))
	does(t, ctx, "write a note", escape, key("n"), until(`document.activeElement.id === "note-text"`), chromedp.KeyEvent("Ask the bank."), send, says(".card.note", "Ask the bank."))
	does(t, ctx, "tag it", escape, key("l"), until(`document.activeElement.id === "tags"`), chromedp.KeyEvent("billing\r"), says(".tags", "billing"))
	does(t, ctx, "make it urgent", escape, key("p"), until(`document.activeElement.id === "priority"`), chromedp.KeyEvent(kb.End), says(".cards", "set the priority to urgent"))
	does(t, ctx, "solve it", escape, key("e"), until(`document.querySelector(".ticket select[name=status]")?.value === "solved"`),
		until(`document.querySelectorAll(".row").length === 1 && !document.querySelector(".htmx-request")`)) // the list has left it out
	does(t, ctx, "back to the list", key("u"), until(`location.pathname === "/tickets" && document.readyState === "complete"`), chromedp.WaitVisible(".row"))
	does(t, ctx, "search", key("/"), until(`document.activeElement.name === "q"`), chromedp.KeyEvent("charged\r"), says(".row mark", "Charged"), until(`document.readyState === "complete"`))
	does(t, ctx, "see the keys", escape, key("?"), chromedp.WaitVisible("#keys"), says("#keys", "Solve"), key("?"), chromedp.WaitNotVisible("#keys"))
	ticket, err := h.tickets.Get(t.Context(), h.agent, n)
	check(t, err)
	if ticket.Status != desk.StatusSolved || ticket.AssigneeName != "Ada Agent" || ticket.Priority != desk.PriorityUrgent || len(ticket.Tags) != 1 {
		t.Errorf("the ticket is %s, of %q, %s, %v", ticket.Status, ticket.AssigneeName, ticket.Priority, ticket.Tags)
	}
}
