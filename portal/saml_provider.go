package portal

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"
	"time"

	"postern/desk"
	"postern/identity"
)

// samlProviderPage is the form of one SAML identity provider, and what it has to know about us.
type samlProviderPage struct {
	page
	Provider     desk.Provider
	About        identity.SAMLAbout
	Metadata     string // typed: the document
	Certificates string // PEM
	Fingerprints string // a line each
	Certs        []samlCertLine
	Locked       bool // the reader may look and not change
	Problem      string
}

// samlCertLine is a certificate of the provider as the page shows it.
type samlCertLine struct {
	Fingerprint, Subject string
	Until                time.Time
	State                string // good, soon or over
}

// Next is our key that waits to be used, if there is one.
func (p samlProviderPage) Next() *desk.SAMLKey {
	for _, key := range p.About.Keys {
		if key.State == desk.SAMLKeyNext {
			return &key
		}
	}
	return nil
}

const samlNewPath = "/security/saml/new"

func samlProviderPath(id int64) string { return fmt.Sprintf("/security/saml/%d", id) }

// samlNewShow shows the form of a provider that is to be made.
func (p *Portal) samlNewShow(c *call) error {
	return p.samlProviderForm(c, samlProviderPage{Provider: desk.Provider{Kind: desk.ProviderSAML, Population: desk.ForStaff}}, nil)
}

