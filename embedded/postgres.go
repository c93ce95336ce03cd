package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// role owns the one database; both have the same name. It is no superuser: the extensions that Postern needs are trusted ones.
	role = "postern"
	// socketPort is part of the socket's file name; nothing listens on a port.
	socketPort = "5432"

	stopPatience = 30 * time.Second       // for SIGINT, which waits for a checkpoint
	quitPatience = 5 * time.Second        // for SIGQUIT, which leaves recovery to the next start
	pollEvery    = 5 * time.Millisecond   // how often postmaster.pid is read while the server starts
	slowStart    = 5 * time.Second        // after this the person in front of the terminal is told why nothing happens
	lingerTime   = 10 * time.Second       // how long processes of a killed server may take to notice
	lingerRetry  = 200 * time.Millisecond // how often a start is tried again meanwhile
)

// FetchPolicy says whether PostgreSQL may be fetched when the machine has none.
type FetchPolicy int

const (
	FetchIfMissing FetchPolicy = iota // through apt-get or npm
	FetchNever                        // fail with a sentence that says what to do
)

// PostgresOptions say where the server lives. Only Dir is needed.
type PostgresOptions struct {
	Dir       string       // the data folder; the cluster is in its pg folder
	BinDir    string       // where to look for the programs first; may be empty
	Elsewhere string       // where the cluster goes when root's account for it cannot reach Dir; empty: /var/lib/postern
	Fetch     FetchPolicy  //
	Log       *slog.Logger // nil: nowhere
	Notice    func(string) // told what takes long or changes the machine, in whole sentences; may be nil
}

// Postgres is a running server that belongs to this process.
type Postgres struct {
	url    string
	lock   *os.File
	child  *child
	socket string // the socket's folder
	exited chan error
	asked  chan struct{} // closed when Stop was called, so that the end is no surprise
	ask    func()        // closes asked, once
}

// StartPostgres starts the cluster under o.Dir, making it first if it is not there, and returns when it answers. ctx bounds the start only; the server runs until Stop, or until we end.
// A cluster that needs another major version of PostgreSQL, a folder in use by another instance, or one that cannot be reached is refused with a sentence; nothing is changed then.
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	began := time.Now()
	account, err := serverAccount()
	if err != nil {
		return nil, err
	}
	home, err := placeHome(o, account)
	if err != nil {
		return nil, err
	}
	lock, err := lockFolder(home.root)
	if err != nil {
		return nil, err
	}
	p, err := startIn(ctx, o, site{home: home, account: account, notice: o.Notice})
	if err != nil {
		lock.Close()
		return nil, err
	}
	p.lock = lock
	go p.watch()
	o.Log.Info("database started", "dir", home.root, "pid", p.child.process.Pid, "took", time.Since(began).Round(time.Millisecond))
	return p, nil
}

// URL is where the database answers, password included: never to be logged.
func (p *Postgres) URL() string { return p.url }

// Exited delivers an error when the server ends although nobody called Stop, and is closed when it has ended.
func (p *Postgres) Exited() <-chan error { return p.exited }

// Stop ends the server: politely, then (30 seconds or the end of ctx later) at once, then by force. What was committed is kept in every case.
func (p *Postgres) Stop(ctx context.Context) error {
	p.ask()
	err := p.child.stop(ctx)
	for range p.exited { // until watch has let go of the lock
	}
	return err
}

// watch reports the end of the server and frees the folder.
func (p *Postgres) watch() {
	err := <-p.child.done
	select {
	case <-p.asked:
		os.Remove(p.socket) // it may be in /tmp; if the server left something in it, it stays and is used again
	default:
		p.exited <- fmt.Errorf("PostgreSQL has ended by itself (%w); its last words: %s", err, p.child.lastWords())
	}
	p.lock.Close()
	close(p.exited)
}

// site is all that a cluster needs to be made and run.
type site struct {
	home     home
	account  account
	programs programs
	socket   string // the folder of the unix socket
	notice   func(string)
}

