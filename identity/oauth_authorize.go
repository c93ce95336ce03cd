package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/store"
)

// OAuthError is what a client is told, in the words of RFC 6749 §4.1.2.1 and §5.2.
type OAuthError struct {
	Code        string
	Description string // for the client's programmer; plain ASCII, without a value that came from outside
}

func (e *OAuthError) Error() string { return e.Code + ": " + e.Description }

// grantCodeLife is how long a code can be redeemed (security row 35): it travels through one redirect.
const grantCodeLife = 60 * time.Second

// Authorization is what a client asks a person for (RFC 6749 §4.1.1, RFC 7636 §4.3).
type Authorization struct {
	ClientID     string
	Redirect     string
	ResponseType string
	Scope        string // words apart by spaces
	State        string
	Challenge    string
	Method       string // of the challenge: S256
}

// Consent is what a person is asked to agree to.
type Consent struct {
	Client desk.OAuthClient
	Scopes []desk.Scope
}

// challengeShape is that of SHA-256 in base64url without padding (RFC 7636 §4.2).
var challengeShape = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

const longestState = 2000

// Consider checks what a client asks for. A fault of kind desk.Invalid means that the person must not be sent on: whoever wrote the address is not the client. An OAuthError belongs to the client, back at its address.
func (s *Service) Consider(ctx context.Context, a Authorization) (Consent, error) {
	client, found, err := s.store.OAuthClient(ctx, a.ClientID)
	if err != nil {
		return Consent{}, err
	}
	if !found || client.DisabledAt != nil {
		return Consent{}, desk.Faultf(desk.Invalid, "The program that sent you here is not registered with this desk, or was taken out of use.")
	}
	if !slices.Contains(client.Redirects, a.Redirect) { // to the letter (RFC 9700 §2.1): anything less sends codes to others
		return Consent{}, desk.Faultf(desk.Invalid, "The program that sent you here wants you sent back to an address that is not registered for it. Nothing was allowed.")
	}
	switch {
	case a.ResponseType != "code":
		return Consent{}, &OAuthError{"unsupported_response_type", "only the response type code is offered"}
	case a.Challenge == "":
		return Consent{}, &OAuthError{"invalid_request", "code_challenge is required (RFC 7636)"}
	case a.Method != "S256": // without a word it would be plain, which whoever sees the request can answer
		return Consent{}, &OAuthError{"invalid_request", "code_challenge_method must be S256"}
	case !challengeShape.MatchString(a.Challenge):
		return Consent{}, &OAuthError{"invalid_request", "code_challenge is not a SHA-256 in base64url"}
	case len(a.State) > longestState:
		return Consent{}, &OAuthError{"invalid_request", "state is too long"}
	}
	scopes, err := scopesAsked(a.Scope, client.Scopes)
	if err != nil {
		return Consent{}, err
	}
	return Consent{Client: client.OAuthClient, Scopes: scopes}, nil
}

// scopesAsked reads the scopes of a request: there must be such scopes, and the client may ask for them.
func scopesAsked(text string, allowed []desk.Scope) ([]desk.Scope, error) {
	scopes := []desk.Scope{}
	for _, word := range strings.Fields(text) {
		scope := desk.Scope(word)
		switch {
		case !scope.Known():
			return nil, &OAuthError{"invalid_scope", "the request names a scope that there is not"}
		case !slices.Contains(allowed, scope):
			return nil, &OAuthError{"invalid_scope", "the client may not ask for one of these scopes"}
		}
		scopes = append(scopes, scope)
	}
	scopes = slices.Compact(slices.Sorted(slices.Values(scopes)))
	if len(withoutOffline(scopes)) == 0 {
		return nil, &OAuthError{"invalid_scope", "name the scopes that are asked for"}
	}
	return scopes, nil
}

// Agree lets the client in as far as was asked, and returns the code for it. Only a person can agree, in a session of theirs: a token cannot make itself a family of others.
func (s *Service) Agree(ctx context.Context, actor desk.Actor, a Authorization) (code string, err error) {
	if actor.User.ID == 0 || len(actor.Scopes) > 0 || !actor.Can(desk.MayHoldTokens) {
		return "", desk.Faultf(desk.Forbidden, "Your role does not let programs act for you. Ask an admin of your desk.")
	}
	consent, err := s.Consider(ctx, a)
	if err != nil {
		return "", err
	}
	code, hash := s.newToken()
	now := s.now()
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		id, err := tx.AddOAuthGrant(ctx, desk.OAuthGrant{ClientID: consent.Client.ID, UserID: actor.User.ID, Scopes: consent.Scopes, CreatedAt: now},
			store.OAuthCode{Hash: hash, Redirect: a.Redirect, Challenge: a.Challenge, ExpiresAt: now.Add(grantCodeLife)})
		detail := map[string]any{"client": consent.Client.Name, "client_id": consent.Client.Key, "scopes": consent.Scopes}
		return entry{actor: actor, action: "app.allow", subject: grantSubject(id), detail: detail}, err
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// Apps lists the programs that a person has connected, newest first.
func (s *Service) Apps(ctx context.Context, actor desk.Actor, cursor string, limit int) (desk.Page[desk.OAuthGrant], error) {
	if !actor.Can(desk.SignedIn) {
		return desk.Page[desk.OAuthGrant]{}, unsigned("Please sign in.")
	}
	return s.store.Grants(ctx, actor.User.ID, 0, cursor, limit)
}

// AppsOf lists who has connected a client.
func (s *Service) AppsOf(ctx context.Context, actor desk.Actor, client int64, cursor string, limit int) (desk.Page[desk.OAuthGrant], error) {
	if err := manageClients(actor); err != nil {
		return desk.Page[desk.OAuthGrant]{}, err
	}
	return s.store.Grants(ctx, 0, client, cursor, limit)
}

// DisconnectApp ends what was allowed a client, with every token that came from it: one's own or, with the right to manage clients, anybody's.
func (s *Service) DisconnectApp(ctx context.Context, actor desk.Actor, id int64) error {
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		grant, found, err := tx.Grant(ctx, id)
		if err != nil {
			return entry{}, err
		}
		if !found || (grant.UserID != actor.User.ID || actor.User.ID == 0) && !actor.Can(desk.MayManageClients) {
			return entry{}, desk.Faultf(desk.NotFound, "there is no connected program %d", id)
		}
		detail := map[string]any{"client": grant.ClientName, "user": grant.UserEmail}
		return entry{actor: actor, action: "app.revoke", subject: grantSubject(id), detail: detail}, tx.RevokeGrant(ctx, id, "person", s.now())
	})
}

// verifierShape is that of a code verifier (RFC 7636 §4.1).
var verifierShape = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// answers says whether a verifier is the one of which the challenge was made.
func answers(challenge, verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	made := base64.RawURLEncoding.EncodeToString(sum[:])
	return verifierShape.MatchString(verifier) && subtle.ConstantTimeCompare([]byte(made), []byte(challenge)) == 1
}
