package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/emersion/go-smtp"
)

// null is go-smtp with nothing behind it: the ceiling of the protocol on this machine.
type null struct {
	process *child
	address string
}

func startNull(ctx context.Context, self string) (*null, error) {
	process, err := run(nil, self, roleNull)
	if err != nil {
		return nil, err
	}
	line, err := process.line(ctx)
	if err != nil {
		return nil, err
	}
	process.drain()
	return &null{process: process, address: strings.TrimSpace(line)}, nil
}

func (*null) name() string                      { return "go-smtp" }
func (*null) does() string                      { return "nothing: the ceiling of the protocol" }
func (n *null) addr() string                    { return n.address }
func (n *null) pid() int                        { return n.process.cmd.Process.Pid }
func (*null) kept(context.Context) (int, error) { return 0, nil }
func (n *null) stop() error                     { return n.process.stop() }

// serveNull is the process: it takes mail for anybody and reads over it.
func serveNull() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return sink{}, nil }))
	server.Domain = host
	if _, err := fmt.Fprintln(os.Stdout, listener.Addr()); err != nil {
		return err
	}
	return server.Serve(listener)
}

// sink forgets what it is told.
type sink struct{}

func (sink) Reset()                               {}
func (sink) Logout() error                        { return nil }
func (sink) Mail(string, *smtp.MailOptions) error { return nil }
func (sink) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (sink) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
