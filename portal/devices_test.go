package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/identity"
)

// lettersAbout reads the letters of a kind that wait to be sent to our people, as their job will.
func (h *house) lettersAbout(about desk.LetterKind) (letters []identity.PersonLetter) {
	h.t.Helper()
	rows, err := h.store.Pool().Query(h.t.Context(), `select args from river_job where kind = 'tell_person' and args->>'about' = $1 order by id`, string(about))
	check(h.t, err)
	defer rows.Close()
	for rows.Next() {
		var raw []byte
		var job desk.TellPerson
		check(h.t, rows.Scan(&raw))
		check(h.t, json.Unmarshal(raw, &job))
		letter, reason, err := h.people.PersonLetter(h.t.Context(), job)
		check(h.t, err)
		if reason == "" {
			letters = append(letters, letter)
		}
	}
	check(h.t, rows.Err())
	return letters
}

// A second browser is told of by mail, the first is not; the page lists both, and either can be renamed, signed out and forgotten.
func TestDevices(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.reader("ada@example.com")
	if letters := h.lettersAbout(desk.LetterNewDevice); len(letters) != 0 {
		t.Fatalf("the very first device is told of: %+v", letters)
	}
	second := h.reader("")
	second.from = "198.51.100.7"
	second.post("/sign-in", "email", "ada@example.com", "password", password)
	second.post("/sign-out")
	second.post("/sign-in", "email", "ada@example.com", "password", password)
	letters := h.lettersAbout(desk.LetterNewDevice)
	if len(letters) != 1 || letters[0].Email != "ada@example.com" || letters[0].IP != "198.51.100.7" {
		t.Fatalf("letters are %+v", letters)
	}
	page := first.get("/you/devices")
	page.has(t, "198.51.100.7", "this one", "One other session is open.")
	if got := first.post("/you/devices", "do", "rename", "id", "999", "name", "x"); got.status != http.StatusNotFound {
		t.Errorf("a device of nobody: %d", got.status)
	}
	if got := first.post("/you/devices", "do", "others"); got.status != http.StatusOK {
		t.Errorf("signing out elsewhere: %d", got.status)
	}
	if got := second.get("/tickets"); got.path != "/sign-in" {
		t.Errorf("the other session still opens %s", got.path)
	}
	if got := first.get("/tickets"); got.path != "/tickets" {
		t.Errorf("one's own session ended too: %s", got.path)
	}
	second.post("/sign-in", "email", "ada@example.com", "password", password)
	var device int64
	check(t, h.store.Pool().QueryRow(t.Context(), `select device_id from session where ip = '198.51.100.7'`).Scan(&device))
	first.post("/you/devices", "do", "rename", "id", fmt.Sprint(device), "name", "Train laptop")
	first.get("/you/devices").has(t, "Train laptop")
	first.post("/you/devices", "do", "forget", "id", fmt.Sprint(device))
	if got := second.get("/tickets"); got.path != "/sign-in" {
		t.Errorf("the forgotten device still opens %s", got.path)
	}

	// Others' devices are for whoever may handle them: an owner an agent's, and no agent anybody's.
	owner := h.reader("olga@example.com")
	owner.get(fmt.Sprintf("/people/%d/devices", h.agent.User.ID)).has(t, "Devices of Ada Agent")
	if got := first.get(fmt.Sprintf("/people/%d/devices", h.owner.User.ID)); got.status != http.StatusForbidden {
		t.Errorf("an agent sees an owner's devices: %d", got.status)
	}
	if got := owner.post(fmt.Sprintf("/people/%d/devices", h.agent.User.ID), "do", "others"); got.status != http.StatusOK {
		t.Errorf("an owner signs an agent out: %d", got.status)
	}
	if got := first.get("/tickets"); got.path != "/sign-in" {
		t.Errorf("and the agent still is at %s", got.path)
	}
}

