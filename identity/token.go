package identity

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// A token is its prefix, 43 characters of secret, and 6 of checksum, so that programs that look for leaked secrets find it and are never wrong. The prefix says what it opens.
const (
	prefixAny     = "pst_"         // of every token of ours; alone, of those that were made before there were kinds
	prefixRefresh = "pst_refresh_" // of a client of OAuth, to get its next token with
	prefixSecret  = "pst_secret_"  // of a client itself
	tokenSecret   = 43
	tokenSum      = 6
)

// prefixes are those of each kind of API token.
var prefixes = map[desk.TokenKind]string{desk.PersonalToken: "pst_personal_", desk.ServiceToken: "pst_service_", desk.OAuthToken: "pst_oauth_"}

const (
	tokensMost   = 50 // for each person (security row 35)
	networksMost = 20 // for each token
)

// NewToken is an API token to be made.
type NewToken struct {
	UserEmail string       // whom it speaks for
	Name      string       // what it is for
	Scopes    []desk.Scope // empty: all that the user may
	Networks  []string     // from where it may be used: addresses or CIDR; empty: from everywhere
	Expires   time.Time    // zero: as many days from now as set
}

// seal puts prefix and checksum around a secret.
func seal(prefix, random string) string {
	text := prefix + random
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text)))
	return text + base64.RawURLEncoding.EncodeToString(sum)
}

// prefixOf is the prefix of a token of ours whose checksum is right. It saves the database a question, and tells a mistyped token from a revoked one.
func prefixOf(text string) (prefix string, ours bool) {
	body := len(text) - tokenSecret - tokenSum
	if body < len(prefixAny) {
		return "", false
	}
	prefix = text[:body]
	switch prefix {
	case prefixAny, prefixRefresh, prefixSecret, prefixProvision, prefixes[desk.PersonalToken], prefixes[desk.ServiceToken], prefixes[desk.OAuthToken]:
		return prefix, seal(prefix, text[body:body+tokenSecret]) == text
	}
	return "", false
}

// opens says whether a token with that prefix is one for the API.
func opens(prefix string) bool {
	return prefix != prefixRefresh && prefix != prefixSecret && prefix != prefixProvision
}

// errNoToken is the answer to what is no token, errUnknownToken to one that opens nothing.
var (
	errNoToken      = &desk.Fault{Kind: desk.Unsigned, Reason: "This is not an API token: it begins with pst_ and is given out by postern token create."}
	errUnknownToken = &desk.Fault{Kind: desk.Unsigned, Reason: "This API token is not known here, has expired, or was revoked."}
)

// Bearer is whom an API token speaks for, with its scopes, as an actor through the API. Wrong, revoked and expired tokens, and those of disabled people, are a desk.Fault of kind Unsigned;
// one that may not be used from this address is Forbidden.
func (s *Service) Bearer(ctx context.Context, token string, from Client) (desk.Actor, error) {
	prefix, ours := prefixOf(token)
	if !ours || !opens(prefix) {
		return desk.Actor{}, errNoToken
	}
	now := s.now()
	bearer, found, err := s.store.Bearer(ctx, secret.HashToken(token), now)
	switch {
	case err != nil:
		return desk.Actor{}, err
	case !found:
		return desk.Actor{}, errUnknownToken
	case bearer.OffAt != nil:
		return desk.Actor{}, unsigned("This API token is switched off, since nobody used it for a while. Its owner can switch it on again on the page of tokens.")
	case !allowedFrom(bearer.Networks, from.IP):
		s.denials.count(ctx, s, bearer, from, "address")
		return desk.Actor{}, desk.Faultf(desk.Forbidden, "this token may not be used from this address")
	}
	if err := s.touchToken(ctx, bearer, from, now); err != nil {
		return desk.Actor{}, err
	}
	return desk.Actor{User: bearer.User, Scopes: bearer.Scopes, Via: "api", IP: from.IP, Token: bearer.TokenID}, nil
}

