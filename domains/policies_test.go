package domains_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/store"
)

// Policies are served for domains whose owner is proved, whatever else is wrong with them; the text names every host that takes mail.
func TestPolicies(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), testkit.Postgres(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	resolver := domains.NewResolver([]string{testkit.DNS(t, "").Addr}, time.Second)
	service := domains.NewService(domains.ServiceConfig{Store: db, Keys: testkit.Keys(t), Resolver: resolver, Hostname: "mx1.desk.example", Preflight: &domains.Preflight{
		Authority: domains.NewAuthority(domains.AuthorityConfig{Resolver: resolver}), Hostname: "mx1.desk.example", MXHosts: []string{"mx1.desk.example", "mx2.desk.example"}, WebHost: "help.desk.example",
	}})
	err = db.Write(t.Context(), func(tx *store.Tx) error {
		for _, domain := range []desk.Domain{
			{Name: "added.example", State: desk.DomainAdded, STS: desk.STSEnforce}, {Name: "owned.example", State: desk.DomainOwned, STS: desk.STSTesting},
			{Name: "active.example", State: desk.DomainActive, STS: desk.STSEnforce}, {Name: "paused.example", State: desk.DomainPaused, STS: desk.STSEnforce},
			{Name: "off.example", State: desk.DomainActive, STS: desk.STSOff}, {Name: "removed.example", State: desk.DomainRemoved, STS: desk.STSEnforce},
		} {
			domain.Publication, domain.OnBroken, domain.RotateDays, domain.CreatedAt, domain.Challenge = desk.PublishTXT, desk.BrokenHold, 90, time.Now(), "c0ffee"
			if _, err := tx.AddDomain(t.Context(), domain); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	policies, err := service.Policies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for domain, want := range map[string]string{
		"added.example": "", "removed.example": "", "stranger.example": "", "owned.example": "mode: testing", "active.example": "mode: enforce", "paused.example": "mode: enforce", "off.example": "mode: none",
	} {
		policy, served := policies[domain]
		if served != (want != "") || !strings.Contains(policy.Text, want) {
			t.Errorf("%s: %+v", domain, policy)
		}
	}
	if text := policies["active.example"].Text; !strings.Contains(text, "mx: mx1.desk.example\r\nmx: mx2.desk.example\r\n") {
		t.Errorf("the text names not every host: %q", text)
	}
	_, records, err := service.Show(t.Context(), desk.System("cli"), "active.example")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(policies["active.example"].Text))
	for _, record := range records {
		switch record.Purpose {
		case domains.PurposeSTS:
			if record.Wanted != domains.STSRecord(hex.EncodeToString(sum[:16])) {
				t.Errorf("the record %q is not that of the policy that is served", record.Wanted)
			}
		case domains.PurposeSTSHost:
			if record.Wanted != "help.desk.example" {
				t.Errorf("the policy host is to lead to %s", record.Wanted)
			}
		}
	}
}

func TestLeadsTo(t *testing.T) {
	t.Parallel()
	names := testkit.DNS(t, `
help.desk.example.        A     192.0.2.1
help.desk.example.        AAAA  2001:db8::1
mta-sts.good.example.     CNAME help.desk.example.
mta-sts.six.example.      AAAA  2001:db8::1
mta-sts.elsewhere.example. A    198.51.100.1
mta-sts.broken.example.   A     192.0.2.1
`)
	names.Fail("down.desk.example")
	resolver := domains.NewResolver([]string{names.Addr}, time.Second)
	for _, c := range []struct {
		host string
		ours []string
		want string
	}{
		{"mta-sts.good.example", []string{"help.desk.example"}, ""},
		{"mta-sts.six.example", []string{"nowhere.desk.example", "help.desk.example"}, ""},
		{"mta-sts.elsewhere.example", []string{"help.desk.example"}, "leads to 198.51.100.1, which is not where help.desk.example is"},
		{"mta-sts.missing.example", []string{"help.desk.example"}, "has no address"},
		{"mta-sts.good.example", []string{"nowhere.desk.example"}, "(no address)"},
		{"mta-sts.broken.example", []string{"down.desk.example"}, "could not be found out"},
	} {
		err := domains.LeadsTo(t.Context(), resolver, c.host, c.ours)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.host, err, c.want)
		}
	}
}
