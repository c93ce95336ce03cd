// Command bench measures how fast a mail becomes a committed ticket, beside Postfix queueing the same mails and a bare go-smtp keeping nothing, all in one run.
//
// Absolute figures of a shared machine mean little, so the peers take turns (A B C A B C …) and the ratios count. The generator is a process of its own and its CPU is
// nobody's; a peer's CPU is that of all its processes, PostgreSQL's among them. Nothing durable is switched off, and a run in which a mail is missing afterwards fails.
// Then replies leave, signed, for one server that takes everything, beside Postfix with OpenDKIM doing the same: from the moment at which they are handed in to the last one's arrival, each there once.
// Postern asks a name server of ours, which knows the senders of signed mails. Where those are measured, it must have proved each of them.
// It needs Linux (it reads /proc), Postfix and PostgreSQL, and root where Postfix is to run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// What the Postern of this repository is called, and another build of it.
const (
	product = "Postern"
	other   = "other Postern"
)

// How this program is told to be one of its helpers.
const (
	roleGenerator = "generator"
	roleNull      = "null"
	roleCollector = "collector"
)

// settings are the flags.
type settings struct {
	mails, rounds int
	replies       int
	only          []string
	rows          []row
	dir           string
	profile       string
	append        string
	timeout       time.Duration
	beside        string
}

// row is one line of the result: one kind of mail over so many connections at a time.
type row struct {
	shape string
	conns int
}

func (r row) String() string {
	connections := "connections"
	if r.conns == 1 {
		connections = "connection"
	}
	return fmt.Sprintf("%s, %d %s", shapes()[r.shape].name, r.conns, connections)
}

func parse(args []string) (s settings, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&s.mails, "mails", 4000, "mails a row and round; rows of large mails send a quarter")
	flags.IntVar(&s.rounds, "rounds", 3, "rounds; the median of them counts")
	flags.IntVar(&s.replies, "replies", 10_000, "replies a round that are sent to one server, beside Postfix with OpenDKIM; 0: leave that part out")
	only := flags.String("only", "null,postfix,postern", "peers to measure")
	rows := flags.String("rows", "4k/10,4k/1,4k/50,64k/10,64ktext/10", "rows: mails (4k, 4ks: signed, 64k, 64ktext) / connections, or none; with signed ones Postern stands behind PROXY for all rows")
	flags.StringVar(&s.dir, "dir", "/var/tmp", "folder on the disk to measure; not one in memory")
	flags.StringVar(&s.profile, "profile", "", "write a CPU profile of Postern under the first row's load into this `file`")
	flags.StringVar(&s.append, "append", "", "append the result to this `file`")
	flags.DurationVar(&s.timeout, "timeout", 30*time.Minute, "give up after this long")
	flags.StringVar(&s.beside, "beside", "", "measure this other `binary` of Postern too: what a change brought shows only side by side")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.only = strings.Split(*only, ",")
	for _, name := range s.only {
		if !slices.Contains([]string{"null", "postfix", "postern"}, name) {
			return s, fmt.Errorf("-only: there is no peer %q", name)
		}
	}
	for text := range strings.SplitSeq(*rows, ",") {
		if *rows == "none" {
			break
		}
		one := row{}
		name, conns, _ := strings.Cut(text, "/")
		one.shape = name
		if _, err := fmt.Sscan(conns, &one.conns); err != nil || one.conns < 1 || shapes()[name].share == 0 {
			return s, fmt.Errorf("-rows: %q is not like 4k/10", text)
		}
		s.rows = append(s.rows, one)
	}
	if s.replies != 0 && s.replies < warmUp {
		return s, fmt.Errorf("-replies: 0, or at least %d", warmUp)
	}
	if s.mails < 8*perConnection || s.rounds < 1 {
		return s, fmt.Errorf("-mails: at least %d, and -rounds: at least 1", 8*perConnection)
	}
	return s, nil
}

// signed says whether mails are sent that prove their sender. Postern is told then that they come from the clients of the zone: it does not ask about a client on its own machine.
func (s settings) signed() bool {
	return slices.ContainsFunc(s.rows, func(r row) bool { return shapes()[r.shape].signed })
}

func main() {
	err := act(os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// act is the benchmark, or one of its helpers, which a signal ends at once.
func act(args []string) error {
	if len(args) > 0 && args[0] == roleNull {
		return serveNull()
	}
	if len(args) > 0 && args[0] == roleCollector {
		return serveCollector()
	}
	if len(args) > 0 && args[0] == rolePortal {
		return benchPortal(args[1:])
	}
	if len(args) > 1 && args[0] == roleGenerator {
		return generatorProcess(args[1])
	}
	s, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	folder, err := os.MkdirTemp(s.dir, "postern-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := os.Chmod(folder, 0o755); err != nil { // the accounts of Postfix and PostgreSQL pass through it
		return err
	}
	m := &measurement{settings: s, keys: filepath.Join(folder, "keys"), sent: map[string]int{}, signed: map[string]int{}, samples: map[sampleKey][]sample{}}
	if len(s.rows) > 0 {
		if err := m.intake(ctx, folder); err != nil {
			return err
		}
	}
	if s.replies > 0 {
		if m.outgoing, err = dispatches(ctx, s, folder); err != nil {
			return err
		}
	}
	return m.publish(ctx)
}

// intake measures mail that comes in.
func (m *measurement) intake(ctx context.Context, folder string) error {
	keys, err := makeKeys(m.keys)
	if err != nil {
		return err
	}
	if m.names, err = startNames(keys); err != nil {
		return err
	}
	defer func() { _ = m.names.stop() }() // nobody asks any more
	m.peers, err = startPeers(ctx, m.settings, site{folder: folder, names: m.names.addr(), proxied: m.settings.signed()})
	defer func() {
		for _, p := range m.peers {
			if err := p.stop(); err != nil {
				fmt.Fprintln(os.Stderr, "bench: stop", p.name()+":", err)
			}
		}
	}()
	if err != nil {
		return err
	}
	if err := m.all(ctx); err != nil {
		return err
	}
	m.incoming, err = m.describe(ctx)
	return err
}

// site is where peers run.
type site struct {
	folder  string
	names   string // address of the name server
	proxied bool   // clients say by the PROXY protocol who they are
}

func startPeers(ctx context.Context, s settings, at site) (peers []peer, err error) {
	names := s.only
	if s.beside != "" {
		names = append(slices.Clone(names), "other")
	}
	for _, name := range names {
		own := at
		own.folder = filepath.Join(at.folder, name)
		if err := os.Mkdir(own.folder, 0o755); err != nil {
			return peers, err
		}
		started, err := startPeer(ctx, s, name, own)
		if err != nil {
			return peers, err
		}
		peers = append(peers, started)
	}
	return peers, nil
}

func startPeer(ctx context.Context, s settings, name string, at site) (peer, error) {
	switch name {
	case "null":
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		return startNull(ctx, self)
	case "postfix":
		return startPostfix(ctx, at.folder)
	case "other":
		return startPostern(ctx, other, s.beside, at)
	default:
		binary := filepath.Join(at.folder, "postern")
		if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "postern/cmd/postern").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build Postern: %w: %s", err, out)
		}
		return startPostern(ctx, product, binary, at)
	}
}
