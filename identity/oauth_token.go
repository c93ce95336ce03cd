package identity

import (
	"context"
	"slices"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// ClientProof is how a client says who it is: its key, and its secret where it keeps one.
type ClientProof struct{ Key, Secret string }

// Issued is what a client gets.
type Issued struct {
	Access  string
	Life    time.Duration
	Refresh string // empty: none
	Scopes  []desk.Scope
}

// errGrant is the answer to every code and refresh token that opens nothing, whatever was wrong.
var errGrant = &OAuthError{"invalid_grant", "the code or refresh token is not right, was used before, has expired, or was revoked"}

// RedeemCode exchanges a code for tokens (RFC 6749 §4.1.3). A code counts once: brought a second time, it ends all that came of the first, for one of the two who brought it is a thief (RFC 9700 §2.1.1).
func (s *Service) RedeemCode(ctx context.Context, proof ClientProof, code, redirect, verifier string, from Client) (Issued, error) {
	client, err := s.identify(ctx, proof.Key, proof.Secret)
	if err != nil {
		return Issued{}, err
	}
	return s.exchange(ctx, client, from, func(tx *store.Tx, now time.Time) (exchanged, error) {
		state, found, err := tx.SpendOAuthCode(ctx, secret.HashToken(code), now)
		if err != nil || !found {
			return exchanged{}, err
		}
		// A wrong verifier spends the code as well: who has it without the verifier has it from somewhere else.
		right := state.ClientID == client.ID && state.Redirect == redirect && answers(state.Challenge, verifier)
		return exchanged{state: state, right: right, scopes: state.Scopes}, nil
	})
}

// Renew exchanges a refresh token for the next one and an access token (RFC 6749 §6). Each counts once: brought a second time, it ends the whole family. The scopes may be fewer, for this access token only.
func (s *Service) Renew(ctx context.Context, proof ClientProof, refresh, scope string, from Client) (Issued, error) {
	client, err := s.identify(ctx, proof.Key, proof.Secret)
	if err != nil {
		return Issued{}, err
	}
	if prefix, ours := prefixOf(refresh); !ours || prefix != prefixRefresh {
		return Issued{}, errGrant
	}
	return s.exchange(ctx, client, from, func(tx *store.Tx, now time.Time) (exchanged, error) {
		hash := secret.HashToken(refresh)
		state, found, err := tx.Refresh(ctx, hash)
		if err != nil || !found || state.ClientID != client.ID { // another client's token stays as it is: who brings it cannot use it
			return exchanged{}, err
		}
		scopes := state.Scopes
		if scope != "" {
			if scopes, err = scopesAsked(scope, state.Scopes); err != nil {
				return exchanged{}, err // nothing is spent
			}
		}
		if _, _, err = tx.SpendRefresh(ctx, hash, now); err != nil {
			return exchanged{}, err
		}
		return exchanged{state: state, right: true, scopes: scopes}, nil
	})
}

// exchanged is what was brought in exchange for tokens.
type exchanged struct {
	state  store.GrantState
	right  bool
	scopes []desk.Scope // of the access token
}

// exchange gives tokens for what take has found and spent. That it was spent, and what a second use ends, stays also where the answer is an error.
func (s *Service) exchange(ctx context.Context, client store.OAuthSecrets, from Client, take func(*store.Tx, time.Time) (exchanged, error)) (issued Issued, err error) {
	rules, err := s.tokenRules(ctx)
	if err != nil {
		return Issued{}, err
	}
	now, refused := s.now(), false
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		got, err := take(tx, now)
		if err != nil {
			return err
		}
		state := got.state
		if state.UsedAt != nil && !state.Dead {
			refused = true
			return s.endFamily(ctx, tx, client, state, from)
		}
		if state.GrantID == 0 || !got.right || state.Dead || state.UsedAt != nil || !state.ExpiresAt.After(now) {
			refused = true
			return nil
		}
		if err := tx.UseGrant(ctx, state.GrantID, now); err != nil {
			return err
		}
		issued, err = s.issue(ctx, tx, client, rules, access{user: state.UserID, email: state.UserEmail, role: state.Role, grant: state.GrantID, scopes: got.scopes, from: from})
		until := state.CreatedAt.Add(rules.Refresh)
		if err != nil || !slices.Contains(state.Scopes, desk.ScopeOffline) || !until.After(now) {
			return err
		}
		random, _ := s.newToken()
		issued.Refresh = seal(prefixRefresh, random)
		return tx.AddRefresh(ctx, secret.HashToken(issued.Refresh), state.GrantID, now, until)
	})
	if err == nil && refused {
		err = errGrant
	}
	if err != nil {
		return Issued{}, err
	}
	return issued, nil
}

