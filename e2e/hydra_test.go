package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestHydraAtTheDoor lets hydra guess at an owner's password with a list in which the right one stands, while the owner signs in again and again from the same address, in a browser that is known.
// HYDRA_TIME says for how long (make hydra: ten minutes). hydra must not get in, and no more than the guesses that are free, and then one after each doubled wait, may be looked at.
func TestHydraAtTheDoor(t *testing.T) {
	t.Parallel()
	hydra, err := exec.LookPath("hydra")
	if err != nil {
		t.Fatal("hydra is not installed: run scripts/need hydra")
	}
	length := 20 * time.Second
	if text := os.Getenv("HYDRA_TIME"); text != "" {
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	const address, password = "grace@desk.example", "eleven green elephants elope"
	p := launch(t)
	p.cliWith(password+"\n", "user", "add", "--email", address, "--name", "Hopper", "--role", "agent", "--password-stdin")
	browser := newBrowser(t, p)
	browser.signIn(t, address, password)

	list := filepath.Join(p.dir, "guesses")
	var lines strings.Builder
	for i := range 200_000 {
		if i == 300 {
			lines.WriteString(password + "\n")
		}
		fmt.Fprintf(&lines, "guess number %d\n", i)
	}
	if err := os.WriteFile(list, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(p.where().web)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	attack := exec.CommandContext(ctx, hydra, "-I", "-f", "-t", "8", "-l", address, "-P", list, "-s", port, "127.0.0.1",
		"http-post-form", "/sign-in:email=^USER^&password=^PASS^&next=%2Fyou:F=plate")
	attack.Dir = p.dir
	attack.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it works with children, which end with it
	attack.Cancel = func() error { return syscall.Kill(-attack.Process.Pid, syscall.SIGKILL) }
	attack.WaitDelay = 5 * time.Second
	out := make(chan []byte, 1)
	go func() {
		text, _ := attack.CombinedOutput()
		out <- text
	}()
	signedIn := 0
	for ctx.Err() == nil {
		browser.signOut(t)
		browser.signIn(t, address, password)
		signedIn++
		select {
		case <-ctx.Done():
		case <-time.After(length / 10):
		}
	}
	report := string(<-out)
	if strings.Contains(report, "login: "+address) {
		t.Errorf("hydra got in:\n%s", report)
	}
	looked := p.countAudit(t, "user.signin-failed")
	allowed := 5
	for wait, waited := time.Second, time.Duration(0); waited <= length; wait = min(2*wait, 10*time.Minute) {
		waited += wait
		allowed++
	}
	if looked > allowed || looked == 0 {
		t.Errorf("%d guesses were looked at within %s, and %d are allowed:\n%s", looked, length, allowed, report)
	}
	t.Logf("%s: %d guesses were looked at, the owner signed in %d times\n%s", length, looked, signedIn, tailOf(report))
}

func tailOf(text string) string { return text[max(0, len(text)-600):] }

// browser is a person's browser, with its cookies.
type browser struct {
	client *http.Client
	base   string
}

func newBrowser(t *testing.T, p *program) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{client: &http.Client{Jar: jar, Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}, // it comes back after the minute in which the server ends a connection that waits
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, base: "http://" + p.where().web}
}

func (b *browser) post(t *testing.T, path string, form url.Values) *http.Response {
	t.Helper()
	answer, err := b.client.PostForm(b.base+path, form)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer
}

// signIn signs in, however busy the door is: a browser that is known waits for nobody else, but for a place to hash in.
func (b *browser) signIn(t *testing.T, address, password string) {
	t.Helper()
	start := time.Now()
	for {
		answer := b.post(t, "/sign-in", url.Values{"email": {address}, "password": {password}, "next": {"/you"}})
		if answer.StatusCode == http.StatusSeeOther {
			return
		}
		if time.Since(start) > 5*time.Second {
			t.Fatalf("the owner could not sign in within 5 seconds: %s", answer.Status)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (b *browser) signOut(t *testing.T) {
	t.Helper()
	b.post(t, "/sign-out", nil)
}

// countAudit counts entries of the audit log with that action.
func (p *program) countAudit(t *testing.T, action string) (count int) {
	t.Helper()
	conn, err := p.database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), `select count(*) from audit where action = $1`, action).Scan(&count); err != nil {
		t.Fatal(err)
	}
	return count
}

// cliWith runs a command that reads from its standard input and must succeed.
func (p *program) cliWith(in string, args ...string) {
	p.t.Helper()
	binary, err := built()
	if err != nil {
		p.t.Fatal(err)
	}
	command := exec.Command(binary, args...)
	command.Env, command.Stdin = p.env, strings.NewReader(in)
	if out, err := command.CombinedOutput(); err != nil {
		p.t.Fatalf("postern %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
