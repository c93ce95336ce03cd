package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"postern/desk"
)

// ours is who the tests' service is, as a browser sees it.
var ours = virtualwebauthn.RelyingParty{ID: "help.example.com", Name: "Postern", Origin: "https://help.example.com"}

// softKey is a passkey in software, which can be told to misbehave.
type softKey struct {
	device virtualwebauthn.Authenticator
	key    virtualwebauthn.Credential
}

// newCredential is a fresh P-256 key. The library writes coordinates without their leading zeros, which no key may (RFC 9053 §7.1.1) and one in 128 would: those are passed over.
func newCredential(t testing.TB) virtualwebauthn.Credential {
	t.Helper()
	for {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		factorMust(t, err)
		point, err := key.PublicKey.Bytes() // 4, X, Y (SEC 1 §2.3.3)
		factorMust(t, err)
		if point[1] == 0 || point[33] == 0 {
			continue
		}
		data, err := x509.MarshalPKCS8PrivateKey(key)
		factorMust(t, err)
		return virtualwebauthn.NewCredentialWithImportedKey(virtualwebauthn.KeyTypeEC2, data)
	}
}

// addKey adds a passkey to whoever the session belongs to.
func (h house) addKey(t testing.TB, token string, user desk.User) *softKey {
	t.Helper()
	handle, err := h.store.PasskeyHandle(t.Context(), user.ID)
	factorMust(t, err)
	key := &softKey{virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: handle}), newCredential(t)}
	_, err = h.offerKey(t, token, key, ours)
	factorMust(t, err)
	return key
}

// offerKey lets a passkey answer as the browser of a page of that party would.
func (h house) offerKey(t testing.TB, token string, key *softKey, at virtualwebauthn.RelyingParty) (Added, error) {
	t.Helper()
	ask, err := h.AskAddPasskey(t.Context(), token, home)
	factorMust(t, err)
	options, err := virtualwebauthn.ParseAttestationOptions(`{"publicKey":` + string(ask.Options) + `}`)
	factorMust(t, err)
	return h.AddPasskey(t.Context(), token, "Key", FactorProof{Challenge: ask.Challenge, Answer: virtualwebauthn.CreateAttestationResponse(at, key.device, key.key, *options)}, home)
}

// answer lets the passkey sign a challenge.
func (k *softKey) answer(t testing.TB, ask PasskeyAsk, at virtualwebauthn.RelyingParty) FactorProof {
	t.Helper()
	options, err := virtualwebauthn.ParseAssertionOptions(`{"publicKey":` + string(ask.Options) + `}`)
	factorMust(t, err)
	return FactorProof{Kind: desk.FactorPasskey, Challenge: ask.Challenge, Answer: virtualwebauthn.CreateAssertionResponse(at, k.device, k.key, *options)}
}

