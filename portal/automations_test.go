package portal

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"postern/desk"
	"postern/language"
	"postern/store"
)

// reactToAll works off what has happened, as the jobs do.
func (h *house) reactToAll() {
	h.t.Helper()
	for {
		var taken []desk.Happening
		check(h.t, h.store.Write(h.t.Context(), func(tx *store.Tx) (err error) {
			taken, err = tx.TakeHappenings(h.t.Context(), time.Now().Add(time.Hour), time.Now().Add(2*time.Hour), 100)
			return err
		}))
		if len(taken) == 0 {
			return
		}
		who, err := h.tickets.Reactor(h.t.Context())
		check(h.t, err)
		for _, one := range taken {
			check(h.t, who.React(h.t.Context(), one))
			check(h.t, h.store.Write(h.t.Context(), func(tx *store.Tx) error { return tx.EndHappenings(h.t.Context(), []int64{one.ID}) }))
		}
	}
}

func TestEveryWordOfRulesHasItalian(t *testing.T) {
	var all []string
	add := func(word string) { all = append(all, word) }
	for _, one := range desk.Triggers {
		add(triggerWords[one])
	}
	for _, one := range desk.Subjects {
		add(subjectWords[one])
		for _, how := range one.Sort().Comparisons() {
			add(comparisonWords[how])
		}
	}
	for _, one := range desk.ActionKinds {
		add(actionKindWords[one])
	}
	for _, one := range desk.Placeholders {
		add(placeWords[one])
	}
	for _, one := range trustChoices {
		add(one)
	}
	for _, one := range otherChoices {
		add(one)
	}
	for _, one := range matchWords {
		add(one)
	}
	for _, word := range all {
		if word == "" || !language.Italian.Knows(word) {
			t.Errorf("no Italian for %q", word)
		}
	}
}

// A rule is made, tried out, turned on, seen at work and removed, all without a script.
func TestAutomationsWithoutAScript(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	old := h.mail("From: anna@customer.example\nTo: support@example.com\nSubject: Invoice 7\nMessage-ID: <i7@customer.example>\n\nIt is wrong.\n").Ticket
	h.reactToAll()
	owner := h.reader("olga@example.com")
	owner.get("/automations").has(t, "No rules yet.", "New rule")
	owner.get("/automations/new").has(t, `name="if0-of"`, `name="do0-of"`, "a mail opens a ticket")

	form := []string{"name", "Invoices", "when", "opened", "match", "all", "conditions", "1", "if0-of", "subject", "if0-is", "contains", "if0-value", "invoice", "actions", "1", "do0-of", "add-tags", "do0-value", "billing"}
	more := owner.post("/automations/new", append(form, "step", "add-condition")...)
	more.has(t, `name="if1-of"`, `value="invoice"`, `value="billing"`, `name="conditions" value="2"`)
	owner.post("/automations/new", append(form, "step", "drop-condition:0")...).lacks(t, `name="if0-of"`)
	changed := owner.post("/automations/new", "name", "x", "match", "all", "conditions", "1", "if0-of", "waiting", "if0-is", "contains", "if0-value", "invoice", "actions", "1", "do0-of", "assign", "do0-value", "words", "step", "look")
	changed.has(t, `name="if0-number"`, `name="if0-unit"`, "is more than", "Ada Agent")
	wrong := owner.post("/automations/new", "name", "", "match", "all", "conditions", "0", "actions", "0", "step", "save")
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("a rule without a name gives %d", wrong.status)
	}
	wrong.has(t, `class="problem"`, "A name stands on one line")

	owner.post("/automations/new", append(form, "step", "save")...).has(t, "Invoices", "off", "Saved.", "invoice", "has not acted yet")
	rules, err := h.tickets.Automations(t.Context(), h.owner)
	check(t, err)
	rule := fmt.Sprintf("/automations/%d", rules[0].ID)
	owner.get(rule).has(t, `value="invoice"`, `value="Invoices"`)
	owner.get(rule+"/runs").has(t, "It has not acted yet.")

	owner.get(rule+"/test?days=7").has(t, fmt.Sprintf("/tickets/%d", old), "Invoice 7", "Looked at one entry", "one hit", "That is all.", `value="100"`)
	owner.get(rule+fmt.Sprintf("/test?ticket=%d", old)).has(t, fmt.Sprintf("It would act on #%d.", old), "met", "Invoice 7")
	owner.get(rule+"/test?ticket=x").has(t, "is no number of a ticket")
	if ticket, err := h.tickets.Get(t.Context(), h.owner, old); err != nil || len(ticket.Tags) != 0 {
		t.Errorf("trying a rule out tags the ticket %q, %v", ticket.Tags, err)
	}

	owner.post(rule+"/switch", "to", "on").has(t, "Turn off")
	n := h.mail("From: bo@customer.example\nTo: support@example.com\nSubject: My invoice\nMessage-ID: <i8@customer.example>\n\nHello?\n").Ticket
	h.reactToAll()
	owner.get(fmt.Sprintf("/tickets/%d", n)).has(t, "ran the rule “Invoices”", "billing")
	owner.get("/automations").has(t, "acted once in the last 7 days")
	owner.get(rule+"/runs").has(t, fmt.Sprintf("/tickets/%d", n), "My invoice", "Add the tags")
	owner.get("/audit").has(t, "Rule added", "Rule switched")

	agent := h.reader("ada@example.com")
	if got := agent.get("/automations"); got.status != http.StatusForbidden {
		t.Errorf("an agent gets %d", got.status)
	}
	owner.post(rule+"/remove").has(t, "No rules yet.")
}

