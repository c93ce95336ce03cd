package saml

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"postern/internal/testkit"
)

// These tests have SimpleSAMLphp as the provider: it reads the metadata that we write, checks the signatures that we make, and we read what it says.

func visitor(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: time.Minute}
}

// acquainted starts a provider that knows us, and reads its metadata.
func acquainted(t *testing.T) (*testkit.SimpleSAML, Service, IdP) {
	t.Helper()
	provider := testkit.StartSimpleSAML(t)
	key, err := NewKey(nil, "desk.example", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	us := Service{EntityID: ourEntity, Consumer: ourAddress, Logout: ourLogout, Keys: []Key{key}}
	provider.Know(metadataOf(t, us), "")
	return provider, us, fetched(t, provider.Metadata)
}

func metadataOf(t *testing.T, us Service) []byte {
	t.Helper()
	ours, err := us.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	return ours
}

func fetched(t *testing.T, from string) IdP {
	t.Helper()
	answer, err := http.Get(from)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	idp, err := ReadMetadata(text, "")
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return idp
}

func asked(t *testing.T, us Service, idp IdP) (id, address string) {
	t.Helper()
	id, err := NewID(nil)
	if err != nil {
		t.Fatal(err)
	}
	address, err = us.Request(Asking{ID: id, At: idp.SignOn, Format: FormatPersistent, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return id, address
}

func answered(t *testing.T, form testkit.Form) []byte {
	t.Helper()
	if form.Action != ourAddress {
		t.Fatalf("the provider posts to %s: %v", form.Action, form.Fields)
	}
	document, err := Decode(form.Fields.Get("SAMLResponse"))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func measure(us Service, idp IdP, request string) Expect {
	return Expect{Issuer: idp.EntityID, Audience: us.EntityID, Consumer: us.Consumer, Request: request, Trust: Trust{Certificates: idp.Certificates}, Keys: us.Privates(), Now: time.Now()}
}

func TestSimpleSAMLphp(t *testing.T) {
	anna := testkit.SimpleSAMLUsers[0]
	provider, us, idp := acquainted(t)
	for name, extra := range map[string]string{
		"response and assertion signed": "", "assertion alone signed": "'saml20.sign.response' => false,", "response alone signed": "'saml20.sign.assertion' => false,",
		"encrypted with GCM": "'assertion.encryption' => true, 'sharedkey_algorithm' => 'http://www.w3.org/2009/xmlenc11#aes128-gcm',", "encrypted with CBC": "'assertion.encryption' => true,",
		"SHA-512": "'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512',",
	} {
		t.Run(name, func(t *testing.T) {
			provider.Know(metadataOf(t, us), extra)
			id, address := asked(t, us, idp)
			document := answered(t, provider.SignIn(visitor(t), address, anna))
			if request, err := Peek(document); err != nil || request != id {
				t.Fatalf("it answers %q, %v", request, err)
			}
			expect := measure(us, idp, id)
			if strings.Contains(extra, "encryption") {
				expect.Encryption = MustEncrypt
			}
			told, err := Read(document, expect)
			if err != nil {
				t.Fatalf("%v in %s", err, document)
			}
			if told.Subject != (Subject{Name: "anna", Format: FormatPersistent}) || told.First("mail") != anna.Email || len(told.All("groups")) != 2 || told.Session == "" || time.Until(told.Until) < time.Hour {
				t.Errorf("it tells %+v", told)
			}
		})
	}
}

func TestSimpleSAMLphpRefused(t *testing.T) {
	anna := testkit.SimpleSAMLUsers[0]
	provider, us, idp := acquainted(t)
	provider.Know(metadataOf(t, us), "'signature.algorithm' => 'http://www.w3.org/2000/09/xmldsig#rsa-sha1',")
	id, address := asked(t, us, idp)
	document := answered(t, provider.SignIn(visitor(t), address, anna))
	var refusal *Refusal
	if _, err := Read(document, measure(us, idp, id)); !errors.As(err, &refusal) || refusal.Reason != WeakAlgorithm {
		t.Errorf("SHA-1 by a real provider: %v", err)
	}

	t.Run("a request with a broken signature is refused by the provider", func(t *testing.T) {
		_, address := asked(t, us, idp)
		at := strings.Index(address, "&Signature=")
		answer, err := visitor(t).Get(address[:at+20] + "A" + address[at+21:])
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if page, _ := io.ReadAll(answer.Body); !strings.Contains(string(page), "Unable to validate signature") {
			t.Errorf("the provider took it, so its check of our signatures proves nothing: %s", page)
		}
	})
	t.Run("an answer to another request", func(t *testing.T) {
		provider.Know(metadataOf(t, us), "")
		_, address := asked(t, us, idp)
		form := provider.SignIn(visitor(t), address, anna)
		other, _ := asked(t, us, idp)
		if _, err := Read(answered(t, form), measure(us, idp, other)); !errors.As(err, &refusal) || refusal.Reason != NotAsked {
			t.Errorf("it was taken: %v", err)
		}
	})
}

func TestSimpleSAMLphpRollsOver(t *testing.T) {
	anna := testkit.SimpleSAMLUsers[0]
	provider, us, _ := acquainted(t)
	provider.NewKey("next")
	provider.Configure("'new_privatekey' => 'next.pem', 'new_certificate' => 'next.crt',")
	during := fetched(t, provider.Metadata)
	if len(during.Certificates) != 2 {
		t.Fatalf("its metadata has %d certificates while it rolls over", len(during.Certificates))
	}
	for _, phase := range []string{"'new_privatekey' => 'next.pem', 'new_certificate' => 'next.crt',", "'privatekey' => 'next.pem', 'certificate' => 'next.crt',"} {
		provider.Configure(phase)
		id, address := asked(t, us, during)
		document := answered(t, provider.SignIn(visitor(t), address, anna))
		if _, err := Read(document, measure(us, during, id)); err != nil {
			t.Errorf("with %s: %v", phase, err)
		}
	}
}

func TestSimpleSAMLphpLogsOut(t *testing.T) {
	anna := testkit.SimpleSAMLUsers[0]
	provider, us, idp := acquainted(t)
	client := visitor(t)
	id, address := asked(t, us, idp)
	told, err := Read(answered(t, provider.SignIn(client, address, anna)), measure(us, idp, id))
	if err != nil {
		t.Fatal(err)
	}
	expect := LogoutExpect{Issuer: idp.EntityID, At: ourLogout, Trust: Trust{Certificates: idp.Certificates}, Now: time.Now()}
	client.CheckRedirect = func(request *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(request.URL.String(), ourLogout) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	back := func(address string) string {
		answer, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		at, err := url.Parse(answer.Header.Get("Location"))
		if err != nil || !strings.HasPrefix(at.String(), ourLogout) {
			page, _ := io.ReadAll(answer.Body)
			t.Fatalf("%s, then %q: %s", answer.Status, answer.Header.Get("Location"), page)
		}
		return at.RawQuery
	}

	t.Run("because the provider says so", func(t *testing.T) {
		query := back(provider.URL + "saml2/idp/SingleLogoutService.php?ReturnTo=" + url.QueryEscape(provider.URL))
		logout, err := ReadLogoutQuery(query, expect)
		if err != nil {
			t.Fatal(err)
		}
		if logout.Subject.Name != "anna" || len(logout.Sessions) != 1 || logout.Sessions[0] != told.Session {
			t.Errorf("it asks to end %+v, the session is %s", logout, told.Session)
		}
		var refusal *Refusal
		for name, changed := range map[string]string{
			"signature": strings.Replace(query, "Signature=", "Signature=AA", 1), "relay state": query + "&RelayState=x", "twice": query + "&SAMLRequest=x", "unsigned": query[:strings.Index(query, "&SigAlg")],
		} {
			if _, err := ReadLogoutQuery(changed, expect); !errors.As(err, &refusal) {
				t.Errorf("%s: %v", name, err)
			}
		}
		answer, err := us.AnswerLogout("_answer", idp.LogoutAnswer, logout, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		client.CheckRedirect = nil
		page, err := client.Get(answer)
		if err != nil {
			t.Fatal(err)
		}
		defer page.Body.Close()
		if text, _ := io.ReadAll(page.Body); page.StatusCode != http.StatusOK || strings.Contains(string(text), "UNHANDLEDEXCEPTION") {
			t.Errorf("the provider does not take our answer: %s %s", page.Status, text)
		}
	})
	t.Run("because we say so", func(t *testing.T) {
		client = visitor(t)
		id, address := asked(t, us, idp)
		told, err := Read(answered(t, provider.SignIn(client, address, anna)), measure(us, idp, id))
		if err != nil {
			t.Fatal(err)
		}
		client.CheckRedirect = func(request *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(request.URL.String(), ourLogout) {
				return http.ErrUseLastResponse
			}
			return nil
		}
		request, err := us.AskLogout("_bye", idp.LogoutAt, told.Subject, told.Session, idp.EntityID, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		query := back(request)
		if ended, err := ReadLogoutAnswer(query, "_bye", expect); err != nil || !ended {
			t.Errorf("ended %v, %v", ended, err)
		}
		var refusal *Refusal
		if _, err := ReadLogoutAnswer(query, "_other", expect); !errors.As(err, &refusal) || refusal.Reason != NotAsked {
			t.Errorf("an answer to another request: %v", err)
		}
	})
}
