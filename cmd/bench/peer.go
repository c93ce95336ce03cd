package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// peer is a mail server that is measured.
type peer interface {
	name() string
	does() string // before its 250
	addr() string
	pid() int                                        // of the process that all others of it descend from
	kept(ctx context.Context) (mails int, err error) // how many it holds durably
	stop() error
}

// stopTime is how long a peer may take to end.
const stopTime = 45 * time.Second

// child is a process of ours. Its folder is the peer's and is removed by whoever made it.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	ending chan error
}

// run starts a program whose standard output we read.
func run(env []string, program string, args ...string) (*child, error) {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us: we end the others in order
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return &child{cmd: cmd, in: in, out: bufio.NewReader(out), ending: make(chan error, 1)}, nil
}

// start lets a generator that is ready begin.
func (c *child) start() error {
	_, err := io.WriteString(c.in, "\n")
	return err
}

// line reads the next line of output.
func (c *child) line(ctx context.Context) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := c.out.ReadString('\n')
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		if errors.Is(a.err, io.EOF) {
			return "", fmt.Errorf("%s has ended", c.cmd.Path)
		}
		return a.text, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// drain reads on, so that the child never waits for us.
func (c *child) drain() {
	go func() { _, _ = io.Copy(io.Discard, c.out) }() // ends with the child
}

// stop asks the child to end, and makes it end.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	go func() { c.ending <- c.cmd.Wait() }()
	select {
	case <-c.ending: // how it ended does not matter any more
		return nil
	case <-time.After(stopTime):
		return errors.Join(fmt.Errorf("%s does not end by itself", c.cmd.Path), c.cmd.Process.Kill())
	}
}
