package identity

import (
	"context"
	"crypto/subtle"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Limits of clients (R6).
const (
	clientsMost    = 500
	redirectsMost  = 10
	longestURI     = 500
	longestAbout   = 500
	secretOverlap  = 24 * time.Hour // how long the secret before is taken as well, so that nothing stops while the new one is brought to the client
	clientKeyWords = "pca_"
	leastAccess    = 5       // minutes (security row 35)
	mostAccess     = 48 * 60 // minutes
)

// NewClient is a client of OAuth as an admin describes it.
type NewClient struct {
	Name          string
	About         string
	Confidential  bool // it runs where it can keep a secret; otherwise it proves itself by PKCE alone
	Redirects     []string
	Scopes        []desk.Scope
	Service       string // address of the service account for which it acts by itself; empty: it acts for people only
	AccessMinutes int    // 0: as set for all
}

// AddClient registers a client and returns its secret, which is shown once; empty for one that keeps none.
func (s *Service) AddClient(ctx context.Context, actor desk.Actor, add NewClient) (plain string, client desk.OAuthClient, err error) {
	if err := manageClients(actor); err != nil {
		return "", client, err
	}
	if client, err = describe(add); err != nil {
		return "", client, err
	}
	random, _ := s.newToken()
	client.Key, client.CreatedAt = clientKeyWords+random[:22], s.now() // 132 bits: it is a name, not a secret
	var hash []byte
	if add.Confidential {
		plain, hash = s.newClientSecret()
	}
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		count, err := tx.CountOAuthClients(ctx)
		if err != nil {
			return entry{}, err
		}
		if count >= clientsMost {
			return entry{}, desk.Faultf(desk.Conflict, "there are %d clients: remove one first", count)
		}
		if err := s.attachService(ctx, tx, actor, &client, add.Service); err != nil {
			return entry{}, err
		}
		client, err = tx.AddOAuthClient(ctx, client, hash, actor.User.ID)
		return entry{actor: actor, action: "client.add", subject: clientSubject(client.ID), detail: clientDetail(client)}, err
	})
	if err != nil {
		return "", desk.OAuthClient{}, err
	}
	client.Confidential = add.Confidential
	return plain, client, nil
}

// ChangeClient changes what an admin may change of a client. Whether it keeps a secret stays. Tokens that it has go on: a scope taken away is gone with the next one, at the latest after their life.
func (s *Service) ChangeClient(ctx context.Context, actor desk.Actor, id int64, change NewClient) error {
	if err := manageClients(actor); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		before, err := tx.OAuthClientOf(ctx, id)
		if err != nil {
			return entry{}, err
		}
		change.Confidential = before.Confidential
		after, err := describe(change)
		if err != nil {
			return entry{}, err
		}
		after.ID, after.DisabledAt = id, before.DisabledAt
		if err := s.attachService(ctx, tx, actor, &after, change.Service); err != nil {
			return entry{}, err
		}
		detail := map[string]any{"from": clientDetail(before), "to": clientDetail(after)}
		return entry{actor: actor, action: "client.change", subject: clientSubject(id), detail: detail}, tx.UpdateOAuthClient(ctx, after)
	})
}

// SwitchClient takes a client out of use, which ends every token that it has, or lets it in again.
func (s *Service) SwitchClient(ctx context.Context, actor desk.Actor, id int64, use ClientUse) error {
	if err := manageClients(actor); err != nil {
		return err
	}
	now := s.now()
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		client, err := tx.OAuthClientOf(ctx, id)
		if err != nil {
			return entry{}, err
		}
		entry := entry{actor: actor, action: "client.enable", subject: clientSubject(id), detail: map[string]any{"name": client.Name}}
		client.DisabledAt = nil
		if use == ClientOff {
			entry.action, client.DisabledAt = "client.disable", &now
			if err := tx.EndOAuthClient(ctx, id, "client", now); err != nil {
				return entry, err
			}
		}
		return entry, tx.UpdateOAuthClient(ctx, client)
	})
}

// ClientUse says whether a client is let in.
type ClientUse string

