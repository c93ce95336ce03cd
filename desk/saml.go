package desk

// SAMLSettings is what is known about a SAML 2.0 identity provider. Certificates and addresses are public; our own key is sealed elsewhere.
type SAMLSettings struct {
	EntityID     string   `json:"entity_id,omitempty"`
	SSOURL       string   `json:"sso_url,omitempty"`      // HTTP-Redirect
	SLOURL       string   `json:"slo_url,omitempty"`      // empty: signing out here stays here
	Certificates []string `json:"certificates,omitempty"` // PEM; two while one takes the place of the other
	MetadataURL  string   `json:"metadata_url,omitempty"` // read again from time to time
}
