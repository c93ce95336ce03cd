package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is far beyond what a loaded machine needs, so that reaching it means a bug.
const patience = 60 * time.Second

// server is the serve that a script started.
type server struct {
	cmd   *exec.Cmd
	ended chan error
}

func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill() // the script failed before it stopped the server itself
		<-s.ended
		s.cmd = nil
	}
}

// listening finds the addresses among what serve prints.
var listening = regexp.MustCompile(`^(smtp|web|admin) +(\S+)`)

// serve starts the system and waits until it has printed where it listens, as variables SMTP, WEB and ADMIN. What it prints becomes standard output; its log is serve.log: serve [FLAG…]
func serve(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value(theServer).(*server)
	if neg || s.cmd != nil {
		ts.Fatalf("usage: serve [FLAG…], once at a time")
	}
	cmd := exec.Command("postern", append([]string{"serve"}, args...)...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"))
	for _, name := range []string{"DATABASE_URL", "S3_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_TLS", "DATA", "DNS", "HOSTNAME", "SMTP_ADDR", "HTTP_ADDR", "ADMIN_ADDR", "PG_FETCH", "SMARTHOST", "OUTBOUND_ALLOW"} {
		if value := ts.Getenv("POSTERN_" + name); value != "" {
			cmd.Env = append(cmd.Env, "POSTERN_"+name+"="+value)
		}
	}
	if roots := ts.Getenv("SSL_CERT_FILE"); roots != "" {
		cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+roots)
	}
	log, err := os.OpenFile(filepath.Join(cmd.Dir, "serve.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	defer log.Close()
	cmd.Stderr = log
	out, in, err := os.Pipe()
	ts.Check(err)
	cmd.Stdout = in
	ts.Check(cmd.Start())
	in.Close()
	s.cmd, s.ended = cmd, make(chan error, 1)
	go func() { s.ended <- cmd.Wait() }()

	announced := make(chan struct{})
	go func() {
		defer out.Close()
		lines, told := bufio.NewScanner(out), false
		for lines.Scan() {
			if told { // nothing more that a script waits for, but the pipe must not fill up
				continue
			}
			fmt.Fprintln(ts.Stdout(), lines.Text())
			if found := listening.FindStringSubmatch(lines.Text()); found != nil {
				ts.Setenv(strings.ToUpper(found[1]), found[2])
			}
			if told = strings.HasPrefix(lines.Text(), "data "); told {
				close(announced)
			}
		}
	}()
	select {
	case <-announced:
	case err := <-s.ended:
		s.cmd = nil
		ts.Fatalf("serve ended: %v\n%s", err, ts.ReadFile("serve.log"))
	case <-time.After(patience):
		ts.Fatalf("serve announced nothing within %v\n%s", patience, ts.ReadFile("serve.log"))
	}
}

// halt ends the server: politely, within ten seconds and with status 0, or with kill as a power cut would: halt [kill]
func halt(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value(theServer).(*server)
	if neg || s.cmd == nil {
		ts.Fatalf("usage: halt [kill], after serve")
	}
	if len(args) == 1 && args[0] == "kill" {
		s.kill()
		return
	}
	const politely = 10 * time.Second
	began := time.Now()
	ts.Check(s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-s.ended:
		s.cmd = nil
		if err != nil {
			ts.Fatalf("serve stopped with %v\n%s", err, ts.ReadFile("serve.log"))
		}
		ts.Logf("stopped after %v", time.Since(began))
	case <-time.After(politely):
		ts.Fatalf("serve did not stop within %v\n%s", politely, ts.ReadFile("serve.log"))
	}
}

// speakSMTP sends the file as a mail to $SMTP and prints the reply to its last dot: smtp FROM TO FILE
func speakSMTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: smtp FROM TO FILE")
	}
	conn, err := textproto.Dial("tcp", ts.Getenv("SMTP"))
	ts.Check(err)
	defer conn.Close()
	_, _, err = conn.ReadResponse(220)
	ts.Check(err)
	for _, step := range []struct {
		line string
		want int
	}{{"EHLO client.example", 250}, {"MAIL FROM:<" + args[0] + ">", 250}, {"RCPT TO:<" + args[1] + ">", 250}, {"DATA", 354}} {
		ts.Check(conn.PrintfLine("%s", step.line))
		_, _, err := conn.ReadResponse(step.want)
		ts.Check(err)
	}
	body := conn.DotWriter()
	_, err = io.WriteString(body, ts.ReadFile(args[2]))
	ts.Check(err)
	ts.Check(body.Close())
	reply, err := conn.ReadLine()
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), reply)
	ts.Check(conn.PrintfLine("QUIT"))
}

// get asks the API with the token in $TOKEN; the status becomes standard error and the answer standard output: get PATH
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: get PATH")
	}
	askAPI(ts, http.MethodGet, args[0], nil)
}

// post is get with a body: post PATH FILE
func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: post PATH FILE")
	}
	askAPI(ts, http.MethodPost, args[0], strings.NewReader(ts.ReadFile(args[1])))
}

// awaits gets a path until the answer holds the words: awaits WORDS PATH
func awaits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: awaits WORDS PATH")
	}
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		if answer := askAPI(ts, http.MethodGet, args[1], nil); strings.Contains(answer, args[0]) {
			return
		}
	}
	ts.Fatalf("%s does not hold %q within %v", args[1], args[0], patience)
}

// logs waits until the server's log holds the words: logs WORDS
func logs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: logs WORDS")
	}
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		if strings.Contains(ts.ReadFile("serve.log"), args[0]) {
			return
		}
	}
	ts.Fatalf("the log does not hold %q within %v\n%s", args[0], patience, ts.ReadFile("serve.log"))
}

func askAPI(ts *testscript.TestScript, method, path string, body io.Reader) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+ts.Getenv("WEB")+path, body)
	ts.Check(err)
	request.Header.Set("Authorization", "Bearer "+ts.Getenv("TOKEN"))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	ts.Check(err)
	fmt.Fprintln(ts.Stderr(), response.StatusCode)
	fmt.Fprint(ts.Stdout(), string(answer))
	return string(answer)
}

// writeMbox writes an mbox of that many different mails: mbox FILE COUNT
func writeMbox(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mbox FILE COUNT")
	}
	var count int
	_, err := fmt.Sscan(args[1], &count)
	ts.Check(err)
	var box strings.Builder
	for i := range count {
		fmt.Fprintf(&box, "From crowd@client.example Thu Nov 19 10:00:00 2026\nFrom: Person %d <person%d@client.example>\nTo: support@desk.example\n"+
			"Subject: Question %d\nMessage-ID: <%d@client.example>\nDate: Thu, 19 Nov 2026 10:00:00 +0000\n\nWhat is the answer to %d?\n\n", i, i, i, i, i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(box.String()), 0o600))
}
