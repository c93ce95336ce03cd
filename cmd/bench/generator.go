package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/domains"
)

// perConnection is how many mails one connection brings before it ends and another one begins.
const perConnection = 20

// replyTime is how long a peer may take for one reply: a hung peer must not hang the benchmark.
const replyTime = time.Minute

// order is what the generator is told to do.
type order struct {
	Addr  string
	Shape string
	Conns int
	Mails int
	Seed  uint64
	Keys  string // file of the keys for signed mails
	Proxy bool   // the clients are those of the zone, as the PROXY protocol tells it
}

// yield is what it reports.
type yield struct {
	Seconds  float64
	P50, P99 float64 // milliseconds from the end of the data to its reply
}

// generate is the process that sends. It writes all mails first, says that it is ready, and sends when it is told to: what it does is nobody's CPU but its own, and the
// writing is in nobody's time.
func generate(o order, in io.Reader, out io.Writer) error {
	kind, known := shapes()[o.Shape]
	if !known {
		return fmt.Errorf("no shape %q", o.Shape)
	}
	piles, err := o.write(kind)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
		return fmt.Errorf("wait for the start: %w", err)
	}
	start := time.Now()
	waits, failures := make([][]time.Duration, o.Conns), make([]error, o.Conns)
	var sending sync.WaitGroup
	for i, pile := range piles {
		sending.Go(func() { waits[i], failures[i] = o.deliver(i, pile) })
	}
	sending.Wait()
	elapsed := time.Since(start)
	if err := errors.Join(failures...); err != nil {
		return err
	}
	all := slices.Concat(waits...)
	slices.Sort(all)
	at := func(share float64) float64 { return float64(all[int(share*float64(len(all)-1))].Microseconds()) / 1000 }
	return json.NewEncoder(out).Encode(yield{Seconds: elapsed.Seconds(), P50: at(0.50), P99: at(0.99)})
}

// write writes a pile of mails for each connection. They differ by one mail at most and sum up to all.
func (o order) write(kind shape) ([][]letter, error) {
	var keys []domains.Key
	if kind.signed {
		var err error
		if keys, err = readKeys(o.Keys); err != nil {
			return nil, err
		}
	}
	piles, failures := make([][]letter, o.Conns), make([]error, o.Conns)
	var writing sync.WaitGroup
	for i := range piles {
		writing.Go(func() {
			author := newAuthor(o.Seed*1000 + uint64(i))
			author.keys = keys
			for range (o.Mails + i) / o.Conns {
				mail, err := author.write(kind)
				if err != nil {
					failures[i] = err
					return
				}
				piles[i] = append(piles[i], mail)
			}
		})
	}
	writing.Wait()
	return piles, errors.Join(failures...)
}

// deliver sends a pile of mails, with a new connection after every twenty.
func (o order) deliver(place int, pile []letter) (waits []time.Duration, err error) {
	for part := range slices.Chunk(pile, perConnection) {
		took, err := o.session(place, part)
		if err != nil {
			return nil, err
		}
		waits = append(waits, took...)
	}
	return waits, nil
}

// session is one connection. MAIL, RCPT and DATA leave together, as they do from servers that know PIPELINING (RFC 2920 §3.1).
func (o order) session(place int, mails []letter) (waits []time.Duration, err error) {
	conn, err := net.Dial("tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if o.Proxy {
		if _, err := fmt.Fprintf(conn, "PROXY TCP4 %s 192.0.2.254 40000 25\r\n", clientAddr(place)); err != nil {
			return nil, err
		}
	}
	client := client{conn: conn, in: bufio.NewReader(conn)}
	if err := client.await("220"); err != nil {
		return nil, err
	}
	if err := client.ask("EHLO "+clientName(place)+"\r\n", "250"); err != nil {
		return nil, err
	}
	for _, mail := range mails {
		if err := client.ask("MAIL FROM:<"+mail.from+"> SIZE="+fmt.Sprint(len(mail.data))+"\r\nRCPT TO:<"+mailbox+">\r\nDATA\r\n", "250", "250", "354"); err != nil {
			return nil, err
		}
		if _, err := conn.Write(mail.data); err != nil {
			return nil, err
		}
		sent := time.Now()
		if err := client.await("250"); err != nil {
			return nil, err
		}
		waits = append(waits, time.Since(sent))
	}
	return waits, client.ask("QUIT\r\n", "221")
}

// client is the sending side of an SMTP dialogue.
type client struct {
	conn net.Conn
	in   *bufio.Reader
}

func (c *client) ask(commands string, replies ...string) error {
	if _, err := io.WriteString(c.conn, commands); err != nil {
		return err
	}
	return c.await(replies...)
}

// await reads one reply a code, each maybe of several lines (RFC 5321 §4.2.1).
func (c *client) await(codes ...string) error {
	if err := c.conn.SetDeadline(time.Now().Add(replyTime)); err != nil {
		return err
	}
	for _, code := range codes {
		for last := false; !last; {
			line, err := c.in.ReadString('\n')
			if err != nil {
				return fmt.Errorf("wait for %s: %w", code, err)
			}
			if !strings.HasPrefix(line, code) || len(line) < 5 {
				return fmt.Errorf("wait for %s: the peer says %q", code, line)
			}
			last = line[3] != '-'
		}
	}
	return nil
}
