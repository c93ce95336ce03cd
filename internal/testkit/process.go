package testkit

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Program is a foreign server that runs for as long as a test, or this process, and no longer.
type Program struct {
	Dir       string   // its folder, removed after it; what it says stands in the file "output" there
	Signal    string   // that ends it; TERM unless given
	Env       []string // beside ours, NAME=value
	Name      string   // looked for on PATH and in the folders of servers; or a path
	Arguments []string
}

// Start starts the program under a shell that stops it by its signal and removes its folder when told, or when this process is gone: then the shell's standard input ends.
// TERM lets a program stop its workers; clamav-milter has none, and takes five seconds over it.
func (p Program) Start() (stop func(), err error) {
	path, err := Find(p.Name)
	if err != nil {
		return nil, err
	}
	const script = `dir=$1 signal=$2; shift 2; "$@" >"$dir/output" 2>&1 </dev/null & p=$!; read -r _; kill -s "$signal" "$p"; wait "$p"; rm -rf "$dir"`
	environment := append([]string{"/usr/bin/env"}, p.Env...) // of the program alone: a library that it needs may not suit the shell
	watcher := exec.Command("/bin/sh", append(append([]string{"-c", script, "sh", p.Dir, cmp.Or(p.Signal, "TERM")}, append(environment, path)...), p.Arguments...)...)
	watcher.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C at the terminal is for us; the end of the input is for it
	input, err := watcher.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := watcher.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() { _ = watcher.Wait(); close(ended) }()
	return func() { _ = input.Close(); <-ended }, nil
}

// Find is where a program is: not everybody has the folders of servers on PATH.
func Find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		return path, nil
	}
	for _, sbin := range []string{"/usr/sbin/", "/usr/local/sbin/"} {
		if found, lookErr := exec.LookPath(sbin + program); lookErr == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%w (scripts/need knows its package)", err)
}

// Folder makes a folder with a short name: that of a socket in it must not be longer than 107 octets.
func Folder(purpose string) (string, error) { return os.MkdirTemp("/tmp", "postern-"+purpose+"-") }

// OwnLoopback is an address in 127.0.0.0/8 that no other process of this machine uses.
func OwnLoopback() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 100+pid>>16&0x3f, pid>>8&0xff, pid&0xff)
}

// Reachable waits until somebody listens. The error repeats the end of the program's own words, which stand in a file.
func Reachable(network, address, words string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			said, _ := os.ReadFile(words)
			return fmt.Errorf("%w; it says: %s", err, said[max(0, len(said)-2000):])
		case <-time.After(20 * time.Millisecond):
		}
	}
}