func TestPasskeyAsSecondFactor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	person := h.add(t, "ann@example.com", desk.RoleAgent)
	key := h.addKey(t, h.arrives(t, person.Email, home).Token, person)
	show := func(proof func(PasskeyAsk) FactorProof) error {
		came := h.arrives(t, person.Email, home)
		ask, err := h.AskPasskey(t.Context(), came.Token)
		factorMust(t, err)
		key.key.Counter++
		_, err = h.PassFactor(t.Context(), FactorPass{Token: came.Token, Proof: proof(ask), From: home})
		return err
	}
	factorMust(t, show(func(ask PasskeyAsk) FactorProof { return key.answer(t, ask, ours) }))

	elsewhere, other := ours, ours
	elsewhere.Origin, other.ID = "https://help.example.com.evil.example", "evil.example"
	var last FactorProof
	unverified, absent := *key, *key
	unverified.device.Options.UserNotVerified = true
	absent.device.Options.UserNotPresent = true
	for why, proof := range map[string]func(PasskeyAsk) FactorProof{
		"wrong origin":              func(ask PasskeyAsk) FactorProof { return key.answer(t, ask, elsewhere) },
		"wrong RP":                  func(ask PasskeyAsk) FactorProof { return key.answer(t, ask, other) },
		"user verification missing": func(ask PasskeyAsk) FactorProof { unverified.key = key.key; return unverified.answer(t, ask, ours) },
		"nobody touched it":         func(ask PasskeyAsk) FactorProof { absent.key = key.key; return absent.answer(t, ask, ours) },
		"another key": func(ask PasskeyAsk) FactorProof {
			stranger := softKey{key.device, newCredential(t)}
			stranger.key.ID = key.key.ID
			return stranger.answer(t, ask, ours)
		},
		"no answer": func(ask PasskeyAsk) FactorProof {
			return FactorProof{Kind: desk.FactorPasskey, Challenge: ask.Challenge, Answer: "{}"}
		},
		"an answer that is no JSON": func(ask PasskeyAsk) FactorProof {
			return FactorProof{Kind: desk.FactorPasskey, Challenge: ask.Challenge, Answer: strings.Repeat("[", 100_000)}
		},
		"a challenge of another purpose": func(PasskeyAsk) FactorProof { alone, _ := h.AskPasskeySignIn(); return key.answer(t, alone, ours) },
		"a challenge that we did not make": func(ask PasskeyAsk) FactorProof {
			proof := key.answer(t, ask, ours)
			proof.Challenge = "AAAA" + proof.Challenge[4:]
			return proof
		},
		"a challenge of another session": func(PasskeyAsk) FactorProof {
			ask, _ := h.AskPasskey(t.Context(), h.arrives(t, person.Email, home).Token)
			return key.answer(t, ask, ours)
		},
		"an answer to another challenge (swapped)": func(ask PasskeyAsk) FactorProof {
			alone, _ := h.AskPasskeySignIn()
			proof := key.answer(t, alone, ours)
			proof.Challenge = ask.Challenge
			return proof
		},
		"too late": func(ask PasskeyAsk) FactorProof {
			last = key.answer(t, ask, ours)
			h.clock.wait(challengeLife + time.Second)
			return last
		},
	} {
		factorFault(t, show(proof), desk.Invalid, why)
	}
}

func TestPasskeyAnswerCountsOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	person := h.add(t, "ann@example.com", desk.RoleAgent)
	key := h.addKey(t, h.arrives(t, person.Email, home).Token, person)
	ask, err := h.AskPasskeySignIn()
	factorMust(t, err)
	key.key.Counter = 5
	proof := key.answer(t, ask, ours)
	came, err := h.SignInPasskey(t.Context(), proof.Challenge, proof.Answer, home)
	factorMust(t, err)
	if came.Pending != "" || came.User.ID != person.ID {
		t.Errorf("%+v", came)
	}
	_, err = h.SignInPasskey(t.Context(), proof.Challenge, proof.Answer, home)
	factorFault(t, err, desk.Invalid, "the same answer twice")

	// A copy of the key counts on from where it was copied.
	for counter, why := range map[uint32]string{5: "the same count", 3: "a lower count"} {
		ask, err = h.AskPasskeySignIn()
		factorMust(t, err)
		key.key.Counter = counter
		proof = key.answer(t, ask, ours)
		_, err = h.SignInPasskey(t.Context(), proof.Challenge, proof.Answer, home)
		factorFault(t, err, desk.Invalid, why)
	}
	if h.letters(t, desk.LetterPasskeyCopied) != 2 {
		t.Error("the person was not told of a copy")
	}
	ask, _ = h.AskPasskeySignIn()
	key.key.Counter = 6
	proof = key.answer(t, ask, ours)
	if _, err = h.SignInPasskey(t.Context(), proof.Challenge, proof.Answer, home); err != nil {
		t.Errorf("the real key after its copy: %v", err)
	}
}

func TestPasskeyAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	person, other := h.add(t, "ann@example.com", desk.RoleAgent), h.add(t, "bob@example.com", desk.RoleAgent)
	key := h.addKey(t, h.arrives(t, person.Email, home).Token, person)
	others := h.addKey(t, h.arrives(t, other.Email, home).Token, other)
	tryIn := func(key softKey, at virtualwebauthn.RelyingParty) error {
		ask, err := h.AskPasskeySignIn()
		factorMust(t, err)
		key.key.Counter = uint32(time.Now().UnixNano() / 1e6)
		proof := key.answer(t, ask, at)
		_, err = h.SignInPasskey(t.Context(), proof.Challenge, proof.Answer, home)
		return err
	}
	unverified, nobody, swapped := *key, *key, *key
	unverified.device.Options.UserNotVerified = true
	nobody.device.Options.UserHandle = []byte("somebody who is not here")
	swapped.device.Options.UserHandle = others.device.Options.UserHandle // Ann's key, said to be Bob's
	elsewhere := ours
	elsewhere.Origin = "http://help.example.com"
	factorFault(t, tryIn(unverified, ours), desk.Invalid, "without unlocking it")
	factorFault(t, tryIn(nobody, ours), desk.Invalid, "of nobody")
	factorFault(t, tryIn(swapped, ours), desk.Invalid, "for somebody else")
	factorFault(t, tryIn(*key, elsewhere), desk.Invalid, "from a page in the clear")
	factorMust(t, tryIn(*key, ours))
	factorMust(t, h.Disable(t.Context(), cli, person.ID))
	factorFault(t, tryIn(*key, ours), desk.Invalid, "of somebody who is disabled")
	ask, _ := h.AskPasskeySignIn()
	if strings.Contains(string(ask.Options), "allowCredentials") && !strings.Contains(string(ask.Options), `"allowCredentials":[]`) {
		t.Errorf("the challenge names keys: %s", ask.Options)
	}
}

func TestAddingPasskeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	person := h.add(t, "ann@example.com", desk.RoleAgent)
	customer := h.add(t, "cy@customer.example", desk.RoleCustomer)
	token := h.arrives(t, person.Email, home).Token
	fresh := func() *softKey {
		return &softKey{virtualwebauthn.NewAuthenticator(), newCredential(t)}
	}
	locked := fresh()
	locked.device.Options.UserNotVerified = true
	_, err := h.offerKey(t, token, locked, ours)
	factorFault(t, err, desk.Invalid, "a key of staff that asks for no PIN")
	if _, err := h.offerKey(t, h.arrives(t, customer.Email, home).Token, locked, ours); err != nil {
		t.Errorf("a customer's key that asks for no PIN: %v", err)
	}
	elsewhere := ours
	elsewhere.Origin = "https://evil.example"
	_, err = h.offerKey(t, token, fresh(), elsewhere)
	factorFault(t, err, desk.Invalid, "made for another page")
	key := fresh()
	_, err = h.offerKey(t, token, key, ours)
	factorMust(t, err)
	_, err = h.offerKey(t, h.passkeyOnly(t, customer), key, ours)
	if err == nil {
		t.Error("one key belongs to two people")
	}
	for range mostPasskeys - 1 {
		_, err = h.offerKey(t, token, fresh(), ours)
		factorMust(t, err)
	}
	_, err = h.AskAddPasskey(t.Context(), token, home)
	factorFault(t, err, desk.Conflict, "an eleventh")
	all, err := h.Factors(t.Context(), person)
	if err != nil || len(all.List) != mostPasskeys {
		t.Fatalf("%d, %v", len(all.List), err)
	}
	factorMust(t, h.RenamePasskey(t.Context(), token, all.List[0].ID, "Blue key", home))
	factorFault(t, h.RenamePasskey(t.Context(), token, all.List[0].ID, "Blue\nkey", home), desk.Invalid, "a name on two lines")
	factorFault(t, h.RenamePasskey(t.Context(), h.passkeyOnly(t, customer), all.List[0].ID, "Mine", home), desk.NotFound, "somebody else's")
	if all, _ = h.Factors(t.Context(), person); all.List[0].Name != "Blue key" || !all.List[0].Verifies {
		t.Errorf("%+v", all.List[0])
	}
}

// passkeyOnly is a whole session of somebody, whatever they would have to show.
func (h house) passkeyOnly(t testing.TB, user desk.User) string {
	t.Helper()
	token := h.arrives(t, user.Email, home).Token
	if _, err := h.store.Pool().Exec(t.Context(), `update session set pending = '' where user_id = $1`, user.ID); err != nil {
		t.Fatal(err)
	}
	return token
}

// Where no passkey is possible, the program says so and offers none.
func TestPasskeysNeedANameAndHTTPS(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]bool{"https://help.example.com": true, "https://help.example.com:8443": true, "http://localhost:8080": true, "http://help.example.com": false, "https://192.0.2.1": false, "https://[2001:db8::1]": false, "": false} {
		s := &Service{public: public}
		if s.PasskeysWork() != want {
			t.Errorf("%s: %t", public, !want)
		}
	}
}

func FuzzPasskeyAnswer(f *testing.F) {
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{}}`)
	f.Add(fmt.Sprintf(`{"id":%q}`, strings.Repeat("A", 100)))
	f.Fuzz(func(_ *testing.T, answer string) { _, _ = parseAnswer(answer) })
}
