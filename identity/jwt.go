package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"postern/desk"
	"postern/language"
	"postern/secret"
	"postern/store"
)

// Sign-in by a token that a program of the company signs, as Zendesk has it (security row 31): the program knows the person already, and sends the browser here with a JWT (RFC 7519) that is good once, for three minutes.

// Limits of such a token.
const (
	jwtSize       = 8 << 10
	jwtAge        = 180 * time.Second // between its iat and now, either way
	jwtKept       = 10 * time.Minute  // after its iat, in which its jti is remembered
	longestJTI    = 255
	longestSaid   = 200 // of a name
	longestRecord = 255 // of an external_id
	mostTags      = 100
)

// algorithms are those that a configuration may pin, with what a key has to be.
var algorithms = []string{"HS256", "RS256", "ES256", "EdDSA"}

// checkJWT says what is wrong with the settings of a JWT configuration.
func checkJWT(settings desk.ProviderSettings, outward Outward) error {
	if !slices.Contains(algorithms, settings.Algorithm) {
		return desk.Wrong("algorithm", "a token is signed with one of %s", strings.Join(algorithms, ", "))
	}
	if settings.LoginURL == "" {
		return desk.Wrong("login_url", "write the page of your company where people sign in")
	}
	if settings.Algorithm == "HS256" {
		if settings.PublicKey != "" || settings.KeysURL != "" {
			return desk.Wrong("public_key", "HS256 is signed with the shared secret: there is no public key")
		}
		return nil
	}
	if (settings.PublicKey == "") == (settings.KeysURL == "") {
		return desk.Wrong("public_key", "give the public key, or the address of a key set: one of them")
	}
	if settings.PublicKey != "" {
		_, err := publicKey(settings.Algorithm, settings.PublicKey)
		return err
	}
	target, err := url.Parse(settings.KeysURL)
	if err == nil {
		err = outward.Check(target)
	}
	if err != nil {
		return desk.Wrong("keys_url", "%s", err.Error())
	}
	return nil
}

// publicKey reads a key, which has to be of the kind that the algorithm takes: a key of another kind is how one algorithm is passed off as another.
func publicKey(algorithm, text string) (crypto.PublicKey, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || strings.TrimSpace(string(rest)) != "" {
		return nil, desk.Wrong("public_key", "this is not one public key in PEM, which begins with -----BEGIN PUBLIC KEY-----")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if block.Type == "CERTIFICATE" {
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = certificate.PublicKey
		}
	}
	if err != nil || !fits(algorithm, key) {
		return nil, desk.Wrong("public_key", "this is not a public key for %s: RS256 takes RSA of 2048 bits or more, ES256 takes P-256, EdDSA takes Ed25519", algorithm)
	}
	return key, nil
}

func fits(algorithm string, key crypto.PublicKey) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return algorithm == "RS256" && key.N.BitLen() >= 2048 && key.N.BitLen() <= 8192
	case *ecdsa.PublicKey:
		return algorithm == "ES256" && key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	}
	return false
}

// keyring finds the key that a token was signed with.
type keyring func(algorithm, id string) (any, error)

