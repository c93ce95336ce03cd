package identity

import (
	"context"
	"encoding/json"
	"fmt"

	"postern/desk"
	"postern/identity/saml"
	"postern/secret"
	"postern/store"
)

// Single logout, front channel (SAML Profiles §4.4): the browser carries signed messages between the provider and us. Which sessions end is said by the names in them, not by the browser's cookies.

// samlNamed is whom a provider knows a session by.
type samlNamed struct {
	Subject saml.Subject
	Session string
}

func (s *Service) samlNameHash(provider int64, subject saml.Subject) []byte {
	return secret.HashToken(fmt.Sprintf("%d\x00%s\x00%s\x00%s", provider, subject.Format, subject.Qualifier, subject.Name))
}

func samlSessionContext(token []byte) string { return fmt.Sprintf("saml-session/%x", token) }

// keepSAMLSession notes whom the provider knows a session by that was opened just now.
func (s *Service) keepSAMLSession(ctx context.Context, provider int64, token string, said saml.Asserted) error {
	text, err := json.Marshal(samlNamed{Subject: said.Subject, Session: said.Session})
	if err != nil {
		return fmt.Errorf("identity: SAML: %w", err)
	}
	hash := secret.HashToken(token)
	sealed, _ := s.keys.Seal(samlSessionContext(hash), text)
	keep := store.SAMLSession{ProviderID: provider, NameHash: s.samlNameHash(provider, said.Subject), IndexHash: secret.HashToken(said.Session), Sealed: sealed}
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.KeepSAMLSession(ctx, hash, keep) })
}

// SAMLLogout is the address to which a browser has to go to be signed out at the provider that let it in; empty when there is none. It is asked before the session ends here, which knows the name.
func (s *Service) SAMLLogout(ctx context.Context, token string) (string, error) {
	hash := secret.HashToken(token)
	row, found, err := s.store.SAMLSession(ctx, hash)
	if err != nil || !found {
		return "", err
	}
	provider, err := s.samlProvider(ctx, row.ProviderID)
	if err != nil || provider.Settings.SAML.SLOURL == "" {
		return "", err
	}
	var named samlNamed
	text, err := s.keys.Open(samlSessionContext(hash), row.Sealed)
	if err == nil {
		err = json.Unmarshal(text, &named)
	}
	if err != nil {
		return "", fmt.Errorf("identity: SAML: %w", err)
	}
	service, err := s.samlService(ctx, provider.ID)
	if err != nil {
		return "", err
	}
	id, err := saml.NewID(s.random)
	if err != nil {
		return "", fmt.Errorf("identity: SAML: %w", err)
	}
	settings := provider.Settings.SAML
	return service.AskLogout(id, settings.SLOURL, named.Subject, named.Session, settings.EntityID, s.now())
}

// SAMLBye is a logout message of a provider, as the browser brings it.
type SAMLBye struct {
	Provider int64
	Query    string // undecoded, for the redirect binding
	Request  string // form field, for the POST binding; empty: it came by a redirect
	Relay    string
	From     Client
}

// EndSAMLSessions does what a logout request of a provider asks, and returns the address to which the browser goes back with our answer. A refusal is a *Refused, and in the audit log.
func (s *Service) EndSAMLSessions(ctx context.Context, bye SAMLBye) (back string, err error) {
	provider, err := s.samlProvider(ctx, bye.Provider)
	if err != nil {
		return "", err
	}
	service, err := s.samlService(ctx, provider.ID)
	if err != nil {
		return "", err
	}
	settings := provider.Settings.SAML
	trust, err := samlTrust(settings)
	if err != nil {
		return "", err
	}
	expect := saml.LogoutExpect{Issuer: settings.EntityID, At: service.Logout, Trust: trust, Now: s.now()}
	var asked saml.Logout
	if bye.Request == "" {
		asked, err = saml.ReadLogoutQuery(bye.Query, expect)
	} else {
		var document []byte
		if document, err = saml.Decode(bye.Request); err == nil {
			asked, err = saml.ReadLogoutForm(document, bye.Relay, expect)
		}
	}
	if err != nil {
		return "", s.refuseSignOn(ctx, provider, refusedSAML(err), bye.From)
	}
	if err := s.endSAMLSessions(ctx, provider, asked, bye.From); err != nil {
		return "", err
	}
	id, err := saml.NewID(s.random)
	if err != nil {
		return "", fmt.Errorf("identity: SAML: %w", err)
	}
	at := settings.SLOAnswerURL
	if at == "" {
		at = settings.SLOURL
	}
	if at == "" {
		return "", nil
	}
	if len(asked.Relay) > longestRelay {
		asked.Relay = ""
	}
	return service.AnswerLogout(id, at, asked, s.now())
}

func (s *Service) endSAMLSessions(ctx context.Context, provider desk.Provider, asked saml.Logout, from Client) error {
	indexes := [][]byte{}
	for _, each := range asked.Sessions {
		indexes = append(indexes, secret.HashToken(each))
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		users, err := tx.EndSAMLSessions(ctx, provider.ID, s.samlNameHash(provider.ID, asked.Subject), indexes)
		if err != nil {
			return err
		}
		for _, user := range users {
			actor := from.actor(desk.User{ID: user})
			if err := tx.Audit(ctx, actor, "user.signout", subjectOf(user), map[string]any{"provider": provider.Name, "by": "provider"}); err != nil {
				return err
			}
		}
		if len(users) == 0 {
			return nil
		}
		return announce(ctx, tx)
	})
}

// SAMLLoggedOut reads a provider's answer to our logout request. Our session has ended already: all that it can say is that the provider's has not.
func (s *Service) SAMLLoggedOut(ctx context.Context, id int64, query string) (ended bool, err error) {
	provider, err := s.samlProvider(ctx, id)
	if err != nil {
		return false, err
	}
	service, err := s.samlService(ctx, id)
	if err != nil {
		return false, err
	}
	trust, err := samlTrust(provider.Settings.SAML)
	if err != nil {
		return false, err
	}
	ended, err = saml.ReadLogoutAnswer(query, "", saml.LogoutExpect{Issuer: provider.Settings.SAML.EntityID, At: service.Logout, Trust: trust, Now: s.now()})
	if err != nil {
		return false, nil // a message that cannot be believed says nothing; there is nothing that it could open
	}
	return ended, nil
}
