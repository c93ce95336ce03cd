package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// collected is what the collector says: when the mails that were awaited are all there, and whenever it is asked for the sum.
type collected struct {
	Seconds  float64 // from the order to the last of them
	Mails    int     // with those that came twice
	Distinct int
	Unsigned int
}

// gathering counts the mails of one order.
type gathering struct {
	mu       sync.Mutex
	began    time.Time
	awaited  int
	mails    int
	unsigned int
	ids      map[string]bool
	complete chan collected
}

// serveCollector is the process. Each line of its input is a number of mails to wait for, or "sum". It keeps no mail, and no reply of its own takes time.
func serveCollector() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	g := &gathering{ids: map[string]bool{}, complete: make(chan collected, 1)}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return collecting{g}, nil }))
	server.Domain = customers
	go func() { _ = server.Serve(listener) }() // until the process ends
	fmt.Fprintln(os.Stdout, listener.Addr())
	said := json.NewEncoder(os.Stdout)
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		order := strings.TrimSpace(orders.Text())
		if order == "sum" {
			if err := said.Encode(g.sum()); err != nil {
				return err
			}
			continue
		}
		mails, err := strconv.Atoi(order)
		if err != nil {
			return fmt.Errorf("collector: %q is no number of mails", order)
		}
		g.await(mails)
		if err := said.Encode(<-g.complete); err != nil {
			return err
		}
	}
	return orders.Err()
}

func (g *gathering) await(mails int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.began, g.awaited, g.mails, g.unsigned, g.ids = time.Now(), mails, 0, 0, map[string]bool{}
}

func (g *gathering) sum() collected {
	g.mu.Lock()
	defer g.mu.Unlock()
	return collected{Seconds: time.Since(g.began).Seconds(), Mails: g.mails, Distinct: len(g.ids), Unsigned: g.unsigned}
}

// take counts one mail.
func (g *gathering) take(id string, signatures int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mails++
	if signatures == 0 {
		g.unsigned++
	}
	known := g.ids[id]
	g.ids[id] = true
	if !known && len(g.ids) == g.awaited {
		g.complete <- collected{Seconds: time.Since(g.began).Seconds(), Mails: g.mails, Distinct: len(g.ids), Unsigned: g.unsigned}
	}
}

// collecting is one session.
type collecting struct{ *gathering }

func (collecting) Reset()                               {}
func (collecting) Logout() error                        { return nil }
func (collecting) Mail(string, *smtp.MailOptions) error { return nil }
func (collecting) Rcpt(string, *smtp.RcptOptions) error { return nil }

// Data reads the header and passes over the rest.
func (c collecting) Data(r io.Reader) error {
	id, signatures := "", 0
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadSlice('\n')
		if len(bytes.TrimSpace(line)) == 0 || err != nil {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch strings.ToLower(string(name)) {
		case "message-id":
			id = string(bytes.TrimSpace(value))
		case "dkim-signature":
			signatures++
		}
	}
	if _, err := io.Copy(io.Discard, lines); err != nil {
		return err
	}
	c.take(id, signatures)
	return nil
}
