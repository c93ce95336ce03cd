package identity

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// An API token is pst_, 43 characters of secret, and 6 of checksum, so that programs that look for leaked secrets find it and are never wrong.
const (
	tokenPrefix = "pst_"
	tokenSecret = 43
	tokenSum    = 6
)

// Limits of tokens (security row 35): one that is forgotten stops working by itself.
const (
	tokenLife    = 90 * 24 * time.Hour
	tokenLongest = 365 * 24 * time.Hour
	tokensMost   = 50 // for each person
)

// NewToken is an API token to be made.
type NewToken struct {
	UserEmail string       // whom it speaks for
	Name      string       // what it is for
	Scopes    []desk.Scope // empty: all that the user may
	Expires   time.Time    // zero: 90 days from now; at most a year
}

// seal puts prefix and checksum around a secret.
func seal(random string) string {
	text := tokenPrefix + random
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text)))
	return text + base64.RawURLEncoding.EncodeToString(sum)
}

// whole says whether text has the form of a token and its checksum is right. It saves the database a question, and tells a mistyped token from a revoked one.
func whole(text string) bool {
	if len(text) != len(tokenPrefix)+tokenSecret+tokenSum || !strings.HasPrefix(text, tokenPrefix) {
		return false
	}
	return seal(text[len(tokenPrefix):len(tokenPrefix)+tokenSecret]) == text
}

// Bearer is whom an API token speaks for, with its scopes, as an actor through the API; the caller adds the IP address. Wrong, revoked and expired tokens, and those of
// disabled people, are a desk.Fault of kind Unsigned.
func (s *Service) Bearer(ctx context.Context, token string) (desk.Actor, error) {
	if !whole(token) {
		return desk.Actor{}, unsigned("This is not an API token: it begins with pst_ and is given out by postern token create.")
	}
	now := s.now()
	bearer, found, err := s.store.Bearer(ctx, secret.HashToken(token), now)
	if err != nil {
		return desk.Actor{}, err
	}
	if !found {
		return desk.Actor{}, unsigned("This API token is not known here, has expired, or was revoked.")
	}
	if bearer.LastUsedAt == nil || now.Sub(*bearer.LastUsedAt) >= touchEvery {
		err = s.store.Write(ctx, func(tx *store.Tx) error { return tx.TouchToken(ctx, bearer.TokenID, bearer.ID, now) })
	}
	return desk.Actor{User: bearer.User, Scopes: bearer.Scopes, Via: "api"}, err
}

// AddToken makes an API token and returns its secret, which is shown once and kept nowhere. Everybody may make their own; for others it needs the right to administer.
// A token never makes one that may more than itself.
func (s *Service) AddToken(ctx context.Context, actor desk.Actor, add NewToken) (plain string, made desk.Token, err error) {
	now := s.now()
	made, err = plan(actor, add, now)
	if err != nil {
		return "", desk.Token{}, err
	}
	random, _ := s.newToken()
	plain = seal(random)
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		person, err := tx.PersonByEmail(ctx, made.UserEmail)
		if err != nil {
			return entry{}, err
		}
		if err := outranksOrIs(actor, person.User); err != nil {
			return entry{}, err
		}
		if person.DisabledAt != nil {
			return entry{}, desk.Faultf(desk.Conflict, "%s is disabled: enable them first", person.Email)
		}
		live, err := tx.LiveTokens(ctx, person.ID, now)
		if err != nil {
			return entry{}, err
		}
		if live >= tokensMost {
			return entry{}, desk.Faultf(desk.Conflict, "%s has %d tokens: revoke one first", person.Email, live)
		}
		made.UserID = person.ID
		made, err = tx.AddToken(ctx, made, secret.HashToken(plain))
		detail := map[string]any{"user": person.Email, "name": made.Name, "scopes": made.Scopes, "expires_at": made.ExpiresAt}
		return entry{actor: actor, action: "token.add", subject: tokenSubject(made.ID), detail: detail}, err
	})
	if err != nil {
		return "", desk.Token{}, err
	}
	return plain, made, nil
}

