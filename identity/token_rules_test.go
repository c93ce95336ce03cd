package identity

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
)

// accessToken makes a token and returns its secret.
func (h house) accessToken(t testing.TB, add NewToken) string {
	t.Helper()
	plain, _, err := h.AddToken(t.Context(), cli, add)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// letters are those in the queue about something.
func (h house) lettersAbout(t testing.TB, kind desk.LetterKind) (letters []desk.TellPerson) {
	t.Helper()
	rows, err := h.store.Pool().Query(t.Context(), `select args from river_job where kind = 'tell_person' and args ->> 'about' = $1 order by id`, string(kind))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text []byte
		var letter desk.TellPerson
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &letter); err != nil {
			t.Fatal(err)
		}
		letters = append(letters, letter)
	}
	return letters
}

// Each kind of token says by its beginning what it is; old ones, without a kind, go on.
func TestTokenKinds(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.plain(t, "ada@example.com", desk.RoleAgent)
	robot, err := h.AddServiceAccount(ctx, cli, "Backup Script 2", desk.RoleLight)
	if err != nil || robot.Email != "backup-script-2@service.invalid" {
		t.Fatalf("%+v, %v", robot, err)
	}
	for email, prefix := range map[string]string{ada.Email: "pst_personal_", robot.Email: "pst_service_"} {
		plain := h.accessToken(t, NewToken{UserEmail: email, Name: "x"})
		if !strings.HasPrefix(plain, prefix) {
			t.Errorf("%s", plain)
		}
		if actor, err := h.Bearer(ctx, plain, home); err != nil || actor.User.Email != email || actor.Token == 0 {
			t.Errorf("%+v, %v", actor, err)
		}
	}
	random, _ := h.newToken()
	old := seal(prefixAny, random)
	if _, err := h.store.Pool().Exec(ctx, `insert into api_token (user_id, name, token_hash, scopes, expires_at) values ($1, 'old', sha256($2), '{}', now() + interval '1 hour')`, ada.ID, []byte(old)); err != nil {
		t.Fatal(err)
	}
	if actor, err := h.Bearer(ctx, old, home); err != nil || !actor.User.Same(ada) {
		t.Errorf("an old token: %+v, %v", actor, err)
	}
	for _, prefix := range []string{prefixRefresh, prefixSecret} {
		if _, err := h.Bearer(ctx, seal(prefix, random), home); err != errNoToken {
			t.Errorf("%s: %v", prefix, err)
		}
	}
	for name, role := range map[string]desk.Role{"Root": desk.RoleOwner, "«»": desk.RoleAgent, "": desk.RoleAgent} {
		if _, err := h.AddServiceAccount(ctx, cli, name, role); !is(err, desk.Invalid) {
			t.Errorf("a service account %q: %v", name, err)
		}
	}
	if _, err := h.AddServiceAccount(ctx, as(ada), "Mine", desk.RoleLight); !is(err, desk.Forbidden) {
		t.Errorf("by an agent: %v", err)
	}
	if _, err := h.LoginLink(ctx, cli, robot.Email); !is(err, desk.Conflict) {
		t.Errorf("a link for a program: %v", err)
	}
	if people, err := h.Staff(ctx); err != nil || slices.ContainsFunc(people, func(u desk.User) bool { return u.ID == robot.ID }) {
		t.Errorf("a program is among those who can be given tickets: %v, %v", people, err)
	}
}

