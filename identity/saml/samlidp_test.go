package saml

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	crewjam "github.com/crewjam/saml"
	"github.com/crewjam/saml/samlidp"
	dsig "github.com/russellhaering/goxmldsig"

	"postern/internal/testkit"
)

// startSamlidp starts the identity provider of another project, which knows us and anna.
func startSamlidp(t *testing.T, us Service) (provider *samlidp.Server, metadata string) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	by := newPair(pairs().idp.key, now.Add(-time.Hour), now.Add(time.Hour))
	provider, err = samlidp.New(samlidp.Options{URL: *at, Key: by.key, Certificate: by.cert, Store: &samlidp.MemoryStore{}, Logger: log.New(io.Discard, "", 0)})
	if err != nil {
		t.Fatal(err)
	}
	provider.IDP.SignatureMethod = dsig.RSASHA256SignatureMethod
	mux.Handle("/", provider)
	user, err := json.Marshal(map[string]any{"name": "anna", "password": "correct horse", "email": "anna@example.com", "groups": []string{"support"}})
	if err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string][]byte{"/users/anna": user, "/services/us": metadataOf(t, us)} {
		request, err := http.NewRequest(http.MethodPut, server.URL+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNoContent {
			t.Fatalf("PUT %s: %s", path, answer.Status)
		}
	}
	return provider, server.URL + "/metadata"
}

func TestSamlidp(t *testing.T) {
	key, err := NewKey(nil, "desk.example", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	us := Service{EntityID: ourEntity, Consumer: ourAddress, Logout: ourLogout, Keys: []Key{key}}
	provider, metadata := startSamlidp(t, us)
	idp := fetched(t, metadata)
	signIn := func() (string, []byte) {
		id, address := asked(t, us, idp)
		client := visitor(t)
		answer, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		form := testkit.FirstForm(t, answer)
		form.Fields.Set("user", "anna")
		form.Fields.Set("password", "correct horse")
		if answer, err = client.PostForm(form.Action, form.Fields); err != nil { // it answers with the session, and forgets what it was asked
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer, err = client.Get(address); err != nil {
			t.Fatal(err)
		}
		return id, answered(t, testkit.FirstForm(t, answer))
	}
	id, document := signIn()
	expect := measure(us, idp, id)
	expect.Encryption = MustEncrypt // it always does, since our metadata has a key for it: CBC inside a signed response
	told, err := Read(document, expect)
	if err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	if told.Subject.Name != "anna@example.com" || told.First("mail") != "anna@example.com" {
		t.Errorf("it tells %+v", told)
	}

	t.Run("with its default, SHA-1", func(t *testing.T) {
		provider.IDP.SignatureMethod = ""
		defer func() { provider.IDP.SignatureMethod = dsig.RSASHA256SignatureMethod }()
		id, document := signIn()
		var refusal *Refusal
		if _, err := Read(document, measure(us, idp, id)); !errors.As(err, &refusal) || refusal.Reason != WeakAlgorithm {
			t.Errorf("it was taken: %v", err)
		}
	})
}

// TestWhyTheLibraryIsNotAsked shows what the service provider of the library takes: docs/decisions names these reasons for reading responses ourselves. When one of them is mended
// there, this test says so.
func TestWhyTheLibraryIsNotAsked(t *testing.T) {
	now := time.Now()
	by := newPair(pairs().idp.key, now.Add(-time.Hour), now.Add(time.Hour))
	at, err := url.Parse(ourAddress)
	if err != nil {
		t.Fatal(err)
	}
	metadataURL, err := url.Parse(ourEntity)
	if err != nil {
		t.Fatal(err)
	}
	info := crewjam.KeyInfo{X509Data: crewjam.X509Data{X509Certificates: []crewjam.X509Certificate{{Data: base64Of(by.cert)}}}}
	role := crewjam.IDPSSODescriptor{}
	role.KeyDescriptors = []crewjam.KeyDescriptor{{Use: "signing", KeyInfo: info}}
	library := crewjam.ServiceProvider{EntityID: ourEntity, MetadataURL: *metadataURL, AcsURL: *at, IDPMetadata: &crewjam.EntityDescriptor{EntityID: idpEntity, IDPSSODescriptors: []crewjam.IDPSSODescriptor{role}}}
	words := map[string]string{
		"issued": now.UTC().Format(time.RFC3339), "confirmTill": now.Add(time.Minute).UTC().Format(time.RFC3339), "from": now.Add(-time.Minute).UTC().Format(time.RFC3339),
		"till": now.Add(time.Minute).UTC().Format(time.RFC3339), "session": now.Add(time.Hour).UTC().Format(time.RFC3339),
	}
	honest := document(t, words)
	sign(t, honest, by, dsig.RSASHA256SignatureMethod)
	old := document(t, words)
	sign(t, old, by, dsig.RSASHA1SignatureMethod)
	two := document(t, words)
	sign(t, assertionOf(two), by, dsig.RSASHA256SignatureMethod)
	two.AddChild(assertionOf(two).Copy())
	late := document(t, mergedWords(words, "confirmTill", now.Add(-2*time.Minute).UTC().Format(time.RFC3339)))
	sign(t, late, by, dsig.RSASHA256SignatureMethod)
	for name, each := range map[string]struct {
		document []byte
		want     Reason
	}{
		"SHA-1": {octets(t, old), WeakAlgorithm}, "two assertions": {octets(t, two), DoubleID}, "a DTD": {append([]byte("<!DOCTYPE Response>"), octets(t, honest)...), Doctype},
		"two minutes late": {octets(t, late), Expired},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := library.ParseXMLResponse(each.document, []string{ourRequest}, *at); err != nil {
				var invalid *crewjam.InvalidResponseError
				errors.As(err, &invalid)
				t.Errorf("the library refuses it now: %v", invalid.PrivateErr)
			}
			expect := expected()
			expect.Now, expect.Trust.Certificates = now, []*x509.Certificate{by.cert}
			refused(t, each.document, expect, each.want)
		})
	}
}
