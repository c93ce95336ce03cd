package portal

import (
	"encoding/csv"
	"regexp"
	"strings"
	"testing"

	"postern/desk"
	"postern/identity"
)

// Every table that the portal gives out is read by spreadsheets. Whatever people and strangers chose as names, addresses, tags and searches stands in it as text, and in no cell as a formula (T-34).
func TestNoTableHoldsAFormula(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	_, err := h.people.AddRole(ctx, h.owner, desk.CustomRole{Name: "=role(1)", Rights: []desk.Right{desk.MayRead, desk.MayNote}, Sight: desk.SightAll})
	check(t, err)
	eve, err := h.people.AddUser(ctx, h.owner, identity.NewUser{Email: "+eve@example.com", Name: "-person(1)", Role: "=role(1)"})
	check(t, err)
	team, err := h.tickets.SetTeam(ctx, h.owner, desk.Team{Name: "@team(1)", Members: []int64{eve.ID}})
	check(t, err)
	n := h.mail(question).Ticket
	_, err = h.tickets.Update(ctx, h.owner, n, desk.TicketChange{Team: &team, AddTags: []string{"=tag(1)"}, Assignee: &h.agent.User.ID})
	check(t, err)
	check(t, h.people.SetSettings(ctx, h.owner, map[string]any{desk.AccessLog.Key: true}))
	olga := h.byLink("olga@example.com")
	olga.get("/tickets?q=%3Dcmd%7C%27calc%27%21A1")
	check(t, h.audit.FlushReadings(ctx))
	h.sql(`update "user" set name = '=sum(1)' where id = $1`, h.agent.User.ID)
	h.byLink("+eve@example.com").get("/tickets")
	tables := map[string]answer{
		"GET /security/factors.csv": olga.get("/security/factors.csv"), "POST /audit/export": olga.post("/audit/export", "format", "csv"), "POST /audit/readings/export": olga.post("/audit/readings/export"),
		"GET /reports.csv": olga.get("/reports.csv?days=7&by=tag&table=lines"), "by team": olga.get("/reports.csv?days=7&by=team&table=lines"), "by agent": olga.get("/reports.csv?days=7&by=agent&table=lines"),
	}
	formula := regexp.MustCompile(`^[\s\p{Cf}\p{Cc}]*[=+\-@＝＋－＠]`)
	var all strings.Builder
	for which, got := range tables {
		if kind := got.header.Get("Content-Type"); got.status != 200 || !strings.HasPrefix(kind, "text/csv") {
			t.Errorf("%s: %d %s", which, got.status, kind)
			continue
		}
		rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
		if err != nil || len(rows) < 2 {
			t.Errorf("%s: %d rows, %v", which, len(rows), err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if formula.MatchString(cell) {
					t.Errorf("%s: the cell %q is a formula", which, cell)
				}
				all.WriteString(cell + "\n")
			}
		}
	}
	for _, want := range []string{"'=role(1)", "'-person(1)", "'+eve@example.com", "'@team(1)", "'=tag(1)", "'=sum(1)"} {
		if !strings.Contains(all.String(), "\n"+want+"\n") {
			t.Errorf("no table holds %q, so nothing is proved of it", want)
		}
	}
	for _, route := range routes { // a table that is new stands above
		if _, known := tables[route.pattern]; !known && regexp.MustCompile(`csv|export`).MatchString(route.pattern) {
			t.Errorf("%s gives out a table that nobody has looked at here", route.pattern)
		}
	}
}