// Basic takes the token as the password, and nothing else.
func TestBasic(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.add(t, "ada@example.com", desk.RoleAgent)
	plain := h.accessToken(t, NewToken{UserEmail: ada.Email, Name: "x"})
	if actor, err := h.Basic(ctx, "Ada@example.com/token", plain, home); err != nil || !actor.User.Same(ada) {
		t.Errorf("%+v, %v", actor, err)
	}
	for name, test := range map[string][2]string{
		"the password of staff": {"ada@example.com", good}, "a password as a token": {"ada@example.com/token", good}, "somebody else's address": {"bob@example.com/token", plain}, "the token without the word": {"ada@example.com", plain},
	} {
		if _, err := h.Basic(ctx, test[0], test[1], home); !is(err, desk.Unsigned) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "192.0.2.9/24": "192.0.2.0/24", "2001:db8::1": "2001:db8::1/128", "2001:db8:1::/48": "2001:db8:1::/48", "::ffff:192.0.2.7": "192.0.2.7/32",
		"192.0.2.300": "", "office": "", "fe80::1%eth0": "", "192.0.2.0/33": "", "::ffff:192.0.2.0/120": "",
	} {
		got, err := networksOf([]string{typed, " "})
		if strings.Join(got, "") != want || (err == nil) != (want != "") {
			t.Errorf("%s: %v, %v", typed, got, err)
		}
	}
	h, ctx := newHouse(t), t.Context()
	ada := h.plain(t, "ada@example.com", desk.RoleAgent)
	plain := h.accessToken(t, NewToken{UserEmail: ada.Email, Name: "x", Networks: []string{"192.0.2.0/24", "2001:db8::/32"}})
	for ip, want := range map[string]bool{"192.0.2.200": true, "::ffff:192.0.2.1": true, "2001:db8:ffff::1": true, "192.0.3.1": false, "2001:db9::1": false, "": false, "x": false} {
		_, err := h.Bearer(ctx, plain, Client{IP: ip})
		if (err == nil) != want || err != nil && !is(err, desk.Forbidden) {
			t.Errorf("from %q: %v", ip, err)
		}
	}
	for range denialsNoted {
		_, _ = h.Bearer(ctx, plain, away)
	}
	if n := strings.Count(strings.Join(h.audit(t), " "), "token.denied"); n != 1 {
		t.Errorf("a burst of refusals is noted %d times", n)
	}
}

// A token that comes from a new network is noted, and its keeper told, once; the first network is no news.
func TestTokenFromNewNetwork(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.plain(t, "ada@example.com", desk.RoleAgent)
	plain := h.accessToken(t, NewToken{UserEmail: ada.Email, Name: "script"})
	use := func(ip string) {
		t.Helper()
		if _, err := h.Bearer(ctx, plain, Client{IP: ip}); err != nil {
			t.Fatal(err)
		}
		h.clock.wait(time.Second)
	}
	for _, ip := range []string{"192.0.2.1", "192.0.2.77", "203.0.113.5", "203.0.113.6", "192.0.2.1", "2001:db8:1::1", "2001:db8:1:2::1"} {
		use(ip)
	}
	if n := strings.Count(strings.Join(h.audit(t), " "), "token.new-network"); n != 2 {
		t.Errorf("new networks were noted %d times, want two", n)
	}
	letters := h.lettersAbout(t, desk.LetterTokenNetwork)
	if len(letters) != 1 || letters[0].User != ada.ID || letters[0].IP != "203.0.113.5" || letters[0].Facts["token"] != "script" {
		t.Errorf("letters: %+v", letters)
	}
}

// What others may have ends at once, whatever it is, and who keeps it is told.
func TestExposed(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	owner := h.plain(t, "root@example.com", desk.RoleOwner)
	ada := h.plain(t, "ada@example.com", desk.RoleAgent)
	plain := h.accessToken(t, NewToken{UserEmail: ada.Email, Name: "script"})
	robot, err := h.AddServiceAccount(ctx, as(owner), "robot", desk.RoleAgent)
	if err != nil {
		t.Fatal(err)
	}
	service, _, err := h.AddToken(ctx, as(owner), NewToken{UserEmail: robot.Email, Name: "hers"})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{plain, service} {
		for i, want := range []bool{true, false} {
			if ended, err := h.Exposed(ctx, token, ExposedPlain, "", away); err != nil || ended != want {
				t.Errorf("time %d: %v, %v", i, ended, err)
			}
		}
		if _, err := h.Bearer(ctx, token, home); err != errUnknownToken {
			t.Errorf("it still opens: %v", err)
		}
	}
	for _, nonsense := range []string{"", "pst_", "pst_nonsense", strings.Repeat("A", 60), seal(prefixAny, strings.Repeat("A", 43)), good} {
		if ended, err := h.Exposed(ctx, nonsense, ExposedLeak, "x.example", away); err != nil || ended {
			t.Errorf("%q: %v, %v", nonsense, ended, err)
		}
	}
	letters := h.lettersAbout(t, desk.LetterTokenExposed)
	if len(letters) != 2 || letters[0].User != ada.ID || letters[1].User != owner.ID || letters[0].Facts["how"] != string(ExposedPlain) {
		t.Errorf("letters: %+v", letters)
	}
	if n := strings.Count(strings.Join(h.audit(t), " "), "token.exposed"); n != 2 {
		t.Errorf("noted %d times", n)
	}
}

