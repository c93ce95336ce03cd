package identity

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"postern/desk"
	"postern/identity/saml"
	"postern/store"
)

// metadataEach is how often the metadata of a provider is read again: that is how its new certificates arrive.
const metadataEach = 24 * time.Hour

// samlTrust is whose signatures count.
func samlTrust(settings desk.SAMLSettings) (trust saml.Trust, err error) {
	for _, each := range settings.Certificates {
		certs, err := saml.ReadCertificates(each)
		if err != nil {
			return trust, err
		}
		trust.Certificates = append(trust.Certificates, certs...)
	}
	for _, each := range settings.Fingerprints {
		sum, err := saml.ReadFingerprint(each)
		if err != nil {
			return trust, err
		}
		trust.Fingerprints = append(trust.Fingerprints, sum)
	}
	return trust, nil
}

// checkSAML says what is wrong with the settings of a SAML identity provider.
func checkSAML(settings desk.SAMLSettings, outward Outward) error {
	trust, err := samlTrust(settings)
	if err != nil {
		return err
	}
	idp := saml.IdP{EntityID: settings.EntityID, SignOn: settings.SSOURL, LogoutAt: settings.SLOURL, LogoutAnswer: settings.SLOAnswerURL, Certificates: trust.Certificates}
	if err := idp.Check(); err != nil {
		return err
	}
	if len(trust.Certificates) == 0 && len(trust.Fingerprints) == 0 {
		return desk.Wrong("certificates", "the identity provider needs a certificate, by which its signatures are checked")
	}
	if len(trust.Fingerprints) > saml.MostCertificates {
		return desk.Wrong("fingerprint", "an identity provider has at most %d fingerprints here", saml.MostCertificates)
	}
	switch settings.NameFormat {
	case "", saml.FormatPersistent, saml.FormatEmail, saml.FormatTransient:
	default:
		return desk.Wrong("name_format", "this is no format of names that can be asked for")
	}
	if settings.NameFormat == saml.FormatTransient && settings.SubjectAttribute == "" {
		return desk.Wrong("subject_attribute", "a passing name knows nobody again: name the attribute that stays")
	}
	for _, name := range []string{settings.SubjectAttribute, settings.EmailAttribute, settings.NameAttribute, settings.RoleAttribute} {
		if len(name) > longestName || strings.ContainsFunc(name, unprintable) {
			return desk.Wrong("subject_attribute", "the name of an attribute is one line of up to %d bytes", longestName)
		}
	}
	if settings.MetadataURL == "" {
		return nil
	}
	target, err := url.Parse(settings.MetadataURL)
	if err == nil {
		err = outward.Check(target)
	}
	if err != nil {
		return desk.Wrong("metadata_url", "%s", err.Error())
	}
	return nil
}

// SAMLGiven is what an admin has got from a provider: one of the two.
type SAMLGiven struct {
	URL      string // of its metadata
	Document string // the metadata itself
	EntityID string // which one is meant, when the metadata describes several
}

// ReadSAML fills settings in from a provider's metadata; what the metadata does not say stays. Faults are of the fields metadata_url, metadata and those of the settings. It needs MayManageSecurity.
func (s *Service) ReadSAML(ctx context.Context, actor desk.Actor, given SAMLGiven, into desk.SAMLSettings) (desk.SAMLSettings, error) {
	if err := manageSecurity(actor); err != nil {
		return into, err
	}
	document := []byte(given.Document)
	if given.URL != "" {
		fetched, err := s.fetchMetadata(ctx, given.URL)
		if err != nil {
			return into, err
		}
		document = fetched
	}
	idp, err := saml.ReadMetadata(document, given.EntityID)
	if err != nil {
		return into, err
	}
	into.MetadataURL = given.URL
	return described(idp, into), nil
}

// described writes what metadata says into settings.
func described(idp saml.IdP, into desk.SAMLSettings) desk.SAMLSettings {
	into.EntityID, into.SSOURL, into.SLOURL, into.SLOAnswerURL = idp.EntityID, idp.SignOn, idp.LogoutAt, idp.LogoutAnswer
	if into.SLOAnswerURL == into.SLOURL {
		into.SLOAnswerURL = ""
	}
	if len(idp.Certificates) > 0 {
		into.Certificates = nil
	}
	for _, cert := range idp.Certificates {
		into.Certificates = append(into.Certificates, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})))
	}
	return into
}