// plan checks what is asked for and who asks.
func plan(actor desk.Actor, add NewToken, now time.Time) (desk.Token, error) {
	email, name := desk.Canonical(add.UserEmail), strings.TrimSpace(add.Name)
	expires := add.Expires
	if expires.IsZero() {
		expires = now.Add(tokenLife)
	}
	if email != actor.User.Email || !own(actor, actor.User.ID) {
		if err := needs(actor, desk.MayManageTokens); err != nil {
			return desk.Token{}, err
		}
	}
	switch {
	case name == "" || len(name) > longestName || strings.ContainsFunc(name, unprintable):
		return desk.Token{}, desk.Wrong("name", "a token has a name of 1 to %d bytes that says what it is for", longestName)
	case !expires.After(now) || expires.After(now.Add(tokenLongest)):
		return desk.Token{}, desk.Wrong("expires_at", "a token expires within a year from now")
	}
	for _, scope := range add.Scopes {
		if !slices.Contains(desk.Scopes, scope) {
			return desk.Token{}, desk.Wrong("scopes", "the scopes are read, write and admin, not %q", scope)
		}
		if len(actor.Scopes) > 0 && !slices.Contains(actor.Scopes, scope) {
			return desk.Token{}, desk.Faultf(desk.Forbidden, "a token cannot make one that may more than itself")
		}
	}
	if len(actor.Scopes) > 0 && len(add.Scopes) == 0 {
		return desk.Token{}, desk.Faultf(desk.Forbidden, "a token cannot make one that may more than itself")
	}
	scopes := slices.Compact(slices.Sorted(slices.Values(add.Scopes)))
	if scopes == nil {
		scopes = []desk.Scope{}
	}
	return desk.Token{UserEmail: email, Name: name, Scopes: scopes, CreatedAt: now, ExpiresAt: &expires}, nil
}

// Tokens lists API tokens, newest first: all for those who administer, one's own for others.
func (s *Service) Tokens(ctx context.Context, actor desk.Actor, cursor string, limit int) (desk.Page[desk.Token], error) {
	user, err := reach(actor)
	if err != nil {
		return desk.Page[desk.Token]{}, err
	}
	return s.store.Tokens(ctx, user, cursor, limit)
}

// RevokeToken ends the token of that id or, where none has it, of that name, among those that the actor may see. An owner's token can only be revoked by an owner.
func (s *Service) RevokeToken(ctx context.Context, actor desk.Actor, nameOrID string) error {
	user, err := reach(actor)
	if err != nil {
		return err
	}
	if !desk.Allows(actor.Scopes, desk.MayManageTokens) {
		return desk.Faultf(desk.Forbidden, "with a token this needs the scope admin")
	}
	id, err := strconv.ParseInt(nameOrID, 10, 64)
	if err != nil {
		id = 0
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		found, err := tx.TokensCalled(ctx, user, id, nameOrID)
		if err != nil {
			return entry{}, err
		}
		switch {
		case len(found) == 0:
			return entry{}, desk.Faultf(desk.NotFound, "there is no token %s", nameOrID)
		case len(found) > 1 && found[0].ID != id:
			return entry{}, desk.Faultf(desk.Conflict, "%d tokens are called %s: revoke by id", len(found), nameOrID)
		}
		token := found[0]
		if err := mayRevoke(actor, token.Role); err != nil {
			return entry{}, err
		}
		detail := map[string]any{"user": token.UserEmail, "name": token.Name}
		return entry{actor: actor, action: "token.revoke", subject: tokenSubject(token.ID), detail: detail}, tx.RevokeToken(ctx, token.ID, s.now())
	})
}

// reach is whose tokens the actor may see: 0 for everybody's.
func reach(actor desk.Actor) (user int64, err error) {
	switch {
	case actor.Can(desk.MayManageTokens):
		return 0, nil
	case actor.User.Can(desk.MayHoldTokens):
		return actor.User.ID, nil
	case actor.User.ID != 0:
		return 0, needs(actor, desk.MayHoldTokens)
	}
	return 0, unsigned("Please sign in.")
}

func tokenSubject(id int64) string { return "token/" + strconv.FormatInt(id, 10) }