// Nobody keeps a token that nobody uses: after 30 days it is off, after 60 more it is gone; and who keeps one that ends soon is told 14 and 3 days before.
func TestTendTokens(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	ada := h.plain(t, "ada@example.com", desk.RoleAgent)
	used := h.accessToken(t, NewToken{UserEmail: ada.Email, Name: "used"})
	idle := h.accessToken(t, NewToken{UserEmail: ada.Email, Name: "idle", Expires: h.clock.now().Add(200 * aDay)})
	tend := func() {
		t.Helper()
		if err := h.TendTokens(ctx); err != nil {
			t.Fatal(err)
		}
	}
	works := func(token string) bool {
		_, err := h.Bearer(ctx, token, home)
		return err == nil
	}
	for range 29 {
		h.clock.wait(aDay)
		if !works(used) {
			t.Fatal("the one in use ended")
		}
		tend()
	}
	if !works(idle) { // which is a use
		t.Fatal("after 29 days")
	}
	for range 30 {
		h.clock.wait(aDay + time.Minute)
		works(used)
		tend()
	}
	if works(idle) {
		t.Error("not used for 30 days, and works")
	}
	if letters := h.lettersAbout(t, desk.LetterTokenOff); len(letters) != 1 || letters[0].Facts["token"] != "idle" {
		t.Errorf("letters: %+v", letters)
	}
	wantFault(t, h.ReviveToken(ctx, as(ada), "used"), desk.Conflict, "not switched off")
	if err := h.ReviveToken(ctx, as(ada), "idle"); err != nil || !works(idle) {
		t.Errorf("switched on again: %v", err)
	}
	for range 30 { // 59 to 89 days: 'used' ends after 90
		h.clock.wait(aDay + time.Minute)
		works(used)
		tend()
		tend()
	}
	ends := h.lettersAbout(t, desk.LetterTokenEnds)
	if len(ends) != 2 || ends[0].Facts["token"] != "used" || ends[1].Facts["token"] != "used" {
		t.Errorf("letters about the end: %+v", ends)
	}
	if works(idle) {
		t.Error("switched on again, not used for 30 days, and works")
	}
	for range 61 {
		h.clock.wait(aDay)
		tend()
	}
	wantFault(t, h.ReviveToken(ctx, as(ada), "idle"), desk.NotFound, "idle")
}

// However many processes ask at once, no more than the limit get through within 60 seconds, and the next does when the window has moved on.
func TestPermitOverSeveralMachines(t *testing.T) {
	t.Parallel()
	h, ctx := newHouse(t), t.Context()
	h.clock.at = time.Unix(h.clock.at.Unix()/60*60, 0).UTC() // a minute begins
	machines := []*Service{h.Service, New(Config{Store: h.store, Keys: h.keys, PublicURL: h.public, Now: h.clock.now}), New(Config{Store: h.store, Keys: h.keys, PublicURL: h.public, Now: h.clock.now})}
	const limit = 700
	ask := func(times int) (granted int, refused Permission) {
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for n := range times / 8 {
					permission, err := machines[(i+n)%len(machines)].Permit(ctx, "token/1", limit)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if permission.Granted {
						granted++
					} else {
						refused = permission
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		return granted, refused
	}
	granted, refused := ask(1600)
	if granted > limit || granted < limit-8 {
		t.Errorf("%d of 1600 got through, want %d", granted, limit)
	}
	if refused.Again <= 0 || refused.Again > 2*time.Minute || refused.Left != 0 || refused.Limit != limit {
		t.Errorf("%+v", refused)
	}
	h.clock.wait(refused.Again)
	if granted, _ := ask(80); granted == 0 {
		t.Error("nothing gets through after the time that was said")
	}
	h.clock.wait(30*time.Second + 60*time.Second - refused.Again) // the middle of the next minute: half of the last one is still seen
	more, _ := ask(1600)
	if more > limit/2+10 || more < limit/2-80 {
		t.Errorf("%d got through half a minute into the next, want about %d", more, limit/2)
	}
	if other, err := h.Permit(ctx, "token/2", limit); err != nil || !other.Granted {
		t.Errorf("another token waits too: %+v, %v", other, err)
	}
	if none, err := h.Permit(ctx, "token/1", 0); err != nil || !none.Granted {
		t.Errorf("without a limit: %+v, %v", none, err)
	}
}

func TestAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		used, before, second, limit int
		want                        time.Duration
	}{
		{60, 0, 0, 60, 61 * time.Second}, // all of it in this minute: a second into the next one a sixtieth is out of sight
		{60, 0, 59, 60, 2 * time.Second},
		{0, 60, 0, 60, time.Second},
		{30, 60, 30, 60, time.Second},
		{1, 0, 10, 1, 51 * time.Second},
	} {
		if got := again(c.used, c.before, c.second, c.limit); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
