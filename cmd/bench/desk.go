package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// parts says which part of a reply's way is measured.
type parts int

const (
	wholeWay    parts = iota // written through the API, composed, signed, sent
	sendingOnly              // composed, signed, sent: the replies lie in the queue when the program starts
)

// deskMailer is Postern as an operator starts it, with a domain whose records are there.
type deskMailer struct {
	measured parts
	binary   string
	env      []string
	names    *nameServer
	process  *postern // nil between two runs of sendingOnly
	web      string
	token    string
	tickets  []string
}

func startDesk(ctx context.Context, folder, sink string, measured parts) (d *deskMailer, err error) {
	names, err := startNames(nil)
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(sink)
	d = &deskMailer{measured: measured, names: names, binary: filepath.Join(folder, "postern"), env: []string{
		"POSTERN_DATA=" + filepath.Join(folder, "data"), "POSTERN_HOSTNAME=mail." + office, "POSTERN_LOG_LEVEL=warn", "POSTERN_DNS=" + names.addr(), "POSTERN_MX_PORT=" + port,
		"POSTERN_SMTP_ADDR=127.0.0.1:0", "POSTERN_HTTP_ADDR=127.0.0.1:0", "POSTERN_ADMIN_ADDR=127.0.0.1:0", "POSTERN_OUTBOUND_ALLOW=127.0.0.0/8",
	}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.stop())
		}
	}()
	if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", d.binary, "postern/cmd/postern").CombinedOutput(); err != nil {
		return d, fmt.Errorf("build Postern: %w: %s", err, out)
	}
	if err := d.start(ctx, "smtp,web,worker"); err != nil {
		return d, err
	}
	return d, d.setUp(ctx)
}

// start runs some parts of the program.
func (d *deskMailer) start(ctx context.Context, roles string) error {
	process, err := run(d.env, d.binary, "serve", "--role="+roles)
	if err != nil {
		return err
	}
	d.process = &postern{called: product, process: process, data: strings.TrimPrefix(d.env[0], "POSTERN_DATA=")}
	for d.process.admin == "" { // its line comes after those of the other listeners
		line, err := process.line(ctx)
		if err != nil {
			return fmt.Errorf("start Postern: %w", err)
		}
		switch fields := strings.Fields(line); {
		case len(fields) < 2:
		case fields[0] == "smtp":
			d.process.address = fields[1]
		case fields[0] == "web":
			d.web = fields[1]
		case fields[0] == "admin":
			d.process.admin = fields[1]
		}
	}
	process.drain()
	return nil
}

// command runs one command of the program.
func (d *deskMailer) command(ctx context.Context, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, d.binary, args...)
	command.Env = append(os.Environ(), d.env...)
	var out, failed bytes.Buffer
	command.Stdout, command.Stderr = &out, &failed
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("postern %s: %w: %s", strings.Join(args, " "), err, failed.Bytes())
	}
	return out.Bytes(), nil
}

// setUp adds a domain, publishes its records, has them verified, and makes a mailbox and a token.
func (d *deskMailer) setUp(ctx context.Context) error {
	if err := d.process.checkDurability(ctx); err != nil {
		return err
	}
	loopback := &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}
	d.names.publish("mail."+office, loopback)
	d.names.publish("mx."+customers, loopback)
	if err := d.names.publishMX(customers, "mx."+customers); err != nil {
		return err
	}
	if _, err := d.command(ctx, "domain", "add", office); err != nil {
		return err
	}
	shown, err := d.command(ctx, "domain", "show", office, "--json")
	if err != nil {
		return err
	}
	var wanted struct {
		Records []struct{ Type, Name, Wanted string }
	}
	if err := json.Unmarshal(shown, &wanted); err != nil {
		return err
	}
	for _, record := range wanted.Records {
		if record.Type == "TXT" {
			d.names.publish(record.Name, text(record.Wanted))
		}
	}
	if _, err := d.command(ctx, "domain", "verify", office); err != nil {
		return err
	}
	if _, err := d.command(ctx, "mailbox", "add", "support@"+office, "--name", "Support"); err != nil {
		return err
	}
	if _, err := d.command(ctx, "user", "add", "--email", "agent@"+office, "--name", "Agent", "--role", "owner"); err != nil {
		return err
	}
	if _, err := d.command(ctx, "settings", "set", "limit.token", "0"); err != nil { // one program asks for all
		return err
	}
	token, err := d.command(ctx, "token", "create", "--user", "agent@"+office, "--name", "bench")
	d.token = strings.TrimSpace(string(token))
	return err
}

