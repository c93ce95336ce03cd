package threading

import (
	"testing"

	"postern/desk"
)

// Every cell of the trust table of behaviour §4, row by row, as far as the evidence decides. Whether there is a ticket to join is Decide's word; what becomes of a mail that may not join
// is a ticket of its own, unless it is held.
func TestTrustTable(t *testing.T) {
	t.Parallel()
	const verified, token, unverified = desk.TrustVerified, desk.TrustToken, desk.TrustUnverified
	// cells are the columns: joins, reopens, adds people, automatic answer, agent's powers; then how it is shown and whether it is held.
	type cells struct{ joins, reopens, adds, answered, acts, pending, unverified, held bool }
	for _, row := range []struct {
		name   string
		sender Sender
		want   cells
	}{
		{"verified, requester or participant: on the ticket", Sender{Trust: verified, OnTicket: true}, cells{joins: true, reopens: true, adds: true, answered: true}},
		{"verified, requester or participant: with a token as well", Sender{Trust: verified, OnTicket: true, Token: true}, cells{joins: true, reopens: true, adds: true, answered: true}},
		{"verified: a new ticket", Sender{Trust: verified, New: true}, cells{adds: true, answered: true}},
		{"verified, not on the ticket, with a token", Sender{Trust: verified, Token: true}, cells{joins: true, pending: true}},
		{"verified, not on the ticket, without a token", Sender{Trust: verified}, cells{}},
		{"token, address of a participant", Sender{Trust: token, Token: true, OnTicket: true}, cells{joins: true, reopens: true, unverified: true}},
		{"token, address of nobody on the ticket (T-STRANGER)", Sender{Trust: token, Token: true}, cells{joins: true, pending: true, unverified: true}},
		{"unverified, address of a participant, Message-ID known in this mailbox", Sender{Trust: unverified, OnTicket: true}, cells{joins: true, reopens: true, unverified: true}},
		{"unverified, anybody else: not onto the ticket", Sender{Trust: unverified}, cells{unverified: true}},
		{"unverified, anybody else: a new ticket", Sender{Trust: unverified, New: true}, cells{unverified: true}},

		{"verified agent, personal address, feature on", Sender{Trust: verified, Agent: true, Personal: true}, cells{joins: true, reopens: true, adds: true, acts: true}},
		{"verified agent, personal address: on the ticket makes no difference", Sender{Trust: verified, Agent: true, Personal: true, OnTicket: true, Token: true},
			cells{joins: true, reopens: true, adds: true, acts: true}},
		{"an agent's address, unproved (T-AGENT-SPOOF)", Sender{Trust: unverified, Agent: true}, cells{held: true, unverified: true}},
		{"an agent's address, unproved, a new ticket", Sender{Trust: unverified, Agent: true, New: true}, cells{held: true, unverified: true}},
		{"an agent's address, unproved, on the ticket, with a customer's token", Sender{Trust: token, Agent: true, Token: true, OnTicket: true}, cells{held: true, unverified: true}},
		{"an agent's address, unproved, at a personal address", Sender{Trust: token, Agent: true, Personal: true, Token: true}, cells{held: true, unverified: true}},
		{"an agent's address, unproved, automatic", Sender{Trust: unverified, Agent: true, Automatic: true}, cells{held: true, unverified: true}},
		{"a personal address, but no agent, verified", Sender{Trust: verified, Personal: true, OnTicket: true, Token: true}, cells{held: true}},
		{"a personal address, but no agent, unverified", Sender{Trust: unverified, Personal: true}, cells{held: true, unverified: true}},
		{"an agent's automatic mail at a personal address", Sender{Trust: verified, Agent: true, Personal: true, Automatic: true}, cells{held: true}},
		{"a proved agent at any other address is like everybody: on the ticket", Sender{Trust: verified, Agent: true, OnTicket: true}, cells{joins: true, reopens: true, adds: true, answered: true}},
		{"a proved agent at any other address: with a customer's token", Sender{Trust: verified, Agent: true, Token: true}, cells{joins: true, pending: true}},
		{"a proved agent at any other address: a new ticket (T-FWD)", Sender{Trust: verified, Agent: true, New: true}, cells{adds: true, answered: true}},

		{"automatic, by a token", Sender{Trust: token, Token: true, Automatic: true}, cells{joins: true, unverified: true}},
		{"automatic, of a participant, verified", Sender{Trust: verified, OnTicket: true, Automatic: true}, cells{joins: true}},
		{"automatic, of a participant, unverified", Sender{Trust: unverified, OnTicket: true, Automatic: true}, cells{joins: true, unverified: true}},
		{"automatic, a stranger's", Sender{Trust: unverified, Automatic: true}, cells{unverified: true}},
		{"automatic, a new ticket", Sender{Trust: verified, New: true, Automatic: true}, cells{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := PowersOf(row.sender)
			got := cells{p.Joins, p.Reopens, p.AddsPeople, p.Answered, p.Acts, p.Pending, p.Unverified, p.Held}
			if got != row.want {
				t.Errorf("got %+v\nwant %+v", got, row.want)
			}
		})
	}
}

// Whatever comes together, some things never happen.
func TestTrustTableHoldsForEveryCombination(t *testing.T) {
	t.Parallel()
	trusts := []desk.Trust{desk.TrustVerified, desk.TrustToken, desk.TrustUnverified}
	for bits := range 1 << 6 {
		for _, trust := range trusts {
			set := func(n int) bool { return bits>>n&1 == 1 }
			s := Sender{Trust: trust, OnTicket: set(0), Token: set(1), New: set(2), Automatic: set(3), Agent: set(4), Personal: set(5)}
			p := PowersOf(s)
			switch {
			case p.Acts && (trust != desk.TrustVerified || !s.Agent || !s.Personal || s.Automatic):
				t.Errorf("%+v acts as an agent", s)
			case s.Personal && !p.Acts && !p.Held:
				t.Errorf("%+v uses a personal address and is not held", s)
			case p.Held && (p.Joins || p.Reopens || p.AddsPeople || p.Answered || p.Acts || p.Pending):
				t.Errorf("%+v is held and does something: %+v", s, p)
			case p.AddsPeople && trust != desk.TrustVerified:
				t.Errorf("%+v adds people unproved", s)
			case s.Automatic && (p.Reopens || p.AddsPeople || p.Answered):
				t.Errorf("%+v is automatic and acts: %+v", s, p)
			case p.Pending && (p.Reopens || p.AddsPeople || p.Answered):
				t.Errorf("%+v waits for an agent and acts: %+v", s, p)
			}
		}
	}
}
