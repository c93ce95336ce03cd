package portal

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"postern/desk"
)

func TestTeamsTagsFieldsAndTargetsHavePages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	owner, agent, path := h.reader("olga@example.com"), h.reader("ada@example.com"), fmt.Sprintf("/tickets/%d", n)

	owner.get("/teams").has(t, "No teams yet.")
	boxes, err := h.domains.Mailboxes(t.Context())
	check(t, err)
	made := owner.post("/teams", "name", "First line", "member", fmt.Sprint(h.agent.User.ID), "mailbox", fmt.Sprint(boxes[0].ID), "turns", "on", "most_open", "20")
	made.has(t, "First line", "By turn", "Ada Agent", boxName(boxes[0]))
	if got := owner.post("/teams", "name", "Second", "most_open", "many"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `value="many"`) || !strings.Contains(got.body, `role="alert"`) {
		t.Errorf("a limit that is no number: %d", got.status)
	}
	teams, err := h.tickets.Teams(t.Context(), h.owner)
	check(t, err)
	team := teams[0].ID
	owner.get(fmt.Sprintf("/teams/%d", team)).has(t, `value="First line"`, `name="turns" value="on" checked`)
	owner.post("/teams", "name", "Second line").has(t, "Second line")

	owner.post("/fields", "name", "Order number", "kind", "text", "required", "on").has(t, "Order number", "field:order-number=", "Needed to solve")
	owner.post("/fields", "name", "Plan", "kind", "choice", "choices", "Gold\r\nSilver\r\n").has(t, "Choice")
	if got := owner.post("/fields", "name", "Empty", "kind", "choice"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "something to choose from") {
		t.Errorf("a choice of nothing: %d", got.status)
	}
	owner.post("/targets", "answer", "4 h", "solve", "40 h").has(t, "First answer within 4 h", "solved within 40 h")
	owner.post("/targets", "priority", "urgent", "answer", "1 h 30 min").has(t, "Urgent", "1 h 30 min")
	if got := owner.post("/targets", "answer", "soon"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("a target of soon: %d", got.status)
	}
	owner.get("/hours/new").has(t, "Monday", "9:00-17:00")
	owner.post("/hours", "name", "Office", "zone", "Europe/Rome", "day-1", "9-13, 14-18", "day-2", "9:00–17:30", "holidays", "12-25 Christmas\n2026-12-08 Immacolata").has(t, "Office", "2 holidays", "Default")
	if got := owner.post("/hours", "name", "Broken", "zone", "Europe/Rome", "day-1", "nine to five"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "nine to five") {
		t.Errorf("hours that cannot be read: %d", got.status)
	}

	check(t, h.tickets.Reckon(t.Context())) // as the job does
	page := agent.get(path)
	page.has(t, "Answer due", "Solution due", "due in", `name="field:order-number"`, `<option value="team:`)
	agent.post(path, "owner", fmt.Sprintf("team:%d", team)).has(t, "gave this to the team First line")
	agent.post(path, "owner", fmt.Sprintf("person:%d", h.owner.User.ID)).has(t, "assigned this to Olga Owner")
	agent.post(path, "owner", "nobody").has(t, "took the assignment off Olga Owner")
	agent.post(path, "owner", "everybody").has(t, "The form does not say")
	if got := agent.post(path, "status", "solved"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "Order number") {
		t.Errorf("solved without what is needed: %d", got.status)
	}
	agent.post(path, "field:order-number", "A-17", "field:plan", "Gold").has(t, "set Order number to A-17", `value="A-17"`)
	agent.post(path, "add_tags", "refund, billing").has(t, `name="drop_tag" value="billing"`, `name="drop_tag" value="refund"`)
	agent.post(path, "drop_tag", "refund").lacks(t, `name="drop_tag" value="refund"`)
	agent.get("/tags/names").has(t, `<option value="refund">`)
	owner.post("/tags", "do", "rename", "name", "billing", "to", "money").has(t, "money", "One ticket was changed.")
	agent.get(path).has(t, `name="drop_tag" value="money"`)
	agent.post(path+"/customer", "name", "Anna Maria Rossi", "note", "Call her in the afternoon.").has(t, "Anna Maria Rossi", "Call her in the afternoon.")

	agent.post(path, "snooze", "tomorrow").has(t, "Snoozed until", "snoozed this until")
	agent.post(path, "snooze", "wake").lacks(t, "Snoozed until")
	agent.post(path, "until", time.Now().UTC().Add(48*time.Hour).Format("2006-01-02T15:04")).has(t, "Snoozed until")
	if got := agent.post(path, "until", "2020-01-01T09:00"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("snoozed until a time that is over: %d", got.status)
	}
	agent.post("/you/presence", "do", "away").has(t, "You are away.")
	owner.get("/people").has(t, "Is back")
	owner.post(fmt.Sprintf("/people/%d", h.agent.User.ID), "do", "there").lacks(t, "Is back")
	if got := agent.post("/teams", "name", "Mine"); got.status != http.StatusForbidden {
		t.Errorf("an agent makes a team: %d", got.status)
	}
}

func TestATicketIsWorkedOnByKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	team, err := h.tickets.SetTeam(t.Context(), h.owner, desk.Team{Name: "Second line", Members: []int64{h.agent.User.ID}})
	check(t, err)
	_, err = h.tickets.SetField(t.Context(), h.owner, desk.Field{Name: "Plan", Kind: desk.FieldChoice, Choices: []string{"Gold", "Silver"}})
	check(t, err)
	ctx := h.browser("ada@example.com")
	does(t, ctx, "open the ticket", chromedp.Navigate(fmt.Sprintf("%s/tickets/%d", h.url, n)), chromedp.WaitVisible(".ticket"), chromedp.Focus("#main"))
	does(t, ctx, "A leads to whose it is", evaluate(`document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "A", bubbles: true}))`), until(`document.activeElement.id === "assignee"`))
	does(t, ctx, "give it to a team", chromedp.SetValue("#assignee", fmt.Sprintf("team:%d", team)), evaluate(`document.querySelector("#assignee").dispatchEvent(new Event("change", {bubbles: true}))`),
		says(".cards", "gave this to the team Second line"), until(`document.querySelector("#team").value !== "0"`))
	does(t, ctx, "a field saves itself", chromedp.SetValue("#field-plan", "Silver"), evaluate(`document.querySelector("#field-plan").dispatchEvent(new Event("change", {bubbles: true}))`), says(".cards", "set Plan to Silver"))
	does(t, ctx, "l leads to the tags", chromedp.Focus("#main"), evaluate(`document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "l", bubbles: true}))`), until(`document.activeElement.id === "tags"`))
	does(t, ctx, "type a tag", chromedp.KeyEvent("refund"), until(`document.querySelector("#tags").value === "refund"`))
	does(t, ctx, "enter gives it", chromedp.KeyEvent("\r"), says(".tags", "refund"))
	does(t, ctx, "z opens the menu", chromedp.Focus("#main"), chromedp.KeyEvent("z"), chromedp.WaitVisible(".menu-items button"), chromedp.Click(`.menu-items button[value="tomorrow"]`), says(".snoozed", "Snoozed until"))
	ticket, err := h.tickets.Get(t.Context(), h.agent, n)
	check(t, err)
	if ticket.SnoozedUntil == nil || ticket.TeamName != "Second line" || ticket.Fields["plan"] != "Silver" || strings.Join(ticket.Tags, " ") != "refund" {
		t.Errorf("the ticket is of %q, %v, %v, snoozed until %v", ticket.TeamName, ticket.Fields, ticket.Tags, ticket.SnoozedUntil)
	}
}
