package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// mainCF makes Postfix take mail into its queue and leave it there. HOLD is the kindest way for it: the queue manager never looks at the mail, nobody tries to deliver it and
// no delivery is written into a log. Name look-ups are off, and nothing slows a sender down.
const mainCF = `compatibility_level = 3.6
queue_directory = %[1]s/queue
data_directory = %[1]s/data
myhostname = %[2]s
mydestination =
local_recipient_maps =
relay_domains = %[2]s
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
smtpd_recipient_restrictions = check_client_access static:HOLD, permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = none
in_flow_delay = 0
message_size_limit = 52428800
default_process_limit = 100
biff = no
`

// masterCF is Debian's, as far as taking mail needs it, without chroot.
const masterCF = `%s inet n - n - - smtpd
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
`

// postfix is Postfix with a configuration and a queue of its own.
type postfix struct {
	folder  string
	address string
	master  int
}

func startPostfix(ctx context.Context, folder string) (*postfix, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p := &postfix{folder: folder, address: address}
	if err := p.begin(ctx, fmt.Sprintf(mainCF, folder, host), fmt.Sprintf(masterCF, address)); err != nil {
		return nil, err
	}
	return p, nil
}

// begin writes the configuration and starts the program with it.
func (p *postfix) begin(ctx context.Context, main, master string) error {
	for _, dir := range []string{"etc", "queue", "data"} {
		if err := os.MkdirAll(filepath.Join(p.folder, dir), 0o755); err != nil {
			return err
		}
	}
	if out, err := exec.CommandContext(ctx, "chown", "postfix", filepath.Join(p.folder, "data")).CombinedOutput(); err != nil {
		return fmt.Errorf("give Postfix its folder: %w: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(p.folder, "etc", "main.cf"), []byte(main), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.folder, "etc", "master.cf"), []byte(master), 0o644); err != nil {
		return err
	}
	if err := p.command(ctx, "start"); err != nil {
		return err
	}
	return p.awaitMaster(ctx)
}

// freeAddress is a port that nobody has at this moment: Postfix cannot choose one by itself.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func (p *postfix) command(ctx context.Context, what string) error {
	out, err := exec.CommandContext(ctx, "postfix", "-c", filepath.Join(p.folder, "etc"), what).CombinedOutput()
	if err != nil {
		return fmt.Errorf("postfix %s: %w: %s", what, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// awaitMaster waits until the master process has written its id and listens.
func (p *postfix) awaitMaster(ctx context.Context) error {
	for {
		if conn, err := net.Dial("tcp", p.address); err == nil {
			_ = conn.Close() // it was only to see that somebody listens
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("postfix does not listen on %s: %w", p.address, ctx.Err()), p.stop())
		}
	}
	text, err := os.ReadFile(filepath.Join(p.folder, "queue", "pid", "master.pid"))
	if err != nil {
		return err
	}
	p.master, err = strconv.Atoi(strings.TrimSpace(string(text)))
	return err
}

func (*postfix) name() string   { return "Postfix" }
func (*postfix) does() string   { return "a queue file, synced; held there" }
func (p *postfix) addr() string { return p.address }
func (p *postfix) pid() int     { return p.master }

// kept counts the files of the queue.
func (p *postfix) kept(context.Context) (mails int, err error) {
	for _, queue := range []string{"hold", "incoming", "active", "deferred"} {
		err := filepath.WalkDir(filepath.Join(p.folder, "queue", queue), func(_ string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				mails++
			}
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return mails, nil
}

// stop ends the master, and waits until it is gone: its folder is removed next.
func (p *postfix) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	return p.command(ctx, "stop") // postfix-script waits for the master
}
