package dkim_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	mathrand "math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"postern/desk"
	"postern/domains"
	"postern/mailauth/dkim"
	"postern/mailout"
)

// question is a line for dkimpy.py.
type question struct {
	Mail []byte            `json:"mail"`
	Keys map[string]string `json:"keys,omitempty"`
	Sign *order            `json:"sign,omitempty"`
}

// order is what dkimpy is to sign.
type order struct {
	Key       string   `json:"key"`
	Selector  string   `json:"selector"`
	Domain    string   `json:"domain"`
	Algorithm string   `json:"algorithm"`
	Header    string   `json:"header"`
	Body      string   `json:"body"`
	Length    bool     `json:"length"`
	Names     []string `json:"names"`
}

type reply struct {
	Mail []byte `json:"mail"`
	Pass []bool `json:"pass"`
}

// dkimpy asks Debian's dkimpy, which 'make test' installs.
func dkimpy(t testing.TB, questions []question) []reply {
	t.Helper()
	var in, problems bytes.Buffer
	encoder := json.NewEncoder(&in)
	for _, q := range questions {
		if err := encoder.Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), "/usr/bin/python3", filepath.Join("testdata", "dkimpy.py"))
	command.Stdin, command.Stderr = &in, &problems
	out, err := command.Output()
	if err != nil {
		t.Fatalf("dkimpy: %v\n%s", err, problems.String())
	}
	replies := make([]reply, len(questions))
	decoder := json.NewDecoder(bytes.NewReader(out))
	for i := range replies {
		if err := decoder.Decode(&replies[i]); err != nil {
			t.Fatalf("dkimpy: answer %d of %d: %v", i+1, len(questions), err)
		}
	}
	return replies
}

// T-AUTH: what dkimpy signs holds, in all forms and with both algorithms; a part of a body is refused.
func TestT_AUTH_SignedByDkimpy(t *testing.T) {
	t.Parallel()
	private := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(pair().rsa)}))
	seed := base64.StdEncoding.EncodeToString(pair().ed.Seed())
	mail := []byte("From: Anna <anna@example.com>\r\nTo: help@postern.example\r\nSubject:  a   folded\r\n\tsubject \r\nReceived: x\r\n\r\n Hello \t there \r\n\r\n\r\n.. \r\nJosé\r\n\r\n\r\n")
	var questions []question
	for _, header := range []string{"simple", "relaxed"} {
		for _, body := range []string{"simple", "relaxed"} {
			for _, length := range []bool{false, true} {
				o := order{Selector: "rsa", Domain: "example.com", Algorithm: "rsa-sha256", Header: header, Body: body, Length: length, Key: private, Names: []string{"from", "subject", "to", "from", "date"}}
				questions = append(questions, question{Mail: mail, Sign: &o})
				e := o
				e.Selector, e.Algorithm, e.Key = "ed", "ed25519-sha256", seed
				questions = append(questions, question{Mail: mail, Sign: &e})
			}
		}
	}
	resolver, _ := serve(t, pair().records("example.com"))
	for i, answer := range dkimpy(t, questions) {
		asked := questions[i].Sign
		longer := string(answer.Mail) + "PS: pay me\r\n"
		want := desk.ResultFail
		if asked.Length {
			want = desk.ResultPolicy
		}
		if got := verify(t, resolver, string(answer.Mail)); len(got) != 1 || got[0].Result != desk.ResultPass || got[0].Algorithm != asked.Algorithm {
			t.Errorf("%+v: %+v\n%s", asked, got, answer.Mail)
		}
		if got := verify(t, resolver, longer); len(got) != 1 || got[0].Result != want {
			t.Errorf("%+v, made longer: %+v, want %s", asked, got, want)
		}
	}
}

// spaces is white space as mails have it, and as they should not.
var spaces = []string{" ", "  ", "\t", "\r\n ", "\r\n\t"}

// written makes up a mail with odd white space.
func written(random *mathrand.Rand) string {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	var mail strings.Builder
	for range random.IntN(3) {
		mail.WriteString("Received: from" + pick(spaces...) + "somewhere\r\n")
	}
	mail.WriteString("From:" + pick("", " ") + "Anna" + pick(spaces...) + "<anna@example.com>" + pick("", " ", "\t") + "\r\n")
	mail.WriteString(pick("Subject", "SUBJECT", "subject") + ":" + pick(spaces...) + "Printer" + pick(spaces...) + "broken\r\nTo: help@postern.example\r\n\r\n")
	for range random.IntN(12) {
		mail.WriteString(pick("word", "Jos\xc3\xa9", ".", "=20", "x") + pick(" ", "  ", "\t", "\r\n", "\r\n", "\r\n\r\n", " \r\n", "\t \r\n \r\n"))
	}
	mail.WriteString(pick("\r\n", "end\r\n", "end\r\n\r\n", "end \r\n"))
	return mail.String()
}

// touched changes a signed mail as the way, or somebody on it, may.
func touched(random *mathrand.Rand, mail string) string {
	at := random.IntN(len(mail))
	body := strings.Index(mail, "\r\n\r\n") + 4
	switch random.IntN(9) {
	case 0:
		return mail[:at] + "x" + mail[at+1:]
	case 1:
		return strings.Replace(mail, "Printer", " Printer ", 1)
	case 2:
		return mail + "\r\n\r\n"
	case 3:
		return mail + "-- \r\nA footer\r\n"
	case 4:
		return "Received: from elsewhere\r\n" + mail
	case 5:
		return mail[:body] + strings.ReplaceAll(mail[body:], " ", "  ")
	case 6:
		return "Subject: another\r\n" + mail
	case 7:
		return mail[:body] + strings.ReplaceAll(mail[body:], "\r\n", " \r\n")
	}
	return mail
}

