package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Judges that are not ours, as docs/standards.md names them.
const (
	dkimpy   = "dkimpy"
	mailDKIM = "Mail::DKIM"
	rspamd   = "rspamd"
	pyspf    = "pyspf"
)

// python is Debian's own interpreter, which has Debian's own modules; another one on the path may not.
const python = "/usr/bin/python3"

// Answers, as far as all judges have a word for them.
const (
	yes   = "pass"
	no    = "no pass"
	later = "temperror"
)

const mostShown = 12 // questions of a test that fails

// scale is how much is compared: a little in 'make test', thousands in 'make compare'.
type scale struct {
	signed, records, clients, policies int
	full                               bool
}

func compareScale() scale {
	if os.Getenv("E2E_COMPARE") == "full" {
		return scale{signed: 3000, records: 900, clients: 4, policies: 1500, full: true}
	}
	return scale{signed: 120, records: 60, clients: 3, policies: 100}
}

// difference is a reason for which somebody judges otherwise than we do. docs/standards.md says the same of it, word for word.
type difference struct {
	class string
	who   []string
	why   string
	is    func(c comparison) bool
}

// comparison is one question, and two answers to it.
type comparison struct {
	who          string
	ours, theirs string
	reason       string   // ours
	said         string   // theirs, in their words
	about        []string // what is special about the question
	question     string   // to show
}

// has says whether all of these are special about the question.
func (c comparison) has(words ...string) bool {
	for _, word := range words {
		if !slices.Contains(c.about, word) {
			return false
		}
	}
	return true
}

// stricter is a difference in which they pass what we do not, about a question of this kind.
func stricter(words ...string) func(comparison) bool {
	return func(c comparison) bool { return c.theirs == yes && c.has(words...) }
}

// laxer is one in which we pass what they do not.
func laxer(words ...string) func(comparison) bool {
	return func(c comparison) bool { return c.ours == yes && c.has(words...) }
}

// tally counts comparisons, and fails the test for a difference that nobody has explained.
type tally struct {
	t         *testing.T
	explained []difference
	full      bool

	mu        sync.Mutex
	same      map[string]map[string]int // judge, answer
	different map[string]map[string]int // class, judge
	open      map[string]int            // differences that nobody has explained, by what they have in common
}

// newTally checks that the explanations are those of the documentation.
func newTally(t *testing.T, s scale, explained []difference) *tally {
	t.Helper()
	page, err := os.ReadFile("../../docs/standards.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range explained {
		if row := fmt.Sprintf("| %s | %s | %s |", d.class, strings.Join(d.who, ", "), d.why); !bytes.Contains(page, []byte(row)) {
			t.Errorf("docs/standards.md does not say: %s", row)
		}
	}
	return &tally{t: t, explained: explained, full: s.full, same: map[string]map[string]int{}, different: map[string]map[string]int{}, open: map[string]int{}}
}

func (y *tally) add(c comparison) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if c.ours == c.theirs {
		count(y.same, c.who, c.ours)
		return
	}
	for _, d := range y.explained {
		if slices.Contains(d.who, c.who) && d.is(c) {
			count(y.different, d.class, c.who)
			return
		}
	}
	common := fmt.Sprintf("%s says %s (%.80s), we %s (%.80s), about %v", c.who, c.theirs, c.said, c.ours, c.reason, c.about)
	if y.open[common]++; y.open[common] == 1 && len(y.open) <= mostShown {
		y.t.Errorf("%s\n%.3000s", common, c.question)
	}
}

func count(in map[string]map[string]int, one, two string) {
	if in[one] == nil {
		in[one] = map[string]int{}
	}
	in[one][two]++
}

// close says what was counted. In a full run a difference that nobody sees any more is one to take out of the documentation.
func (y *tally) close() {
	for _, who := range slices.Sorted(maps.Keys(y.same)) {
		y.t.Logf("as %s: %v", who, y.same[who])
	}
	for _, d := range y.explained {
		y.t.Logf("otherwise, %s: %v", d.class, y.different[d.class])
		if y.full && len(y.different[d.class]) == 0 {
			y.t.Errorf("nobody differs: %s", d.class)
		}
	}
	for _, common := range slices.Sorted(maps.Keys(y.open)) {
		y.t.Errorf("not explained, %d times: %s", y.open[common], common)
	}
}

