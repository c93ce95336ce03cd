package desk

import (
	"slices"
	"testing"
)

func TestEveryRightStandsInTheTableOnce(t *testing.T) {
	t.Parallel()
	seen := map[Right]bool{}
	for _, row := range Rights {
		if seen[row.Right] || row.Says == "" || row.Group == "" || row.Scope == "" {
			t.Errorf("%q stands twice, or says nothing", row.Right)
		}
		seen[row.Right] = true
		if !slices.Contains(row.Held, RoleOwner) {
			t.Errorf("an owner lacks %q", row.Right)
		}
	}
}

func TestWhatNobodyDeclaredNobodyMay(t *testing.T) {
	t.Parallel()
	for _, role := range append(slices.Clone(BuiltIn), "", "somebody", "Owner", "admin ") {
		user := User{ID: 1, Role: role}
		if user.Can("tickets:everything") || user.Can("") {
			t.Errorf("%q may what stands nowhere", role)
		}
		if !role.IsBuiltIn() && (user.Can(SignedIn) || user.Can(MayRead) || user.Sight() != SightNone) {
			t.Errorf("the unknown role %q gives something", role)
		}
	}
}

// The promises of security row 36 that hold whatever else the table says.
func TestBuiltInRoles(t *testing.T) {
	t.Parallel()
	light, auditor, customer := User{Role: RoleLight}, User{Role: RoleAuditor}, User{Role: RoleCustomer}
	for _, right := range []Right{MayReply, MayWrite, MayMerge, MayManageCopied, MayReadOriginals, MayManageHeld, MayExport, MayShelveTeam, MayManageRules} {
		if light.Can(right) {
			t.Errorf("a light agent may %q", right)
		}
	}
	if !light.Can(MayNote) || !light.Can(MayRead) {
		t.Error("a light agent may not read or note")
	}
	for _, right := range []Right{MayRead, MayNote, MayReply, MayWrite, MayReadHeld, MayReadOriginals, MayReadCustomers, MayOwnRead, MayExport, MayManageRoles} {
		if auditor.Can(right) {
			t.Errorf("an auditor may %q", right)
		}
	}
	if !auditor.Can(MayReadAudit) || !auditor.Can(MayReadConfig) || auditor.Sight() != SightNone {
		t.Error("an auditor may not read the audit log or the configuration, or sees conversations")
	}
	for _, row := range Rights {
		if want := row.Right == MayOwnRead || row.Right == MayOwnWrite; customer.Can(row.Right) != want {
			t.Errorf("a customer and %q: %v", row.Right, !want)
		}
		if want := row.Right != MayOwn && row.Right != MayImpersonate; (User{Role: RoleAdmin}).Can(row.Right) != want {
			t.Errorf("an admin and %q: %v", row.Right, !want)
		}
	}
}

func TestRank(t *testing.T) {
	t.Parallel()
	lead := Grant{Rights: []Right{MayRead, MayNote, MayOwnRead, MayOwnWrite, MayReadPeople, MayManagePeople}, Sight: SightTeams}
	cases := []struct {
		name  string
		actor User
		role  Role
		want  bool
	}{
		{"an owner handles owners", User{Role: RoleOwner}, RoleOwner, true},
		{"an admin handles no owner", User{Role: RoleAdmin}, RoleOwner, false},
		{"an admin handles no admin", User{Role: RoleAdmin}, RoleAdmin, false},
		{"an admin handles agents", User{Role: RoleAdmin}, RoleAgent, true},
		{"an admin handles auditors", User{Role: RoleAdmin}, RoleAuditor, true},
		{"an admin handles customers", User{Role: RoleAdmin}, RoleCustomer, true},
		{"who leads a team handles no agent, who may more", User{Role: "Lead", Grant: &lead}, RoleAgent, false},
		{"nor their like", User{Role: "Lead", Grant: &lead}, "Lead", false},
		{"an unknown role handles nobody", User{Role: "Gone"}, RoleAuditor, false},
	}
	for _, c := range cases {
		grant, known := c.role.Grant()
		if !known {
			grant = lead
		}
		if got := c.actor.Outranks(c.role, grant); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestCustomRoleCheck(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		role CustomRole
		ok   bool
	}{
		{"reads and notes", CustomRole{Name: "Notes", Rights: []Right{MayRead, MayNote}, Sight: SightTeams}, true},
		{"nothing at all", CustomRole{Name: "Nothing", Sight: SightNone}, true},
		{"no name", CustomRole{Sight: SightNone}, false},
		{"two lines", CustomRole{Name: "a\nb", Sight: SightNone}, false},
		{"blanks at its end", CustomRole{Name: "a ", Sight: SightNone}, false},
		{"ownership", CustomRole{Name: "Boss", Rights: []Right{MayOwn}, Sight: SightNone}, false},
		{"what there is not", CustomRole{Name: "Boss", Rights: []Right{"everything"}, Sight: SightNone}, false},
		{"a customer's eyes", CustomRole{Name: "Own", Sight: SightOwn}, false},
		{"no eyes", CustomRole{Name: "None"}, false},
		{"notes without reading", CustomRole{Name: "Blind", Rights: []Right{MayNote}, Sight: SightNone}, false},
		{"masks beside originals", CustomRole{Name: "Half", Rights: []Right{MayRead, MayReadOriginals}, Sight: SightAll, Masks: []Mask{MaskEmail}}, false},
		{"masks", CustomRole{Name: "Masked", Rights: []Right{MayRead}, Sight: SightAll, Masks: []Mask{MaskEmail, MaskName}}, true},
		{"an unknown mask", CustomRole{Name: "Masked", Rights: []Right{MayRead}, Sight: SightAll, Masks: []Mask{"face"}}, false},
	}
	for _, c := range cases {
		if err := c.role.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
