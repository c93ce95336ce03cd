package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"postern/desk"
)

// signed puts a token together by hand, so that it can be as wrong as an attacker likes. The header is JSON text.
func signed(header, payload, key string, size func() hash.Hash) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	if size == nil {
		return text + "."
	}
	mac := hmac.New(size, []byte(key))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

const jwtHead = `{"typ":"JWT","alg":"HS256"}`

// jwtDesk is a house with a configuration for JWT; say makes the payload of its program.
type jwtDesk struct {
	federation
	provider desk.Provider
	secret   string
	count    int
}

func newJWTDesk(t *testing.T, change func(*desk.Provider)) *jwtDesk {
	t.Helper()
	f := newFederation(t)
	add := desk.Provider{Kind: desk.ProviderJWT, Name: "Shop", Population: desk.ForBoth, Settings: desk.ProviderSettings{Algorithm: "HS256", LoginURL: "https://shop.example.com/login", Domains: []string{"acme.test"}}}
	if change != nil {
		change(&add)
	}
	made, err := f.AddProvider(t.Context(), f.owner, add)
	if err != nil {
		t.Fatal(err)
	}
	d := &jwtDesk{federation: f, provider: made}
	if add.Settings.Algorithm == "HS256" {
		if d.secret, err = f.NewProviderSecret(t.Context(), f.owner, made.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.SwitchProvider(t.Context(), f.owner, made.ID, SwitchedOn); err != nil {
		t.Fatal(err)
	}
	return d
}

// say is a payload with everything that is needed; changes are laid over it, and nil takes a claim away.
func (d *jwtDesk) say(changes map[string]any) string {
	d.count++
	claims := map[string]any{"iat": d.clock.now().Unix(), "jti": fmt.Sprintf("jti-%d", d.count), "name": "Ann Archer", "email": "ann@acme.test"}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (d *jwtDesk) bring(t *testing.T, token string) (SignedOn, error) {
	t.Helper()
	done, _, err := d.EndJWT(t.Context(), JWTAnswer{Token: token, From: home})
	return done, err
}

// Tokens as the programs in Go, Python, PHP and Node of Zendesk's examples make them sign people in unchanged: seconds as whole numbers, as PHP's time(), as Python's int(time.time()), ids as uuid or md5 of time and chance, tags as a list or in a row.
func TestZendeskProgramsSignInUnchanged(t *testing.T) {
	t.Parallel()
	d := newJWTDesk(t, func(p *desk.Provider) { p.Settings.Create, p.Settings.CreateRole = true, desk.RoleCustomer })
	agent := d.plain(t, "ann@acme.test", desk.RoleAgent)
	now := d.clock.now().Unix()
	for name, payload := range map[string]string{
		"Go":     fmt.Sprintf(`{"email":"ann@acme.test","external_id":"42","iat":%d,"jti":"a3bb189e-8bf9-3888-9912-ace4e6543002","name":"Ann Archer"}`, now),
		"Python": fmt.Sprintf(`{"iat": %d, "jti": "b3bb189e-8bf9-3888-9912-ace4e6543002", "name": "Ann Archer", "email": "Ann@Acme.test"}`, now),
		"PHP":    fmt.Sprintf(`{"jti":"5f4dcc3b5aa765d61d8327deb882cf99","iat":%d,"name":"Ann Archer","email":"ann@acme.test","external_id":42,"tags":"vip gold","locale_id":"1"}`, now),
		"Node":   fmt.Sprintf(`{"iat":%d,"jti":"c3bb189e-8bf9-3888-9912-ace4e6543002","name":"Ann Archer","email":"ann@acme.test","external_id":"42","organization":"Acme","tags":["vip"],"remote_photo_url":"https://acme.test/ann.png","role":"user","locale":"it","user_fields":{"plan":"gold"},"phone":"+390123"}`, now),
	} {
		head := jwtHead
		if name == "Go" || name == "Node" {
			head = `{"alg":"HS256","typ":"JWT"}`
		}
		done, err := d.bring(t, signed(head, payload, d.secret, sha256.New))
		if err != nil || done.Came.User.ID != agent.ID || done.Came.Token == "" {
			t.Errorf("%s: %+v %v", name, done, err)
		}
	}
	done, err := d.bring(t, signed(jwtHead, d.say(map[string]any{"email": "new@acme.test", "external_id": "77", "role": "admin", "locale": "it-IT"}), d.secret, sha256.New))
	if err != nil || done.Came.User.Role != desk.RoleCustomer || done.Came.User.Name != "Ann Archer" {
		t.Errorf("somebody new: %+v %v", done, err)
	}
	done, err = d.bring(t, signed(jwtHead, d.say(map[string]any{"email": "moved@acme.test", "external_id": "77"}), d.secret, sha256.New))
	if err != nil || done.Came.User.Email != "new@acme.test" {
		t.Errorf("the same external_id with another address: %+v %v", done, err)
	}
}

// What a token says besides is kept: the company, the telephone, tags, and the fields that the configuration names. What it does not say stays, and so does nothing else.
func TestWhatAJWTSaysBesidesIsKept(t *testing.T) {
	t.Parallel()
	d := newJWTDesk(t, func(p *desk.Provider) { p.Settings.Fields = []string{"plan", "seats", "vip"} })
	agent := d.plain(t, "ann@acme.test", desk.RoleAgent)
	for _, said := range []map[string]any{
		{"organization": "Acme\r\nBcc", "phone": 390123, "tags": "vip gold", "user_fields": map[string]any{"plan": "gold", "seats": 7, "vip": true, "secret": "x"}},
		{"user_fields": []string{}},
		{"tags": []string{"silver"}, "user_fields": map[string]any{"plan": "iron", "seats": []int{1}}},
	} {
		if _, err := d.bring(t, signed(jwtHead, d.say(said), d.secret, sha256.New)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := d.store.Profile(t.Context(), agent.ID)
	want := desk.Profile{Organization: "AcmeBcc", Phone: "390123", Tags: []string{"silver"}, Fields: map[string]string{"plan": "iron", "seats": "7", "vip": "true"}}
	if err != nil || !got.Same(want) {
		t.Errorf("kept: %+v, not %+v (%v)", got, want, err)
	}
}

// What row 31 refuses, in its order, with its codes.
func TestJWTAttacksAreRefused(t *testing.T) {
	t.Parallel()
	d := newJWTDesk(t, nil)
	d.plain(t, "ann@acme.test", desk.RoleAgent)
	d.plain(t, "cus@acme.test", desk.RoleCustomer)
	gone := d.plain(t, "gone@acme.test", desk.RoleAgent)
	if err := d.Disable(t.Context(), d.owner, gone.ID); err != nil {
		t.Fatal(err)
	}
	now := d.clock.now()
	good := func(changes map[string]any) string { return signed(jwtHead, d.say(changes), d.secret, sha256.New) }
	head := func(header string) string { return signed(header, d.say(nil), d.secret, sha256.New) }
	inner := good(nil)
	for _, test := range []struct {
		name, token string
		code        RefusalCode
	}{
		{"nothing", "", BadClaims},
		{"two parts", "a.b", BadClaims},
		{"five parts (encrypted)", "a.b.c.d.e", BadClaims},
		{"over 8 KiB", good(map[string]any{"note": strings.Repeat("x", 9000)}), BadClaims},
		{"alg none", signed(`{"typ":"JWT","alg":"none"}`, d.say(nil), "", nil), BadSignature},
		{"alg None", signed(`{"typ":"JWT","alg":"None"}`, d.say(nil), "", nil), BadSignature},
		{"HS512", signed(`{"typ":"JWT","alg":"HS512"}`, d.say(nil), d.secret, sha512.New), BadSignature},
		{"HS256 said, HS512 made", signed(jwtHead, d.say(nil), d.secret, sha512.New), BadSignature},
		{"another secret", signed(jwtHead, d.say(nil), "another", sha256.New), BadSignature},
		{"no secret", signed(jwtHead, d.say(nil), "", sha256.New), BadSignature},
		{"stripped", inner[:strings.LastIndex(inner, ".")+1], BadSignature},
		{"changed", strings.Replace(inner, ".", ".e30", 1), BadSignature},
		{"no typ", head(`{"alg":"HS256"}`), BadClaims},
		{"another typ", head(`{"alg":"HS256","typ":"JWE"}`), BadClaims},
		{"jku", head(`{"alg":"HS256","typ":"JWT","jku":"https://evil.test/keys"}`), BadSignature},
		{"jwk", head(`{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":"AA"}}`), BadSignature},
		{"x5u", head(`{"alg":"HS256","typ":"JWT","x5u":"https://evil.test"}`), BadSignature},
		{"crit", head(`{"alg":"HS256","typ":"JWT","crit":["exp"]}`), BadSignature},
		{"alg twice", head(`{"alg":"none","alg":"HS256","typ":"JWT"}`), BadClaims},
		{"nested", signed(`{"alg":"HS256","typ":"JWT","cty":"JWT"}`, inner, d.secret, sha256.New), BadClaims},
		{"email twice", signed(jwtHead, strings.Replace(d.say(nil), "{", `{"email":"olga@example.com",`, 1), d.secret, sha256.New), BadClaims},
		{"Email beside email", signed(jwtHead, strings.Replace(d.say(nil), "{", `{"EMAIL":"olga@example.com",`, 1), d.secret, sha256.New), BadClaims},
		{"a list", signed(jwtHead, `["ann@acme.test"]`, d.secret, sha256.New), BadClaims},
		{"no iat", good(map[string]any{"iat": nil}), BadClaims},
		{"iat an hour ago", good(map[string]any{"iat": now.Add(-time.Hour).Unix()}), Expired},
		{"iat 181 s ago", good(map[string]any{"iat": now.Add(-181 * time.Second).Unix()}), Expired},
		{"iat in an hour", good(map[string]any{"iat": now.Add(time.Hour).Unix()}), Expired},
		{"iat a word", good(map[string]any{"iat": "soon"}), BadClaims},
		{"exp over", good(map[string]any{"exp": now.Add(-time.Second).Unix()}), Expired},
		{"nbf to come", good(map[string]any{"nbf": now.Add(time.Minute).Unix()}), Expired},
		{"aud of somebody else", good(map[string]any{"aud": "https://other.example"}), BadClaims},
		{"no jti", good(map[string]any{"jti": nil}), BadClaims},
		{"jti too long", good(map[string]any{"jti": strings.Repeat("j", 256)}), BadClaims},
		{"no email", good(map[string]any{"email": nil}), BadClaims},
		{"email malformed", good(map[string]any{"email": "ann@acme.test\r\nBcc: eve@evil.test"}), BadClaims},
		{"no name", good(map[string]any{"name": ""}), BadClaims},
		{"name too long", good(map[string]any{"name": strings.Repeat("n", 201)}), BadClaims},
		{"101 tags", good(map[string]any{"tags": strings.Repeat("t ", 101)}), BadClaims},
		{"disabled", good(map[string]any{"email": "gone@acme.test"}), UserSuspended},
		{"owner", good(map[string]any{"email": "olga@example.com"}), NotConnected},
		{"another domain", good(map[string]any{"email": "nobody@other.test"}), NotConnected},
		{"email not verified", good(map[string]any{"email_verified": false}), NotConnected},
	} {
		if done, err := d.bring(t, test.token); d.codeOf(t, err) != test.code || done.Came.Token != "" {
			t.Errorf("%s: %+v %v", test.name, done, err)
		}
	}
	if _, err := d.bring(t, inner); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	if _, err := d.bring(t, inner); d.codeOf(t, err) != Replayed {
		t.Errorf("the same again: %v", err)
	}
	if _, _, err := d.EndJWT(t.Context(), JWTAnswer{Token: good(nil), ByGet: true, From: home}); d.codeOf(t, err) != BadClaims {
		t.Errorf("in the address: %v", err)
	}
}

// Two who bring the same token at once: one comes in.
func TestAJWTIsGoodOnceHoweverManyBringIt(t *testing.T) {
	t.Parallel()
	d := newJWTDesk(t, nil)
	d.plain(t, "ann@acme.test", desk.RoleAgent)
	token, results := signed(jwtHead, d.say(nil), d.secret, sha256.New), make(chan error)
	for range 8 {
		go func() {
			_, _, err := d.EndJWT(t.Context(), JWTAnswer{Token: token, From: home})
			results <- err
		}()
	}
	in := 0
	for range 8 {
		if err := <-results; err == nil {
			in++
		}
	}
	if in != 1 {
		t.Errorf("%d came in", in)
	}
}

// Tokens signed with key pairs, and the classic confusion: the public key as an HMAC secret.
func TestJWTKeyPairs(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := func(key any) string {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	for name, test := range map[string]struct {
		key, pub any
		method   jwt.SigningMethod
	}{"RS256": {rsaKey, &rsaKey.PublicKey, jwt.SigningMethodRS256}, "ES256": {ecKey, &ecKey.PublicKey, jwt.SigningMethodES256}, "EdDSA": {edKey, edKey.Public(), jwt.SigningMethodEdDSA}} {
		d := newJWTDesk(t, func(p *desk.Provider) { p.Settings.Algorithm, p.Settings.PublicKey = name, public(test.pub) })
		d.plain(t, "ann@acme.test", desk.RoleAgent)
		claims := func() jwt.MapClaims {
			all := jwt.MapClaims{}
			if err := json.Unmarshal([]byte(d.say(nil)), &all); err != nil {
				t.Fatal(err)
			}
			return all
		}
		made, err := jwt.NewWithClaims(test.method, claims()).SignedString(test.key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.bring(t, made); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, head := range []string{jwtHead, `{"typ":"JWT","alg":"` + name + `"}`} {
			if _, err := d.bring(t, signed(head, d.say(nil), public(test.pub), sha256.New)); d.codeOf(t, err) != BadSignature {
				t.Errorf("%s: the public key as a secret, %s: %v", name, head, err)
			}
		}
	}
	settings := desk.ProviderSettings{LoginURL: "https://shop.example.com/", Algorithm: "RS256", PublicKey: public(&ecKey.PublicKey)}
	if checkJWT(settings, Outward{}) == nil {
		t.Error("a key of another kind is taken")
	}
	settings.Algorithm = "HS256"
	if checkJWT(settings, Outward{}) == nil {
		t.Error("HS256 takes a public key")
	}
	settings.Algorithm = "none"
	if checkJWT(settings, Outward{}) == nil {
		t.Error("'none' is an algorithm")
	}
}

// Keys of a key set are found by id, and looked for again when they have changed, at most once in half a minute.
func TestJWTKeySet(t *testing.T) {
	t.Parallel()
	first, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &first.PublicKey, KeyID: "one", Algorithm: "RS256", Use: "sig"}}})
	}))
	t.Cleanup(server.Close)
	f := newFederation(t)
	p := f.provider(t, desk.Provider{Kind: desk.ProviderJWT, Name: "Keys", Population: desk.ForStaff, Settings: desk.ProviderSettings{Algorithm: "RS256", KeysURL: server.URL, LoginURL: "https://shop.example.com/", Domains: []string{"acme.test"}}}, "")
	f.plain(t, "ann@acme.test", desk.RoleAgent)
	bring := func(id string, key *rsa.PrivateKey) error {
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"iat": f.clock.now().Unix(), "jti": rand.Text(), "name": "Ann", "email": "ann@acme.test"})
		token.Header["kid"] = id
		made, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = f.EndJWT(t.Context(), JWTAnswer{Provider: p.ID, Token: made, From: home})
		return err
	}
	if err := bring("one", first); err != nil {
		t.Error(err)
	}
	for range 5 {
		if err := bring("other", first); f.codeOf(t, err) != BadSignature {
			t.Errorf("an unknown key: %v", err)
		}
	}
	if asked != 1 {
		t.Errorf("the key set was asked for %d times", asked)
	}
}