// 'It was not me' ends everything that the stranger has, and the password with it.
func TestNotMe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.reader("ada@example.com")
	token, _, err := h.people.AddToken(t.Context(), h.agent, identity.NewToken{UserEmail: "ada@example.com", Name: "script"})
	check(t, err)
	stranger := h.reader("")
	stranger.from = "198.51.100.7"
	stranger.post("/sign-in", "email", "ada@example.com", "password", password)
	letters := h.lettersAbout(desk.LetterNewDevice)
	if len(letters) != 1 {
		t.Fatalf("letters are %+v", letters)
	}
	link, err := url.Parse(letters[0].Secret)
	check(t, err)
	anybody := h.reader("")
	for range 2 { // a scanner that opens links answers nothing
		anybody.get(link.Path).has(t, "Was this you?", "198.51.100.7", "ada@example.com")
	}
	anybody.post(link.Path, "do", "not-me").has(t, "Everybody is signed out")
	for name, r := range map[string]*reader{"the stranger": stranger, "Ada": ada} {
		if got := r.get("/tickets"); got.path != "/sign-in" {
			t.Errorf("%s is still at %s", name, got.path)
		}
	}
	if _, err := h.people.Bearer(t.Context(), token, identity.Client{IP: "192.0.2.1"}); asFault(err) == nil {
		t.Error("the API token still works")
	}
	if got := stranger.post("/sign-in", "email", "ada@example.com", "password", password); got.path != "/sign-in" {
		t.Error("the password still works")
	}
	if got := h.lettersAbout(desk.LetterNotMe); len(got) != 1 || got[0].Email != "olga@example.com" {
		t.Errorf("owners are told %+v", got)
	}
	if got := anybody.get(link.Path); got.status != http.StatusNotFound {
		t.Errorf("the link works again: %d", got.status)
	}
}

// A session belongs to the browser in which it was opened.
func TestCopiedSessionsOpenNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.reader("ada@example.com")
	site, err := url.Parse(h.url)
	check(t, err)
	thief := h.reader("")
	for _, cookie := range ada.client.Jar.Cookies(site) {
		if cookie.Name == h.portal.cookieName() {
			thief.client.Jar.SetCookies(site, []*http.Cookie{cookie})
		}
	}
	if got := thief.get("/tickets"); got.path != "/sign-in" {
		t.Errorf("a copied session opens %s", got.path)
	}
	if got := ada.get("/tickets"); got.path != "/sign-in" {
		t.Errorf("its owner is not asked to sign in again, and will not notice: %s", got.path)
	}
	var told int
	check(t, h.store.Pool().QueryRow(t.Context(), `select count(*) from audit where action = 'session.copied'`).Scan(&told))
	if told != 1 {
		t.Errorf("%d entries in the audit log", told)
	}
}

// One that is suddenly used by another kind of browser from another network proves nothing any more.
func TestMovedSessionsProveNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.reader("olga@example.com")
	path := fmt.Sprintf("/people/%d/devices", h.agent.User.ID) // sensitive: it decides over others' sessions
	r.get(path).has(t, "Devices of Ada Agent")
	h.sql(`update session set user_agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', ip = '192.0.2.7'`)
	r.from = "198.51.100.7"
	r.get(path).has(t, "Is it still you?")
	r.from = "192.0.2.7" // back where it was, nothing is proved yet
	r.get(path).has(t, "Is it still you?")
	r.post("/confirm", "next", path, "proof_password", password)
	r.get(path).has(t, "Devices of Ada Agent")
}

// What a page asks by itself keeps no session alive.
func TestBackgroundIsNoUse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.reader("ada@example.com")
	h.sql(`update session set last_seen_at = now() - interval '59 minutes'`)
	before := h.seenAgo()
	r.get("/rail")
	r.get("/notifications/new")
	if h.seenAgo() < before {
		t.Error("the rail kept the session alive")
	}
	r.get("/tickets")
	if h.seenAgo() > time.Minute {
		t.Error("a page that somebody opened is no use of the session")
	}
	h.sql(`update session set last_seen_at = now() - interval '61 minutes'`)
	if got := r.get("/tickets"); got.path != "/sign-in" {
		t.Errorf("after an hour without use it opens %s", got.path)
	}
}

// seenAgo is how long ago the only session was used.
func (h *house) seenAgo() time.Duration {
	h.t.Helper()
	var seconds float64
	check(h.t, h.store.Pool().QueryRow(context.WithoutCancel(h.t.Context()), `select extract(epoch from now() - last_seen_at) from session`).Scan(&seconds))
	return time.Duration(seconds * float64(time.Second))
}

func TestDeviceNames(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox / Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                         "Chrome / Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": "Safari / iOS",
		"": "", "   ": "",
	} {
		if got := identity.DeviceName(agent); got != want {
			t.Errorf("%q is %q", agent, got)
		}
	}
	if got := identity.DeviceName("evil\r\nSubject: x\x00" + strings.Repeat("y", 5000)); strings.ContainsAny(got, "\r\n\x00") || len(got) > 200 {
		t.Errorf("a hostile agent becomes %q", got)
	}
}
