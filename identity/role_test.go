package identity

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"postern/desk"
	"postern/mailtext"
)

// notes is a role that reads and writes notes.
func rolesNotes(name desk.Role) desk.CustomRole {
	return desk.CustomRole{Name: name, Says: "Reads along", Rights: []desk.Right{desk.MayRead, desk.MayNote}, Sight: desk.SightTeams}
}

func TestRoleIsWhatItsPeopleMayAtOnce(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	owner := h.plain(t, "owner@example.com", desk.RoleOwner)
	if _, err := h.AddRole(ctx, as(owner), rolesNotes("Tier 1")); err != nil {
		t.Fatal(err)
	}
	ada, err := h.AddUser(ctx, as(owner), NewUser{Email: "ada@example.com", Role: "Tier 1"})
	if err != nil {
		t.Fatal(err)
	}
	link, err := h.LoginLink(ctx, as(owner), ada.Email)
	if err != nil {
		t.Fatal(err)
	}
	came, err := h.UseLink(ctx, link[strings.LastIndex(link, "/")+1:], home)
	session, user := came.Token, came.User
	if err != nil || !user.Can(desk.MayNote) || user.Can(desk.MayReply) || user.Sight() != desk.SightTeams {
		t.Fatalf("%+v, %v", user, err)
	}
	token, _, err := h.AddToken(ctx, cli, NewToken{UserEmail: ada.Email, Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	now := func() (bySession, byToken desk.User) {
		live, err := h.SignedIn(ctx, session)
		if err != nil {
			t.Fatal(err)
		}
		bearer, err := h.Bearer(ctx, token, home)
		if err != nil {
			t.Fatal(err)
		}
		return live.User, bearer.User
	}
	wider := rolesNotes("Tier One")
	wider.Rights = append(wider.Rights, desk.MayReply)
	wider.Masks = []desk.Mask{desk.MaskEmail}
	if _, err := h.ChangeRole(ctx, as(owner), "Tier 1", wider); err != nil {
		t.Fatal(err)
	}
	for _, user := range slices.Collect(func(yield func(desk.User) bool) { a, b := now(); _ = yield(a) && yield(b) }) {
		if user.Role != "Tier One" || !user.Can(desk.MayReply) || !slices.Equal(user.Masks(), []desk.Mask{desk.MaskEmail}) {
			t.Errorf("after the role changed: %+v holds %+v", user, user.Holds())
		}
	}
	if _, err := h.UpdateUser(ctx, as(owner), ada.ID, UserChange{Role: new(desk.RoleAuditor)}); err != nil {
		t.Fatal(err)
	}
	if user, _ := now(); user.Can(desk.MayRead) || !user.Can(desk.MayReadAudit) {
		t.Errorf("after another role was given: %+v", user)
	}
	if err := h.RemoveRole(ctx, as(owner), "Tier One"); err != nil {
		t.Error(err)
	}
	if actions := h.audit(t); !slices.Contains(actions, "role.add") || !slices.Contains(actions, "role.change") || !slices.Contains(actions, "role.remove") {
		t.Errorf("audited: %v", actions)
	}
}

func TestRoleRefused(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	owner, admin, agent := h.plain(t, "owner@example.com", desk.RoleOwner), h.plain(t, "admin@example.com", desk.RoleAdmin), h.plain(t, "agent@example.com", desk.RoleAgent)
	makers := desk.CustomRole{Name: "Makers", Rights: []desk.Right{desk.MayRead, desk.MayNote, desk.MayReadPeople, desk.MayManagePeople, desk.MayManageRoles}, Sight: desk.SightTeams, Masks: []desk.Mask{desk.MaskEmail}}
	for _, role := range []desk.CustomRole{makers, rolesNotes("Notes"), {Name: "Masked notes", Rights: []desk.Right{desk.MayRead, desk.MayNote}, Sight: desk.SightTeams, Masks: desk.Masks}} {
		if _, err := h.AddRole(ctx, as(admin), role); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.AddUser(ctx, as(owner), NewUser{Email: "maker@example.com", Role: "Makers"})
	if err != nil {
		t.Fatal(err)
	}
	found, err := h.Find(ctx, as(owner), "maker@example.com")
	if err != nil {
		t.Fatal(err)
	}
	maker := as(found.User)
	make := func(actor desk.Actor, role desk.CustomRole) error { _, err := h.AddRole(ctx, actor, role); return err }
	change := func(actor desk.Actor, name desk.Role, role desk.CustomRole) error {
		_, err := h.ChangeRole(ctx, actor, name, role)
		return err
	}
	give := func(actor desk.Actor, id int64, role desk.Role) error {
		_, err := h.UpdateUser(ctx, actor, id, UserChange{Role: &role})
		return err
	}
	with := func(role desk.CustomRole, name desk.Role, rights ...desk.Right) desk.CustomRole {
		role.Name, role.Rights = name, append(slices.Clone(role.Rights), rights...)
		return role
	}
	unmasked, wide := with(makers, "Unmasked"), with(makers, "Wide")
	unmasked.Masks, wide.Sight = nil, desk.SightAll
	for name, test := range map[string]struct {
		err  error
		kind desk.FaultKind
	}{
		"an agent makes one":                      {make(as(agent), rolesNotes("X")), desk.Forbidden},
		"nobody makes one":                        {make(desk.Actor{Via: "api"}, rolesNotes("X")), desk.Unsigned},
		"of the name of a built-in":               {make(as(owner), rolesNotes("Owner")), desk.Conflict},
		"that looks like a built-in":              {make(as(owner), rolesNotes("аdmin")), desk.Conflict}, // with a Cyrillic а
		"that looks like another":                 {make(as(owner), rolesNotes("n0tes")), desk.Conflict},
		"in other letters of the same look":       {make(as(owner), rolesNotes("Nоtеs")), desk.Conflict}, // Cyrillic о and е
		"with signs only":                         {make(as(owner), rolesNotes("!!!")), desk.Invalid},
		"that gives ownership":                    {make(as(owner), with(makers, "Boss", desk.MayOwn)), desk.Invalid},
		"that gives what its maker does not hold": {make(maker, with(makers, "More", desk.MayReply)), desk.Forbidden},
		"that shows what its maker is not shown":  {make(maker, unmasked), desk.Forbidden},
		"that sees more than its maker":           {make(maker, wide), desk.Forbidden},
		"a maker changes their own role":          {change(maker, "Makers", makers), desk.Forbidden},
		"a maker changes a role that shows more":  {change(maker, "Notes", rolesNotes("Notes")), desk.Forbidden},
		"somebody changes a built-in":             {change(as(owner), desk.RoleAgent, rolesNotes("X")), desk.NotFound},
		"somebody removes what people have":       {h.RemoveRole(ctx, as(owner), "Makers"), desk.Conflict},
		"somebody removes a built-in":             {h.RemoveRole(ctx, as(owner), desk.RoleAgent), desk.NotFound},
		"a maker gives a role that shows more":    {give(maker, agent.ID, "Notes"), desk.Forbidden},
		"a maker takes an agent's role away":      {give(maker, agent.ID, desk.RoleCustomer), desk.Forbidden},
		"an admin changes their own role":         {give(as(admin), admin.ID, desk.RoleAgent), desk.Forbidden},
		"an admin makes an agent an admin":        {give(as(admin), agent.ID, desk.RoleAdmin), desk.Forbidden},
		"an admin takes an owner's role away":     {give(as(admin), owner.ID, desk.RoleAgent), desk.Forbidden},
		"an owner gives up":                       {give(as(owner), owner.ID, desk.RoleAgent), desk.Forbidden},
		"a role that there is not is given":       {give(as(owner), agent.ID, "Nothing"), desk.Invalid},
		"an admin comes in as another admin by link": {func() error {
			_, err := h.LoginLink(ctx, as(h.plain(t, "b@example.com", desk.RoleAdmin)), admin.Email)
			return err
		}(), desk.Forbidden},
	} {
		if !is(test.err, test.kind) {
			t.Errorf("%s: %v, want kind %d", name, test.err, test.kind)
		}
	}
	if _, err := h.AddUser(ctx, maker, NewUser{Email: "z@example.com", Role: "Masked notes"}); err != nil {
		t.Errorf("a maker gives a role that is less than theirs: %v", err)
	}
}

// TestNobodyGivesWhatTheyDoNotHold lets many people with random roles make, change and hand on random roles: whoever comes to hold something was given it by somebody who held it.
func TestNobodyGivesWhatTheyDoNotHold(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	dice := rand.New(rand.NewPCG(36, 1))
	owner := as(h.plain(t, "owner@example.com", desk.RoleOwner))
	random := func(name desk.Role) desk.CustomRole {
		role := desk.CustomRole{Name: name, Sight: desk.Sights[dice.IntN(len(desk.Sights))]}
		few := 1 + dice.IntN(12) // of so many rights the role lacks one
		for _, row := range desk.Rights {
			if row.Grantable() && dice.IntN(few+1) > 0 {
				role.Rights = append(role.Rights, row.Right)
			}
		}
		for problem := role.Check(); problem != nil && dice.IntN(8) > 0; problem = role.Check() { // most are sound
			if asFault(problem).Field == "sight" {
				role.Sight = desk.SightTeams
			} else if at := strings.Split(problem.Error(), `"`); len(at) > 3 {
				role.Rights = slices.DeleteFunc(role.Rights, func(right desk.Right) bool { return string(right) == at[1] })
			}
		}
		for _, mask := range desk.Masks {
			if dice.IntN(6) == 0 {
				role.Masks = append(role.Masks, mask)
			}
		}
		return role
	}
	made, given := 0, 0
	people := []desk.Actor{owner}
	for round := range 400 {
		giver := people[max(0, len(people)-1-dice.IntN(8))]
		if dice.IntN(4) == 0 {
			giver = owner
		}
		if giver.User.ID != owner.User.ID {
			now, err := h.store.PersonByID(ctx, giver.User.ID)
			if err != nil {
				t.Fatal(err)
			}
			giver.User = now.User
		}
		role := random(desk.Role(fmt.Sprintf("Role %c%c", 'a'+round/20, 'a'+round%20)))
		holds := giver.User.Holds()
		if made_, err := h.AddRole(ctx, giver, role); err == nil {
			if made++; !holds.Covers(made_.Grant()) || !giver.User.Can(desk.MayManageRoles) {
				t.Fatalf("%s made %+v, holding %+v", giver.User.Email, made_, holds)
			}
		}
		roles, err := h.store.Roles(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(roles) == 0 {
			continue
		}
		target := roles[dice.IntN(len(roles))]
		if changed, err := h.ChangeRole(ctx, giver, target.Name, random(target.Name)); err == nil {
			if !holds.Covers(target.Grant()) || !holds.Covers(changed.Grant()) || giver.User.Role == target.Name {
				t.Fatalf("%s changed %+v to %+v, holding %+v", giver.User.Email, target, changed, holds)
			}
			target = changed
		}
		if added, err := h.AddUser(ctx, giver, NewUser{Email: fmt.Sprintf("p%d@example.com", round), Role: target.Name}); err == nil {
			if given++; !holds.Covers(target.Grant()) || target.Grant().Covers(holds) {
				t.Fatalf("%s gave %+v away, holding %+v", giver.User.Email, target, holds)
			}
			people = append(people, as(added))
		}
	}
	if made < 10 || given < 20 {
		t.Errorf("only %d roles were made and %d given: this test looks at nothing", made, given)
	}
}

// Whatever program changes its people, the database keeps an owner.
func TestTheDatabaseKeepsAnOwner(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	one, two := h.plain(t, "one@example.com", desk.RoleOwner), h.plain(t, "two@example.com", desk.RoleOwner)
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(ctx, h.url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(ctx) })
		return conn
	}
	// Two owners demote each other at the same moment: one of them stays.
	var wait sync.WaitGroup
	failed := make([]error, 2)
	for i, id := range []int64{one.ID, two.ID} {
		conn := connect()
		wait.Go(func() { _, failed[i] = conn.Exec(ctx, `update "user" set role = 'agent' where id = $1`, id) })
	}
	wait.Wait()
	if (failed[0] == nil) == (failed[1] == nil) {
		t.Fatalf("of two who demote each other one goes through: %v, %v", failed[0], failed[1])
	}
	conn := connect()
	for _, sql := range []string{`update "user" set role = 'admin'`, `update "user" set disabled_at = now()`, `delete from "user"`} {
		if _, err := conn.Exec(ctx, sql); err == nil || !strings.Contains(err.Error(), "last owner") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	var owners int
	if err := conn.QueryRow(ctx, `select count(*) from "user" where role = 'owner' and disabled_at is null`).Scan(&owners); err != nil || owners != 1 {
		t.Errorf("%d owners, %v", owners, err)
	}
}

func TestTheDatabaseKnowsTheBuiltInRoles(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	conn, err := pgx.Connect(ctx, h.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, role := range desk.BuiltIn {
		grant, _ := role.Grant()
		var skeleton string
		var reads, works bool
		if err := conn.QueryRow(ctx, `select skeleton, reads, works from role where name = $1 and built_in`, role).Scan(&skeleton, &reads, &works); err != nil {
			t.Fatal(role, err)
		}
		if skeleton != mailtext.Likeness(string(role)) || reads != grant.Has(desk.MayRead) || works != grant.Has(desk.MayWrite) {
			t.Errorf("%s: the database has %q, %v, %v", role, skeleton, reads, works)
		}
	}
}
