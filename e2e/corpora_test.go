package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	variations  = 2000
	slowest     = 5.0       // seconds that any one mail may take
	mostMemory  = 300 << 10 // KiB of the whole process
	foreigners  = 6         // connections of foreign clients
	readers     = 8         // calls to the API at the same time
	againAtEnd  = 40        // mails that are sent a second time
	nullSenders = 7         // every so many mails come with the null return path of a bounce
)

// Every mail that the corpora hold, and thousands made of them by accident, sent by a foreign client: each is answered in time, with 250 or with the refusal that the design names;
// each 250 is found through the API, byte for byte; nothing is counted twice or not at all.
func TestEveryMailOfTheCorporaHasItsEnd(t *testing.T) {
	mails := slices.Concat(corpus(t), bombs())
	mails = append(mails, vary(mails)...)
	p := launch(t)
	answers := p.sendAll(mails)
	again := []item{}
	for i, answer := range answers {
		if answer.Code == 250 && len(again) < againAtEnd && i%9 == 0 {
			again = append(again, mails[i])
		}
	}
	mails, answers = append(mails, again...), append(answers, p.sendAll(again)...)

	taken, worst := 0, 0.0
	for i, answer := range answers {
		mails[i].judge(t, answer)
		worst = max(worst, answer.Seconds)
		if answer.Code == 250 {
			taken++
		}
	}
	if peak := p.memory("VmHWM"); peak > mostMemory {
		t.Errorf("the process needed %d MiB", peak>>10)
	}
	if taken < len(mails)/2 {
		t.Errorf("only %d of %d mails were taken: the corpora are not what they were", taken, len(mails))
	}
	t.Logf("%d mails, %d taken, the slowest in %.2f s, memory at most %d MiB", len(mails), taken, worst, p.memory("VmHWM")>>10)
	p.checkSums(taken, p.checkContents(mails, answers))
}

// item is a mail of the test.
type item struct {
	name  string
	bytes []byte
}