// fetchMetadata reads a document from a provider, within the bounds of Outward.
func (s *Service) fetchMetadata(ctx context.Context, at string) ([]byte, error) {
	outward, err := s.outward(ctx)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(at)
	if err == nil {
		err = outward.Check(target)
	}
	if err != nil {
		return nil, desk.Wrong("metadata_url", "%s", err.Error())
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, desk.Wrong("metadata_url", "%s is not an address", oneLine(at, longestName))
	}
	answer, err := outward.Client().Do(request)
	if err != nil {
		return nil, desk.Wrong("metadata_url", "the metadata could not be read: %s", oneLine(reasonOf(err), 200))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, desk.Wrong("metadata_url", "the metadata could not be read: the server answers %s", oneLine(answer.Status, 60))
	}
	document, err := io.ReadAll(io.LimitReader(answer.Body, saml.MaxMetadata+1))
	if err != nil {
		return nil, desk.Wrong("metadata_url", "the metadata could not be read: %s", oneLine(reasonOf(err), 200))
	}
	return document, nil
}

// reasonOf is what went wrong without the address, which the reader has typed.
func reasonOf(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err.Error()
}

// RefreshSAML reads the metadata of every provider again that is due. A provider that cannot be read keeps what was known, and the fault is noted for its page.
func (s *Service) RefreshSAML(ctx context.Context) error {
	all, err := s.store.Providers(ctx)
	if err != nil {
		return err
	}
	for _, provider := range all {
		if provider.Kind != desk.ProviderSAML || provider.Settings.SAML.MetadataURL == "" {
			continue
		}
		known, err := s.store.SAMLMetadata(ctx, provider.ID)
		if err != nil {
			return err
		}
		if known.ReadAt != nil && s.now().Sub(*known.ReadAt) < metadataEach {
			continue
		}
		if err := s.refreshSAML(ctx, provider); err != nil {
			return err
		}
	}
	return nil
}

// refreshSAML reads one. Certificates and addresses follow the provider; its name does not: another name would be another provider, to which accounts are connected already.
func (s *Service) refreshSAML(ctx context.Context, provider desk.Provider) error {
	settings := provider.Settings.SAML
	document, err := s.fetchMetadata(ctx, settings.MetadataURL)
	var idp saml.IdP
	if err == nil {
		idp, err = saml.ReadMetadata(document, settings.EntityID)
	}
	var fault *desk.Fault
	if errors.As(err, &fault) {
		return s.store.Write(ctx, func(tx *store.Tx) error { return tx.NoteSAMLMetadata(ctx, provider.ID, s.now(), fault.Reason) })
	}
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		now, err := s.lockProvider(ctx, tx, provider.ID)
		if err != nil {
			return err
		}
		if err := tx.NoteSAMLMetadata(ctx, provider.ID, s.now(), ""); err != nil {
			return err
		}
		after := described(idp, now.Settings.SAML)
		if reflect.DeepEqual(after, now.Settings.SAML) || now.Settings.SAML.MetadataURL != settings.MetadataURL {
			return nil
		}
		detail := map[string]any{"provider": now.Name, "before": samlDetail(now.Settings.SAML), "after": samlDetail(after)}
		now.Settings.SAML = after
		if _, err := tx.SetProvider(ctx, now); err != nil {
			return err
		}
		return tx.Audit(ctx, desk.System("job"), "provider.metadata", providerSubject(now.ID), detail)
	})
}

// samlDetail is what metadata can change, as the audit log has it: certificates by their fingerprints.
func samlDetail(settings desk.SAMLSettings) map[string]any {
	prints := []string{}
	trust, err := samlTrust(settings)
	if err == nil {
		for _, cert := range trust.Certificates {
			prints = append(prints, saml.Fingerprint(cert))
		}
	}
	return map[string]any{"sso_url": settings.SSOURL, "slo_url": settings.SLOURL, "certificates": prints}
}

// SAMLDoctor says what an admin has to mend soon about SAML providers: certificates whose time ends, metadata that cannot be read.
func (s *Service) SAMLDoctor(ctx context.Context) (warnings []string, err error) {
	all, err := s.store.Providers(ctx)
	if err != nil {
		return nil, err
	}
	for _, provider := range all {
		if provider.Kind != desk.ProviderSAML || !provider.Enabled {
			continue
		}
		trust, err := samlTrust(provider.Settings.SAML)
		if err != nil {
			return nil, err
		}
		latest := time.Time{}
		for _, cert := range trust.Certificates {
			if cert.NotAfter.After(latest) {
				latest = cert.NotAfter
			}
		}
		if !latest.IsZero() && latest.Before(s.now().Add(certificateSoon)) {
			warnings = append(warnings, fmt.Sprintf("%s: the last certificate of this identity provider is good until %s", provider.Name, latest.UTC().Format(time.DateOnly)))
		}
		known, err := s.store.SAMLMetadata(ctx, provider.ID)
		if err != nil {
			return nil, err
		}
		if known.Failure != "" {
			warnings = append(warnings, provider.Name+": "+known.Failure)
		}
	}
	return warnings, nil
}

// certificateSoon is how long before a provider's last certificate ends somebody is told.
const certificateSoon = 14 * 24 * time.Hour