// Basic is Bearer for programs that know user and password only: the name is the person's address with /token behind it, the password the token. The token is what counts; the address must be its own.
func (s *Service) Basic(ctx context.Context, name, token string, from Client) (desk.Actor, error) {
	email, suffixed := strings.CutSuffix(name, "/token")
	if !suffixed {
		return desk.Actor{}, unsigned("Send ADDRESS/token as the user and an API token as the password: passwords of people open pages, not the API.")
	}
	actor, err := s.Bearer(ctx, token, from)
	if err != nil {
		return desk.Actor{}, err
	}
	if desk.Canonical(email) != actor.User.Email {
		return desk.Actor{}, errUnknownToken
	}
	return actor, nil
}

// touchToken writes down that a token is used, once a minute, and at once when it comes from another network than the last time.
func (s *Service) touchToken(ctx context.Context, bearer store.Bearer, from Client, now time.Time) error {
	network, moved := networkOf(from.IP), networkOf(from.IP) != networkOf(bearer.LastIP)
	recent := bearer.LastUsedAt != nil && now.Sub(*bearer.LastUsedAt) < touchEvery
	if recent && (!moved || !s.moved.fresh(bearer.Subject()+" "+network, now, touchEvery)) {
		return nil
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.TouchToken(ctx, bearer, from.IP, now); err != nil || network == "" {
			return err
		}
		fresh, first, err := tx.SeeNetwork(ctx, bearer.Subject(), network, now)
		if err != nil || !fresh || first {
			return err
		}
		actor := desk.Actor{User: bearer.User, Via: "api", IP: from.IP, Token: bearer.TokenID}
		if err := tx.Audit(ctx, actor, "token.new-network", tokenSubject(bearer.TokenID), map[string]any{"name": bearer.TokenName, "network": network}); err != nil {
			return err
		}
		if !s.moved.fresh("letter "+bearer.Subject(), now, aDay) { // a program that wanders through a cloud is worth one letter a day
			return nil
		}
		return s.tellKeeper(ctx, tx, bearer.TokenID, desk.TellPerson{About: desk.LetterTokenNetwork, IP: from.IP, Facts: map[string]string{"token": bearer.TokenName}})
	})
}

// tellKeeper tells who keeps a token of what happened to it; where nobody does, the owners.
func (s *Service) tellKeeper(ctx context.Context, tx *store.Tx, token int64, letter desk.TellPerson) error {
	keeper, err := tx.TokenKeeper(ctx, token)
	if err != nil {
		return err
	}
	if keeper == 0 {
		return s.tellOwners(ctx, tx, letter)
	}
	letter.User = keeper
	return s.tell(ctx, tx, letter, "")
}

// allowedFrom says whether an address is in one of the networks; without any, every address is.
func allowedFrom(networks []string, ip string) bool {
	if len(networks) == 0 {
		return true
	}
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(text string) bool {
		network, err := netip.ParsePrefix(text)
		return err == nil && network.Contains(address)
	})
}

// networkOf is the network of an address, as far as it matters whether a token moves: addresses within it change by themselves. Empty for what is no address.
func networkOf(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	bits := 24
	if address = address.Unmap().WithZone(""); address.Is6() {
		bits = 48
	}
	network, err := address.Prefix(bits)
	if err != nil {
		return ""
	}
	return network.String()
}

// networksOf reads networks as they are typed: CIDR, or single addresses.
func networksOf(typed []string) ([]string, error) {
	networks := []string{}
	for _, text := range typed {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			var address netip.Addr
			if address, err = netip.ParseAddr(text); err == nil && address.Zone() == "" {
				address = address.Unmap()
				network = netip.PrefixFrom(address, address.BitLen())
			}
		}
		if err != nil || !network.IsValid() || network.Addr().Is4In6() {
			return nil, desk.Wrong("networks", "%q is no network: write an address like 192.0.2.7, or a range like 192.0.2.0/24 or 2001:db8::/32", text)
		}
		networks = append(networks, network.Masked().String())
	}
	if len(networks) > networksMost {
		return nil, desk.Wrong("networks", "a token has at most %d networks", networksMost)
	}
	slices.Sort(networks)
	return slices.Compact(networks), nil
}