// readJWT looks at a token in the order of security row 31: size, form, header, signature. What it says is looked at afterwards, since until then a stranger may have written it.
func readJWT(raw, algorithm string, keys keyring) (jwtClaims, error) {
	var claims jwtClaims
	if len(raw) > jwtSize {
		return claims, refused(BadClaims, "the token is longer than 8 KiB")
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return claims, refused(BadClaims, "the token has not three parts")
	}
	header, err := readHeader(parts[0])
	if err != nil {
		return claims, err
	}
	switch {
	case header.Algorithm != algorithm:
		return claims, refused(BadSignature, "the token's algorithm is not the one that was agreed")
	case !strings.EqualFold(header.Type, "JWT"):
		return claims, refused(BadClaims, "the token's header does not say that it is a JWT")
	case header.foreign:
		return claims, refused(BadSignature, "the token's header brings a key of its own, or asks for an extension")
	}
	key, err := keys(algorithm, header.KeyID)
	if err != nil {
		return claims, err
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || jwt.GetSigningMethod(algorithm).Verify(parts[0]+"."+parts[1], signature, key) != nil {
		return claims, refused(BadSignature, "the token's signature does not hold")
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil || !onceEach(payload) {
		return claims, refused(BadClaims, "the token says something twice, or what it says is no JSON object")
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return claims, refused(BadClaims, "what the token says cannot be read")
	}
	return claims, nil
}

// jwtHeader is what stands in the header of a token (RFC 7515 §4.1).
type jwtHeader struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ"`
	KeyID     string `json:"kid"`
	foreign   bool   // it names a key of its own (jku, x5u, jwk, x5c), or something critical that we do not know
}

func readHeader(part string) (header jwtHeader, err error) {
	plain, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil || !onceEach(plain) || json.Unmarshal(plain, &header) != nil {
		return header, refused(BadClaims, "the token's header cannot be read")
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(plain, &all) != nil {
		return header, refused(BadClaims, "the token's header cannot be read")
	}
	for _, name := range []string{"jku", "x5u", "jwk", "x5c", "crit"} {
		if _, has := all[name]; has {
			header.foreign = true
		}
	}
	return header, nil
}

// onceEach says whether text is one JSON object in which every name stands once: two readers of a doubled name read two things.
func onceEach(text []byte) bool {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	open, err := decoder.Token()
	if err != nil || open != json.Delim('{') {
		return false
	}
	seen := map[string]bool{}
	for decoder.More() {
		name, err := decoder.Token()
		word, is := name.(string)
		if err != nil || !is || seen[strings.ToLower(word)] { // encoding/json does not tell Email from email
			return false
		}
		seen[strings.ToLower(word)] = true
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return false
		}
	}
	if _, err := decoder.Token(); err != nil {
		return false
	}
	return !decoder.More()
}

// expected is what the claims are held against.
type expected struct {
	settings desk.ProviderSettings
	public   string // our address, which a token may name as its audience
	now      time.Time
}

// checkAge looks at when and for whom a signed token was made, in the order of security row 31. Whether it was presented before is for the database to say.
func checkAge(c jwtClaims, want expected) error {
	settings, now := want.settings, want.now
	switch {
	case c.IssuedAt == nil:
		return refused(BadClaims, "the token has no iat")
	case now.Sub(c.IssuedAt.Time).Abs() > jwtAge:
		return refused(Expired, "the token was not made within the last three minutes")
	case c.ExpiresAt != nil && !now.Before(c.ExpiresAt.Time):
		return refused(Expired, "the token's exp is over")
	case c.NotBefore != nil && now.Before(c.NotBefore.Time):
		return refused(Expired, "the token's nbf has not come")
	case settings.Audience != "" && !slices.Contains(c.Audience, settings.Audience):
		return refused(BadClaims, "the token's aud is not the one that was agreed")
	case settings.Audience == "" && len(c.Audience) > 0 && !slices.ContainsFunc(c.Audience, func(one string) bool { return strings.TrimSuffix(one, "/") == want.public }):
		return refused(BadClaims, "the token's aud names somebody else")
	case settings.TokenIssuer != "" && string(c.Issuer) != settings.TokenIssuer:
		return refused(BadClaims, "the token's iss is not the one that was agreed")
	case c.ID == "" || len(c.ID) > longestJTI:
		return refused(BadClaims, "the token has no jti of 1 to 255 bytes")
	}
	return nil
}

// checkBearer looks at whom a token speaks of.
func checkBearer(c jwtClaims) error {
	switch {
	case !desk.ValidAddress(desk.Canonical(string(c.Email))) || len(c.Email) > 254:
		return refused(BadClaims, "the token has no valid email")
	case c.Name == "" || len(c.Name) > longestSaid:
		return refused(BadClaims, "the token has no name of 1 to 200 bytes")
	case len(c.ExternalID) > longestRecord:
		return refused(BadClaims, "the token's external_id is longer than 255 bytes")
	case len(c.Tags) > mostTags:
		return refused(BadClaims, "the token has more than 100 tags")
	}
	return nil
}

// JWTAnswer is a token that a browser has brought.
type JWTAnswer struct {
	Provider int64 // by the address to which it came; 0: whichever has signed it
	Token    string
	ByGet    bool // it stood in the address
	ReturnTo string
	Browser  string
	From     Client
}

// EndJWT lets in whoever brings a good token. A refusal is a *Refused, and in the audit log; provider is the configuration that it was held against, for the page to go to.
func (s *Service) EndJWT(ctx context.Context, answer JWTAnswer) (done SignedOn, provider desk.Provider, err error) {
	candidates, err := s.jwtProviders(ctx, answer.Provider)
	if err != nil {
		return done, provider, err
	}
	var claims jwtClaims
	err = refused(BadSignature, "no configuration for JWT is switched on")
	for _, provider = range candidates {
		if answer.ByGet && !provider.Settings.AllowGet {
			err = refused(BadClaims, "the token stood in the address, where histories and logs keep it")
			continue
		}
		if claims, err = readJWT(answer.Token, provider.Settings.Algorithm, s.keyring(ctx, provider)); err == nil {
			break
		}
	}
	d := dance{Purpose: ToEnter, Next: s.returnTo(provider, answer.ReturnTo)}
	if state, ours := strings.CutPrefix(d.Next, jwtBack); ours && err == nil {
		d, err = s.take(ctx, state, answer.Browser, provider.ID)
	}
	if err == nil && !provider.Enabled && d.Purpose != ToTest {
		err = refused(BadSignature, "the configuration is switched off")
	}
	if err == nil {
		err = checkAge(claims, expected{settings: provider.Settings, public: s.public, now: s.now()})
	}
	if err == nil {
		err = s.useOnce(ctx, provider, string(claims.ID), claims.IssuedAt.Add(jwtKept))
	}
	if err == nil {
		err = checkBearer(claims)
	}
	if err != nil {
		return done, provider, s.refuseSignOn(ctx, provider, err, answer.From)
	}
	done, err = s.conclude(ctx, d, jwtAsserted(provider, claims), "", answer.From)
	return done, provider, err
}

// jwtProviders are the configurations that a token may be of.
func (s *Service) jwtProviders(ctx context.Context, id int64) ([]desk.Provider, error) {
	all, err := s.store.Providers(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p desk.Provider) bool {
		return p.Kind != desk.ProviderJWT || (id == 0 && !p.Enabled) || (id != 0 && p.ID != id)
	}), nil
}

