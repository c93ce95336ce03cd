package desk

import "time"

// SAMLSettings is what is known about a SAML 2.0 identity provider. Certificates and addresses are public; our own key is sealed elsewhere.
type SAMLSettings struct {
	EntityID     string   `json:"entity_id,omitempty"`
	SSOURL       string   `json:"sso_url,omitempty"`        // HTTP-Redirect
	SLOURL       string   `json:"slo_url,omitempty"`        // HTTP-Redirect; empty: signing out here stays here
	SLOAnswerURL string   `json:"slo_answer_url,omitempty"` // where answers to its logout requests go; empty: SLOURL
	Certificates []string `json:"certificates,omitempty"`   // PEM; two while one takes the place of the other
	Fingerprints []string `json:"fingerprints,omitempty"`   // SHA-256 of certificates that its answers bring along; for those who know no more yet
	MetadataURL  string   `json:"metadata_url,omitempty"`   // read again each day

	MustEncrypt bool   `json:"must_encrypt,omitempty"` // an answer that is not encrypted is refused
	NameFormat  string `json:"name_format,omitempty"`  // of the name that is asked for; empty: whatever it gives
	AskMFA      bool   `json:"ask_mfa,omitempty"`      // the request says that a second factor shall be asked for, by the words of mfa_values
	Begins      bool   `json:"begins,omitempty"`       // it may send people here unasked

	// Names of attributes; empty: the usual ones.
	SubjectAttribute string `json:"subject_attribute,omitempty"` // names the account for ever; empty: the NameID does
	EmailAttribute   string `json:"email_attribute,omitempty"`
	NameAttribute    string `json:"name_attribute,omitempty"`
	RoleAttribute    string `json:"role_attribute,omitempty"`
}

// SAMLKeyState is what one of our keys is for. The words are part of the API.
type SAMLKeyState string

// States of a key, in the order in which it goes through them.
const (
	SAMLKeyNext    SAMLKeyState = "next"    // stands in our metadata, so that the provider knows it before it is used
	SAMLKeyCurrent SAMLKeyState = "current" // signs what we send
	SAMLKeyOld     SAMLKeyState = "old"     // still opens what was encrypted for it
)

// SAMLKey is a key by which an identity provider knows us.
type SAMLKey struct {
	ID          int64        `json:"id" db:"id"`
	State       SAMLKeyState `json:"state" db:"state"`
	Certificate []byte       `json:"-" db:"certificate"` // DER
	Fingerprint string       `json:"fingerprint" db:"-"`
	CreatedAt   time.Time    `json:"created_at" db:"created_at"`
}
