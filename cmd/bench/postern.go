package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// postern is the product as an operator starts it, with its own PostgreSQL under its default durability.
type postern struct {
	called  string
	proxied bool
	process *child
	address string
	admin   string
	data    string
}

func startPostern(ctx context.Context, called, binary string, at site) (*postern, error) {
	data := filepath.Join(at.folder, "data")
	env := []string{
		"POSTERN_DATA=" + data, "POSTERN_HOSTNAME=" + host, "POSTERN_LOG_LEVEL=warn",
		"POSTERN_SMTP_ADDR=127.0.0.1:0", "POSTERN_HTTP_ADDR=127.0.0.1:0", "POSTERN_ADMIN_ADDR=127.0.0.1:0",
		"POSTERN_DNS=" + at.names,
	}
	if at.proxied { // trusted, for what one address may do is less than a benchmark does; who sent a mail is checked all the same
		env = append(env, "POSTERN_SMTP_PROXY=127.0.0.0/8", "POSTERN_SMTP_TRUSTED="+clientNetwork)
	}
	process, err := run(env, binary, "serve")
	if err != nil {
		return nil, err
	}
	p := &postern{called: called, proxied: at.proxied, process: process, data: data}
	for p.address == "" || p.admin == "" { // one line a listener; the line of the data folder comes after them
		line, err := process.line(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start Postern: %w", err), process.stop())
		}
		switch fields := strings.Fields(line); {
		case len(fields) < 2:
		case fields[0] == "smtp":
			p.address = fields[1]
		case fields[0] == "admin":
			p.admin = fields[1]
		}
	}
	process.drain()
	if err := p.checkDurability(ctx); err != nil {
		return nil, errors.Join(err, process.stop())
	}
	return p, nil
}

func (p *postern) name() string { return p.called }
func (*postern) does() string   { return "a ticket, committed: read, threaded, indexed, original kept" }
func (p *postern) addr() string { return p.address }
func (p *postern) pid() int     { return p.process.cmd.Process.Pid }
func (p *postern) stop() error  { return p.process.stop() }

// database opens the database of the running Postern.
func (p *postern) database(ctx context.Context) (*pgx.Conn, error) {
	text, err := os.ReadFile(filepath.Join(p.data, "run", "access.json"))
	if err != nil {
		return nil, err
	}
	var access struct {
		DatabaseURL string `json:"database_url"`
	}
	if err := json.Unmarshal(text, &access); err != nil {
		return nil, err
	}
	return pgx.Connect(ctx, access.DatabaseURL)
}

// checkDurability refuses to measure a database that may lose what it has confirmed.
func (p *postern) checkDurability(ctx context.Context) error {
	conn, err := p.database(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		var value string
		if err := conn.QueryRow(ctx, `select current_setting($1)`, setting).Scan(&value); err != nil {
			return err
		}
		if value != "on" {
			return fmt.Errorf("%s is %s: such a database is not to be compared", setting, value)
		}
	}
	return nil
}

// kept counts the tickets: every mail of the benchmark opens one, so that each lost or doubled mail shows.
func (p *postern) kept(ctx context.Context) (tickets int, err error) {
	conn, err := p.database(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	return tickets, conn.QueryRow(ctx, `
		select count(*)
		from ticket t
		where (select count(*) from message m join original o on o.message = m.id where m.ticket_id = t.id) = 1`).Scan(&tickets)
}

// proved counts the mails whose sender is proved: SPF, DKIM and DMARC passed, and the name of the client leads back to it.
func (p *postern) proved(ctx context.Context) (mails int, err error) {
	conn, err := p.database(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	return mails, conn.QueryRow(ctx, `
		select count(*)
		from (select facts -> 'verdict' as verdict from message where kind = 'inbound') m
		where verdict -> 'dmarc' ->> 'result' = 'pass' and verdict -> 'dkim' -> 0 ->> 'result' = 'pass'
		  and verdict -> 'spf' ->> 'result' = 'pass' and verdict -> 'iprev' ->> 'result' = 'pass'`).Scan(&mails)
}

// databaseCPU is how much of the CPU time was PostgreSQL's.
func (p *postern) databaseCPU() (float64, error) {
	text, err := os.ReadFile(filepath.Join(p.data, "pg", "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		return 0, err
	}
	return cpuSeconds(pid)
}

// profile writes a CPU profile of the next seconds into a file.
func (p *postern) profile(ctx context.Context, seconds int, file string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.admin, seconds), nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("profile: %s", answer.Status)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, answer.Body)
	return errors.Join(err, out.Close())
}