// answers runs a foreign judge over lines and returns a line for each.
func answers(t testing.TB, lines [][]byte, program string, arguments ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, arguments...)
	var problems bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(append(bytes.Join(lines, []byte("\n")), '\n')), &problems
	out, err := command.Output()
	if err != nil {
		t.Errorf("%s: %v\n%s", program, err, problems.String())
		return nil
	}
	said := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(said) != len(lines) {
		t.Errorf("%s: %d answers to %d questions\n%s", program, len(said), len(lines), problems.String())
		return nil
	}
	return said
}

// judged asks judge.py, which speaks for dkimpy and pyspf, and which signs. server is the name server to ask.
func judged[Q, A any](t testing.TB, server string, questions []Q) []A {
	t.Helper()
	lines := make([][]byte, len(questions))
	for i, q := range questions {
		line, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		lines[i] = line
	}
	said := answers(t, lines, python, filepath.Join("testdata", "judge.py"), server)
	replies := make([]A, len(said))
	for i, line := range said {
		if err := json.Unmarshal([]byte(line), &replies[i]); err != nil {
			t.Errorf("judge.py: answer %d: %v", i, err)
		}
	}
	return replies
}

// scanner is a running rspamd whose modules dkim, spf, dmarc and arc ask the tests' name server.
type scanner struct{ http http.Client }

// symbols are what rspamd found in a mail, with its options.
type symbols map[string][]string

func (s symbols) has(name string) bool { _, found := s[name]; return found }

func startScanner(t testing.TB, server string) *scanner {
	t.Helper()
	dir, err := os.MkdirTemp("", "postern-compare-") // short: a socket's path is
	if err != nil {
		t.Fatal(err)
	}
	template, err := os.ReadFile("testdata/rspamd.conf")
	if err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer("DIR", dir, "SERVER", server).Replace(string(template))
	for name, text := range map[string]string{"rspamd.conf": config, "tlds": "com\norg\nnet\nexample\nuk\nco.uk\nco.example\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// The shell stops it and takes its folder away when its standard input ends, which it does however this process ends.
	const script = `dir=$1; shift; "$@" >/dev/null 2>&1 & p=$!; read -r _; kill "$p"; wait "$p"; rm -rf "$dir"`
	command := exec.Command("/bin/sh", "-c", script, "sh", dir, "rspamd", "--no-fork", "--insecure", "--config", filepath.Join(dir, "rspamd.conf"))
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("start rspamd: %v", err)
	}
	t.Cleanup(func() { _ = input.Close(); _ = command.Wait() })
	socket := filepath.Join(dir, "scan.sock")
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	s := &scanner{http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 8}, Timeout: 2 * time.Minute}}
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		conn, err := dial(t.Context(), "", "")
		if err == nil {
			_ = conn.Close()
			return s
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("rspamd does not listen: %v", err)
		}
	}
}

// scan returns the symbols of a mail from a client.
func (s *scanner) scan(ctx context.Context, mail []byte, e envelope) (symbols, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://rspamd/checkv2", bytes.NewReader(mail))
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"IP": e.IP, "Helo": e.Helo, "From": e.Sender, "Rcpt": "help@desk.example"} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := s.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var found struct {
		Symbols map[string]struct{ Options []string }
	}
	if err := json.Unmarshal(body, &found); err != nil || response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("rspamd: %s: %.200s", response.Status, body)
	}
	out := symbols{}
	for name, one := range found.Symbols {
		out[name] = one.Options
	}
	return out, nil
}

// envelope is what a client says before the mail.
type envelope struct {
	IP     string `json:"ip"`
	Sender string `json:"sender"`
	Helo   string `json:"helo"`
}

// each does work for 0 to n-1, several at a time.
func each(n int, work func(i int)) {
	var all sync.WaitGroup
	next := make(chan int)
	for range 4 {
		all.Go(func() {
			for i := range next {
				work(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}

// name is what a judge says, if it is a class for which all judges have a word.
func name(pass, open bool) string {
	switch {
	case pass:
		return yes
	case open:
		return later
	}
	return no
}