// AddToken makes an API token and returns its secret, which is shown once and kept nowhere. Whoever may hold tokens makes their own; for others it needs the right to manage them.
// A token never makes one that may more than itself.
func (s *Service) AddToken(ctx context.Context, actor desk.Actor, add NewToken) (plain string, made desk.Token, err error) {
	rules, err := s.tokenRules(ctx)
	if err != nil {
		return "", desk.Token{}, err
	}
	made, err = plan(actor, add, rules, s.now())
	if err != nil {
		return "", desk.Token{}, err
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		person, err := tx.PersonByEmail(ctx, made.UserEmail)
		if err != nil {
			return entry{}, err
		}
		if err := s.mayHave(ctx, tx, actor, person, made.CreatedAt); err != nil {
			return entry{}, err
		}
		service, err := tx.IsService(ctx, person.ID)
		if err != nil {
			return entry{}, err
		}
		made.UserID, made.Kind = person.ID, desk.PersonalToken
		if service {
			made.Kind = desk.ServiceToken
		}
		random, _ := s.newToken()
		plain = seal(prefixes[made.Kind], random)
		made, err = tx.AddToken(ctx, store.NewToken{Token: made, Hash: secret.HashToken(plain), MadeBy: actor.User.ID})
		detail := map[string]any{"user": person.Email, "kind": made.Kind, "name": made.Name, "scopes": made.Scopes, "networks": made.Networks, "expires_at": made.ExpiresAt}
		return entry{actor: actor, action: "token.add", subject: tokenSubject(made.ID), detail: detail}, err
	})
	if err != nil {
		return "", desk.Token{}, err
	}
	return plain, made, nil
}

// mayHave says whether a token may be made for the person.
func (s *Service) mayHave(ctx context.Context, tx *store.Tx, actor desk.Actor, person Person, now time.Time) error {
	if err := outranksOrIs(actor, person.User); err != nil {
		return err
	}
	if person.DisabledAt != nil {
		return desk.Faultf(desk.Conflict, "%s is disabled: enable them first", person.Email)
	}
	live, err := tx.LiveTokens(ctx, person.ID, now)
	if err == nil && live >= tokensMost {
		err = desk.Faultf(desk.Conflict, "%s has %d tokens: revoke one first", person.Email, live)
	}
	return err
}

// plan checks what is asked for and who asks.
func plan(actor desk.Actor, add NewToken, rules tokenRules, now time.Time) (desk.Token, error) {
	email, name := desk.Canonical(add.UserEmail), strings.TrimSpace(add.Name)
	expires := add.Expires
	if expires.IsZero() {
		expires = now.Add(rules.Life)
	}
	if email != actor.User.Email || !own(actor, actor.User.ID) {
		if err := needs(actor, desk.MayManageTokens); err != nil {
			return desk.Token{}, err
		}
	} else if !actor.Can(desk.MayHoldTokens) {
		return desk.Token{}, desk.Faultf(desk.Forbidden, "a role like yours holds no tokens")
	}
	switch {
	case name == "" || len(name) > longestName || strings.ContainsFunc(name, unprintable):
		return desk.Token{}, desk.Wrong("name", "a token has a name of 1 to %d bytes that says what it is for", longestName)
	case !expires.After(now) || expires.After(now.Add(rules.Longest)):
		return desk.Token{}, desk.Wrong("expires_at", "a token expires within %d days from now", int(rules.Longest/aDay))
	}
	if err := narrower(actor, add.Scopes); err != nil {
		return desk.Token{}, err
	}
	networks, err := networksOf(add.Networks)
	if err != nil {
		return desk.Token{}, err
	}
	scopes := slices.Compact(slices.Sorted(slices.Values(add.Scopes)))
	if scopes == nil {
		scopes = []desk.Scope{}
	}
	return desk.Token{UserEmail: email, Name: name, Scopes: scopes, Networks: networks, CreatedAt: now, ExpiresAt: &expires}, nil
}