func (d *deskMailer) name() string {
	if d.measured == sendingOnly {
		return product + ", sending alone"
	}
	return product
}

func (d *deskMailer) does() string {
	if d.measured == sendingOnly {
		return "from its database: signed with RSA and Ed25519, the octets kept; sent; the start of the program included"
	}
	return "written through the API, on its ticket, committed; signed with RSA and Ed25519, the octets kept; sent"
}

// prepare has customers ask; where only the sending counts, their questions are answered, too.
func (d *deskMailer) prepare(ctx context.Context, mails int) error {
	if d.measured == sendingOnly {
		if err := d.restart(ctx, "smtp,web"); err != nil {
			return err
		}
	}
	if err := d.ask(mails); err != nil {
		return err
	}
	if d.measured == wholeWay {
		return nil
	}
	if err := d.reply(ctx); err != nil {
		return err
	}
	err := d.process.stop()
	d.process = nil
	return err
}

func (d *deskMailer) restart(ctx context.Context, roles string) error {
	if d.process != nil {
		if err := d.process.stop(); err != nil {
			return err
		}
	}
	return d.start(ctx, roles)
}

func (d *deskMailer) submit(ctx context.Context, _ int) error {
	if d.measured == sendingOnly {
		return d.start(ctx, "worker")
	}
	return d.reply(ctx)
}

// ask sends questions by SMTP and keeps the numbers of their tickets.
func (d *deskMailer) ask(mails int) error {
	var mu sync.Mutex
	d.tickets = nil
	return all(mails, func(writer, mails int) error {
		for done := 0; done < mails; done += perConnection {
			numbers, err := d.session(writer, done, min(perConnection, mails-done))
			if err != nil {
				return err
			}
			mu.Lock()
			d.tickets = append(d.tickets, numbers...)
			mu.Unlock()
		}
		return nil
	})
}

func (d *deskMailer) session(writer, first, mails int) (numbers []string, err error) {
	conn, err := net.Dial("tcp", d.process.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	c := client{conn: conn, in: bufio.NewReader(conn)}
	if err := errors.Join(c.await("220"), c.ask("EHLO mx."+customers+"\r\n", "250")); err != nil {
		return nil, err
	}
	for i := range mails {
		from := customerAddress(writer*1_000_000 + first + i)
		if err := c.ask("MAIL FROM:<"+from+">\r\nRCPT TO:<support@"+office+">\r\nDATA\r\n", "250", "250", "354"); err != nil {
			return nil, err
		}
		mail := fmt.Sprintf("From: %s\r\nTo: support@%s\r\nSubject: The pump\r\nMessage-ID: <%d.%d.%d@%s>\r\nDate: %s\r\n\r\nIt does not start.\r\n.\r\n",
			from, office, time.Now().UnixNano(), writer, first+i, customers, time.Now().Format(time.RFC1123Z))
		if _, err := io.WriteString(conn, mail); err != nil {
			return nil, err
		}
		said, err := c.in.ReadString('\n') // 250 2.0.0 #1234
		_, number, found := strings.Cut(strings.TrimSpace(said), "#")
		if err != nil || !found {
			return nil, fmt.Errorf("a question was not taken: %q, %w", said, err)
		}
		numbers = append(numbers, strings.Fields(number)[0])
	}
	return numbers, c.ask("QUIT\r\n", "221")
}

// reply answers every ticket through the API.
func (d *deskMailer) reply(ctx context.Context) error {
	body, err := json.Marshal(map[string]string{"text": replyText})
	if err != nil {
		return err
	}
	browser := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}, Timeout: replyTime}
	defer browser.CloseIdleConnections()
	start := 0
	var mu sync.Mutex
	return all(len(d.tickets), func(_, mails int) error {
		mu.Lock()
		mine := d.tickets[start : start+mails]
		start += mails
		mu.Unlock()
		for _, number := range mine {
			if err := d.post(ctx, browser, number, body); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *deskMailer) post(ctx context.Context, browser *http.Client, ticket string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.web+"/api/v1/tickets/"+ticket+"/replies", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+d.token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := browser.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode != http.StatusCreated {
		err = fmt.Errorf("the reply on #%s was not taken: %s: %s", ticket, answer.Status, said)
	}
	return err
}

// cpu is none while the program does not run.
func (d *deskMailer) cpu() (total, database float64, err error) {
	if d.process == nil {
		return 0, 0, nil
	}
	return spent(d.process)
}

func (d *deskMailer) stop() (err error) {
	if d.process != nil {
		err = d.process.stop()
	}
	return errors.Join(err, d.names.stop())
}
