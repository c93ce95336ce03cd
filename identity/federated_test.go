package identity

import (
	"testing"
	"time"

	"postern/desk"
)

// The table is the manual: who an asserted account is here.
func TestWhoAnAssertedAccountIs(t *testing.T) {
	gone := time.Now()
	person := func(role desk.Role) *Person {
		return &Person{User: desk.User{ID: 7, Email: "ann@acme.test", Role: role}}
	}
	disabled := person(desk.RoleAgent)
	disabled.DisabledAt = &gone
	staff := desk.Provider{Kind: desk.ProviderOIDC, Population: desk.ForStaff, Settings: desk.ProviderSettings{Domains: []string{"acme.test"}}}
	with := func(p desk.Provider, change func(*desk.Provider)) desk.Provider { change(&p); return p }
	customers := with(staff, func(p *desk.Provider) { p.Population, p.Settings.Create = desk.ForCustomers, true })
	creates := with(staff, func(p *desk.Provider) { p.Settings.Create, p.Settings.CreateRole = true, desk.RoleAgent })
	roles := with(creates, func(p *desk.Provider) { p.Population, p.Settings.AllowRole = desk.ForBoth, true })
	said := func(p desk.Provider) Asserted {
		return Asserted{Provider: p, Issuer: "https://idp.acme.test", Subject: "1", Email: "ann@acme.test", EmailVerified: true}
	}
	but := func(a Asserted, change func(*Asserted)) Asserted { change(&a); return a }
	unverified := func(a *Asserted) { a.EmailVerified = false }
	for _, test := range []struct {
		name     string
		asserted Asserted
		facts    facts
		step     step
		role     desk.Role
		code     RefusalCode
	}{
		{"connected: comes in", said(staff), facts{Owner: person(desk.RoleAgent)}, stepEnter, "", ""},
		{"connected, whatever address is said today", but(said(staff), func(a *Asserted) { a.Email = "boss@acme.test" }), facts{Owner: person(desk.RoleAgent)}, stepEnter, "", ""},
		{"connected owner comes in", said(staff), facts{Owner: person(desk.RoleOwner)}, stepEnter, "", ""},
		{"connected but disabled", said(staff), facts{Owner: disabled}, stepRefuse, "", UserSuspended},
		{"a provider of customers never opens a session of staff", said(customers), facts{Owner: person(desk.RoleAgent)}, stepRefuse, "", ScopeDenied},
		{"nor by address", said(customers), facts{Holder: person(desk.RoleAdmin)}, stepRefuse, "", ScopeDenied},
		{"nor an owner's by address", said(customers), facts{Holder: person(desk.RoleOwner)}, stepRefuse, "", ScopeDenied},
		{"a provider of staff opens no customer's", said(staff), facts{Owner: person(desk.RoleCustomer)}, stepRefuse, "", ScopeDenied},
		{"known by address, provider runs the domain and has verified it", said(staff), facts{Holder: person(desk.RoleAgent)}, stepLink, "", ""},
		{"address not verified", but(said(staff), unverified), facts{Holder: person(desk.RoleAgent)}, stepRefuse, "", NotConnected},
		{"address not verified, a mail can be sent", but(said(staff), unverified), facts{Holder: person(desk.RoleAgent), MayProve: true}, stepProve, "", ""},
		{"the same where nobody has it", but(said(staff), unverified), facts{MayProve: true}, stepProve, "", ""},
		{"not verified, but proved", but(said(staff), unverified), facts{Holder: person(desk.RoleAgent), Proved: true}, stepLink, "", ""},
		{"another domain than the provider's", but(said(staff), func(a *Asserted) { a.Email = "ann@other.test" }), facts{Holder: person(desk.RoleAgent)}, stepRefuse, "", NotConnected},
		{"changed subject under the same address", said(staff), facts{Holder: person(desk.RoleAgent), HolderHas: true}, stepRefuse, "", NotConnected},
		{"the same, proved", said(staff), facts{Holder: person(desk.RoleAgent), HolderHas: true, Proved: true}, stepRefuse, "", NotConnected},
		{"owner's address set by a provider's admin", said(staff), facts{Holder: person(desk.RoleOwner)}, stepRefuse, "", NotConnected},
		{"the same, proved", said(staff), facts{Holder: person(desk.RoleOwner), Proved: true}, stepRefuse, "", NotConnected},
		{"holder disabled", said(staff), facts{Holder: disabled}, stepRefuse, "", UserSuspended},
		{"nobody, and no accounts are made", said(staff), facts{}, stepRefuse, "", NotConnected},
		{"nobody, and accounts are made", said(creates), facts{}, stepCreate, desk.RoleAgent, ""},
		{"customers are made as such", said(customers), facts{}, stepCreate, desk.RoleCustomer, ""},
		{"customers of other domains prove their address", but(said(customers), func(a *Asserted) { a.Email = "eve@mail.test" }), facts{MayProve: true}, stepProve, "", ""},
		{"no account without an address", but(said(creates), func(a *Asserted) { a.Email = "" }), facts{}, stepRefuse, "", NotConnected},
		{"role not taken unless allowed", but(said(creates), func(a *Asserted) { a.Role = "admin" }), facts{}, stepCreate, desk.RoleAgent, ""},
		{"role taken where allowed", but(said(roles), func(a *Asserted) { a.Role = "admin" }), facts{}, stepCreate, desk.RoleAdmin, ""},
		{"'user' is a customer", but(said(roles), func(a *Asserted) { a.Role = "user" }), facts{}, stepCreate, desk.RoleCustomer, ""},
		{"never owner", but(said(roles), func(a *Asserted) { a.Role = "owner" }), facts{}, stepRefuse, "", BadClaims},
		{"nor for somebody who is here", but(said(roles), func(a *Asserted) { a.Role = "owner" }), facts{Owner: person(desk.RoleAgent)}, stepRefuse, "", BadClaims},
		{"a role changes", but(said(roles), func(a *Asserted) { a.Role = "admin" }), facts{Owner: person(desk.RoleAgent)}, stepEnter, desk.RoleAdmin, ""},
		{"an owner's never", but(said(roles), func(a *Asserted) { a.Role = "agent" }), facts{Owner: person(desk.RoleOwner)}, stepEnter, "", ""},
		{"a provider of customers says no role of staff", but(said(with(customers, func(p *desk.Provider) { p.Settings.AllowRole = true })), func(a *Asserted) { a.Role = "agent" }), facts{}, stepRefuse, "", ScopeDenied},
		{"second factor not said", said(with(staff, func(p *desk.Provider) { p.Settings.RequireMFA = true })), facts{Owner: person(desk.RoleAgent)}, stepRefuse, "", MFARequired},
		{"second factor said", but(said(with(staff, func(p *desk.Provider) { p.Settings.RequireMFA = true })), func(a *Asserted) { a.MFA = []string{"pwd", "mfa"} }), facts{Owner: person(desk.RoleAgent)}, stepEnter, "", ""},
		{"own words for it", but(said(with(staff, func(p *desk.Provider) { p.Settings.RequireMFA, p.Settings.MFAValues = true, []string{"gold"} })), func(a *Asserted) { a.MFA = []string{"mfa"} }), facts{Owner: person(desk.RoleAgent)}, stepRefuse, "", MFARequired},
		{"from another network", said(with(staff, func(p *desk.Provider) { p.Settings.Ranges = []string{"10.0.0.0/8"} })), facts{Owner: person(desk.RoleAgent), From: "192.0.2.1"}, stepRefuse, "", IPDenied},
		{"from the right one", said(with(staff, func(p *desk.Provider) { p.Settings.Ranges = []string{"10.0.0.0/8"} })), facts{Owner: person(desk.RoleAgent), From: "::ffff:10.1.2.3"}, stepEnter, "", ""},
		{"JWT without a lasting name, in the domain", but(said(staff), func(a *Asserted) { a.Subject = "" }), facts{Holder: person(desk.RoleAgent), HolderHas: true, SaysNoName: true}, stepEnter, "", ""},
		{"the same for an owner", but(said(staff), func(a *Asserted) { a.Subject = "" }), facts{Holder: person(desk.RoleOwner), SaysNoName: true}, stepRefuse, "", NotConnected},
	} {
		got := decide(test.asserted, test.facts)
		if got.Step != test.step || got.Role != test.role || got.Code != test.code {
			t.Errorf("%s: %s %q %s (%s), not %s %q %s", test.name, got.Step, got.Role, got.Code, got.Detail, test.step, test.role, test.code)
		}
	}
}