// samlNewPost makes it, switched off, from its metadata or from what was typed.
func (p *Portal) samlNewPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	answer := samlProviderPage{Provider: desk.Provider{Kind: desk.ProviderSAML, Name: strings.TrimSpace(form.Get("name")), Population: desk.Population(form.Get("population"))}}
	made, err := p.samlTyped(c, &answer, form)
	if err == nil {
		made, err = p.identity.AddProvider(c.r.Context(), c.actor, made)
	}
	if fault := asFault(err); fault != nil {
		return p.samlProviderForm(c, answer, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(samlProviderPath(made.ID) + "?done=saved")
}

// samlTyped reads the form. A metadata address or document says what stands beside it, unless the fields are all that was changed.
func (p *Portal) samlTyped(c *call, answer *samlProviderPage, form url.Values) (desk.Provider, error) {
	answer.Metadata, answer.Certificates, answer.Fingerprints = form.Get("metadata"), form.Get("certificates"), form.Get("fingerprints")
	known := answer.Provider.Settings.SAML
	typed := desk.SAMLSettings{
		EntityID: strings.TrimSpace(form.Get("entity_id")), SSOURL: strings.TrimSpace(form.Get("sso_url")), SLOURL: strings.TrimSpace(form.Get("slo_url")),
		SLOAnswerURL: known.SLOAnswerURL, MetadataURL: strings.TrimSpace(form.Get("metadata_url")), MustEncrypt: form.Has("must_encrypt"), NameFormat: form.Get("name_format"),
		AskMFA: form.Has("ask_mfa"), Begins: form.Has("begins"), SubjectAttribute: strings.TrimSpace(form.Get("subject_attribute")), EmailAttribute: strings.TrimSpace(form.Get("email_attribute")),
		NameAttribute: strings.TrimSpace(form.Get("name_attribute")), RoleAttribute: strings.TrimSpace(form.Get("role_attribute")), Fingerprints: nonEmptyLines(form.Get("fingerprints")),
	}
	if typed.SLOURL != known.SLOURL {
		typed.SLOAnswerURL = ""
	}
	if certs := strings.TrimSpace(form.Get("certificates")); certs != "" {
		typed.Certificates = []string{certs}
	}
	answer.Provider.Settings.SAML = typed
	if document := strings.TrimSpace(answer.Metadata); document != "" || typed.MetadataURL != "" && (typed.MetadataURL != known.MetadataURL || form.Has("read")) {
		given := identity.SAMLGiven{URL: typed.MetadataURL, Document: document, EntityID: typed.EntityID}
		if document != "" {
			given.URL = ""
		}
		read, err := p.identity.ReadSAML(c.r.Context(), c.actor, given, typed)
		if err != nil {
			return answer.Provider, err
		}
		if document != "" {
			read.MetadataURL = typed.MetadataURL
		}
		answer.Provider.Settings.SAML = read
		answer.Certificates, answer.Metadata = strings.Join(read.Certificates, ""), ""
	}
	return answer.Provider, nil
}

// nonEmptyLines are the lines of a field with something on them.
func nonEmptyLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// samlProvider is the provider that the address names.
func (p *Portal) samlProvider(c *call) (desk.Provider, error) {
	id, err := c.id64("id")
	if err != nil {
		return desk.Provider{}, err
	}
	provider, err := p.identity.Provider(c.r.Context(), c.actor, id)
	if err == nil && provider.Kind != desk.ProviderSAML {
		err = desk.Faultf(desk.NotFound, "there is no such identity provider")
	}
	return provider, err
}

// samlProviderShow shows the form of a provider.
func (p *Portal) samlProviderShow(c *call) error {
	provider, err := p.samlProvider(c)
	if err != nil {
		return err
	}
	settings := provider.Settings.SAML
	answer := samlProviderPage{Provider: provider, Certificates: strings.Join(settings.Certificates, ""), Fingerprints: strings.Join(settings.Fingerprints, "\n")}
	return p.samlProviderForm(c, answer, nil)
}

// samlProviderPost changes it.
func (p *Portal) samlProviderPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	provider, err := p.samlProvider(c)
	if err != nil {
		return err
	}
	answer := samlProviderPage{Provider: provider}
	changed, err := p.samlTyped(c, &answer, form)
	if err == nil {
		_, err = p.identity.ChangeProvider(c.r.Context(), c.actor, changed)
	}
	if fault := asFault(err); fault != nil {
		return p.samlProviderForm(c, answer, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther(samlProviderPath(provider.ID) + "?done=saved")
}

// samlKeyPost makes, uses or removes a key of ours.
func (p *Portal) samlKeyPost(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	provider, err := p.samlProvider(c)
	if err != nil {
		return err
	}
	switch form.Get("do") {
	case "prepare":
		err = p.identity.PrepareSAMLKey(c.r.Context(), c.actor, provider.ID)
	case "use":
		err = p.identity.UseSAMLKey(c.r.Context(), c.actor, provider.ID)
	case "remove":
		err = p.identity.DropSAMLKey(c.r.Context(), c.actor, provider.ID, number64(form, "key"))
	default:
		err = desk.Faultf(desk.Invalid, "say what to do with the key")
	}
	if err != nil {
		return err
	}
	return c.seeOther(samlProviderPath(provider.ID) + "?done=saved#keys")
}

// samlProviderForm renders the form, with what was wrong with it.
func (p *Portal) samlProviderForm(c *call, answer samlProviderPage, fault *desk.Fault) (err error) {
	title := answer.Provider.Name
	if answer.Provider.ID == 0 {
		title = c.lang.Say("New SAML provider")
	}
	if answer.page, err = p.framed(c, title, "/security"); err != nil {
		return err
	}
	answer.Locked = !c.actor.Can(desk.MayManageSecurity)
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.Provider.ID != 0 {
		if answer.About, err = p.identity.SAMLAbout(c.r.Context(), c.actor, answer.Provider.ID); err != nil {
			return err
		}
		for _, cert := range answer.About.Trusted {
			answer.Certs = append(answer.Certs, samlCertLine{Fingerprint: cert.Fingerprint, Subject: cert.Subject, Until: cert.Certificate.NotAfter, State: certState(cert.Certificate, p.now())})
		}
	}
	return p.render(c, view{statusOf(fault), "saml", "layout"}, answer)
}

// certState says how long a certificate is still good.
func certState(cert *x509.Certificate, now time.Time) string {
	switch {
	case now.After(cert.NotAfter):
		return "over"
	case now.Add(14 * 24 * time.Hour).After(cert.NotAfter):
		return "soon"
	}
	return "good"
}