const (
	ClientOn  ClientUse = "on"
	ClientOff ClientUse = "off"
)

// RemoveClient removes a client with all that people have allowed it.
func (s *Service) RemoveClient(ctx context.Context, actor desk.Actor, id int64) error {
	if err := manageClients(actor); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		client, err := tx.OAuthClientOf(ctx, id)
		if err != nil {
			return entry{}, err
		}
		return entry{actor: actor, action: "client.remove", subject: clientSubject(id), detail: clientDetail(client)}, tx.RemoveOAuthClient(ctx, id)
	})
}

// NewClientSecret gives a client a new secret, which is shown once. The one before is taken for a day as well.
func (s *Service) NewClientSecret(ctx context.Context, actor desk.Actor, id int64) (plain string, err error) {
	if err := manageClients(actor); err != nil {
		return "", err
	}
	plain, hash := s.newClientSecret()
	until := s.now().Add(secretOverlap)
	err = s.audited(ctx, func(tx *store.Tx) (entry, error) {
		client, err := tx.OAuthClientOf(ctx, id)
		if err != nil {
			return entry{}, err
		}
		if !client.Confidential {
			return entry{}, desk.Faultf(desk.Conflict, "this client keeps no secret: register another one that does")
		}
		return entry{actor: actor, action: "client.secret", subject: clientSubject(id), detail: map[string]any{"name": client.Name}}, tx.SetOAuthSecret(ctx, id, hash, &until)
	})
	if err != nil {
		return "", err
	}
	return plain, nil
}

// Clients lists clients, newest first.
func (s *Service) Clients(ctx context.Context, actor desk.Actor, cursor string, limit int) (desk.Page[desk.OAuthClient], error) {
	if err := manageClients(actor); err != nil {
		return desk.Page[desk.OAuthClient]{}, err
	}
	return s.store.OAuthClients(ctx, cursor, limit)
}

// Client is one client.
func (s *Service) Client(ctx context.Context, actor desk.Actor, id int64) (desk.OAuthClient, error) {
	if err := manageClients(actor); err != nil {
		return desk.OAuthClient{}, err
	}
	return s.store.OAuthClientOf(ctx, id)
}

func manageClients(actor desk.Actor) error {
	if !actor.Can(desk.MayManageClients) {
		return desk.Faultf(desk.Forbidden, "this needs the right to register programs that people may connect")
	}
	return nil
}

func (s *Service) newClientSecret() (plain string, hash []byte) {
	random, _ := s.newToken()
	plain = seal(prefixSecret, random)
	return plain, secret.HashToken(plain)
}

// attachService finds the service account for which a client acts by itself.
func (s *Service) attachService(ctx context.Context, tx *store.Tx, actor desk.Actor, client *desk.OAuthClient, email string) error {
	if email == "" {
		return nil
	}
	person, err := tx.PersonByEmail(ctx, desk.Canonical(email))
	if err != nil {
		return err
	}
	service, err := tx.IsService(ctx, person.ID)
	if err != nil {
		return err
	}
	if !service {
		return desk.Wrong("service", "%s is a person: a client acts by itself for a service account only", person.Email)
	}
	if err := outranks(actor, person.User); err != nil {
		return err
	}
	client.ServiceID, client.ServiceEmail = &person.ID, person.Email
	return nil
}