// useOnce notes that something was presented, and refuses it the second time.
func (s *Service) useOnce(ctx context.Context, provider desk.Provider, id string, until time.Time) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		fresh, err := tx.UseAssertion(ctx, provider.ID, secret.HashToken(id), until)
		if err == nil && !fresh {
			err = refused(Replayed, "the token was presented before")
		}
		return err
	})
}

// keyring is the key of a configuration: the shared secret, the public key, or one of the key set.
func (s *Service) keyring(ctx context.Context, p desk.Provider) keyring {
	return func(algorithm, id string) (any, error) {
		switch {
		case algorithm == "HS256":
			plain, err := s.providerSecret(ctx, p.ID)
			if err == nil && plain == "" {
				err = refused(BadSignature, "the configuration has no secret")
			}
			return []byte(plain), err
		case p.Settings.PublicKey != "":
			key, err := publicKey(algorithm, p.Settings.PublicKey)
			if err != nil {
				return nil, refused(BadSignature, "the configuration's key cannot be read")
			}
			return key, nil
		}
		return s.fetchKey(ctx, p, algorithm, id)
	}
}

// jwtAsserted is what follows from claims that have been checked. The company's program knows its people, so its word about an address is as good as a provider's that says verified, unless it says otherwise.
func jwtAsserted(p desk.Provider, c jwtClaims) Asserted {
	made := Asserted{
		Provider: p, Issuer: "jwt", Subject: string(c.ExternalID), Email: string(c.Email), EmailVerified: c.EmailVerified == nil || bool(*c.EmailVerified),
		Name: string(c.Name), Role: string(c.Role), MFA: c.Methods,
		Profile: Profile{Language: languageOf(string(c.Locale)), Company: string(c.Organization), Phone: string(c.Phone), Tags: c.Tags, Fields: c.Fields.kept(p.Settings.Fields)},
	}
	if c.Class != "" {
		made.MFA = append(slices.Clone(made.MFA), string(c.Class))
	}
	return made
}

// jwtBack begins the path to which a token comes back that somebody has asked for when they connected an account or tested the configuration.
const jwtBack = "/access/jwt/back/"

// beginJWT says where the browser goes to get a token.
func (s *Service) beginJWT(ctx context.Context, p desk.Provider, b Begin) (begun Begun, err error) {
	back := s.public + b.Next
	if b.Purpose != ToEnter {
		if begun, err = s.begin(ctx, b, dance{}); err != nil {
			return begun, err
		}
		back = s.public + jwtBack + begun.State
	}
	target, err := url.Parse(p.Settings.LoginURL)
	if err != nil {
		return begun, refused(ProviderError, "the address of its page cannot be read")
	}
	query := target.Query()
	query.Set("return_to", back)
	target.RawQuery = query.Encode()
	begun.URL = target.String()
	return begun, nil
}

// returnTo is where a token's bearer goes on: within our pages, or to a host that the configuration names. Everything else is the usual page, since an open redirect would lend our name to others.
func (s *Service) returnTo(p desk.Provider, wanted string) string {
	if inside, ours := strings.CutPrefix(wanted, s.public+"/"); ours {
		wanted = "/" + inside
	}
	target, err := url.Parse(wanted)
	switch {
	case err != nil || strings.ContainsAny(wanted, "\\\r\n\t") || len(wanted) > longestValue:
		return ""
	case target.Scheme == "" && target.Host == "" && strings.HasPrefix(wanted, "/") && !strings.HasPrefix(wanted, "//"):
		return wanted
	case target.Scheme == "https" && target.User == nil && slices.Contains(p.Settings.ReturnHosts, strings.ToLower(target.Host)):
		return wanted
	}
	return ""
}

// LogoutURL is where a browser goes after a refusal of a JWT, with the code and nothing about the person; empty: nowhere.
func LogoutURL(p desk.Provider, code RefusalCode) string {
	target, err := url.Parse(p.Settings.LogoutURL)
	if err != nil || p.Settings.LogoutURL == "" {
		return ""
	}
	query := target.Query()
	query.Set("kind", "error")
	query.Set("message", string(code))
	target.RawQuery = query.Encode()
	return target.String()
}

// languageOf is the language that a provider's word for a locale stands for; empty: none of ours.
func languageOf(locale string) string {
	code, _, _ := strings.Cut(strings.ReplaceAll(locale, "_", "-"), "-")
	if one := language.Of(strings.ToLower(code)); one != nil {
		return one.Code
	}
	return ""
}
