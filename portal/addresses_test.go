package portal

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/identity"
)

// settle makes the rules as an operator does on the command line, which nothing holds up.
func (h *house) settle(on bool, customers bool, ranges ...string) {
	h.t.Helper()
	_, err := h.people.SetAddresses(h.t.Context(), desk.System("cli"), "", func(rules *identity.Addresses) error {
		rules.On, rules.Customers, rules.Ranges = on, customers, nil
		for _, text := range ranges {
			list, text, _ := strings.Cut(text, " ")
			found, err := desk.ParseRange(text)
			check(h.t, err)
			rules.Ranges = append(rules.Ranges, desk.AddressRange{List: desk.RangeList(list), Range: found, Name: "x", CreatedAt: time.Now(), CreatedBy: "x"})
		}
		return nil
	})
	check(h.t, err)
}

// Every page, from inside and from outside, for every role: from outside only what customers need is open, and that not to staff (security row 37).
func TestAddressesShutEveryRoute(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.people.AddUser(t.Context(), desk.System("cli"), identity.NewUser{Email: "carl@customer.example", Name: "Carl", Role: desk.RoleCustomer, Password: password})
	check(t, err)
	people := map[string]*reader{}
	for name, email := range map[string]string{"owner": "olga@example.com", "agent": "ada@example.com", "customer": "carl@customer.example", "nobody": ""} {
		people[name] = h.reader(email)
		people[name].client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	ask := func(r *reader, from, pattern string) answer {
		r.from = from
		method, path, _ := strings.Cut(pattern, " ")
		path = strings.ReplaceAll(path, "{$}", "")
		path = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "1")
		if method == http.MethodPost {
			return r.post(path)
		}
		return r.get(path)
	}
	shut := func(got answer) bool {
		return got.status == http.StatusForbidden && strings.Contains(got.body, "cannot be opened from your address")
	}
	for _, customersAnywhere := range []bool{true, false} {
		h.settle(true, customersAnywhere, "all 192.0.2.0/24", "all 2001:db8::/32")
		for _, one := range routes {
			_, path, _ := strings.Cut(one.pattern, " ")
			if one.pattern == "POST /sign-out" || one.pattern == "GET /events" {
				continue
			}
			open := openTo(strings.ReplaceAll(path, "{", "x"), customersAnywhere)
			for name, r := range people {
				outside := ask(r, "198.51.100.9", one.pattern)
				staff := (name == "owner" || name == "agent") && one.right != desk.MayOwnRead && one.right != desk.MayOwnWrite
				if want := !open || staff && open; shut(outside) != want {
					t.Errorf("customers anywhere %v: %s gets %s from outside: %d %.80q", customersAnywhere, name, one.pattern, outside.status, outside.body)
				}
				if customersAnywhere && shut(ask(r, "192.0.2.9", one.pattern)) {
					t.Errorf("%s is kept from %s inside", name, one.pattern)
				}
			}
		}
	}
	for from, want := range map[string]bool{"::ffff:192.0.2.7": false, "2001:db8:1::5": false, "2001:db9::1": true, "192.0.3.1": true, "192.0.2.9, 198.51.100.1": true, "198.51.100.1, 192.0.2.9": false} {
		if got := ask(people["owner"], from, "GET /tickets"); shut(got) != want {
			t.Errorf("from %s: %d", from, got.status)
		}
	}
}

