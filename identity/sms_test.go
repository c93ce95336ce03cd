package identity

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/desk"
	"postern/internal/testkit"
	"postern/store"
)

// carrier is a gateway for text messages as operators run one, without a telephone network behind it.
type carrier struct {
	*httptest.Server
	mu     sync.Mutex
	got    []gatewayMessage
	bad    []string // what was wrong with a request
	key    string
	answer int
}

func newCarrier(t *testing.T) *carrier {
	t.Helper()
	c := &carrier{answer: http.StatusAccepted}
	c.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Postern-Signature") != gatewaySignature([]byte(c.key), r.Header.Get("Postern-Timestamp"), body) {
			c.bad = append(c.bad, "signature")
		}
		var message gatewayMessage
		if err := json.Unmarshal(body, &message); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			c.bad = append(c.bad, "request")
		}
		if c.answer < 300 {
			c.got = append(c.got, message)
		}
		if c.answer == http.StatusFound {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return
		}
		w.WriteHeader(c.answer)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *carrier) says(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = status
}

func (c *carrier) messages() []gatewayMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got
}

func TestCodesByTextMessage(t *testing.T) {
	t.Parallel()
	h, carrier := newHouse(t), newCarrier(t)
	roots := x509.NewCertPool()
	roots.AddCert(carrier.Certificate())
	h.Service = New(Config{Store: h.store, Keys: testkit.Keys(t), PublicURL: "https://help.example.com", Now: h.clock.now, Roots: roots})
	person := h.add(t, "ann@example.com", desk.RoleAgent)
	token := h.arrives(t, person.Email, home).Token

	factorFault(t, h.StartSMS(t.Context(), token, "+39 055 123456", home), desk.Conflict, "text messages are off by default")
	h.setting(t, desk.TextMessages, true)
	factorFault(t, h.StartSMS(t.Context(), token, "+39 055 123456", home), desk.Conflict, "a telephone without another factor")
	_, err := h.SetGateway(t.Context(), cli, "http://sms.example.com/send")
	factorFault(t, err, desk.Invalid, "a gateway in the clear")
	_, err = h.SetGateway(t.Context(), cli, "https://name:word@sms.example.com/send")
	factorFault(t, err, desk.Invalid, "a password in the address")
	carrier.key, err = h.SetGateway(t.Context(), cli, carrier.URL)
	factorMust(t, err)
	h.enrolApp(t, token)
	factorFault(t, h.StartSMS(t.Context(), token, "055 123456", home), desk.Invalid, "a number without its country")
	factorMust(t, h.StartSMS(t.Context(), token, "+39 055 123456", home))

	work := func() error {
		var id int64
		factorMust(t, h.store.Pool().QueryRow(t.Context(), `select max(id) from factor_code`).Scan(&id))
		return h.SendFactorCode(t.Context(), id)
	}
	if err := work(); err == nil || !strings.Contains(err.Error(), "not public") {
		t.Errorf("a gateway on this machine that no admin has allowed: %v", err)
	}
	h.setting(t, desk.GatewayNetworks, []string{"127.0.0.0/8"})
	carrier.says(http.StatusInternalServerError)
	if work() == nil {
		t.Error("a gateway that fails is not asked again")
	}
	carrier.says(http.StatusAccepted)
	factorMust(t, work())
	factorMust(t, work()) // at least once, and once is enough
	if got := carrier.messages(); len(got) != 1 || got[0].To != "+39055123456" || !strings.Contains(got[0].Text, "@help.example.com #") || len(carrier.bad) != 0 {
		t.Fatalf("%+v, %v", got, carrier.bad)
	}
	code := carrier.messages()[0].Text[:6]
	_, err = h.ConfirmSMS(t.Context(), token, wrongCode(code, 1), home)
	factorFault(t, err, desk.Invalid, "a wrong code")
	_, err = h.ConfirmSMS(t.Context(), token, code, home)
	factorMust(t, err)

	h.clock.wait(time.Hour)
	came := h.arrives(t, person.Email, home)
	factorMust(t, h.SendCode(t.Context(), came.Token, desk.FactorSMS, home))
	factorMust(t, work())
	got := carrier.messages()
	proof := FactorProof{Kind: desk.FactorSMS, Code: got[len(got)-1].Text[:6]}
	if _, err := h.PassFactor(t.Context(), FactorPass{Token: came.Token, Proof: proof, From: home}); err != nil {
		t.Error(err)
	}
	again := h.arrives(t, person.Email, home)
	_, err = h.PassFactor(t.Context(), FactorPass{Token: again.Token, Proof: proof, From: home})
	factorFault(t, err, desk.Invalid, "the same code in another sign-in")
	for n := range smsMost {
		if err := h.SendCode(t.Context(), again.Token, desk.FactorSMS, home); (err == nil) != (n < smsMost-1) {
			t.Errorf("message %d within an hour: %v", n+2, err)
		}
	}
	carrier.says(http.StatusFound)
	factorMust(t, work())
	if len(carrier.messages()) != len(got) {
		t.Error("a gateway leads somewhere else, and is followed")
	}

	// What is kept and queued names no number and no code.
	var dump string
	factorMust(t, h.store.Pool().QueryRow(t.Context(), `select coalesce(string_agg(t, ' '), '') from (select factor::text as t from factor union all select factor_code::text from factor_code union all select river_job::text from river_job union all select audit::text from audit union all select sms_gateway::text from sms_gateway) as all_of_it`).Scan(&dump))
	for _, secret := range []string{"055123456", proof.Code + `"`, carrier.key} {
		if strings.Contains(dump, secret) {
			t.Errorf("the database holds %q in the clear", secret)
		}
	}
	factorMust(t, h.store.Write(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Factors(t.Context(), person.ID)
		for _, row := range rows {
			if row.Kind == desk.FactorSMS && row.Name != "…456" {
				t.Errorf("the telephone is called %q", row.Name)
			}
		}
		return err
	}))
}

func TestGatewayMay(t *testing.T) {
	t.Parallel()
	allowed := []netip.Prefix{netip.MustParsePrefix("10.1.2.0/24"), netip.MustParsePrefix("fd00::/64")}
	for address, want := range map[string]bool{
		"198.51.100.7": true, "2001:db8::1": true, "10.1.2.9": true, "fd00::1": true,
		"10.1.3.9": false, "127.0.0.1": false, "::1": false, "169.254.169.254": false, "192.168.1.1": false, "172.16.0.1": false, "100.64.0.1": false, "0.0.0.0": false, "224.0.0.1": false, "fd01::1": false, "fe80::1": false,
	} {
		if got := gatewayMay(netip.MustParseAddr(address), allowed); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}

func TestTelephone(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"+39 055 123-456": "+39055123456", "0049 (89) 1234567": "+49891234567", "+1.202.555.0100": "+12025550100",
		"": "", "055 123456": "", "+0123456789": "", "+39 055 12345x": "", "+391234567890123456": "", "+39;rm -rf": "",
	} {
		got, err := telephone(typed)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
}
