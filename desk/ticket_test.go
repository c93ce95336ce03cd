package desk

import (
	"testing"
	"time"
)

// T-REOPEN and T-FOLLOWUP: what a reply does to a ticket's status.
func TestT_REOPEN_T_FOLLOWUP(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name      string
		status    Status
		closed    time.Duration // how long ago; 0: never
		mayReopen bool
		want      Reply
	}{
		{"a new ticket stays new", StatusNew, 0, true, ReplyKeeps},
		{"an open one stays open", StatusOpen, 0, true, ReplyKeeps},
		{"a pending one opens", StatusPending, 0, true, ReplyReopens},
		{"one on hold opens", StatusHold, 0, true, ReplyReopens},
		{"a solved one opens", StatusSolved, 0, true, ReplyReopens},
		{"a solved one does not open for a stranger", StatusSolved, 0, false, ReplyKeeps},
		{"one closed yesterday opens", StatusClosed, 24 * time.Hour, true, ReplyReopens},
		{"one closed at the edge of the window opens", StatusClosed, FollowUpWindow, true, ReplyReopens},
		{"one closed longer ago starts a follow-up", StatusClosed, FollowUpWindow + time.Second, true, ReplyFollowsUp},
		{"for a stranger too, since nothing joins a ticket that is over", StatusClosed, FollowUpWindow + time.Second, false, ReplyFollowsUp},
	} {
		t.Run(c.name, func(t *testing.T) {
			closed := time.Time{}
			if c.closed != 0 {
				closed = now.Add(-c.closed)
			}
			if got := c.status.OnReply(closed, now, c.mayReopen); got != c.want {
				t.Errorf("OnReply = %v, want %v", got, c.want)
			}
		})
	}
}

func TestRightsFollowRoleAndScope(t *testing.T) {
	rights := []Right{MayRead, MayWrite, MayManageSystem, MayOwnRead, MayOwnWrite, SignedIn, Public}
	for _, c := range []struct {
		role   Role
		scopes []Scope
		want   map[Right]bool
	}{
		{"", nil, map[Right]bool{Public: true}},
		{RoleCustomer, nil, map[Right]bool{MayOwnRead: true, MayOwnWrite: true, SignedIn: true, Public: true}},
		{RoleAgent, nil, map[Right]bool{MayRead: true, MayWrite: true, MayOwnRead: true, MayOwnWrite: true, SignedIn: true, Public: true}},
		{RoleAgent, []Scope{ScopeRead}, map[Right]bool{MayRead: true, MayOwnRead: true, SignedIn: true, Public: true}},
		{RoleAgent, []Scope{ScopeAdmin}, map[Right]bool{SignedIn: true, Public: true}},
		{RoleAdmin, []Scope{ScopeAdmin}, map[Right]bool{MayManageSystem: true, SignedIn: true, Public: true}},
		{RoleOwner, nil, map[Right]bool{MayRead: true, MayWrite: true, MayManageSystem: true, MayOwnRead: true, MayOwnWrite: true, SignedIn: true, Public: true}},
	} {
		actor := Actor{User: User{Role: c.role}, Scopes: c.scopes}
		for _, right := range rights {
			if got := actor.Can(right); got != c.want[right] {
				t.Errorf("role %q with scopes %v: Can(%s) = %v", c.role, c.scopes, right, got)
			}
		}
	}
}

func TestVerifiedNeedsOneFromAndAlignment(t *testing.T) {
	pass, aligned := Method{Result: ResultPass}, Method{Result: ResultPass, Aligned: true}
	none := Unchecked("")
	with := func(change func(*Verdict)) Verdict { v := none; change(&v); return v }
	for _, c := range []struct {
		name    string
		verdict Verdict
		oneFrom bool
		want    bool
	}{
		{"nothing proves nothing", none, true, false},
		{"DMARC pass", with(func(v *Verdict) { v.DMARC.Result = ResultPass }), true, true},
		{"DMARC pass with two From", with(func(v *Verdict) { v.DMARC.Result = ResultPass }), false, false},
		{"DMARC fail beats an aligned SPF", with(func(v *Verdict) { v.DMARC.Result = ResultFail; v.SPF = aligned }), true, false},
		{"no DMARC, SPF aligned", with(func(v *Verdict) { v.SPF = aligned }), true, true},
		{"no DMARC, SPF of another domain", with(func(v *Verdict) { v.SPF = pass }), true, false},
		{"no DMARC, one of two signatures aligned", with(func(v *Verdict) { v.DKIM = []Method{pass, aligned} }), true, true},
	} {
		if got := c.verdict.Verified(c.oneFrom); got != c.want {
			t.Errorf("%s: Verified = %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAddressParts(t *testing.T) {
	for _, c := range []struct{ addr, base, detail, domain string }{
		{"support+tok@Example.com", "support@Example.com", "tok", "example.com"},
		{"support@example.com", "support@example.com", "", "example.com"},
		{"+x@example.com", "+x@example.com", "", "example.com"},
		{`"a@b"@example.com`, `"a@b"@example.com`, "", "example.com"},
		{"nobody", "nobody", "", ""},
	} {
		base, detail := CutSubaddress(c.addr)
		if base != c.base || detail != c.detail || DomainOf(c.addr) != c.domain {
			t.Errorf("%s: %q %q %q", c.addr, base, detail, DomainOf(c.addr))
		}
	}
}