func TestCannedRepliesAndMacrosWithoutAScript(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail("From: Anna Smith <anna@customer.example>\nTo: support@example.com\nSubject: Pump\nMessage-ID: <p1@customer.example>\n\nBroken.\n").Ticket
	agent := h.reader("ada@example.com")
	agent.get("/canned").has(t, "No canned replies yet.")
	fresh := agent.get("/canned/new")
	fresh.has(t, "{{customer.first_name}}", "only me")
	fresh.lacks(t, `value="all"`)
	wrong := agent.post("/canned/new", "name", "Hello", "text", "Dear {{customer.nmae}}", "for", "own", "mailbox", "0")
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown placeholder gives %d", wrong.status)
	}
	wrong.has(t, "There is no placeholder {{customer.nmae}}", `value="Hello"`)
	agent.post("/canned/new", "name", "Hello", "shortcut", "/hi", "text", "Dear {{customer.first_name}},\nthank you.", "for", "own", "mailbox", "0").has(t, "Hello", "/hi", "yours")
	list, err := h.tickets.CannedReplies(t.Context(), h.agent, "")
	check(t, err)
	agent.get(fmt.Sprintf("/canned/%d?ticket=%d", list[0].ID, n)).has(t, "Dear Anna,\nthank you.")
	agent.get(fmt.Sprintf("/canned/%d?ticket=999", list[0].ID)).has(t, "does not exist")
	h.reader("olga@example.com").get("/canned").has(t, "No canned replies yet.")
	agent.get("/canned?q=nothing").has(t, "Nothing holds “nothing”.")
	agent.post(fmt.Sprintf("/canned/%d/remove", list[0].ID)).has(t, "No canned replies yet.")

	agent.get("/macros/new").has(t, "What it does")
	agent.post("/macros/new", "name", "Solve", "for", "own", "mailbox", "0", "actions", "2", "do0-of", "take", "do1-of", "add-tags", "do1-value", "pump", "text", "Dear {{customer.first_name}}, done.").has(t, "Solve", "Assign to whoever runs it", "pump")
	macros, err := h.tickets.Macros(t.Context(), h.agent, "")
	check(t, err)
	agent.post(fmt.Sprintf("/tickets/%d/macro", n), "macro", fmt.Sprint(macros[0].ID)).has(t, "used the macro “Solve”", "Dear Anna, done.")
	ticket, err := h.tickets.Get(t.Context(), h.agent, n)
	check(t, err)
	if ticket.AssigneeName != "Ada Agent" || len(ticket.Tags) != 1 {
		t.Errorf("the ticket is of %q, tagged %q", ticket.AssigneeName, ticket.Tags)
	}
	draft, found, err := h.tickets.LoadDraft(t.Context(), h.agent, n, desk.KindReply)
	check(t, err)
	if !found || draft.Text != "Dear Anna, done." || len(draft.To) != 1 || draft.To[0].Addr != "anna@customer.example" {
		t.Errorf("the draft is %+v", draft)
	}
	agent.post(fmt.Sprintf("/macros/%d/remove", macros[0].ID)).has(t, "No macros yet.")
}

