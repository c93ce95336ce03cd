package identity

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"

	"postern/desk"
	"postern/identity/saml"
	"postern/store"
)

// samlService is this installation as one provider knows it. The first key is made when it is first needed.
func (s *Service) samlService(ctx context.Context, provider int64) (saml.Service, error) {
	rows, err := s.store.SAMLKeys(ctx, provider)
	if err != nil {
		return saml.Service{}, err
	}
	if len(rows) == 0 {
		if err := s.addSAMLKey(ctx, desk.System("job"), provider, desk.SAMLKeyCurrent); err != nil && !conflicts(err) {
			return saml.Service{}, err
		}
		if rows, err = s.store.SAMLKeys(ctx, provider); err != nil {
			return saml.Service{}, err
		}
	}
	at := s.public + samlPath(provider)
	service := saml.Service{EntityID: at + "/metadata", Consumer: at, Logout: at + "/logout"}
	for _, row := range rows {
		private, err := s.keys.Open(samlKeyContext(provider, row.Certificate), row.Sealed)
		if err != nil {
			return saml.Service{}, fmt.Errorf("open SAML key %d: %w", row.ID, err)
		}
		key, err := saml.ReadKey(private, row.Certificate)
		if err != nil {
			return saml.Service{}, fmt.Errorf("open SAML key %d: %w", row.ID, err)
		}
		service.Keys = append(service.Keys, key)
	}
	if len(service.Keys) == 0 {
		return saml.Service{}, fmt.Errorf("identity: provider %d has no SAML key", provider)
	}
	return service, nil
}

func samlKeyContext(provider int64, certificate []byte) string {
	return fmt.Sprintf("saml-key/%d/%x", provider, sha256.Sum256(certificate))
}

// conflicts says whether somebody else was faster.
func conflicts(err error) bool {
	var fault *desk.Fault
	return errors.As(err, &fault) && fault.Kind == desk.Conflict
}

func (s *Service) addSAMLKey(ctx context.Context, actor desk.Actor, provider int64, state desk.SAMLKeyState) error {
	host := "postern"
	if at, err := url.Parse(s.public); err == nil && at.Hostname() != "" {
		host = at.Hostname()
	}
	key, err := saml.NewKey(s.random, host, s.now())
	if err != nil {
		return err
	}
	certificate := key.Certificate.Raw
	sealed, _ := s.keys.Seal(samlKeyContext(provider, certificate), x509.MarshalPKCS1PrivateKey(key.Private))
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		add := store.SAMLKey{SAMLKey: desk.SAMLKey{State: state, Certificate: certificate, CreatedAt: s.now()}, Sealed: sealed}
		return entry{actor: actor, action: "provider.key-add", subject: providerSubject(provider), detail: map[string]any{"fingerprint": saml.Fingerprint(key.Certificate), "state": state}},
			tx.AddSAMLKey(ctx, provider, add)
	})
}

// SAMLMetadata describes us to a provider. Everybody may read it: there is nothing secret in it.
func (s *Service) SAMLMetadata(ctx context.Context, id int64) ([]byte, error) {
	provider, err := s.samlProvider(ctx, id)
	if err != nil {
		return nil, err
	}
	service, err := s.samlService(ctx, provider.ID)
	if err != nil {
		return nil, err
	}
	shown := service.Keys[:0:0]
	rows, err := s.store.SAMLKeys(ctx, id)
	if err != nil {
		return nil, err
	}
	for i, row := range rows[:min(len(rows), len(service.Keys))] {
		if row.State != desk.SAMLKeyOld {
			shown = append(shown, service.Keys[i])
		}
	}
	service.Keys = shown
	return service.Metadata()
}

// SAMLAbout is what an admin has to know, and to tell the provider.
type SAMLAbout struct {
	EntityID string // ours: the address of our metadata
	Consumer string
	Logout   string
	Keys     []desk.SAMLKey
	Metadata store.SAMLMetadata // when theirs was read
	Trusted  []SAMLCertificate
}

// SAMLCertificate is a certificate of the provider that is trusted.
type SAMLCertificate struct {
	Fingerprint string
	Subject     string
	Certificate *x509.Certificate
}

// SAMLAbout tells that of a provider. It needs MayReadSecurity.
func (s *Service) SAMLAbout(ctx context.Context, actor desk.Actor, id int64) (about SAMLAbout, err error) {
	if err := readSecurity(actor); err != nil {
		return about, err
	}
	provider, err := s.samlProvider(ctx, id)
	if err != nil {
		return about, err
	}
	at := s.public + samlPath(id)
	about = SAMLAbout{EntityID: at + "/metadata", Consumer: at, Logout: at + "/logout"}
	rows, err := s.store.SAMLKeys(ctx, id)
	if err != nil {
		return about, err
	}
	for _, row := range rows {
		cert, err := x509.ParseCertificate(row.Certificate)
		if err != nil {
			return about, fmt.Errorf("SAML key %d: %w", row.ID, err)
		}
		row.Fingerprint = saml.Fingerprint(cert)
		about.Keys = append(about.Keys, row.SAMLKey)
	}
	if about.Metadata, err = s.store.SAMLMetadata(ctx, id); err != nil {
		return about, err
	}
	trust, err := samlTrust(provider.Settings.SAML)
	for _, cert := range trust.Certificates {
		about.Trusted = append(about.Trusted, SAMLCertificate{Fingerprint: saml.Fingerprint(cert), Subject: oneLine(cert.Subject.String(), longestName), Certificate: cert})
	}
	return about, err
}

// PrepareSAMLKey makes the next key: it stands in our metadata from now on, so that the provider can learn it before it is used. It needs MayManageSecurity.
func (s *Service) PrepareSAMLKey(ctx context.Context, actor desk.Actor, id int64) error {
	if err := manageSecurity(actor); err != nil {
		return err
	}
	if _, err := s.samlProvider(ctx, id); err != nil {
		return err
	}
	if _, err := s.samlService(ctx, id); err != nil { // the first one comes first
		return err
	}
	err := s.addSAMLKey(ctx, actor, id, desk.SAMLKeyNext)
	if conflicts(err) {
		return desk.Faultf(desk.Conflict, "there is a next key already: use it, or remove it")
	}
	return err
}

// UseSAMLKey makes the next key the one that signs. What was encrypted for the one before can still be opened.
func (s *Service) UseSAMLKey(ctx context.Context, actor desk.Actor, id int64) error {
	if err := manageSecurity(actor); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		return entry{actor: actor, action: "provider.key-use", subject: providerSubject(id)}, tx.UseSAMLKey(ctx, id)
	})
}

// DropSAMLKey removes an old key, or a next one that is not wanted.
func (s *Service) DropSAMLKey(ctx context.Context, actor desk.Actor, id, key int64) error {
	if err := manageSecurity(actor); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		return entry{actor: actor, action: "provider.key-remove", subject: providerSubject(id), detail: map[string]any{"key": key}}, tx.DropSAMLKey(ctx, id, key)
	})
}
