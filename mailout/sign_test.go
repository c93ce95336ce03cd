package mailout

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"postern/domains"
)

var pair = sync.OnceValues(func() ([]domains.Key, error) { return domains.GenerateKeys("example.com", noon, rand.Reader) })

func testKeys(t testing.TB) []domains.Key {
	t.Helper()
	keys, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func sign(t testing.TB, message []byte, expires time.Time) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Sign(&out, bytes.NewReader(message), testKeys(t), expires); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// run executes a foreign program. The tests need it: 'make test' installs python3-dkim and opendkim.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// save writes each mail to a file and the keys, as name and record, to another.
func save(t testing.TB, mails map[string][]byte) (folder, keys string) {
	t.Helper()
	folder = t.TempDir()
	for name, mail := range mails {
		if err := os.WriteFile(filepath.Join(folder, name+".eml"), mail, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var lines strings.Builder
	for _, key := range testKeys(t) {
		public := domains.WishedKey{Key: key}
		fmt.Fprintf(&lines, "%s %s\n", public.Name(), public.Text())
	}
	keys = filepath.Join(folder, "keys")
	if err := os.WriteFile(keys, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder, keys
}

// forgeries are changes to a signed mail that must break both signatures.
var forgeries = map[string]func(string) string{
	"second-from":    func(m string) string { return "From: boss@evil.example\r\n" + m },
	"second-subject": func(m string) string { return "Subject: urgent\r\n" + m },
	"added-reply-to": func(m string) string { return "Reply-To: thief@evil.example\r\n" + m },
	"added-cc":       func(m string) string { return "Cc: thief@evil.example\r\n" + m },
	"second-type":    func(m string) string { return "Content-Type: text/html\r\n" + m },
	"longer-body":    func(m string) string { return m + "PS: pay me\r\n" },
	"other-body":     func(m string) string { return strings.Replace(m, "turn it off", "throw it out", 1) },
}

func signedMails(t *testing.T) (good, bad map[string][]byte) {
	good, bad = map[string][]byte{}, map[string][]byte{}
	for name, draft := range drafts() {
		good[name] = sign(t, compose(t, draft), time.Now().Add(SignatureLife))
		sound(t, good[name])
	}
	for name, forge := range forgeries {
		bad[name] = []byte(forge(string(good["plain"])))
		if bytes.Equal(bad[name], good["plain"]) {
			t.Fatalf("%s changes nothing", name)
		}
	}
	return good, bad
}

// T-SIGN, judged by dkimpy: both signatures of every mail hold, and none of a forged one.
func TestT_SIGN_dkimpy(t *testing.T) {
	t.Parallel()
	good, bad := signedMails(t)
	check := func(mails map[string][]byte, want string) {
		folder, keys := save(t, mails)
		var paths []string
		for name := range mails {
			paths = append(paths, filepath.Join(folder, name+".eml"))
		}
		// Debian's own interpreter has Debian's own modules; another one on the path may not.
		out := run(t, "/usr/bin/python3", append([]string{filepath.Join("testdata", "verify.py"), keys}, paths...)...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if len(lines) != 2*len(mails) {
			t.Errorf("%d verdicts for %d mails:\n%s", len(lines), len(mails), out)
		}
		for _, line := range lines {
			if !strings.HasPrefix(line, want+" ") {
				t.Errorf("want %s: %s", want, line)
			}
		}
	}
	check(good, "pass")
	check(bad, "fail")
}

// T-SIGN, judged by OpenDKIM's library, which stands for the installed base: the RSA signature holds. It does not know Ed25519.
func TestT_SIGN_OpenDKIM(t *testing.T) {
	t.Parallel()
	good, bad := signedMails(t)
	for want, mails := range map[string]map[string][]byte{"Success " + testKeys(t)[0].Selector + " ": good, "Bad signature ": bad} {
		folder, keys := save(t, mails)
		for name := range mails {
			if out := run(t, "/usr/bin/python3", filepath.Join("testdata", "opendkim.py"), keys, filepath.Join(folder, name+".eml")); !strings.HasPrefix(out, want) {
				t.Errorf("%s: want %q, OpenDKIM says %q", name, want, out)
			}
		}
	}
}

// T-SIGN: what stands in the signatures, read by hand.
func TestT_SIGN_Tags(t *testing.T) {
	t.Parallel()
	expires := time.Now().Add(SignatureLife)
	signed := string(sign(t, compose(t, fullDraft()), expires))
	header, _, _ := strings.Cut(signed, "\r\n\r\n")
	fields := strings.Split(strings.ReplaceAll(header, "\r\n ", " "), "\r\n")
	for i, algorithm := range []domains.Algorithm{domains.RSA, domains.Ed25519} {
		field, ok := strings.CutPrefix(fields[i], "DKIM-Signature:")
		if !ok {
			t.Fatalf("field %d is %s", i, fields[i])
		}
		tags := map[string]string{}
		for pair := range strings.SplitSeq(field, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			tags[name] = value
		}
		if tags["a"] != string(algorithm) || tags["c"] != "relaxed/relaxed" || tags["d"] != "example.com" || tags["s"] != testKeys(t)[i].Selector {
			t.Errorf("tags %v", tags)
		}
		if tags["x"] != fmt.Sprint(expires.Unix()) || tags["t"] == "" {
			t.Errorf("t=%s x=%s", tags["t"], tags["x"])
		}
		if _, partial := tags["l"]; partial {
			t.Error("l= leaves the end of the body to anybody")
		}
		names := ":" + strings.ToLower(tags["h"]) + ":"
		for _, name := range []string{"From", "To", "Cc", "Subject", "Date", "Reply-To", "Message-ID", "In-Reply-To", "References", "MIME-Version", "Content-Type"} {
			if n := strings.Count(names, ":"+strings.ToLower(name)+":"); n == 0 || !strings.Contains(strings.Replace(names, ":"+strings.ToLower(name)+":", ":", 1), ":"+strings.ToLower(name)+":") {
				t.Errorf("%s is not named twice in %s", name, names)
			}
		}
	}
	verifications, err := dkim.VerifyWithOptions(strings.NewReader(signed), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		for _, key := range testKeys(t) {
			if public := (domains.WishedKey{Key: key}); public.Name() == name {
				return []string{public.Text()}, nil
			}
		}
		return nil, fmt.Errorf("no %s", name)
	}})
	if err != nil || len(verifications) != 2 || verifications[0].Err != nil || verifications[1].Err != nil {
		t.Errorf("go-msgauth: %v, %v", verifications, err)
	}
}

func TestSignRefusesToSpeakForOthers(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Draft){
		"another domain": func(d *Draft) { d.From.Addr = "support@example.org" },
		"a lookalike":    func(d *Draft) { d.From.Addr = "support@notexample.com" },
	} {
		d := plainDraft()
		change(&d)
		if err := Sign(&bytes.Buffer{}, bytes.NewReader(compose(t, d)), testKeys(t), time.Time{}); err == nil {
			t.Errorf("signed for %s", name)
		}
	}
	below := plainDraft()
	below.From.Addr = "support@help.example.com"
	if err := Sign(&bytes.Buffer{}, bytes.NewReader(compose(t, below)), testKeys(t), time.Time{}); err != nil {
		t.Error(err)
	}
	double := append([]byte("From: a@example.com\r\n"), compose(t, plainDraft())...)
	if err := Sign(&bytes.Buffer{}, bytes.NewReader(double), testKeys(t), time.Time{}); err == nil {
		t.Error("signed a mail with two From fields")
	}
	if err := Sign(&bytes.Buffer{}, bytes.NewReader(compose(t, plainDraft())), nil, time.Time{}); err == nil {
		t.Error("signed without keys")
	}
}