func TestReturnToStaysHere(t *testing.T) {
	s := &Service{public: "https://help.example.com"}
	p := desk.Provider{Settings: desk.ProviderSettings{ReturnHosts: []string{"shop.example.com"}}}
	for wanted, want := range map[string]string{
		"/tickets/7": "/tickets/7", "https://help.example.com/tickets/7?x=1": "/tickets/7?x=1", "https://shop.example.com/cart": "https://shop.example.com/cart",
		"https://evil.test/": "", "//evil.test/": "", "/\\evil.test": "", "https://help.example.com.evil.test/": "", "http://shop.example.com/": "", "javascript:alert(1)": "",
		"https://help.example.com@evil.test/": "", "https://user@shop.example.com/": "", "https://help.example.com//evil.test/": "", "": "",
	} {
		if got := s.returnTo(p, wanted); got != want {
			t.Errorf("%q: %q, not %q", wanted, got, want)
		}
	}
}

func TestTheCodeOfARefusalAndNothingElseGoesOut(t *testing.T) {
	p := desk.Provider{Settings: desk.ProviderSettings{LogoutURL: "https://shop.example.com/out?a=b"}}
	if got := LogoutURL(p, Replayed); got != "https://shop.example.com/out?a=b&kind=error&message=replayed" {
		t.Error(got)
	}
	if LogoutURL(desk.Provider{}, Replayed) != "" {
		t.Error("somewhere without an address")
	}
}

// FuzzReadJWT: whatever a stranger sends is refused and breaks nothing.
func FuzzReadJWT(f *testing.F) {
	const key = "a secret that nobody guesses"
	for _, seed := range []string{"", "a.b.c", signed(jwtHead, `{"iat":1}`, "other", sha256.New), signed(`{"typ":"JWT","alg":"none"}`, `{}`, "", nil)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, err := readJWT(token, "HS256", func(string, string) (any, error) { return []byte(key), nil })
		if err == nil {
			t.Errorf("%q came through", token)
		}
	})
}