// What X-Forwarded-For says counts from the operator's own proxies only, and never beyond the first address that is none of theirs.
func TestForwardedAddressesAreBelievedFromOwnProxiesOnly(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, test := range []struct{ peer, header, want string }{
		{"198.51.100.1:5000", "192.0.2.1", ""}, {"10.0.0.1:5000", "192.0.2.1", "192.0.2.1"}, {"10.0.0.1:5000", "203.0.113.7, 192.0.2.1, 10.0.0.2", "192.0.2.1"},
		{"10.0.0.1:5000", "nonsense, 10.0.0.2", ""}, {"10.0.0.1:5000", "192.0.2.1, nonsense", ""}, {"10.0.0.1:5000", "", ""}, {"[::ffff:10.0.0.1]:5000", "::ffff:192.0.2.1", "192.0.2.1"}, {"10.0.0.1:5000", "10.0.0.5", ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = test.peer
		r.Header.Set("X-Forwarded-For", test.header)
		if got := clientAddress(r, proxies); got != test.want {
			t.Errorf("%s says %q: %q", test.peer, test.header, got)
		}
	}
}

// Staff find no password right from outside, and learn nothing from the answer; a customer signs in.
func TestSignInFromOutside(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.people.AddUser(t.Context(), desk.System("cli"), identity.NewUser{Email: "carl@customer.example", Name: "Carl", Role: desk.RoleCustomer, Password: password})
	check(t, err)
	h.settle(true, true, "all 192.0.2.0/24")
	r := h.reader("")
	r.from = "198.51.100.9"
	wrong := r.post("/sign-in", "email", "olga@example.com", "password", "wrong")
	right := r.post("/sign-in", "email", "olga@example.com", "password", password)
	if right.status != http.StatusUnauthorized || right.body != wrong.body {
		t.Errorf("the right password gives %d, and another page than a wrong one", right.status)
	}
	if got := r.post("/sign-in", "email", "carl@customer.example", "password", password); got.status == http.StatusUnauthorized {
		t.Error("a customer cannot sign in")
	}
}

// Whoever would lock themselves out has to type their address, and the rules go back by themselves (T-55).
func TestRulesThatLockOutGoBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.reader("olga@example.com")
	r.from = "192.0.2.9"
	if got := r.post("/security/addresses", "do", "add", "list", "all", "range", "203.0.113.0/24", "name", "Office"); got.status != http.StatusOK {
		t.Fatalf("a range while the rules are off: %d %s", got.status, got.body)
	}
	got := r.post("/security/addresses", "do", "rules", "on", "on", "customers", "on")
	got.has(t, "lock yourself out", "192.0.2.9")
	if on, _ := h.people.AddressRules(t.Context()); on.On {
		t.Fatal("the rules are on without a word")
	}
	if got = r.post("/security/addresses", "do", "rules", "on", "on", "address", "203.0.113.1"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("another address: %d", got.status)
	}
	if got = r.post("/security/addresses", "do", "rules", "on", "on", "address", "192.0.2.9"); got.status != http.StatusForbidden {
		t.Errorf("after it the saver gets %d at %s", got.status, got.path)
	}
	office := h.reader("")
	office.from = "203.0.113.5"
	office.post("/sign-in", "email", "olga@example.com", "password", password)
	office.get("/security/addresses").has(t, "Keep it", "is taken back")
	if got = office.post("/security/addresses", "do", "rules", "on", "on"); got.status != http.StatusConflict {
		t.Errorf("a further change while one waits: %d", got.status)
	}
	h.sql(`update setting set value = jsonb_set(value, '{until}', to_jsonb(now() - interval '1 second')) where key = 'addresses.trial'`)
	time.Sleep(1100 * time.Millisecond) // for so long a process believes what it has read
	if got = r.get("/security/addresses"); got.status != http.StatusOK {
		t.Errorf("five minutes later the saver gets %d", got.status)
	}
	check(t, h.people.RevertAddresses(t.Context()))
	if on, _ := h.people.AddressRules(t.Context()); on.On {
		t.Error("the rules are still on")
	}

	r.post("/security/addresses", "do", "rules", "on", "on", "address", "192.0.2.9")
	if got = office.post("/security/addresses/confirm", "do", "keep"); got.status != http.StatusOK {
		t.Errorf("confirming from the office: %d", got.status)
	}
	h.sql(`update setting set value = jsonb_set(value, '{until}', to_jsonb(now() - interval '1 second')) where key = 'addresses.trial' and value->>'until' not like '0001%'`)
	time.Sleep(1100 * time.Millisecond)
	if got = r.get("/tickets"); got.status != http.StatusForbidden {
		t.Errorf("after it was confirmed the old address gets %d", got.status)
	}
}

// Ranges for admin pages are narrower than the rest.
func TestAdminPagesFromNarrowerRanges(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.settle(true, true, "all 192.0.2.0/24", "admin 192.0.2.7")
	r := h.reader("")
	r.from = "192.0.2.9"
	r.post("/sign-in", "email", "olga@example.com", "password", password)
	for path, want := range map[string]int{"/tickets": 200, "/you": 200, "/domains": 403, "/security": 403, "/audit": 403, "/people": 403} {
		if got := r.get(path); got.status != want {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	r.from = "192.0.2.7"
	if got := r.get("/domains"); got.status != http.StatusOK {
		t.Errorf("from the narrow range: %d", got.status)
	}
}