// corpus is every mail below the folders of test data of this repository, with the line ends of SMTP.
func corpus(t *testing.T) (mails []item) {
	t.Helper()
	for _, root := range []string{"../mailtext/testdata", "../mailout/testdata"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !slices.Contains([]string{".eml", ".msg"}, filepath.Ext(path)) {
				return err
			}
			text, err := os.ReadFile(path)
			lines := bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
			mails = append(mails, item{path, lines})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(mails) < 500 {
		t.Fatalf("only %d mails found", len(mails))
	}
	return mails
}

// bombs are mails that cost others a minute or their life (T-NASTY).
func bombs() []item {
	const head = "From: rita@bombs.example\r\nTo: " + support + "\r\nSubject: bomb\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
	nested := new(strings.Builder)
	for i := range 3000 {
		fmt.Fprintf(nested, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	return []item{
		{"100,000 parts", []byte(head + "Content-Type: multipart/mixed; boundary=x\r\n\r\n" + strings.Repeat("--x\r\n\r\na\r\n", 100000) + "--x--\r\n")},
		{"3,000 deep", []byte(head + nested.String())},
		{"a header of 1 MB", []byte(head + "X-Long:" + strings.Repeat(" x\r\n", 1<<18) + "\r\nbody\r\n")},
		{"5,000 signatures", []byte(strings.Repeat("DKIM-Signature: v=1; a=rsa-sha256; d=bombs.example; s=x; h=from; bh=aGk=; b=aGk=\r\n", 5000) + head + "\r\nbody\r\n")},
		{"an abyss of HTML", []byte(head + "Content-Type: text/html\r\n\r\n" + strings.Repeat("<div><b><i>\r\n", 100000))},
		{"200 hops", []byte(strings.Repeat("Received: from a by b; Sat, 21 Nov 2026 10:00:00 +0000\r\n", 200) + head + "\r\nround and round\r\n")},
		{"10,000 recipients", []byte(head + "Cc: a@b.example" + strings.Repeat(",\r\n a@b.example", 10000) + "\r\n\r\nbody\r\n")},
	}
}

// vary makes mails of mails as broken disks, careless gateways and attackers do; always the same ones.
func vary(mails []item) (made []item) {
	random := rand.New(rand.NewPCG(2754, 5645))
	small := slices.DeleteFunc(slices.Clone(mails), func(m item) bool { return len(m.bytes) == 0 || len(m.bytes) > 100<<10 })
	for n := range variations {
		from, other := small[random.IntN(len(small))], small[random.IntN(len(small))]
		name, change := accidents[n%len(accidents)].name, accidents[n%len(accidents)].change
		made = append(made, item{fmt.Sprintf("%s, %s (%d)", from.name, name, n), change(random, slices.Clone(from.bytes), other.bytes)})
	}
	return made
}

// accidents are ways in which a mail goes wrong. mail may be changed in place; other is another mail.
var accidents = []struct {
	name   string
	change func(random *rand.Rand, mail, other []byte) []byte
}{
	{"cut off", func(r *rand.Rand, mail, _ []byte) []byte { return mail[:r.IntN(len(mail))+1] }},
	{"without its beginning", func(r *rand.Rand, mail, _ []byte) []byte { return mail[r.IntN(len(mail)):] }},
	{"a field twice", func(r *rand.Rand, mail, _ []byte) []byte {
		lines := bytes.SplitAfter(mail, []byte("\r\n"))
		at := r.IntN(min(len(lines), 20))
		return bytes.Join(slices.Insert(lines, at, lines[at]), nil)
	}},
	{"a field a hundred times", func(r *rand.Rand, mail, _ []byte) []byte {
		lines := bytes.SplitAfter(mail, []byte("\r\n"))
		at := r.IntN(min(len(lines), 20))
		return bytes.Join(slices.Insert(lines, at, slices.Repeat(lines[at:at+1], 100)...), nil)
	}},
	{"two lines changed places", func(r *rand.Rand, mail, _ []byte) []byte {
		lines := bytes.SplitAfter(mail, []byte("\r\n"))
		a, b := r.IntN(len(lines)), r.IntN(len(lines))
		lines[a], lines[b] = lines[b], lines[a]
		return bytes.Join(lines, nil)
	}},
	{"the half of another mail", func(r *rand.Rand, mail, other []byte) []byte {
		return append(mail[:r.IntN(len(mail))], other[r.IntN(len(other)):]...)
	}},
	{"other bytes here and there", func(r *rand.Rand, mail, _ []byte) []byte {
		for range 1 + len(mail)/100 {
			if at := r.IntN(len(mail)); mail[at] != '\r' && mail[at] != '\n' {
				mail[at] = byte(1 + r.IntN(255))
			}
		}
		return mail
	}},
	{"bytes beyond ASCII", func(r *rand.Rand, mail, _ []byte) []byte {
		for range 1 + len(mail)/30 {
			if at := r.IntN(len(mail)); mail[at] > ' ' {
				mail[at] = byte(128 + r.IntN(128))
			}
		}
		return mail
	}},
	{"marks of structure moved", func(r *rand.Rand, mail, _ []byte) []byte {
		for range 10 {
			at := r.IntN(len(mail))
			if mail[at] != '\r' && mail[at] != '\n' {
				mail[at] = `:;"<>()=?-@,\ `[r.IntN(14)]
			}
		}
		return mail
	}},
	{"noise", func(r *rand.Rand, mail, _ []byte) []byte {
		for i := range mail {
			if mail[i] != '\r' && mail[i] != '\n' {
				mail[i] = byte(1 + r.IntN(255))
			}
		}
		return mail
	}},
}

// outlaw says whether a mail has what RFC 5321 §2.3.8 and §4.5.2 keep out of mails: a CR or LF that stands alone, or a NUL.
func (m item) outlaw() bool {
	return bytes.ContainsAny(bytes.ReplaceAll(m.bytes, []byte("\r\n"), nil), "\r\n\x00")
}

// onWire is the mail as the client sends it: smtplib ends the last line.
func (m item) onWire() []byte {
	if bytes.HasSuffix(m.bytes, []byte("\r\n")) {
		return m.bytes
	}
	return append(slices.Clone(m.bytes), "\r\n"...)
}

// circles says whether a mail has passed through a hundred servers (RFC 5321 §6.3).
func (m item) circles() bool {
	header, _, _ := bytes.Cut(append([]byte("\r\n"), bytes.ToLower(m.bytes)...), []byte("\r\n\r\n"))
	return bytes.Count(header, []byte("\r\nreceived:")) >= 100
}

// judge compares the answer with the one that the design names.
func (m item) judge(t *testing.T, answer receipt) {
	t.Helper()
	want := "250 2.0.0 "
	switch {
	case m.outlaw():
		want = "550 5.6.11 "
	case m.circles():
		want = "554 5.4.6 "
	}
	if got := fmt.Sprintf("%d %s", answer.Code, answer.Text); !strings.HasPrefix(got, want) {
		t.Errorf("%s: answered %s, want %s", m.name, got, want)
	}
	if answer.Seconds > slowest {
		t.Errorf("%s: answered after %.1f s", m.name, answer.Seconds)
	}
}

// sendAll sends the mails by foreign clients, each with one connection, and returns the answers in their order.
func (p *program) sendAll(mails []item) []receipt {
	p.t.Helper()
	answers := make([]receipt, len(mails))
	var all sync.WaitGroup
	for worker := range foreigners {
		client := newForeign(p.t, p.where().smtp)
		all.Go(func() {
			defer client.close()
			path := filepath.Join(p.dir, fmt.Sprintf("mail-%d", worker))
			for i := worker; i < len(mails); i += foreigners {
				from := fmt.Sprintf("sender%d@corpora.example", i%100)
				if i%nullSenders == 0 {
					from = ""
				}
				if err := os.WriteFile(path, mails[i].bytes, 0o600); err != nil {
					p.t.Error(err)
					return
				}
				answer, err := client.send(dispatch{Path: path, From: from, To: []string{support}})
				if err != nil {
					p.t.Errorf("%s: %v", mails[i].name, err)
					return
				}
				answers[i] = answer
			}
		})
	}
	all.Wait()
	return answers
}

// kept is what the API shows of all mails: where each stands, by its prints.
type kept struct {
	mu        sync.Mutex
	tickets   map[[32]byte][]int64
	held      map[[32]byte]int
	inbound   int
	suspended int
}

// checkContents reads everything through the API and looks for every mail that got its 250.
func (p *program) checkContents(mails []item, answers []receipt) *kept {
	t := p.t
	t.Helper()
	found := &kept{tickets: map[[32]byte][]int64{}, held: map[[32]byte]int{}}
	var work []func()
	for _, each := range every[ticket](t, p, "/tickets") {
		work = append(work, func() {
			for _, m := range conversation(t, p, each.Number) {
				if m.Kind == "inbound" {
					found.ticket(each.Number, p.original(fmt.Sprintf("/messages/%d/original", m.ID)))
				}
			}
		})
	}
	for _, each := range every[suspended](t, p, "/suspended") {
		work = append(work, func() { found.hold(p.original(fmt.Sprintf("/suspended/%d/original", each.ID))) })
	}
	inParallel(work)
	for i, answer := range answers {
		prints := printOf(mails[i].onWire())
		sum := prints.whole
		if strings.HasSuffix(answer.Text, "already here") { // perhaps by another way, with other fields of servers on it
			sum = prints.body
		}
		switch number := answer.number(); {
		case answer.Code != 250:
			if len(found.tickets[sum])+found.held[sum] > 0 {
				t.Errorf("%s was refused with %d %s and is there all the same", mails[i].name, answer.Code, answer.Text)
			}
		case number == 0 && found.held[sum] == 0:
			t.Errorf("%s was answered %q and is not among the suspended", mails[i].name, answer.Text)
		case number != 0 && !slices.Contains(found.tickets[sum], number):
			t.Errorf("%s was answered %q and stands on %d", mails[i].name, answer.Text, found.tickets[sum])
		}
	}
	return found
}

func inParallel(work []func()) {
	next := make(chan func())
	var all sync.WaitGroup
	for range readers {
		all.Go(func() {
			for do := range next {
				do()
			}
		})
	}
	for _, do := range work {
		next <- do
	}
	close(next)
	all.Wait()
}

// original reads a mail as it was received, without what our side put before it.
func (p *program) original(path string) print {
	response, mail, err := p.request(http.MethodGet, path, nil, nil)
	if err != nil || response.StatusCode != http.StatusOK {
		p.t.Errorf("%s: %v", path, err)
		return print{}
	}
	return printOf(withoutTrace(mail))
}

// print tells mails apart: by all of their bytes, and by the body alone.
type print struct{ whole, body [32]byte }

func printOf(mail []byte) print {
	_, body, _ := bytes.Cut(append([]byte("\r\n"), mail...), []byte("\r\n\r\n"))
	return print{sha256.Sum256(mail), sha256.Sum256(body)}
}

// withoutTrace cuts off what our server put before a mail (RFC 8601 §5, RFC 5321 §4.4): its verdict, the return path, and the trace, which ends with the line after the one semicolon, which holds the time. The mail itself may begin like a folded line.
func withoutTrace(mail []byte) []byte {
	if _, rest, ok := bytes.Cut(mail, []byte("\r\nReturn-Path: ")); ok && bytes.HasPrefix(mail, []byte("Authentication-Results: "+hostname+";")) {
		mail = rest
	}
	if _, rest, ok := bytes.Cut(mail, []byte(";\r\n\t")); ok {
		_, mail, _ = bytes.Cut(rest, []byte("\r\n"))
	}
	return mail
}

func (k *kept) ticket(number int64, sum print) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.inbound++
	k.tickets[sum.whole] = append(k.tickets[sum.whole], number)
	k.tickets[sum.body] = append(k.tickets[sum.body], number)
}

func (k *kept) hold(sum print) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.suspended++
	k.held[sum.whole]++
	k.held[sum.body]++
}

// checkSums compares what SMTP, intake and the API count: accepted = ticketed + appended + duplicate + suspended, at both doors.
func (p *program) checkSums(taken int, found *kept) {
	p.t.Helper()
	smtp, intake := p.metrics("postern_smtp_accepted_total"), p.metrics("postern_intake_mails_total")
	p.t.Logf("SMTP accepted %v, intake counted %v; the API shows %d messages and %d suspended", smtp, intake, found.inbound, found.suspended)
	if sum := smtp["ticketed"] + smtp["appended"] + smtp["duplicate"] + smtp["suspended"]; sum != taken {
		p.t.Errorf("%d mails got their 250, SMTP counted %d", taken, sum)
	}
	for _, disposition := range []string{"ticketed", "appended", "duplicate", "suspended"} {
		if smtp[disposition] != intake[disposition] {
			p.t.Errorf("%s: SMTP says %d, intake %d", disposition, smtp[disposition], intake[disposition])
		}
	}
	if intake["ticketed"]+intake["appended"] != found.inbound || intake["suspended"] != found.suspended {
		p.t.Error("the API shows another number of mails than were counted")
	}
	if intake["duplicate"] < againAtEnd/2 {
		p.t.Errorf("%d mails were sent twice, and %d were found to be duplicates", againAtEnd, intake["duplicate"])
	}
}