// startIn does what StartPostgres does once the folder is ours.
func startIn(ctx context.Context, o PostgresOptions, s site) (*Postgres, error) {
	var err error
	if s.programs, err = choosePrograms(ctx, o, s); err != nil {
		return nil, err
	}
	password, err := s.home.password()
	if err != nil {
		return nil, err
	}
	if !s.home.hasCluster() {
		o.Notice("making a database cluster in " + s.home.data())
		if err := s.makeCluster(ctx, password); err != nil {
			return nil, err
		}
	}
	if err := clearStale(ctx, s.home, o.Log); err != nil {
		return nil, err
	}
	if s.socket, err = s.home.socketDir(s.account); err != nil {
		return nil, err
	}
	child, err := s.runServer(ctx)
	if err != nil {
		return nil, err
	}
	query := url.Values{"host": {s.socket}, "port": {socketPort}, "sslmode": {"disable"}}
	address := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Path: "/" + role, RawQuery: query.Encode()}
	asked := make(chan struct{})
	return &Postgres{
		url: address.String(), child: child, socket: s.socket, exited: make(chan error, 1),
		asked: asked, ask: sync.OnceFunc(func() { close(asked) }),
	}, nil
}

// runServer starts the server and waits until it takes connections. Processes of a server that was killed can hold its shared memory for a moment; until lingerTime it is tried again.
func (s site) runServer(ctx context.Context) (*child, error) {
	deadline := time.Now().Add(lingerTime)
	for {
		c, err := s.startChild()
		if err != nil {
			return nil, err
		}
		err = c.awaitReady(ctx, s)
		if err == nil {
			return c, nil
		}
		words := c.lastWords()
		if stopErr := c.stop(ctx); stopErr != nil {
			return nil, errors.Join(err, stopErr)
		}
		if ctx.Err() == nil && time.Now().Before(deadline) && strings.Contains(words, "pre-existing shared memory block") {
			time.Sleep(lingerRetry)
			continue
		}
		return nil, fmt.Errorf("start PostgreSQL in %s: %w; its last words: %s", s.home.data(), err, words)
	}
}

// child is the server process.
type child struct {
	process *os.Process
	done    chan error // delivers how it ended, once
	log     string
	logFrom int64 // where this run's part of the log begins
}

// startChild starts the server program itself, not pg_ctl, so that it is our child and dies with us.
func (s site) startChild() (*child, error) {
	log, err := s.home.openLog()
	if err != nil {
		return nil, err
	}
	defer log.Close()
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("open database log: %w", err)
	}
	// Only what must hold stands on the command line, which wins over postgresql.conf; the rest is the operator's to change there.
	cmd := exec.Command(filepath.Join(s.programs.dir, "postgres"), "-D", s.home.data(),
		"-c", "listen_addresses=", "-c", "port="+socketPort, "-c", "unix_socket_directories="+s.socket, "-c", "unix_socket_permissions=0700",
		"-c", "logging_collector=off", "-c", "log_destination=stderr")
	cmd.Env, cmd.Dir = childEnv(), "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = diesWithParent(s.account.attributes())
	// In a group of its own: Ctrl-C in the terminal must not stop the database while we still drain.
	cmd.SysProcAttr.Setpgid = true

	c := &child{done: make(chan error, 1), log: s.home.log(), logFrom: from}
	started := make(chan error)
	go func() {
		// The death signal comes when the *thread* that forked ends (golang/go#27505), so this goroutine keeps its thread until the server has ended.
		runtime.LockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		c.process = cmd.Process
		started <- nil
		c.done <- cmd.Wait()
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return c, nil
}

// childEnv is the environment of PostgreSQL's programs: nothing of ours, which holds secrets and PG… variables meant for clients.
func childEnv() []string {
	return []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
}

// awaitReady waits until postmaster.pid says "ready" (its eighth line, which pg_ctl reads too), the server ends, or ctx does.
func (c *child) awaitReady(ctx context.Context, s site) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	slow := time.NewTimer(slowStart)
	defer slow.Stop()
	for {
		if pid, state := s.home.postmaster(); pid == c.process.Pid && state == "ready" {
			return nil
		}
		select {
		case err := <-c.done:
			if err == nil {
				err = errors.New("exit status 0")
			}
			return fmt.Errorf("it ended at once: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-slow.C:
			s.notice("PostgreSQL is still starting: it repairs itself after a crash, see " + s.home.log())
		case <-tick.C:
		}
	}
}

