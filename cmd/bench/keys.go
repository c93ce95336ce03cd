package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"postern/domains"
	"postern/mailout"
)

// signingDomains is how many domains the senders of signed mails share: enough that no answer of the DNS serves all mails, few enough that all are known after the first second.
const signingDomains = 20

// selector names the one key of each.
const selector = "bench"

// makeKeys writes a key for each signing domain into a file, which the generators read. Keys are made new for each run: none lies in the repository.
func makeKeys(file string) ([]domains.Key, error) {
	all := make([][]byte, signingDomains)
	for i := range all {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, fmt.Errorf("make the keys: %w", err)
		}
		if all[i], err = x509.MarshalPKCS8PrivateKey(private); err != nil {
			return nil, fmt.Errorf("make the keys: %w", err)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("make the keys: %w", err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	return readKeys(file)
}

// readKeys reads what makeKeys wrote.
func readKeys(file string) ([]domains.Key, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	keys := make([]domains.Key, len(all))
	for i, der := range all {
		private, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, fmt.Errorf("read the keys: %w", err)
		}
		signer, is := private.(crypto.Signer)
		if !is {
			return nil, fmt.Errorf("read the keys: %T does not sign", private)
		}
		public, err := x509.MarshalPKIXPublicKey(signer.Public())
		if err != nil {
			return nil, fmt.Errorf("read the keys: %w", err)
		}
		keys[i] = domains.Key{
			Domain: customer(uint64(i)), Selector: selector, Algorithm: domains.RSA, Private: signer, Public: base64.StdEncoding.EncodeToString(public),
		}
	}
	return keys, nil
}

// sign puts a DKIM signature in front of a mail: relaxed/relaxed, the usual fields oversigned, as Postern signs its own.
func sign(mail []byte, key domains.Key) ([]byte, error) {
	var signed bytes.Buffer
	if err := mailout.Sign(&signed, bytes.NewReader(mail), []domains.Key{key}, time.Time{}); err != nil {
		return nil, err
	}
	return signed.Bytes(), nil
}
