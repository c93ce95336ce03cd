package embedded

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// settings are appended to the fresh cluster's postgresql.conf, where the operator may change them. Nothing about durability is among them: PostgreSQL's defaults sync every commit.
const settings = `
# Postern's defaults for a small machine. Change them as you like; Postern itself sets only the socket and the log.
max_connections = 100
shared_buffers = 128MB
jit = off                    # it costs more than it gives on short queries
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off        # every five minutes, of no interest to anybody
`

// makeCluster runs initdb and makes the role and the database, all in data.new, which then becomes data: an interrupted start never leaves what looks like a cluster.
func (s site) makeCluster(ctx context.Context, password string) error {
	fresh := s.home.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("clear away an unfinished database: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fmt.Errorf("make database folder: %w", err)
	}
	if err := s.account.own(fresh); err != nil {
		return fmt.Errorf("make database folder: %w", err)
	}
	secret, err := s.home.lendPassword(s.account, password)
	if err != nil {
		return err
	}
	defer os.Remove(secret)
	if err := s.run(ctx, "", "initdb", initdbArgs(s.programs.major, fresh, secret)...); err != nil {
		return err
	}
	conf, err := os.OpenFile(filepath.Join(fresh, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write database settings: %w", err)
	}
	defer conf.Close()
	if _, err := conf.WriteString(settings); err != nil {
		return fmt.Errorf("write database settings: %w", err)
	}
	if err := conf.Sync(); err != nil {
		return fmt.Errorf("write database settings: %w", err)
	}
	// In single-user mode a server needs neither socket nor client, and each line is a statement. The password is base64url: it needs no quoting.
	sql := fmt.Sprintf("create role %s login password '%s';\ncreate database %s owner %s;\n", role, password, role, role)
	if err := s.run(ctx, sql, "postgres", "--single", "-D", fresh, "-c", "exit_on_error=true", "postgres"); err != nil {
		return err
	}
	if err := os.Rename(fresh, s.home.data()); err != nil {
		return fmt.Errorf("finish database: %w", err)
	}
	return syncDir(s.home.root)
}

// initdbArgs choose UTF-8 and a locale that knows letters beyond ASCII but orders by code point, so that the operating system's updates never change an index.
// With --locale=C lower('É') stays É and search misses it; from 17 on PostgreSQL brings C.UTF-8 itself.
// Checksums on pages tell a failing disk from a wrong answer; they are the default only from 18 on.
func initdbArgs(major int, dir, passwordFile string) []string {
	args := []string{"-D", dir, "--username=postgres", "--pwfile=" + passwordFile, "--auth-local=scram-sha-256", "--auth-host=reject",
		"--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"}
	if major >= 17 {
		args = append(args, "--locale-provider=builtin")
	}
	return args
}

// run runs one of PostgreSQL's programs as the account; its last lines become the error.
func (s site) run(ctx context.Context, stdin, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.programs.dir, program), args...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = childEnv(), "/", s.account.attributes()
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		return fmt.Errorf("run %s: %w: %s", cmd.Path, err, strings.Join(lines[max(0, len(lines)-5):], "\n"))
	}
	return nil
}

// syncDir makes a changed name in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