// endFamily ends a grant one of whose codes or refresh tokens came twice, and tells its person.
func (s *Service) endFamily(ctx context.Context, tx *store.Tx, client store.OAuthSecrets, state store.GrantState, from Client) error {
	if err := tx.RevokeGrant(ctx, state.GrantID, "reuse", s.now()); err != nil {
		return err
	}
	actor := desk.Actor{User: desk.User{ID: state.UserID, Email: state.UserEmail, Role: state.Role}, Via: "api", IP: from.IP}
	if err := tx.Audit(ctx, actor, "app.reuse", grantSubject(state.GrantID), map[string]any{"client": client.Name}); err != nil {
		return err
	}
	return s.tell(ctx, tx, desk.TellPerson{User: state.UserID, About: desk.LetterAppReuse, IP: from.IP, Facts: map[string]string{"app": client.Name}}, "")
}

// ClientToken gives a client a token for its own service account (RFC 6749 §4.4). There is no refresh token: its secret is as good.
func (s *Service) ClientToken(ctx context.Context, proof ClientProof, scope string, from Client) (issued Issued, err error) {
	client, err := s.identify(ctx, proof.Key, proof.Secret)
	if err != nil {
		return Issued{}, err
	}
	if !client.Confidential || client.ServiceID == nil {
		return Issued{}, &OAuthError{"unauthorized_client", "this client acts for people only"}
	}
	scopes := withoutOffline(client.Scopes)
	if scope != "" {
		if scopes, err = scopesAsked(scope, scopes); err != nil {
			return Issued{}, err
		}
	}
	rules, err := s.tokenRules(ctx)
	if err != nil {
		return Issued{}, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		person, err := tx.CredentialsOf(ctx, *client.ServiceID)
		if err != nil {
			return err
		}
		if person.DisabledAt != nil {
			return &OAuthError{"unauthorized_client", "the service account of this client is disabled"}
		}
		issued, err = s.issue(ctx, tx, client, rules, access{user: person.ID, email: person.Email, role: person.Role, scopes: scopes, from: from})
		return err
	})
	if err != nil {
		return Issued{}, err
	}
	return issued, nil
}

// access is an access token about to be given out.
type access struct {
	user   int64
	email  string
	role   desk.Role
	grant  int64 // 0: the client acts by itself
	scopes []desk.Scope
	from   Client
}

// issue makes an access token. A client that lost a scope since a person agreed does not get it any more.
func (s *Service) issue(ctx context.Context, tx *store.Tx, client store.OAuthSecrets, rules tokenRules, t access) (Issued, error) {
	scopes := slices.DeleteFunc(withoutOffline(t.scopes), func(scope desk.Scope) bool { return !slices.Contains(client.Scopes, scope) })
	if len(scopes) == 0 {
		return Issued{}, &OAuthError{"invalid_scope", "nothing is left of what this client may"}
	}
	life := rules.Access
	if client.AccessMinutes != 0 {
		life = time.Duration(client.AccessMinutes) * time.Minute
	}
	now := s.now()
	expires := now.Add(life)
	random, _ := s.newToken()
	plain := seal(prefixes[desk.OAuthToken], random)
	made, err := tx.AddToken(ctx, store.NewToken{
		Token: desk.Token{UserID: t.user, Kind: desk.OAuthToken, Name: client.Name, Scopes: scopes, CreatedAt: now, ExpiresAt: &expires},
		Hash:  secret.HashToken(plain), Client: client.ID, Grant: t.grant,
	})
	if err != nil {
		return Issued{}, err
	}
	actor := desk.Actor{User: desk.User{ID: t.user, Email: t.email, Role: t.role}, Via: "api", IP: t.from.IP}
	detail := map[string]any{"client": client.Name, "scopes": scopes, "expires_at": expires}
	return Issued{Access: plain, Life: life, Scopes: scopes}, tx.Audit(ctx, actor, "app.token", tokenSubject(made.ID), detail)
}

