package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"postern/internal/testkit"
)

// TestMain lets the scripts run this very program as postern.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"postern": main})
}

// zone is what the scripts' name server knows from the start.
const zone = `
desk.example. IN A 127.0.0.1
`

// Keys of a script's values.
type valueKey string

const (
	theTest    valueKey = "test"
	nameServer valueKey = "name server"
	theServer  valueKey = "server"
)

// verbs are what the scripts can say besides the usual.
func verbs() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"exits": exits, "keep": keep, "publish": publish, "elsewhere": elsewhere, "serve": serve, "halt": halt, "smtp": speakSMTP, "get": get, "awaits": awaits, "logs": logs, "post": post, "mbox": writeMbox, "report": fileReport, "outside": outside, "plant": plant, "sweep": sweep,
	}
}

// TestScripts drives the real program by the scripts of testdata/script, each with a database and a store of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true, Setup: external, Cmds: verbs()})
}

// TestEmbedded drives the program where nothing is configured: it runs its own database and store.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{Dir: "testdata/embedded", RequireExplicitExec: true, RequireUniqueNames: true, Setup: bare, Cmds: verbs()})
}

// external sets a script up with two installations whose databases and stores are somewhere else. It begins in the first.
func external(env *testscript.Env) error {
	t := common(env)
	for _, suffix := range []string{"1", "2"} {
		store := testkit.S3Server(t)
		env.Setenv("DATABASE_"+suffix, testkit.Postgres(t))
		env.Setenv("ENDPOINT_"+suffix, store.Endpoint())
		env.Setenv("BUCKET_"+suffix, store.Bucket())
		env.Setenv("ACCESS_"+suffix, store.AccessKey())
		env.Setenv("SECRET_"+suffix, store.SecretKey())
	}
	point(env, "1")
	env.Setenv("POSTERN_DATA", filepath.Join(env.WorkDir, "data"))
	names := testkit.DNS(t, zone)
	env.Values[nameServer] = names
	env.Setenv("POSTERN_DNS", names.Addr)
	_, port, err := net.SplitHostPort(names.Addr)
	if err != nil {
		return err
	}
	env.Setenv("POSTERN_NS_PORT", port) // it is the name server of every zone as well
	return nil
}

// environment is that of a script, before and while it runs.
type environment interface {
	Getenv(name string) string
	Setenv(name, value string)
}

// point makes the program use one of the script's two installations.
func point(env environment, suffix string) {
	env.Setenv("POSTERN_DATABASE_URL", env.Getenv("DATABASE_"+suffix))
	env.Setenv("POSTERN_S3_ENDPOINT", env.Getenv("ENDPOINT_"+suffix))
	env.Setenv("POSTERN_S3_BUCKET", env.Getenv("BUCKET_"+suffix))
	env.Setenv("POSTERN_S3_ACCESS_KEY", env.Getenv("ACCESS_"+suffix))
	env.Setenv("POSTERN_S3_SECRET_KEY", env.Getenv("SECRET_"+suffix))
	env.Setenv("POSTERN_S3_TLS", "off")
}

// bare sets a script up with a data folder that the database's account can reach, and nothing else.
func bare(env *testscript.Env) error {
	common(env)
	dir, err := os.MkdirTemp("", "postern-embedded-")
	if err != nil {
		return err
	}
	env.Defer(func() { _ = os.RemoveAll(dir) })
	env.Setenv("POSTERN_DATA", filepath.Join(dir, "data"))
	env.Setenv("POSTERN_PG_FETCH", "off")
	return os.Chmod(dir, 0o711)
}

// common is what all scripts start with.
func common(env *testscript.Env) testing.TB {
	t := env.T().(testing.TB)
	env.Values[theTest] = t
	server := &server{}
	env.Values[theServer] = server
	env.Values[theCanaries] = &canaries{}
	env.Defer(server.kill)
	env.Setenv("POSTERN_HOSTNAME", "desk.example")
	for _, listener := range []string{"POSTERN_SMTP_ADDR", "POSTERN_HTTP_ADDR", "POSTERN_ADMIN_ADDR"} {
		env.Setenv(listener, "127.0.0.1:0")
	}
	return t
}

// exits runs a program and wants exactly that status: exits STATUS PROGRAM ARGUMENT…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM ARGUMENT…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s ended with status %d, not %d", args[1], got, want)
	}
}

// keep puts what a pattern's group matched in standard output into a variable: keep NAME PATTERN
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep NAME PATTERN")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found := pattern.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("%q is not in standard output with one group", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// publish puts the zone lines among those of files into the DNS, beside what is there from the start: publish FILE…
func publish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: publish FILE…")
	}
	var lines []string
	for _, file := range args {
		lines = append(lines, regexp.MustCompile(`(?m)^\S+ \d+ IN .*$`).FindAllString(ts.ReadFile(file), -1)...)
	}
	ts.Value(nameServer).(*testkit.DNSServer).Set(ts.Value(theTest).(testing.TB), zone+strings.Join(lines, "\n"))
}

// elsewhere makes the rest of the script work on the second installation.
func elsewhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: elsewhere")
	}
	point(ts, "2")
	ts.Setenv("POSTERN_DATA", ts.MkAbs("data2"))
}