// stop asks three times, each time less politely, and returns when the process is gone.
func (c *child) stop(ctx context.Context) error {
	for _, step := range []struct {
		signal   syscall.Signal
		patience time.Duration
	}{{syscall.SIGINT, stopPatience}, {syscall.SIGQUIT, quitPatience}, {syscall.SIGKILL, quitPatience}} {
		if err := c.process.Signal(step.signal); errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		patience := time.NewTimer(step.patience)
		early := ctx.Done()
		if step.signal != syscall.SIGINT {
			early = nil // a caller out of time still waits the short while that an abrupt end takes
		}
		select {
		case <-c.done:
			patience.Stop()
			return nil
		case <-early:
		case <-patience.C:
		}
		patience.Stop()
	}
	return fmt.Errorf("stop PostgreSQL: process %d outlived SIGKILL", c.process.Pid)
}

// lastWords is the end of what this run wrote to its log.
func (c *child) lastWords() string {
	text, err := os.ReadFile(c.log)
	if err != nil || int64(len(text)) < c.logFrom {
		return "(none)"
	}
	const lines = 12
	words := bytes.Split(bytes.TrimSpace(text[c.logFrom:]), []byte("\n"))
	return string(bytes.Join(words[max(0, len(words)-lines):], []byte("\n")))
}

// clearStale deals with what an earlier run left behind. We hold the folder's lock, so no Postern runs on it; but where there is no parent-death signal the server itself may have
// outlived its Postern: it is stopped. A postmaster.pid whose number belongs to some other process now (normal in a restarted container) would keep PostgreSQL from starting: it is removed.
func clearStale(ctx context.Context, h home, log *slog.Logger) error {
	pid, _ := h.postmaster()
	if pid == 0 {
		return nil
	}
	if commandOf(pid, h.data()) != isServer {
		if err := os.Remove(h.pidFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove stale pid file: %w", err)
		}
		return nil
	}
	log.Warn("stopping a database server that outlived its Postern", "pid", pid)
	return endOrphan(ctx, pid, h)
}

// endOrphan asks three times, each time less politely, and returns when the process is gone. It waits for less than stop does: PostgreSQL 15 that is told to shut down while it repairs itself after
// a crash may never do so, which is how an orphan comes to be. What was committed is kept in every case.
func endOrphan(ctx context.Context, pid int, h home) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if commandOf(pid, h.data()) != isServer {
			return nil
		}
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the server (process %d) that still runs on %s: %w", pid, h.data(), err)
		}
		patience := time.Now().Add(quitPatience)
		for commandOf(pid, h.data()) == isServer && time.Now().Before(patience) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	if commandOf(pid, h.data()) == isServer {
		return fmt.Errorf("process %d still runs on %s and outlived SIGKILL: end it by hand", pid, h.data())
	}
	return nil
}

// running is what became of a process id that was written down.
type running int

const (
	isGone    running = iota // no such process, or a zombie
	isServer                 // a PostgreSQL server on this very folder
	isForeign                // some other process got the number
)

// commandOf looks at a process's command line: /proc where there is one, else ps(1).
func commandOf(pid int, data string) running {
	id := strconv.Itoa(pid)
	if _, err := os.Stat("/proc/self/stat"); err == nil {
		stat, err := os.ReadFile("/proc/" + id + "/stat")
		if err != nil {
			return isGone
		}
		// The state follows the command name, which stands in parentheses and may hold any character.
		if end := bytes.LastIndexByte(stat, ')'); end >= 0 && bytes.HasPrefix(stat[end+1:], []byte(" Z")) {
			return isGone
		}
		line, err := os.ReadFile("/proc/" + id + "/cmdline")
		if err != nil {
			return isGone
		}
		return whose(strings.ReplaceAll(string(line), "\x00", " "), data)
	}
	line, err := exec.Command("ps", "-o", "command=", "-p", id).Output()
	if err != nil {
		return isGone
	}
	return whose(string(line), data)
}

func whose(command, data string) running {
	if strings.Contains(command, "postgres") && strings.Contains(command+" ", " "+data+" ") {
		return isServer
	}
	return isForeign
}