// GiveBack ends a token that a client does not need any more (RFC 7009): an access token alone, a refresh token with its whole family. A token of somebody else is left alone, without a word.
func (s *Service) GiveBack(ctx context.Context, proof ClientProof, plain string, from Client) error {
	client, err := s.identify(ctx, proof.Key, proof.Secret)
	if err != nil {
		return err
	}
	prefix, ours := prefixOf(plain)
	if !ours {
		return nil
	}
	now, hash := s.now(), secret.HashToken(plain)
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if prefix == prefixRefresh {
			state, found, err := tx.Refresh(ctx, hash)
			if err != nil || !found || state.Dead || state.ClientID != client.ID {
				return err
			}
			if err := tx.RevokeGrant(ctx, state.GrantID, "client", now); err != nil {
				return err
			}
			actor := desk.Actor{User: desk.User{ID: state.UserID, Email: state.UserEmail, Role: state.Role}, Via: "api", IP: from.IP}
			return tx.Audit(ctx, actor, "app.revoke", grantSubject(state.GrantID), map[string]any{"client": client.Name, "by": "client"})
		}
		bearer, found, err := tx.Bearer(ctx, hash, now)
		if err != nil || !found || bearer.ClientID != client.ID {
			return err
		}
		if err := tx.RevokeToken(ctx, bearer.TokenID, now); err != nil {
			return err
		}
		actor := desk.Actor{User: bearer.User, Via: "api", IP: from.IP}
		return tx.Audit(ctx, actor, "token.revoke", tokenSubject(bearer.TokenID), map[string]any{"client": client.Name, "by": "client"})
	})
}

// Inspection is what a client may know of a token of its own (RFC 7662 §2.2).
type Inspection struct {
	Active    bool
	Access    bool // an access token, not a refresh token
	Scopes    []desk.Scope
	User      int64
	Email     string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// Inspect says whether a token is good. A client that keeps no secret may not ask, and of tokens of others it learns no more than of none.
func (s *Service) Inspect(ctx context.Context, proof ClientProof, plain string) (Inspection, error) {
	client, err := s.identify(ctx, proof.Key, proof.Secret)
	if err != nil {
		return Inspection{}, err
	}
	if !client.Confidential {
		return Inspection{}, &OAuthError{"invalid_client", "only a client that keeps a secret may ask about tokens"}
	}
	prefix, ours := prefixOf(plain)
	if !ours {
		return Inspection{}, nil
	}
	now, hash := s.now(), secret.HashToken(plain)
	if prefix == prefixRefresh {
		var answer Inspection
		err := s.store.Write(ctx, func(tx *store.Tx) error {
			state, found, err := tx.Refresh(ctx, hash)
			if err == nil && found && !state.Dead && state.UsedAt == nil && state.ClientID == client.ID && state.ExpiresAt.After(now) {
				answer = Inspection{Active: true, Scopes: state.Scopes, User: state.UserID, Email: state.UserEmail, IssuedAt: state.CreatedAt, ExpiresAt: state.ExpiresAt}
			}
			return err
		})
		return answer, err
	}
	bearer, found, err := s.store.Bearer(ctx, hash, now)
	if err != nil || !found || bearer.ClientID != client.ID {
		return Inspection{}, err
	}
	return Inspection{Active: true, Access: true, Scopes: bearer.Scopes, User: bearer.ID, Email: bearer.Email, IssuedAt: bearer.CreatedAt, ExpiresAt: bearer.ExpiresAt}, nil
}
