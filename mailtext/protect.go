package mailtext

import "strings"

// Names of the two ways in which mail is signed and encrypted from person to person.
const (
	protectSMIME   = "S/MIME"  // RFC 8551
	protectOpenPGP = "OpenPGP" // RFC 3156
)

// protection notes what a leaf says about signatures and encryption. Nothing is verified or decrypted here: the parts are kept as files, and a person sees what they are.
func (r *reading) protection(e *entity) {
	m := r.mail
	switch e.content.value {
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		if strings.EqualFold(e.content.params["smime-type"], "signed-data") {
			m.Signed = protectSMIME
		} else if !strings.EqualFold(e.content.params["smime-type"], "certs-only") {
			m.Encrypted = protectSMIME
		}
	case "application/pkcs7-signature", "application/x-pkcs7-signature":
		m.Signed = protectSMIME
	case "application/pgp-signature":
		m.Signed = protectOpenPGP
	case "application/pgp-encrypted":
		m.Encrypted = protectOpenPGP
	}
}

// inlineOpenPGP notes armour that stands in the text (RFC 9580 §6.2, §7).
func (r *reading) inlineOpenPGP() {
	m := r.mail
	if m.Encrypted == "" && startsLine(m.Text, "-----BEGIN PGP MESSAGE-----") {
		m.Encrypted = protectOpenPGP
	}
	if m.Signed == "" && startsLine(m.Text, "-----BEGIN PGP SIGNED MESSAGE-----") {
		m.Signed = protectOpenPGP
	}
}

// startsLine says whether a line of text begins with prefix.
func startsLine(text, prefix string) bool {
	at := strings.Index(text, prefix)
	return at == 0 || at > 0 && text[at-1] == '\n'
}
