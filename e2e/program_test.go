package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	hostname = "mail.desk.example"
	support  = "support@" + hostname // made by the program itself at its first start
	owner    = "olga@desk.example"

	// patience is how long a test waits for anything: far beyond what a loaded machine needs, so that reaching it means a bug.
	patience = 60 * time.Second
	stopTime = 45 * time.Second
)

// workshop is the folder of the binary and of everything that the tests make. PostgreSQL, which runs as another account when we are root, must be able to walk through it.
var workshop = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "postern-e2e-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711)
})

// built is the binary: that which E2E_BINARY names, a release for example, or one made once. It is made inside the first test and after a walk over the sources: only so does Go's test cache know that a change to them asks for a new run.
var built = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("E2E_BINARY"); given != "" {
		return filepath.Abs(given)
	}
	dir, err := workshop()
	if err != nil {
		return "", err
	}
	err = filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == ".git" || path == filepath.Join("..", "data") || path == filepath.Join("..", "bin")) {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "postern")
	build := exec.Command("go", "build", "-o", binary, "postern/cmd/postern") // with the flags of the tests, so that no package is compiled twice
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	if os.Getenv(storeFolder) != "" {
		os.Exit(runStore())
	}
	code := m.Run()
	if dir, err := workshop(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// folder makes a folder for one program or store of a test.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := workshop()
	if err != nil {
		t.Fatal(err)
	}
	if dir, err = os.MkdirTemp(dir, "run-"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// program is a Postern: its folder and settings, and the process that runs at the moment.
type program struct {
	t     testing.TB
	dir   string
	env   []string
	args  []string // of serve
	log   *os.File
	token string

	mu    sync.Mutex
	now   running
	child *exec.Cmd
	ended chan struct{} // closed when the child has ended
}

// running is where the process of the moment listens.
type running struct{ smtp, web, admin string }

// launch starts a Postern of the test's own, with a token of an owner. settings are further variables of the environment, NAME=value.
func launch(t testing.TB, settings ...string) *program {
	t.Helper()
	return launchAs(t, nil, settings...)
}

// launchAs is launch with flags for serve.
func launchAs(t testing.TB, args []string, settings ...string) *program {
	t.Helper()
	dir := folder(t)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, dir: dir, log: log, args: args}
	p.env = append(os.Environ(), "POSTERN_DATA="+filepath.Join(dir, "data"), "POSTERN_HOSTNAME="+hostname, "POSTERN_PG_FETCH=off", "POSTERN_DNS=127.0.0.1:9", // nobody there: no test asks the world
		"POSTERN_SMTP_ADDR=127.0.0.1:0", "POSTERN_HTTP_ADDR=127.0.0.1:0", "POSTERN_ADMIN_ADDR=127.0.0.1:0", "TMPDIR="+dir,
		"POSTERN_OUTBOUND_ALLOW=127.0.0.0/8,::1/128")
	p.env = append(p.env, settings...)
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			p.tellLog()
		}
		_ = log.Close()
	})
	if err := p.start(); err != nil {
		t.Fatalf("start postern: %v", err)
	}
	p.cli("user", "add", "--email", owner, "--name", "Olga Owner", "--role", "owner")
	for _, limit := range []string{"limit.token", "limit.search", "limit.anonymous", "limit.session"} { // tests ask faster than programs and people do
		p.cli("settings", "set", limit, "0")
	}
	p.token = strings.TrimSpace(p.cli("token", "create", "--user", owner, "--name", "e2e"))
	return p
}

// start runs `postern serve` and reads from its output where it listens.
func (p *program) start() error {
	binary, err := built()
	if err != nil {
		return err
	}
	child := exec.Command(binary, append([]string{"serve"}, p.args...)...)
	child.Env, child.Stderr = p.env, p.log
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // should this test program be killed
	out, err := child.StdoutPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	ended, ready := make(chan struct{}), make(chan running, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.listen(out, ready)
	}()
	go func() {
		<-read // Wait closes the pipe
		_ = child.Wait()
		close(ended)
	}()
	p.mu.Lock()
	p.child, p.ended = child, ended
	p.mu.Unlock()
	select {
	case now := <-ready:
		p.mu.Lock()
		p.now = now
		p.mu.Unlock()
		return nil
	case <-ended:
		return fmt.Errorf("serve ended at once: %s", child.ProcessState)
	case <-time.After(patience):
		return errors.New("serve does not say where it listens")
	}
}

// listen reads the lines of the contract: one per listener, then where data is kept.
func (p *program) listen(out io.Reader, ready chan<- running) {
	var now running
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Fprintln(p.log, lines.Text())
		words := strings.Fields(lines.Text())
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "smtp":
			now.smtp = words[1]
		case "web":
			now.web = words[1]
		case "admin":
			now.admin = words[1]
		case "data":
			ready <- now
		}
	}
}

// where is where the program listens now.
func (p *program) where() running {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// process is the child of the moment, and what is closed when it ends.
func (p *program) process() (pid int, ended <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.child.Process.Pid, p.ended
}

// stop ends the process politely, and by force if that does not help.
func (p *program) stop() {
	p.mu.Lock()
	child, ended := p.child, p.ended
	p.mu.Unlock()
	if child == nil {
		return
	}
	_ = child.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(stopTime):
		p.t.Errorf("postern did not stop within %v of SIGTERM", stopTime)
		_ = child.Process.Kill()
		<-ended
	}
}

// tellLog shows the end of the log of a test that failed.
func (p *program) tellLog() {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		p.t.Log(err)
		return
	}
	const most = 6000
	p.t.Logf("the end of the program's log:\n%s", text[max(0, len(text)-most):])
}

// try runs a command of the command line against the same data.
func (p *program) try(args ...string) (out string, err error) {
	binary, err := built()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, binary, args...)
	command.Env = p.env
	var stderr bytes.Buffer
	command.Stderr = &stderr
	text, err := command.Output()
	if err != nil {
		err = fmt.Errorf("postern %s: %w: %s%s", strings.Join(args, " "), err, text, stderr.Bytes())
	}
	return string(text), err
}

// cli runs a command that must succeed, and returns its standard output.
func (p *program) cli(args ...string) string {
	p.t.Helper()
	out, err := p.try(args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// memory reads a figure of /proc/PID/status, in KiB: VmHWM is the peak, VmRSS what is held now.
func (p *program) memory(figure string) int {
	p.t.Helper()
	pid, _ := p.process()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) == 3 && words[0] == figure+":" {
			kib, err := strconv.Atoi(words[1])
			if err != nil {
				p.t.Fatal(err)
			}
			return kib
		}
	}
	p.t.Fatalf("no %s in the status of process %d", figure, pid)
	return 0
}

// metrics reads the sums of a metric by the value of its only label.
func (p *program) metrics(name string) map[string]int {
	p.t.Helper()
	response, err := http.Get("http://" + p.where().admin + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	found := map[string]int{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name+"{")
		if !ok {
			continue
		}
		label, value, _ := strings.Cut(rest, "} ")
		_, label, _ = strings.Cut(label, `"`)
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		found[strings.TrimSuffix(label, `"`)] = int(number)
	}
	return found
}

// eventually asks again until the answer is yes; what it waits for is said when it never is.
func eventually(t testing.TB, what string, ask func() bool) {
	t.Helper()
	for began := time.Now(); !ask(); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("within %v it never happened: %s", patience, what)
		}
	}
}

// freePort finds a port that nobody uses at the moment, for servers whose address must stand in the settings of another.
func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
