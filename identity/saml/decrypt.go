package saml

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/beevik/etree"
)

// ciphers are those for the assertion itself (XML Encryption 1.1 §5.2): the size of the key in octets, and whether they also prove that nobody changed it.
var ciphers = map[string]struct {
	size          int
	authenticated bool
}{
	"http://www.w3.org/2009/xmlenc11#aes128-gcm":  {16, true},
	"http://www.w3.org/2009/xmlenc11#aes192-gcm":  {24, true},
	"http://www.w3.org/2009/xmlenc11#aes256-gcm":  {32, true},
	"http://www.w3.org/2001/04/xmlenc#aes128-cbc": {16, false},
	"http://www.w3.org/2001/04/xmlenc#aes192-cbc": {24, false},
	"http://www.w3.org/2001/04/xmlenc#aes256-cbc": {32, false},
}

// Key transports that we take (XML Encryption 1.1 §5.5.2). RSA 1.5 is missing: its padding can be asked for the key (Bleichenbacher).
const (
	transportOAEP   = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p" // mask generation with SHA-1
	transportOAEP11 = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
)

// errUndecipherable is every fault of decryption: which one it was would be an oracle.
var errUndecipherable = errors.New("cannot be decrypted")

// decrypted opens an EncryptedAssertion by one of our keys and screens what was in it like any other document. A cipher that proves nothing (CBC) is taken only where a signature
// around it has been checked already: else whoever changes it could learn its text from our answers.
func decrypted(el *etree.Element, keys []*rsa.PrivateKey, around signatureAround) (*etree.Element, error) {
	data := named(el, "EncryptedData")
	if len(data) != 1 || data[0].NamespaceURI() != nsEncrypted {
		return nil, refuse(BadEncryption, "EncryptedData")
	}
	method, known := ciphers[algorithm(data[0], "EncryptionMethod")]
	if !known || !method.authenticated && around == unsignedAround {
		return nil, refuse(WeakAlgorithm, "EncryptionMethod")
	}
	holder, found := encryptedKey(el, data[0])
	if !found {
		return nil, refuse(BadEncryption, "EncryptedKey")
	}
	transport := algorithm(holder, "EncryptionMethod")
	if transport != transportOAEP && transport != transportOAEP11 {
		return nil, refuse(WeakAlgorithm, "EncryptedKey")
	}
	wrapped, err := cipherValue(holder)
	if err != nil {
		return nil, refuse(BadEncryption, "")
	}
	text, err := cipherValue(data[0])
	if err != nil {
		return nil, refuse(BadEncryption, "")
	}
	for _, key := range keys {
		session, err := unwrap(holder, transport, wrapped, key)
		if err != nil || len(session) != method.size {
			continue
		}
		plain, err := decipher(session, text, method.authenticated)
		if err != nil {
			continue
		}
		return screenInner(plain)
	}
	return nil, refuse(BadEncryption, "")
}

// signatureAround says whether an encrypted assertion stands in a response whose signature has been checked.
type signatureAround int

const (
	unsignedAround signatureAround = iota
	signedAround
)

// screenInner screens an assertion that was encrypted, in a response of its own so that the same rules hold.
func screenInner(plain []byte) (*etree.Element, error) {
	inner := etree.NewDocument()
	if refusal := screenMarkup(plain); refusal != nil {
		return nil, refusal
	}
	if refusal := screenTokens(plain); refusal != nil {
		return nil, refusal
	}
	if err := inner.ReadFromBytes(plain); err != nil || inner.Root() == nil {
		return nil, refuse(Malformed, "XML in EncryptedAssertion")
	}
	root := inner.Root()
	if root.Tag != "Assertion" || root.NamespaceURI() != nsAssertion {
		return nil, refuse(Misplaced, "EncryptedAssertion")
	}
	holder := etree.NewElement("Response")
	holder.AddChild(root)
	if refusal := screenTree(holder); refusal != nil {
		return nil, refusal
	}
	return root, nil
}

