package mailauth_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"postern/mailauth/canon"
)

// signer holds the key of a domain: the same for all, since who owns a key is a matter of the DNS.
type signer struct{ key ed25519.PrivateKey }

func newSigner() signer {
	return signer{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))}
}

// record is the key as the DNS has it.
func (s signer) record(selector, domain string) string {
	public := base64.StdEncoding.EncodeToString(s.key.Public().(ed25519.PublicKey))
	return fmt.Sprintf("%s._domainkey.%s. TXT \"v=DKIM1; k=ed25519; p=%s\"\n", selector, domain, public)
}

// sign puts a DKIM signature of a domain in front of a mail.
func (s signer) sign(t testing.TB, domain, mail string) string {
	t.Helper()
	var out bytes.Buffer
	options := dkim.SignOptions{
		Domain: domain, Selector: "s1", Signer: s.key, HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		HeaderKeys: []string{"From", "To", "Subject", "Date"},
	}
	if err := dkim.Sign(&out, strings.NewReader(mail), &options); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// seal is one set of a chain, as a forwarder writes it.
type seal struct {
	sealer  string
	results string // after 'i=n;'
	signs   string // h= of its message signature
}

// seal puts a set in front of a mail (RFC 8617 §5.1). No library that can be had writes them.
func (s signer) seal(t testing.TB, instance int, set seal, mail string) string {
	t.Helper()
	cv := "pass"
	if instance == 1 {
		cv = "none"
	}
	signs := "From:To:Subject"
	if set.signs != "" {
		signs = set.signs
	}
	mail = fmt.Sprintf("ARC-Authentication-Results: i=%d; %s\r\n", instance, set.results) + mail
	m := read(t, mail)
	bodies, err := m.SumBody(t.Context(), []canon.BodyPart{{Form: canon.Relaxed, Length: canon.Whole}})
	if err != nil {
		t.Fatal(err)
	}
	unsigned := fmt.Sprintf("ARC-Message-Signature: i=%d; a=ed25519-sha256; c=relaxed/relaxed; d=%s; s=s1; h=%s; bh=%s; b=",
		instance, set.sealer, signs, base64.StdEncoding.EncodeToString(bodies[0].Sum[:]))
	sum := m.Sum(canon.Selection{Form: canon.Relaxed, Names: strings.Split(strings.ToLower(signs), ":"), Own: -1, Unsigned: unsigned + "\r\n"})
	mail = unsigned + base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, sum[:])) + "\r\n" + mail

	unsigned = fmt.Sprintf("ARC-Seal: i=%d; a=ed25519-sha256; cv=%s; d=%s; s=s1; b=", instance, cv, set.sealer)
	m = read(t, unsigned+"\r\n"+mail)
	var names []string // every set, oldest first: results, message signature, seal
	for range instance {
		names = append(names, "arc-authentication-results", "arc-message-signature", "arc-seal")
	}
	sum = m.Sum(canon.Selection{Form: canon.Relaxed, Names: names[:len(names)-1], Own: 0, Unsigned: unsigned + "\r\n"})
	return unsigned + base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, sum[:])) + "\r\n" + mail
}

func read(t testing.TB, mail string) *canon.Mail {
	t.Helper()
	m, err := canon.Read(section(mail))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func section(mail string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(mail), 0, int64(len(mail)))
}