// describe checks what a client is to be.
func describe(add NewClient) (client desk.OAuthClient, err error) {
	name, about := strings.TrimSpace(add.Name), strings.TrimSpace(add.About)
	switch {
	case name == "" || len(name) > longestName || strings.ContainsFunc(name, unprintable):
		return client, desk.Wrong("name", "a client has a name of 1 to %d bytes, by which people know it", longestName)
	case len(about) > longestAbout || strings.ContainsFunc(about, unprintable):
		return client, desk.Wrong("about", "what a client is for stands on one line of at most %d bytes", longestAbout)
	case add.AccessMinutes != 0 && (add.AccessMinutes < leastAccess || add.AccessMinutes > mostAccess):
		return client, desk.Wrong("access_minutes", "an access token lives for %d to %d minutes", leastAccess, mostAccess)
	case add.Service != "" && !add.Confidential:
		return client, desk.Wrong("service", "only a client that keeps a secret can act by itself")
	}
	redirects := []string{}
	for _, text := range add.Redirects {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if err := checkRedirect(text); err != nil {
			return client, err
		}
		redirects = append(redirects, text)
	}
	slices.Sort(redirects)
	redirects = slices.Compact(redirects)
	if len(redirects) > redirectsMost {
		return client, desk.Wrong("redirect_uris", "a client has at most %d addresses to go back to", redirectsMost)
	}
	if len(redirects) == 0 && add.Service == "" {
		return client, desk.Wrong("redirect_uris", "say where people are sent back to, or choose a service account for which it acts by itself")
	}
	scopes := slices.Compact(slices.Sorted(slices.Values(add.Scopes)))
	for _, scope := range scopes {
		if !scope.Known() {
			return client, desk.Wrong("scopes", "there is no scope %q: the broad ones are read, write and admin, those of one resource look like tickets:read", scope)
		}
	}
	if len(withoutOffline(scopes)) == 0 {
		return client, desk.Wrong("scopes", "choose what the client may ask for")
	}
	return desk.OAuthClient{Name: name, About: about, Confidential: add.Confidential, Redirects: redirects, Scopes: scopes, AccessMinutes: add.AccessMinutes}, nil
}

// checkRedirect says what is wrong with an address to which codes are sent. It has to belong to the client alone: HTTPS, the same machine, or a scheme of its own named after a domain (RFC 8252 §7).
func checkRedirect(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > longestURI || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return desk.Wrong("redirect_uris", "%q is no address", text)
	case strings.Contains(text, "#"):
		return desk.Wrong("redirect_uris", "%q has a fragment, which an address to go back to must not have", text)
	case u.User != nil || strings.Contains(text, "*"):
		return desk.Wrong("redirect_uris", "%q is not exact: write the whole address, without names, passwords or stars", text)
	case u.Scheme == "https" && u.Hostname() != "":
		return nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	case strings.Contains(u.Scheme, ".") && u.Host == "": // com.example.app:/back
		return nil
	}
	return desk.Wrong("redirect_uris", "%q is not safe: write an https address, one of this same machine like http://127.0.0.1:8100/back, or a scheme of the app's own like com.example.app:/back", text)
}

// loopback says whether a host is this same machine, whatever the DNS says.
func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// identify is the client that proves to be one by its secret or, without one, names itself. A client that is not known, is out of use, or whose secret is wrong is an OAuthError with invalid_client.
func (s *Service) identify(ctx context.Context, key, plain string) (store.OAuthSecrets, error) {
	client, found, err := s.store.OAuthClient(ctx, key)
	if err != nil {
		return client, err
	}
	hash := secret.HashToken(plain)
	right := subtle.ConstantTimeCompare(hash, client.SecretHash) == 1
	if client.OldUntil != nil && client.OldUntil.After(s.now()) && subtle.ConstantTimeCompare(hash, client.OldSecretHash) == 1 {
		right = true
	}
	if !client.Confidential {
		right = plain == ""
	}
	if !found || client.DisabledAt != nil || !right {
		return client, &OAuthError{"invalid_client", "the client is not known here, or its secret is not right"}
	}
	return client, nil
}

func clientDetail(client desk.OAuthClient) map[string]any {
	return map[string]any{
		"name": client.Name, "confidential": client.Confidential, "redirect_uris": client.Redirects, "scopes": client.Scopes, "service": client.ServiceEmail, "access_minutes": client.AccessMinutes,
	}
}

func clientSubject(id int64) string { return "client/" + strconv.FormatInt(id, 10) }
func grantSubject(id int64) string  { return "app/" + strconv.FormatInt(id, 10) }

// withoutOffline are the scopes that a token carries: offline is about the client, and opens nothing.
func withoutOffline(scopes []desk.Scope) []desk.Scope {
	return slices.DeleteFunc(slices.Clone(scopes), func(s desk.Scope) bool { return s == desk.ScopeOffline })
}