func TestStaffKeepAWayIn(t *testing.T) {
	now := time.Now()
	off := desk.Values{desk.StaffPassword.Key: false}
	good := desk.Provider{ID: 3, Name: "Acme", Enabled: true, TestedAt: &now, Population: desk.ForStaff}
	untested, switchedOff, theirs, narrow := good, good, good, good
	untested.TestedAt, switchedOff.Enabled, theirs.Population, narrow.Settings.Ranges = nil, false, desk.ForCustomers, []string{"10.0.0.0/8"}
	if err := staffWay(desk.Values{}, nil); err != nil {
		t.Errorf("with passwords: %v", err)
	}
	if err := staffWay(off, []desk.Provider{good}); err != nil {
		t.Errorf("with a tested provider: %v", err)
	}
	for name, p := range map[string]desk.Provider{"untested": untested, "off": switchedOff, "for customers": theirs, "from one network": narrow} {
		if staffWay(off, []desk.Provider{p}) == nil {
			t.Errorf("%s: staff would be locked out", name)
		}
		redirect := desk.Values{desk.StaffMode.Key: "redirect", desk.StaffRedirect.Key: 3}
		if name != "from one network" && redirects(redirect, []desk.Provider{p}) == nil {
			t.Errorf("%s: staff would be redirected to it", name)
		}
	}
	if err := redirects(desk.Values{desk.StaffMode.Key: "redirect", desk.StaffRedirect.Key: 3}, []desk.Provider{good}); err != nil {
		t.Error(err)
	}
	if redirects(desk.Values{desk.StaffMode.Key: "redirect", desk.StaffRedirect.Key: 4}, []desk.Provider{good}) == nil {
		t.Error("staff would be redirected nowhere")
	}
}

func TestAForeignSessionEndsInTime(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct{ said, want time.Time }{
		"not said": {time.Time{}, now.Add(12 * time.Hour)}, "sooner": {now.Add(time.Hour), now.Add(time.Hour)}, "later": {now.Add(48 * time.Hour), now.Add(12 * time.Hour)},
	} {
		if got := (Asserted{Until: test.said}).until(now); !got.Equal(test.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