// encryptedKey is the key that came along: inside the data (XML Encryption §3.5.1), or beside it (SAML Core §2.3.4).
func encryptedKey(el, data *etree.Element) (*etree.Element, bool) {
	beside := named(el, "EncryptedKey")
	for _, info := range named(data, "KeyInfo") {
		beside = append(beside, named(info, "EncryptedKey")...)
	}
	if len(beside) != 1 || beside[0].NamespaceURI() != nsEncrypted {
		return nil, false
	}
	return beside[0], true
}

func cipherValue(el *etree.Element) ([]byte, error) {
	for _, data := range named(el, "CipherData") {
		for _, value := range named(data, "CipherValue") {
			return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value.Text()), ""))
		}
	}
	return nil, errUndecipherable
}

// unwrap opens the session key (RFC 8017 §7.1).
func unwrap(holder *etree.Element, transport string, wrapped []byte, key *rsa.PrivateKey) ([]byte, error) {
	options := rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1} // what the older transport means when it says no more
	for _, method := range named(holder, "EncryptionMethod") {
		if len(named(method, "OAEPparams")) > 0 {
			return nil, errUndecipherable
		}
		var known bool
		if digest := algorithm(method, "DigestMethod"); digest != "" {
			if options.Hash, known = oaepDigests[digest]; !known {
				return nil, errUndecipherable
			}
		}
		if mask := algorithm(method, "MGF"); mask != "" && transport == transportOAEP11 {
			if options.MGFHash, known = oaepMasks[mask]; !known {
				return nil, errUndecipherable
			}
		}
	}
	session, err := key.Decrypt(nil, wrapped, &options)
	if err != nil && transport == transportOAEP && options.Hash != options.MGFHash { // some use the digest for the mask too
		options.MGFHash = options.Hash
		session, err = key.Decrypt(nil, wrapped, &options)
	}
	return session, err
}

// Digests and masks inside OAEP. SHA-1 is among them, since nothing rests on its collisions there (RFC 8017 §B.1), and most providers can do no other.
var (
	oaepDigests = map[string]crypto.Hash{
		"http://www.w3.org/2000/09/xmldsig#sha1": crypto.SHA1, "http://www.w3.org/2001/04/xmlenc#sha256": crypto.SHA256, "http://www.w3.org/2001/04/xmlenc#sha512": crypto.SHA512,
	}
	oaepMasks = map[string]crypto.Hash{
		"http://www.w3.org/2009/xmlenc11#mgf1sha1": crypto.SHA1, "http://www.w3.org/2009/xmlenc11#mgf1sha256": crypto.SHA256, "http://www.w3.org/2009/xmlenc11#mgf1sha512": crypto.SHA512,
	}
)

// decipher opens the text: the nonce or the initialisation vector stands before it.
func decipher(key, text []byte, authenticated bool) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errUndecipherable
	}
	if authenticated {
		gcm, err := cipher.NewGCM(block)
		if err != nil || len(text) < gcm.NonceSize() {
			return nil, errUndecipherable
		}
		return gcm.Open(nil, text[:gcm.NonceSize()], text[gcm.NonceSize():], nil)
	}
	if len(text) < 2*aes.BlockSize || len(text)%aes.BlockSize != 0 {
		return nil, errUndecipherable
	}
	plain := make([]byte, len(text)-aes.BlockSize)
	cipher.NewCBCDecrypter(block, text[:aes.BlockSize]).CryptBlocks(plain, text[aes.BlockSize:])
	padding := int(plain[len(plain)-1]) // the last octet counts them, the others may be anything (XML Encryption §5.2)
	if subtle.ConstantTimeLessOrEq(1, padding)&subtle.ConstantTimeLessOrEq(padding, aes.BlockSize) != 1 {
		return nil, errUndecipherable
	}
	return plain[:len(plain)-padding], nil
}
