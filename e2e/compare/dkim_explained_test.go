package compare

import (
	"bytes"
	"slices"
	"strings"
)

// only are fields that a mail has once (RFC 5322 §3.6).
var only = []string{"from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references", "subject", "date"}

// look says what is special about a signed mail at its end, as far as that concerns a signature.
func look(mail []byte, o order) (about []string) {
	names := map[string]int{}
	head, body, _ := bytes.Cut(mail, []byte("\r\n\r\n"))
	for line := range strings.SplitSeq(string(head), "\r\n") {
		if name, _, found := strings.Cut(line, ":"); found && line[0] != ' ' && line[0] != '\t' {
			names[strings.ToLower(strings.TrimSpace(name))]++
		}
	}
	if names["from"] > 1 {
		about = append(about, "two From")
	}
	if slices.ContainsFunc(only, func(name string) bool { return names[name] > 1 && slices.Contains(o.Names, name) }) {
		about = append(about, "a field twice")
	}
	if len(body) > 0 && !bytes.HasSuffix(body, []byte("\r\n")) {
		about = append(about, "no line end")
	}
	if bytes.Count(mail, []byte{'\r'}) > bytes.Count(mail, []byte("\r\n")) {
		about = append(about, "CR alone")
	}
	if o.Length && o.Body == "relaxed" {
		about = append(about, "l= of a relaxed body")
	}
	return about
}

// signatureDifferences are all between us and the others about DKIM.
var signatureDifferences = []difference{
	{"public suffix in d=", []string{dkimpy, mailDKIM, rspamd}, "Nobody is the one owner of a public suffix, so a signature of `co.uk` proves nothing here: 'policy'. The others do not look.", stricter("public suffix")},
	{"part of a body", []string{dkimpy, mailDKIM, rspamd}, "`l=` covers less than there is; what follows can be anybody's (RFC 6376 §8.2): 'policy'. The others pass.", func(c comparison) bool {
		return c.theirs == yes && c.has("l=") && strings.Contains(c.reason, "of the body are signed")
	}},
	{"rsa-sha1", []string{dkimpy, mailDKIM, rspamd}, "RFC 8301 §3.1 forbids to take SHA-1 as proof: 'policy'. The others pass unless told otherwise.", stricter("rsa-sha1")},
	{"keys below 1024 bits", []string{mailDKIM, rspamd}, "RFC 8301 §3.2 forbids them: 'policy'. These two take 768.", stricter("768 bits")},
	{"several keys under one name", []string{dkimpy, mailDKIM, rspamd}, "RFC 6376 §3.6.2.2 leaves open what follows; where two could be meant none counts here. The others take one.", stricter("several keys")},
	{"v= of a key not first", []string{dkimpy, mailDKIM, rspamd}, "RFC 6376 §3.6.1: it must be the first tag if it is there. The others do not mind.", stricter("v= not first")},
	{"key of another version", []string{rspamd}, "RFC 6376 §3.6.1: a key with another `v=` than DKIM1 must be discarded.", stricter("key of another version")},
	{"h= of a key", []string{dkimpy, rspamd}, "The owner of a key with `h=sha1` does not want it for SHA-256 (RFC 6376 §3.6.1). These two do not look.", stricter("key for SHA-1")},
	{"s= of a key", []string{rspamd}, "A key for another service than mail is none (RFC 6376 §3.6.1). rspamd does not look.", stricter("key for another service")},
	{"t=s of a key", []string{dkimpy, rspamd}, "With it `i=` must have the very domain of `d=` (RFC 6376 §3.6.1). These two do not look.", stricter("t=s", "i= below d=")},
	{"expired signatures", []string{dkimpy}, "We allow clocks to be five minutes off, dkimpy ten hours.", stricter("expired")},
	{"signatures from the future", []string{mailDKIM}, "A `t=` that lies ahead is no time at which anybody signed; RFC 6376 §3.5 lets a verifier ignore such a signature. Mail::DKIM does not look.", stricter("from the future")},
	{"what needs no key", []string{mailDKIM, rspamd}, "They ask for the key first and answer 'temperror' where the DNS does; we know without it that the signature is worth nothing.", func(c comparison) bool {
		return c.theirs == later && c.ours == no && c.has("SERVFAIL")
	}},
	{"x= beyond any number", []string{rspamd}, "RFC 6376 §3.5: it may be taken for infinite. rspamd takes the signature for broken.", func(c comparison) bool { return c.theirs == no && c.has("x= beyond numbers") }},
	{"several ways in q=", []string{dkimpy}, "`q=` is a list (RFC 6376 §3.5), and one that holds dns/txt will do. dkimpy wants nothing else in it.", laxer("two ways in q=")},
	{"ed25519-sha256", []string{mailDKIM}, "Mail::DKIM of Debian 12 does not know RFC 8463.", laxer("ed25519")},
	{"two From", []string{dkimpy}, "dkimpy adds From to `h=` once more than the signer did. Here the signature holds, and DMARC does not apply to a mail with two From: nothing is proved of its author.", laxer("two From")},
	{"a field twice", []string{rspamd}, "rspamd breaks the signature of a mail with two From, To, Subject or Message-ID on purpose. RFC 6376 §5.4.2 says which of them is signed, and that holds.", laxer("a field twice")},
	{"space before the colon", []string{dkimpy, rspamd}, "`Subject :` is obsolete and allowed (RFC 5322 §4.5). Relaxed, the space goes (RFC 6376 §3.4.2); dkimpy does not read such a mail, rspamd keeps the space.", laxer("subject name in capitals")},
	{"l= of a relaxed body", []string{rspamd}, "`l=` counts octets of the canonical form (RFC 6376 §3.5). rspamd counts before it takes spaces and lines away.", laxer("l= of a relaxed body")},
	{"CR alone", []string{rspamd}, "Only CRLF ends a line (RFC 5322 §2.3); a CR before it is an octet like others. rspamd takes it for a line end.", laxer("CR alone")},
	{"body without a line end", []string{dkimpy, mailDKIM, rspamd}, "Both forms end with CRLF whatever the body ends with (RFC 6376 §3.4.3, §3.4.4), and `l=` counts it. Each of the others has cases in which it adds none. No mail comes so over SMTP.", func(c comparison) bool { return c.has("no line end") }},
}
