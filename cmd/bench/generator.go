package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
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
	piles := make([][]letter, o.Conns)
	var writing sync.WaitGroup
	for i := range piles {
		writing.Go(func() {
			author := newAuthor(o.Seed*1000 + uint64(i))
			for range (o.Mails + i) / o.Conns { // the piles differ by one mail at most and sum up to all
				piles[i] = append(piles[i], author.write(kind))
			}
		})
	}
	writing.Wait()
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
		sending.Go(func() { waits[i], failures[i] = deliver(o.Addr, pile) })
	}
	sending.Wait()
	elapsed := time.Since(start)
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	all := slices.Concat(waits...)
	slices.Sort(all)
	at := func(share float64) float64 { return float64(all[int(share*float64(len(all)-1))].Microseconds()) / 1000 }
	return json.NewEncoder(out).Encode(yield{Seconds: elapsed.Seconds(), P50: at(0.50), P99: at(0.99)})
}

// deliver sends a pile of mails, with a new connection after every twenty.
func deliver(addr string, pile []letter) (waits []time.Duration, err error) {
	for part := range slices.Chunk(pile, perConnection) {
		took, err := session(addr, part)
		if err != nil {
			return nil, err
		}
		waits = append(waits, took...)
	}
	return waits, nil
}

// session is one connection. MAIL, RCPT and DATA leave together, as they do from servers that know PIPELINING (RFC 2920 §3.1).
func session(addr string, mails []letter) (waits []time.Duration, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	client := client{conn: conn, in: bufio.NewReader(conn)}
	if err := client.await("220"); err != nil {
		return nil, err
	}
	if err := client.ask("EHLO client.example\r\n", "250"); err != nil {
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