// The form in a browser: what a row looks at changes its fields at once, and a rehearsal goes on by itself.
func TestARuleInTheBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 3 {
		h.mail(fmt.Sprintf("From: anna@customer.example\nTo: support@example.com\nSubject: Invoice %d\nMessage-ID: <x%d@customer.example>\n\nIt is wrong.\n", i, i))
	}
	ctx := h.browser("olga@example.com")
	does(t, ctx, "open the form", chromedp.Navigate(h.url+"/automations/new"), chromedp.WaitVisible("#rule-form"), evaluate("window.stays = true"))
	does(t, ctx, "look at the status instead", chromedp.SetValue("#if0-of", "status"), evaluate(`document.querySelector("#if0-of").dispatchEvent(new Event("change", {bubbles: true}))`),
		until(`document.querySelector("#if0-value")?.tagName === "SELECT"`), until("window.stays === true"))
	does(t, ctx, "add an action", chromedp.SendKeys("#name", "Fresh"), chromedp.Click(`button[value="add-action"]`), chromedp.WaitVisible("#do1-of"))
	does(t, ctx, "save and try out", chromedp.SendKeys("#do0-value", "fresh"), chromedp.SendKeys("#do1-value", "new"), chromedp.Click(`button[name="then"]`), says("h1", "Try out “Fresh”"))
	does(t, ctx, "try it out", chromedp.Click(`form.one-line .primary`), says("#rehearsal-rest", "That is all."), says(".hits", "Invoice 2"))
}

// No page of rules writes styles or scripts into itself, and every field has a name.
func TestFormsOfRulesNameTheirFields(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	owner := h.reader("olga@example.com")
	control := regexp.MustCompile(`<(?:input|select|textarea)\b[^>]*>`)
	for _, path := range []string{"/automations/new", "/canned/new", "/macros/new", "/canned", "/macros"} {
		page := owner.get(path)
		for _, tag := range control.FindAllString(page.body, -1) {
			id := regexp.MustCompile(`\bid="([^"]+)"`).FindStringSubmatch(tag)
			if strings.Contains(tag, `type="hidden"`) || strings.Contains(tag, `type="checkbox"`) {
				continue
			}
			if id == nil || !strings.Contains(page.body, `for="`+id[1]+`"`) {
				t.Errorf("%s: nothing names %s", path, tag)
			}
		}
	}
}

// rules hangs rules, canned replies and macros into the gallery, with what they did.
func (g *gallery) rules() {
	t, ctx := g.t, g.t.Context()
	g.reactToAll()
	canned, err := g.tickets.SaveCanned(ctx, g.owner, desk.Canned{Name: "Where is my parcel? With the number of the shipment, and what to do when nobody was at home", Shortcut: "parcel",
		Text: "Dear {{customer.first_name|customer}},\n\nyour parcel is on its way. You can follow it at https://track.example/{{ticket.number}}.\n\n{{agent.name}}"})
	check(t, err)
	g.name("canned", canned)
	_, err = g.tickets.SaveCanned(ctx, g.owner, desk.Canned{Name: "Thank you", Text: "Thank you for telling us."})
	check(t, err)
	macro, err := g.tickets.SaveMacro(ctx, g.owner, desk.Macro{Name: "Refund is on its way", Text: "Dear {{customer.first_name|customer}},\n\nthe money is on its way.",
		Actions: []desk.Action{{Do: desk.ActTake}, {Do: desk.ActAddTags, Value: "refund billing"}, {Do: desk.ActNote, Value: "Refund by {{agent.name}}"}, {Do: desk.ActSnooze, Value: "3d"}, {Do: desk.ActStatus, Value: "pending"}}})
	check(t, err)
	g.name("macro", macro)
	rule, err := g.tickets.SaveAutomation(ctx, g.owner, desk.Automation{Name: "Broken or missing things go to Wolfgang, with a note and an answer", On: true, Match: desk.MatchAny, When: []desk.Trigger{desk.WhenOpened, desk.WhenAnswered},
		If:   []desk.Condition{{Of: desk.OfSubject, Is: desk.Contains, Value: "broken"}, {Of: desk.OfText, Is: desk.Matches, Value: "(still|yet) nothing|never (came|arrived)"}, {Of: desk.OfHeader, Name: "X-Shop-Id", Is: desk.Is, Value: "12"}, {Of: desk.OfWaiting, Is: desk.MoreThan, Value: "90m"}},
		Then: []desk.Action{{Do: desk.ActAddTags, Value: "broken"}, {Do: desk.ActPriority, Value: "high"}, {Do: desk.ActReply, ID: canned}, {Do: desk.ActNote, Value: "Ask for a photograph of {{ticket.subject}}"}}, Stop: true})
	check(t, err)
	g.name("rule", rule)
	_, err = g.tickets.SaveAutomation(ctx, g.owner, desk.Automation{Name: "Close what is over", Match: desk.MatchAll, When: []desk.Trigger{desk.WhenTime},
		If: []desk.Condition{{Of: desk.OfSinceSolved, Is: desk.MoreThan, Value: "7d"}, {Of: desk.OfTag, Is: desk.IsNot, Value: "vip"}}, Then: []desk.Action{{Do: desk.ActStatus, Value: "closed"}}})
	check(t, err)
	g.mail(letterOf("Zoë <zoe@customer.example>", "The lamp is broken", "rules1", "\nCan you help me?\n"))
	g.reactToAll()
}
