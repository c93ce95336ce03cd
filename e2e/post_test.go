package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// python is Debian's own interpreter, which has Debian's own modules; another one on the path may not.
const python = "/usr/bin/python3"

// foreign is a foreign SMTP client with one connection: Python's smtplib.
type foreign struct {
	jobs    io.WriteCloser
	answers *bufio.Scanner
	child   *exec.Cmd
}

// dispatch is one mail with its envelope.
type dispatch struct {
	Path string   `json:"path"`
	From string   `json:"from"`
	To   []string `json:"to"`
}

// receipt is what the server answered to a mail, and after how long.
type receipt struct {
	Code    int     `json:"code"`
	Text    string  `json:"text"`
	Seconds float64 `json:"seconds"`
}

// number is the ticket that a 250 names; 0 for one that is held for review.
func (r receipt) number() int64 {
	found := regexp.MustCompile(`#(\d+)`).FindStringSubmatch(r.Text)
	if found == nil {
		return 0
	}
	number, _ := strconv.ParseInt(found[1], 10, 64) // digits only
	return number
}

func newForeign(t testing.TB, server string) *foreign {
	t.Helper()
	child := exec.Command(python, filepath.Join("testdata", "send.py"), server)
	child.Stderr = os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	jobs, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	f := &foreign{jobs: jobs, answers: bufio.NewScanner(out), child: child}
	t.Cleanup(f.close)
	return f
}

// close lets the client say QUIT. A second time does nothing.
func (f *foreign) close() {
	_ = f.jobs.Close()
	_ = f.child.Wait()
}

// send sends one mail and waits for the answer.
func (f *foreign) send(d dispatch) (receipt, error) {
	var answer receipt
	if err := json.NewEncoder(f.jobs).Encode(d); err != nil {
		return answer, err
	}
	if !f.answers.Scan() {
		return answer, fmt.Errorf("the client ended: %w", f.answers.Err())
	}
	return answer, json.Unmarshal(f.answers.Bytes(), &answer)
}

// letter is an ordinary mail, written down.
type letter struct {
	from, to, subject, id string
	header                []string // further fields
	text                  string
}

func (l letter) String() string {
	fields := []string{"From: " + l.from, "To: " + l.to, "Subject: " + l.subject, "Message-ID: <" + l.id + ">", "Date: Sat, 21 Nov 2026 10:00:00 +0000", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"}
	fields = append(fields, l.header...)
	return strings.Join(fields, "\r\n") + "\r\n\r\n" + l.text + "\r\n"
}

// mail sends a letter by the foreign client; it must be taken, and the ticket that it joined or opened is returned.
func (p *program) mail(l letter) (number int64) {
	p.t.Helper()
	path := filepath.Join(p.dir, "letter.eml")
	if err := os.WriteFile(path, []byte(l.String()), 0o600); err != nil {
		p.t.Fatal(err)
	}
	client := newForeign(p.t, p.where().smtp)
	defer client.close()
	answer, err := client.send(dispatch{Path: path, From: l.from, To: []string{l.to}})
	if err != nil || answer.Code != 250 {
		p.t.Fatalf("the mail %q was answered %d %s (%v)", l.subject, answer.Code, answer.Text, err)
	}
	return answer.number()
}