// narrower says whether a token with these scopes may be made: of scopes that there are, and no wider than the token that makes it.
func narrower(actor desk.Actor, scopes []desk.Scope) error {
	for _, scope := range scopes {
		if !scope.Known() || scope == desk.ScopeOffline {
			return desk.Wrong("scopes", "there is no scope %q: the broad ones are read, write and admin, those of one resource look like tickets:read", scope)
		}
		if (len(actor.Scopes) > 0 || actor.Token != 0 && scope.Apart()) && !slices.Contains(actor.Scopes, scope) {
			return desk.Faultf(desk.Forbidden, "a token cannot make one that may more than itself")
		}
	}
	if len(actor.Scopes) > 0 && len(scopes) == 0 {
		return desk.Faultf(desk.Forbidden, "a token cannot make one that may more than itself")
	}
	return nil
}

// Tokens lists API tokens, newest first: all for those who manage them, one's own for others. Those that clients renew every hour are left out: see Apps.
func (s *Service) Tokens(ctx context.Context, actor desk.Actor, cursor string, limit int) (desk.Page[desk.Token], error) {
	user, err := reach(actor)
	if err != nil {
		return desk.Page[desk.Token]{}, err
	}
	return s.store.Tokens(ctx, store.TokenFilter{User: user, Manual: true, Cursor: cursor, Limit: limit})
}

// TokenOf is the token of that id or, where none has it, of that name, among those that the actor may see and that were not revoked.
func (s *Service) TokenOf(ctx context.Context, actor desk.Actor, nameOrID string) (desk.Token, error) {
	user, err := reach(actor)
	if err != nil {
		return desk.Token{}, err
	}
	found, err := s.called(ctx, s.store.Reader, user, nameOrID)
	if err != nil {
		return desk.Token{}, err
	}
	return s.store.Token(ctx, found.ID)
}

// called is the one token that a person means by a name or an id.
func (s *Service) called(ctx context.Context, r store.Reader, user int64, nameOrID string) (store.TokenOwner, error) {
	id, err := strconv.ParseInt(nameOrID, 10, 64)
	if err != nil {
		id = 0
	}
	found, err := r.TokensCalled(ctx, user, id, nameOrID)
	switch {
	case err != nil:
		return store.TokenOwner{}, err
	case len(found) == 0:
		return store.TokenOwner{}, desk.Faultf(desk.NotFound, "there is no token %s", nameOrID)
	case len(found) > 1 && found[0].ID != id:
		return store.TokenOwner{}, desk.Faultf(desk.Conflict, "%d tokens are called %s: revoke by id", len(found), nameOrID)
	}
	return found[0], nil
}

// RevokeToken ends the token of that id or, where none has it, of that name, among those that the actor may see. An owner's token can only be revoked by an owner.
func (s *Service) RevokeToken(ctx context.Context, actor desk.Actor, nameOrID string) error {
	return s.changeToken(ctx, actor, nameOrID, func(tx *store.Tx, token store.TokenOwner) (string, error) {
		return "token.revoke", tx.RevokeToken(ctx, token.ID, s.now())
	})
}

// ReviveToken switches a token on again that was switched off since nobody used it.
func (s *Service) ReviveToken(ctx context.Context, actor desk.Actor, nameOrID string) error {
	return s.changeToken(ctx, actor, nameOrID, func(tx *store.Tx, token store.TokenOwner) (string, error) {
		if token.OffAt == nil {
			return "", desk.Faultf(desk.Conflict, "this token is not switched off")
		}
		return "token.on", tx.SetTokenOff(ctx, token.ID, nil, s.now())
	})
}

// changeToken finds a token that the actor may change, and changes it.
func (s *Service) changeToken(ctx context.Context, actor desk.Actor, nameOrID string, change func(*store.Tx, store.TokenOwner) (action string, err error)) error {
	user, err := reach(actor)
	if err != nil {
		return err
	}
	if !actor.Allows(desk.MayManageTokens) {
		return desk.Faultf(desk.Forbidden, "with a token this needs the scope admin")
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		token, err := s.called(ctx, tx.Reader, user, nameOrID)
		if err != nil {
			return entry{}, err
		}
		if err := mayRevoke(actor, token.Role); err != nil {
			return entry{}, err
		}
		action, err := change(tx, token)
		return entry{actor: actor, action: action, subject: tokenSubject(token.ID), detail: map[string]any{"user": token.UserEmail, "name": token.Name}}, err
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