// T-AUTH: on mails signed by go-msgauth and by mailout, whole and touched, this package, go-msgauth and dkimpy agree about every signature.
func TestT_AUTH_SecondOpinions(t *testing.T) {
	t.Parallel()
	random := mathrand.New(mathrand.NewPCG(4, 5))
	ours, err := domains.GenerateKeys("example.com", time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	records := pair().records("example.com")
	for _, key := range ours {
		public := domains.WishedKey{Key: key}
		records[public.Name()] = []string{public.Text()}
	}
	flat := map[string]string{}
	for name, texts := range records {
		flat[name] = texts[0]
	}
	resolver, _ := serve(t, records)
	var questions []question
	for i := range 300 {
		mail := written(random)
		if i%10 == 0 {
			var out bytes.Buffer
			if err := mailout.Sign(&out, strings.NewReader(mail), ours, time.Now().Add(mailout.SignatureLife)); err != nil {
				t.Fatal(err)
			}
			mail = out.String()
		} else {
			options := msgauth.SignOptions{
				Domain: "example.com", Selector: "rsa", Signer: crypto.Signer(pair().rsa), HeaderKeys: []string{"From", "Subject", "To", "Subject"},
				HeaderCanonicalization: []msgauth.Canonicalization{"simple", "relaxed"}[random.IntN(2)], BodyCanonicalization: []msgauth.Canonicalization{"simple", "relaxed"}[random.IntN(2)],
			}
			if random.IntN(2) == 0 {
				options.Selector, options.Signer = "ed", pair().ed
			}
			mail = signed(t, mail, options)
		}
		questions = append(questions, question{Mail: []byte(touched(random, mail)), Keys: flat})
	}
	counts := map[bool]int{}
	for i, judged := range dkimpy(t, questions) {
		mail := string(questions[i].Mail)
		got := dkim.Verify(t.Context(), resolver, section(mail), noon)
		second, err := msgauth.VerifyWithOptions(strings.NewReader(mail), &msgauth.VerifyOptions{LookupTXT: func(name string) ([]string, error) { return resolver.LookupTXT(t.Context(), name) }})
		if err != nil || len(second) != len(got) || len(judged.Pass) != len(got) {
			t.Fatalf("%d results, %d of go-msgauth (%v), %d of dkimpy:\n%s", len(got), len(second), err, len(judged.Pass), mail)
		}
		for n := range got {
			pass := got[n].Result == desk.ResultPass
			counts[pass]++
			if pass != (second[n].Err == nil) || pass != judged.Pass[n] {
				t.Errorf("%+v\ngo-msgauth: %v\ndkimpy: %v\n%q", got[n], second[n].Err, judged.Pass[n], mail)
			}
		}
	}
	if counts[true] < 100 || counts[false] < 50 {
		t.Errorf("%d signatures hold and %d do not: a test that says little", counts[true], counts[false])
	}
}

// T-AUTH: go-msgauth agrees about the mails that came from elsewhere.
func TestT_AUTH_SecondOpinionOnVectors(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join("testdata", "mail-auth", "0*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, path := range paths {
		mail, records := vector(t, filepath.Base(path))
		resolver, _ := serve(t, records)
		got := dkim.Verify(t.Context(), resolver, section(mail), noon)
		second, err := msgauth.VerifyWithOptions(strings.NewReader(mail), &msgauth.VerifyOptions{LookupTXT: func(name string) ([]string, error) { return resolver.LookupTXT(t.Context(), name) }})
		if err != nil || len(second) != len(got) {
			t.Fatalf("%s: %d results, %d of go-msgauth, %v", path, len(got), len(second), err)
		}
		for n := range got {
			if pass := got[n].Result == desk.ResultPass; pass != (second[n].Err == nil) {
				t.Errorf("%s: %+v, go-msgauth: %v", path, got[n], second[n].Err)
			}
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	resolver, _ := serve(b, pair().records("example.com"))
	mail := signed(b, "Received: from x\r\n"+author+"\r\nTo: help@postern.example\r\nSubject: Printer broken\r\nDate: Mon, 2 Mar 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"+
		strings.Repeat("A line of text as people write them, with some words and spaces.\r\n", 60),
		msgauth.SignOptions{Domain: "example.com", Selector: "rsa", Signer: pair().rsa, HeaderCanonicalization: "relaxed", BodyCanonicalization: "relaxed"})
	b.Run(fmt.Sprintf("%d octets", len(mail)), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got := dkim.Verify(b.Context(), resolver, section(mail), noon); got[0].Result != desk.ResultPass {
				b.Fatal(got)
			}
		}
	})
	b.Run("go-msgauth", func(b *testing.B) {
		b.ReportAllocs()
		lookup := func(name string) ([]string, error) { return resolver.LookupTXT(b.Context(), name) }
		for b.Loop() {
			if got, err := msgauth.VerifyWithOptions(strings.NewReader(mail), &msgauth.VerifyOptions{LookupTXT: lookup}); err != nil || got[0].Err != nil {
				b.Fatal(got, err)
			}
		}
	})
}
