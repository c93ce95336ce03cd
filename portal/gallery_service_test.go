package portal

import (
	"time"

	"postern/desk"
	"postern/tickets"
)

// service is what a desk decides about its work: teams, hours, targets, fields, and a ticket that shows all of it.
func (g *gallery) service() {
	t, ctx := g.t, g.t.Context()
	hours, err := g.tickets.SetHours(ctx, g.owner, desk.Hours{Name: "Office in Rome", Zone: "Europe/Rome", Week: desk.Week{nil, {{From: 540, To: 780}, {From: 840, To: 1080}}, {{From: 540, To: 1080}}, nil, nil, nil, nil},
		Holidays: []desk.Holiday{{Day: "12-25", Name: "Christmas"}, {Day: "2026-12-08", Name: "Immacolata Concezione"}}})
	check(t, err)
	g.name("hours", hours.ID)
	most := 20
	team, err := g.tickets.SetTeam(ctx, g.owner, desk.Team{Name: "First line", Turns: true, MostOpen: &most, Members: []int64{g.agent.User.ID, g.owner.User.ID}})
	check(t, err)
	g.name("team", team)
	_, err = g.tickets.SetTeam(ctx, g.owner, desk.Team{Name: "Billing, invoices and everything about money that nobody else wants to look at", HoursID: &hours.ID})
	check(t, err)
	urgent := desk.PriorityUrgent
	check(t, g.tickets.SetTarget(ctx, g.owner, desk.Target{AnswerMinutes: new(240), SolveMinutes: new(2400)}))
	check(t, g.tickets.SetTarget(ctx, g.owner, desk.Target{Priority: &urgent, AnswerMinutes: new(30)}))
	for _, field := range []desk.Field{
		{Name: "Order number", Kind: desk.FieldText, Required: true}, {Name: "Plan that the customer has", Key: "plan", Kind: desk.FieldChoice, Choices: []string{"Gold", "Silver", "A plan with a long name that nobody can remember"}},
		{Name: "Bought on", Kind: desk.FieldDate}, {Name: "Refunded", Kind: desk.FieldCheckbox}, {Name: "Amount", Kind: desk.FieldNumber},
	} {
		_, err := g.tickets.SetField(ctx, g.owner, field)
		check(t, err)
	}
	check(t, g.tickets.Reckon(ctx)) // as the job does
	number := g.number("ticket")
	_, err = g.tickets.Update(ctx, g.agent, number, desk.TicketChange{Team: &team, Fields: map[string]string{"plan": "Gold", "refunded": "yes", "bought-on": "2026-11-02"}})
	check(t, err)
	ticket, err := g.tickets.Get(ctx, g.agent, number)
	check(t, err)
	check(t, g.tickets.SetCustomer(ctx, g.agent, ticket.RequesterID, "Anna Rossi", "Prefers to be called in the afternoon.\nPays by invoice."))
	snoozed := g.number("html")
	until := time.Now().Add(72 * time.Hour)
	_, err = g.tickets.Update(ctx, g.agent, snoozed, desk.TicketChange{Snooze: &until, AddTags: []string{"broken-on-arrival", "invoice", "a-tag-with-a-name-that-is-rather-long"}})
	check(t, err)
	check(t, g.tickets.SetPresence(ctx, g.owner, g.owner.User.ID, tickets.IsAway))
}
