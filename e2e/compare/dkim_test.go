package compare

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"postern/desk"
	"postern/domains"
	"postern/internal/testkit"
	"postern/mailauth/dkim"
)

const longestSigned = 40 << 10 // octets of a mail that is signed: the corpora have few that are longer

// corpus is every mail below the test data of this repository, with the line ends of SMTP.
func corpus(t *testing.T) (mails []specimen) {
	t.Helper()
	for _, root := range []string{"../../mailtext/testdata", "../../mailout/testdata"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !slices.Contains([]string{".eml", ".msg"}, filepath.Ext(path)) {
				return err
			}
			text, err := os.ReadFile(path)
			text = append(bytes.TrimRight(text, "\r\n"), '\n') // as SMTP ends it
			mails = append(mails, specimen{source: path, mail: bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return mails
}

// signAll makes n signed mails of those of the corpora: go-msgauth makes the first signature of a fourth of them, dkimpy all others.
func (s *keyring) signAll(t *testing.T, server string, n int) (signed []specimen) {
	t.Helper()
	r := mathrand.New(mathrand.NewPCG(6376, 8463))
	var mails []specimen
	for _, one := range corpus(t) {
		if _, ok := header(one.mail); ok && len(one.mail) < longestSigned {
			mails = append(mails, one)
		}
	}
	if len(mails) < 400 {
		t.Fatalf("only %d mails to sign", len(mails))
	}
	r.Shuffle(len(mails), func(i, j int) { mails[i], mails[j] = mails[j], mails[i] })
	var jobs []job
	for i := range n {
		one := mails[i%len(mails)]
		names, _ := header(one.mail)
		if r.IntN(4) == 0 {
			one.signWithGo(t, r, s, names)
		}
		first := len(one.orders)
		for range some(r, 1, 1, 1, 2, 3) {
			one.orders = append(one.orders, s.order(r, names, one.orders))
		}
		signed, jobs = append(signed, one), append(jobs, job{Sign: one.orders[first:], Mail: one.mail})
	}
	refused := 0
	for i, reply := range judged[job, signedMail](t, server, jobs) {
		if reply.Error != "" {
			refused++
			continue
		}
		way := some(r, wayside...)
		if signed[i].mail, signed[i].accident = reply.Mail, way.name; way.change != nil {
			signed[i].mail = []byte(way.change(r, string(reply.Mail)))
		}
	}
	if refused > n/10 {
		t.Errorf("dkimpy signed all but %d of %d mails", refused, n)
	}
	t.Logf("%d mails of %d, %d of them not signed by dkimpy", n, len(mails), refused)
	return slices.DeleteFunc(signed, func(one specimen) bool { return one.accident == "" })
}

func (one *specimen) signWithGo(t *testing.T, r *mathrand.Rand, s *keyring, names []string) {
	t.Helper()
	o := order{Domain: "go.example", Selector: "r1024"}
	options := msgauth.SignOptions{
		Domain: o.Domain, Selector: o.Selector, Signer: crypto.Signer(s.rsa), HeaderKeys: signedNames(r, names), Expiration: time.Now().Add(24 * time.Hour),
		HeaderCanonicalization: some(r, msgauth.CanonicalizationSimple, msgauth.CanonicalizationRelaxed), BodyCanonicalization: some(r, msgauth.CanonicalizationSimple, msgauth.CanonicalizationRelaxed),
	}
	if r.IntN(2) == 0 {
		o.Selector, options.Selector, options.Signer, o.about = "ed", "ed", s.ed, []string{"ed25519"}
	}
	o.Names = options.HeaderKeys
	var out bytes.Buffer
	if err := msgauth.Sign(&out, bytes.NewReader(one.mail), &options); err != nil {
		t.Fatalf("%s: %v", one.source, err)
	}
	one.mail, one.orders = out.Bytes(), []order{o}
}

// opinions are what each judge says of each mail.
type opinions struct {
	ours   [][]desk.Method
	others map[string][]signatures
}

// judgeAll asks every judge about every mail, all at the same time.
func judgeAll(t *testing.T, server *testkit.DNSServer, mails []specimen) opinions {
	t.Helper()
	o := opinions{ours: make([][]desk.Method, len(mails)), others: map[string][]signatures{rspamd: make([]signatures, len(mails))}}
	var all sync.WaitGroup
	var byPython, byPerl []signatures
	all.Go(func() {
		jobs := make([]job, len(mails))
		for i, one := range mails {
			jobs[i].Mail = one.mail
		}
		byPython = judged[job, signatures](t, server.Addr, jobs)
	})
	all.Go(func() { byPerl = perl(t, server.Addr, mails) })
	all.Go(func() {
		program := startScanner(t, server.Addr)
		each(len(mails), func(i int) { o.others[rspamd][i] = program.signatures(t, mails[i].mail) })
	})
	all.Go(func() {
		resolver, now := domains.NewResolver([]string{server.Addr}, 5*time.Second), time.Now()
		for i, one := range mails {
			o.ours[i] = dkim.Verify(t.Context(), resolver, io.NewSectionReader(bytes.NewReader(one.mail), 0, int64(len(one.mail))), now)
		}
	})
	all.Wait()
	o.others[dkimpy], o.others[mailDKIM] = byPython, byPerl
	return o
}

// perl asks Mail::DKIM.
func perl(t *testing.T, server string, mails []specimen) []signatures {
	t.Helper()
	lines := make([][]byte, len(mails))
	for i, one := range mails {
		lines[i] = []byte(base64.StdEncoding.EncodeToString(one.mail))
	}
	host, port, _ := strings.Cut(server, ":")
	var all []signatures
	for _, line := range answers(t, lines, "perl", "testdata/judge.pl", host, port) {
		one := signatures{Results: map[string]string{}}
		for result := range strings.SplitSeq(strings.TrimSuffix(line, "\t"), "\t") {
			if name, said, found := strings.Cut(result, "="); found && one.Results[name] != "pass" {
				one.Results[name] = said
			}
		}
		all = append(all, one)
	}
	return all
}

// signatures are rspamd's verdicts on those of a mail.
func (s *scanner) signatures(t *testing.T, mail []byte) signatures {
	found, err := s.scan(t.Context(), mail, envelope{})
	if err != nil {
		t.Error(err)
	}
	out := signatures{Results: map[string]string{}}
	for _, symbol := range []string{"R_DKIM_REJECT", "R_DKIM_PERMFAIL", "R_DKIM_TEMPFAIL", "R_DKIM_ALLOW"} {
		for _, option := range found[symbol] {
			out.Results[strings.ToLower(strings.Replace(option, ":s=", "/", 1))] = symbol
		}
	}
	return out
}

// answer is a judge's word in the words that all have.
func answer(who, said string) string {
	switch who {
	case rspamd:
		return name(said == "R_DKIM_ALLOW", said == "R_DKIM_TEMPFAIL")
	case mailDKIM:
		return name(said == "pass", strings.Contains(said, "DNS error") || strings.Contains(said, "temperror"))
	}
	return name(said == "pass", false)
}

// T-AUTH: of every signature on mails of the corpora, signed in every way and changed on their way, each of dkimpy, Mail::DKIM and rspamd says what we say, but for explained differences.
func TestCompareDKIM(t *testing.T) {
	s := compareScale()
	sum := newTally(t, s, signatureDifferences)
	keys := newKeyring(t)
	server := testkit.DNS(t, keys.zone.String())
	for _, domain := range signingDomains {
		server.Fail("failing._domainkey." + domain)
	}
	mails := keys.signAll(t, server.Addr, s.signed)
	said := judgeAll(t, server, mails)
	if t.Failed() {
		return
	}
	total := 0
	for i, one := range mails {
		ours := map[string]desk.Method{}
		for _, method := range said.ours[i] {
			if name := method.Domain + "/" + method.Selector; ours[name].Result != desk.ResultPass {
				ours[name] = method
			}
		}
		for _, o := range one.orders {
			total++
			mine := ours[o.name()]
			for _, who := range []string{dkimpy, mailDKIM, rspamd} {
				c := comparison{
					who: who, ours: name(mine.Result == desk.ResultPass, mine.Result == desk.ResultTempError && who != dkimpy), reason: string(mine.Result) + ": " + mine.Reason,
					said: said.others[who][i].Results[o.name()] + said.others[who][i].Error, about: append(slices.Concat(o.about, look(one.mail, o)), one.accident),
				}
				c.theirs = answer(who, c.said)
				c.question = fmt.Sprintf("%s, %s, %s:\n%s", o.name(), one.source, one.accident, one.mail)
				sum.add(c)
			}
		}
	}
	t.Logf("%d signatures on %d mails", total, len(mails))
	sum.close()
}
