package portal

import (
	"encoding/pem"
	"fmt"
	"time"

	"postern/desk"
	"postern/identity"
	"postern/identity/saml"
	"postern/secret"
)

// saml is a SAML provider whose certificate ends soon, and a key that waits to be used.
func (g *gallery) saml() {
	key, err := saml.NewKey(nil, "login.example.com", time.Now().AddDate(-10, 0, 10))
	check(g.t, err)
	settings := desk.SAMLSettings{
		EntityID: "https://login.example.com/a/rather/long/entity/id/as/some/of/them/are", SSOURL: "https://login.example.com/sso", SLOURL: "https://login.example.com/slo",
		Certificates: []string{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: key.Certificate.Raw}))},
	}
	made, err := g.people.AddProvider(g.t.Context(), g.owner, desk.Provider{Kind: desk.ProviderSAML, Name: "Example AG", Population: desk.ForStaff, Settings: desk.ProviderSettings{SAML: settings}})
	check(g.t, err)
	check(g.t, g.people.PrepareSAMLKey(g.t.Context(), g.owner, made.ID))
	g.sql(`insert into saml_metadata (provider_id, read_at, failed_at, failure) values ($1, now() - interval '3 days', now(), 'the metadata could not be read: the server answers 502 Bad Gateway')`, made.ID)
	g.name("saml", made.ID)
	handle, hash := secret.NewToken(nil)
	sealed, _ := g.keys.Seal(fmt.Sprintf("saml-answer/%x", hash), []byte(`{"Unasked": true, "Said": {"Subject": {"Name": "anna.with-a-long-address@example.com"}}}`))
	g.sql(`insert into saml_answer (handle_hash, provider_id, sealed, expires_at) values ($1, $2, $3, now() + interval '1 hour')`, hash, made.ID, sealed)
	g.names["saml-done"] = identity.SAMLDone(made.ID, handle)
}
