package mailout

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"net/textproto"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"postern/desk"
	"postern/domains"
)

// SignatureLife is how long a signature need be valid: the days of retries, and some for slow queues on the way (RFC 6376 §3.5, x=).
const SignatureLife = 7 * 24 * time.Hour

// maxHeader bounds the header that Sign reads: many times what Compose writes, and a verifier's patience ends there too.
const maxHeader = 256 << 10

// oversigned fields are named once more than they occur, so that adding another one breaks the signature (RFC 6376 §8.15).
var oversigned = []string{
	"From", "To", "Cc", "Subject", "Date", "Reply-To", "Message-ID", "In-Reply-To", "References",
	"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID",
}

// signedIfPresent are fields that mailing lists may add on the way and that are signed when we wrote them ourselves.
var signedIfPresent = []string{"Auto-Submitted", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"}

// Sign writes the message to w with one DKIM signature for each key in front (T-SIGN): relaxed/relaxed, the whole body, the usual fields oversigned. expires becomes x=; zero leaves it out.
// The message is read twice and never held in memory. It must have one From with one address, in the domain of every key or below it, so that DMARC finds the signatures aligned (RFC 9989 §4.4).
func Sign(w io.Writer, message io.ReadSeeker, keys []domains.Key, expires time.Time) error {
	present, err := readHeader(message)
	if err != nil {
		return fmt.Errorf("reading the message to sign: %w", err)
	}
	if len(keys) == 0 {
		return errors.New("signing a message: no keys")
	}
	if err := checkAuthor(present, keys); err != nil {
		return fmt.Errorf("signing a message: %w", err)
	}
	signatures, err := hashAndSign(message, signOptions(present, keys, expires))
	if err != nil {
		return fmt.Errorf("signing a message: %w", err)
	}
	if _, err := message.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading the message again: %w", err)
	}
	if _, err := io.Copy(w, io.MultiReader(strings.NewReader(signatures), message)); err != nil {
		return fmt.Errorf("writing the signed message: %w", err)
	}
	return nil
}

// readHeader reads the header and goes back to the start.
func readHeader(message io.ReadSeeker) (mail.Header, error) {
	if _, err := message.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	parsed, err := mail.ReadMessage(bufio.NewReader(io.LimitReader(message, maxHeader)))
	if err != nil {
		return nil, err
	}
	_, err = message.Seek(0, io.SeekStart)
	return parsed.Header, err
}

// checkAuthor makes sure that the keys speak for the author.
func checkAuthor(present mail.Header, keys []domains.Key) error {
	from, err := present.AddressList("From")
	if err != nil || len(from) != 1 || len(present["From"]) != 1 {
		return errors.New("it must have one From with one address")
	}
	domain := desk.DomainOf(from[0].Address)
	for _, key := range keys {
		if domain != key.Domain && !strings.HasSuffix(domain, "."+key.Domain) {
			return fmt.Errorf("the key %s of %s does not speak for %s", key.Selector, key.Domain, domain)
		}
	}
	return nil
}

func signOptions(present mail.Header, keys []domains.Key, expires time.Time) []*dkim.SignOptions {
	count := func(name string) int { return len(present[textproto.CanonicalMIMEHeaderKey(name)]) }
	var names []string
	for _, name := range oversigned {
		for range count(name) + 1 {
			names = append(names, name)
		}
	}
	for _, name := range signedIfPresent {
		for range count(name) {
			names = append(names, name)
		}
	}
	options := make([]*dkim.SignOptions, len(keys))
	for i, key := range keys {
		options[i] = &dkim.SignOptions{
			Domain: key.Domain, Selector: key.Selector, Signer: key.Private, HeaderKeys: names, Expiration: expires,
			HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		}
	}
	return options
}

// hashAndSign feeds the message to all signers in one pass and returns the signature fields.
func hashAndSign(message io.Reader, options []*dkim.SignOptions) (string, error) {
	signers := make([]*dkim.Signer, 0, len(options))
	writers := make([]io.Writer, 0, len(options))
	// A signer is a goroutine that ends with Close, whatever else went wrong.
	closeAll := func() error {
		var errs []error
		for _, signer := range signers {
			errs = append(errs, signer.Close())
		}
		return errors.Join(errs...)
	}
	for _, option := range options {
		signer, err := dkim.NewSigner(option)
		if err != nil {
			return "", errors.Join(err, closeAll())
		}
		signers, writers = append(signers, signer), append(writers, signer)
	}
	_, copyErr := io.Copy(io.MultiWriter(writers...), message)
	if err := errors.Join(copyErr, closeAll()); err != nil {
		return "", err
	}
	var fields strings.Builder
	for _, signer := range signers {
		fields.WriteString(signer.Signature())
	}
	return fields.String(), nil
}
