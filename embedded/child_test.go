package embedded

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// childRole tells a copy of this test program to be one of our processes, so that it can be killed.
const childRole = "POSTERN_EMBEDDED_TEST_CHILD"

func TestMain(m *testing.M) {
	role, dir, isChild := strings.Cut(os.Getenv(childRole), ":")
	if !isChild {
		os.Exit(m.Run())
	}
	ctx := context.Background()
	var err error
	switch role {
	case "s3":
		var s *S3
		if s, err = StartS3(ctx, S3Options{Dir: dir, Bucket: "mail", AccessKey: "key", SecretKey: "secret"}); err == nil {
			fmt.Println(s.Endpoint())
		}
	case "postgres":
		var p *Postgres
		if p, err = StartPostgres(ctx, PostgresOptions{Dir: dir, Fetch: FetchNever}); err == nil {
			fmt.Println(p.child.process.Pid)
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	select {} // until killed
}

// startCopy starts a copy in that role and returns what it says first.
func startCopy(t *testing.T, role, dir string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role+":"+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the copy said %q and ended: %v", line, err)
	}
	return cmd, strings.TrimSpace(line)
}

// When our program is killed, PostgreSQL shuts down cleanly by itself: the next start needs no recovery. The cluster is made over what a start that was interrupted left.
func TestServerShutsDownWhenWeAreKilled(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "pg", "data.new", "base"), 0o711); err != nil {
		t.Fatal(err)
	}
	copy, pid := startCopy(t, "postgres", dir)
	began := time.Now()
	copy.Process.Kill()
	copy.Wait()
	var id int
	if _, err := fmt.Sscan(pid, &id); err != nil {
		t.Fatal(err)
	}
	for commandOf(id, filepath.Join(dir, "pg", "data")) == isServer {
		if time.Since(began) > 20*time.Second {
			t.Fatal("the server outlived its Postern")
		}
		time.Sleep(pollEvery)
	}
	t.Logf("gone %v after the kill", time.Since(began))
	p := start(t, PostgresOptions{Dir: dir})
	words := p.child.lastWords()
	if !strings.Contains(words, "database system was shut down at") || strings.Contains(words, "recovery") {
		t.Errorf("not a clean shutdown:\n%s", words)
	}
}
