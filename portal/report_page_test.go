package portal

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/language"
)

func TestReportsShowWhatHappenedToday(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	h.mail("From: bo@customer.example\nTo: support@example.com\nSubject: Another one\nMessage-ID: <o1@customer.example>\n\nHello?\n")
	_, err := h.tickets.Reply(t.Context(), h.agent, desk.ReplyRequest{Ticket: n, Text: "Twice? No.", Status: desk.StatusSolved})
	check(t, err)
	agent, owner := h.reader("ada@example.com"), h.reader("olga@example.com")
	got := agent.get("/reports")
	for _, want := range []string{"<dd>2</dd>", "Opened and resolved tickets", "First answer, median", `role="img"`, "Download as CSV", "support@example.com"} {
		if got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%d: the page does not say %q", got.status, want)
		}
	}
	if strings.Contains(got.body, `value="agent">`) || strings.Contains(got.body, `action="/reports/zone"`) {
		t.Error("an agent may compare colleagues, or choose the zone of all")
	}
	if len(got.body) > 60<<10 {
		t.Errorf("the page has %d bytes", len(got.body))
	}
	rows, err := csv.NewReader(strings.NewReader(owner.get("/reports.csv?days=7&by=mailbox&table=lines").body)).ReadAll()
	check(t, err)
	if len(rows) != 2 || rows[0][1] != "new" || rows[1][1] != "2" || rows[1][2] != "1" || len(rows[1]) != len(csvColumns)+1 {
		t.Errorf("the table is %v", rows)
	}
	days, err := csv.NewReader(strings.NewReader(owner.get("/reports.csv?days=7").body)).ReadAll()
	check(t, err)
	if len(days) != 8 || days[7][1] != "2" || days[7][6] != "1" {
		t.Errorf("by day: %v", days)
	}
	if got := agent.get("/reports?about=agent:1"); got.status != http.StatusForbidden && h.agent.User.ID != 1 {
		t.Errorf("an agent sees figures about a colleague: %d", got.status)
	}
	if got := owner.get("/reports?from=2026-13-01&to=2026-01-01"); got.status != http.StatusOK || !strings.Contains(got.body, `role="alert"`) {
		t.Errorf("%d for days that do not exist", got.status)
	}
	if got := owner.post("/reports/zone", "zone", "Europe/Rome"); got.status != http.StatusOK || !strings.Contains(owner.get("/reports").body, "Europe/Rome") {
		t.Errorf("the zone is not kept: %d", got.status)
	}
}

func TestNamesInTablesForSpreadsheets(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"=1+1": "'=1+1", "@x": "'@x", "-tag": "'-tag", "billing": "billing", "": ""} {
		if got := desk.Cell(name); got != want {
			t.Errorf("%q becomes %q", name, got)
		}
	}
}

func TestHowLongThingsTook(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{0: "1 min", 59 * time.Minute: "59 min", time.Hour: "1 h", 90 * time.Minute: "1 h 30 min", 48 * time.Hour: "2 d", 50 * time.Hour: "2 d 2 h"} {
		if got := took(language.English, d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestChartsPutDaysTogether(t *testing.T) {
	t.Parallel()
	monday := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for days, want := range map[int]string{7: "7 Day", 31: "31 Day", 32: "5 Week", 93: "14 Week", 200: "29 Week", 365: "12 Month", 600: "20 Month"} {
		f := desk.Figures{Today: monday.AddDate(5, 0, 0)}
		for i := range days {
			f.Days = append(f.Days, desk.TallyDay{Day: monday.AddDate(0, 0, i), Tally: desk.Tally{Created: 1, Backlog: int64(i)}})
		}
		list, name := stretches(f)
		sum := int64(0)
		for _, one := range list {
			sum += one.tally.Created
		}
		if got := fmt.Sprint(len(list), " ", name); got != want || sum != int64(days) || list[len(list)-1].tally.Backlog != int64(days-1) {
			t.Errorf("%d days are %s, with %d new and a backlog of %d at the end", days, got, sum, list[len(list)-1].tally.Backlog)
		}
	}
}

func TestARatedTicketCanBeOpened(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	for rating, word := range map[int]string{1: "Good", -1: "Bad"} {
		_, err := h.store.Pool().Exec(t.Context(), `update ticket set rating = $2 where id = $1`, n, rating)
		check(t, err)
		if got := h.reader("ada@example.com").get(fmt.Sprintf("/tickets/%d", n)); got.status != http.StatusOK || !strings.Contains(got.body, ">"+word+"<") {
			t.Errorf("rated %d: %d", rating, got.status)
		}
	}
}
