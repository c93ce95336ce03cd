package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/config"
	"postern/desk"
	"postern/identity"
	"postern/internal/testkit"
	"postern/store"
)

// commandHouse is an installation whose commands are given in this process, as by whoever runs the test.
type commandHouse struct {
	t     *testing.T
	flags []string
	store *store.Store
}

func newCommandHouse(t *testing.T) commandHouse {
	t.Helper()
	url, s3, dir := testkit.Postgres(t), testkit.S3Server(t), t.TempDir()
	st, err := store.Open(t.Context(), url, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	h := commandHouse{t: t, store: st, flags: []string{
		"--data", dir, "--hostname", "desk.example", "--database-url", url, "--auto-migrate", "off", "--dns", "127.0.0.1:9", "--smtp-addr", "127.0.0.1:9",
		"--s3-endpoint", s3.Endpoint(), "--s3-bucket", s3.Bucket(), "--s3-access-key", s3.AccessKey(), "--s3-secret-key", s3.SecretKey(), "--s3-tls", "off",
	}}
	return h
}

// give gives a command, and returns its exit status and what it says.
func (h commandHouse) give(in string, args ...string) (status int, says string) {
	h.t.Helper()
	var out bytes.Buffer
	status = run(h.t.Context(), append(slices.Clone(args), h.flags...), terminal{in: strings.NewReader(in), out: &out, err: &out})
	return status, out.String()
}

// must gives a command that has to succeed.
func (h commandHouse) must(args ...string) string {
	h.t.Helper()
	status, says := h.give("", args...)
	if status != exitDone {
		h.t.Fatalf("postern %s: %d: %s", strings.Join(args, " "), status, says)
	}
	return says
}

// noted are the commands in the audit log under that act, each once, with who gave them.
func (h commandHouse) noted(action string) map[string]desk.AuditEntry {
	h.t.Helper()
	found := map[string]desk.AuditEntry{}
	for cursor := ""; ; {
		page, err := h.store.AuditLog(h.t.Context(), desk.AuditQuery{Action: action, Cursor: cursor, Limit: 100})
		if err != nil {
			h.t.Fatal(err)
		}
		for _, one := range page.Items {
			found[strings.TrimPrefix(one.Subject, "command/")] = one
		}
		if cursor = page.Next; cursor == "" {
			return found
		}
	}
}

// commandArguments is what each command is told; those without a line need nothing. Most find nothing to do it to, and fail: they stand in the log all the same.
var commandArguments = map[string][]string{
	"user add": {"--email", "ada@desk.example", "--name", "Ada", "--role", "agent"}, "user disable": {"nobody@desk.example"}, "user enable": {"nobody@desk.example"}, "user link": {"nobody@desk.example"},
	"user recovery-code": {"nobody@desk.example", "--check", "she called me back"}, "user reset": {"nobody@desk.example"}, "user import": {"-"},
	"token create": {"--user", "nobody@desk.example", "--name", "robot"}, "token revoke": {"robot"},
	"client add": {"--name", "Robot", "--redirect", "https://app.example/back", "--scope", "read"}, "client secret": {"1"}, "client remove": {"1"}, "service add": {"--name", "Robot", "--role", "agent"},
	"settings get": {"cli.require_2fa"}, "settings set": {"two_factor.grace", "3"},
	"domain add": {"desk.example"}, "domain show": {"elsewhere.example"}, "domain verify": {"elsewhere.example"}, "domain test": {"elsewhere.example", "--to", "a@b.example"}, "domain set": {"elsewhere.example", "--rotate-days", "30"},
	"domain rotate": {"elsewhere.example"}, "domain pause": {"elsewhere.example"}, "domain resume": {"elsewhere.example"}, "domain reports": {"elsewhere.example"}, "domain remove": {"elsewhere.example"},
	"mailbox add": {"support@desk.example"}, "mailbox set": {"other@desk.example", "--name", "Other"}, "mailbox remove": {"other@desk.example"},
	"policy set": {"spam_suspend=5"}, "suspended show": {"1"}, "suspended release": {"1"}, "suspended delete": {"1"}, "suspended spam": {"1"},
	"sender allow": {"a@b.example"}, "sender suspend": {"a@b.example"}, "sender reject": {"a@b.example"}, "sender remove": {"a@b.example"}, "sender test": {"a@b.example"},
	"suppression show": {"a@b.example"}, "suppression lift": {"a@b.example"}, "suppression add": {"a@b.example"},
	"delivery show": {"1"}, "delivery retry": {"1", "a@b.example"}, "delivery cancel": {"1", "a@b.example"}, "delivery redirect": {"1", "a@b.example", "c@b.example"},
	"destination set": {"b.example"}, "destination remove": {"b.example"}, "certificate retry": {}, "keys use": {"nosuchkey"},
	"guest add": {"--email", "guest@desk.example", "--role", "agent", "--for", "1h", "--reason", "to look at it"}, "guest end": {"nobody@desk.example"},
}

// Every command stands in the audit log with the account of the machine that gave it, whatever becomes of it. Running the system, and copying it, are in testdata/script (serve, backup); version touches nothing.
func TestEveryCommandIsInTheAuditLog(t *testing.T) {
	t.Parallel()
	h := newCommandHouse(t)
	h.must("mailbox", "add", "first@desk.example", "--name", "First") // makes the key file, which some want to find
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(key, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := []string{"serve", "backup", "restore", "version"}
	for _, verb := range verbsOf(t) {
		if slices.Contains(elsewhere, verb.Way) {
			continue
		}
		args := append(strings.Fields(verb.Way), commandArguments[verb.Way]...)
		switch verb.Way {
		case "domain import-key":
			args = append(args, "elsewhere.example", "--selector", "one", key)
		case "ingest":
			args = append(args, key)
		}
		if status, says := h.give("", args...); status == exitUsage {
			t.Errorf("postern %s: %s", strings.Join(args, " "), says)
		}
	}
	noted := h.noted("command.run")
	for _, verb := range verbsOf(t) {
		if entry, is := noted[verb.Way]; !is && !slices.Contains(elsewhere, verb.Way) {
			t.Errorf("postern %s is not in the audit log", verb.Way)
		} else if is && (entry.Actor != "system ("+operatorName()+")" || entry.Via != "cli" || !strings.HasPrefix(entry.Actor, fmt.Sprintf("system (%d", os.Getuid())) || !bytes.Contains(entry.Detail, []byte(machine()))) {
			t.Errorf("postern %s: %s by %q, %s", verb.Way, entry.Actor, entry.Via, entry.Detail)
		}
	}
	for verb := range commandArguments {
		if commandRights[verb] == "" {
			t.Errorf("there is no command %q", verb)
		}
	}
}

// appOf gives somebody an authenticator app, and returns what it shows at a time.
func (h commandHouse) appOf(email string) func(time.Time) string {
	h.t.Helper()
	ctx := h.t.Context()
	settings := config.Settings{Data: h.flags[1], KeyFile: filepath.Join(h.flags[1], "keys", "master.keys")}
	p := &platform{settings: settings}
	if err := p.openKeys(); err != nil {
		h.t.Fatal(err)
	}
	// The app is added a minute ago, so that its codes of now are not used.
	people := identity.New(identity.Config{Store: h.store, Keys: p.keys, PublicURL: "https://help.example.com", Now: func() time.Time { return time.Now().Add(-time.Minute) }})
	link, err := people.LoginLink(ctx, desk.System("cli"), email)
	if err != nil {
		h.t.Fatal(err)
	}
	from := identity.Client{IP: "192.0.2.1"}
	came, err := people.UseLink(ctx, link[strings.LastIndex(link, "/")+1:], from)
	if err := errors.Join(err, people.StartTOTP(ctx, came.Token, from)); err != nil {
		h.t.Fatal(err)
	}
	app, found, err := people.UnfinishedTOTP(ctx, came.Token, from)
	if err != nil || !found {
		h.t.Fatal(found, err)
	}
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(app.Secret, " ", ""))
	if err != nil {
		h.t.Fatal(err)
	}
	code := func(at time.Time) string { return totpAt(seed, at) }
	if _, err := people.ConfirmTOTP(ctx, came.Token, code(time.Now().Add(-time.Minute)), from); err != nil {
		h.t.Fatal(err)
	}
	return code
}

// totpAt is what an authenticator app shows (RFC 6238, RFC 4226 §5.3).
func totpAt(seed []byte, at time.Time) string {
	mac := hmac.New(sha1.New, seed)
	_ = binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}

// Where an owner wants it, commands ask for a code of somebody who may do the same in the portal: each code works once, it counts ten minutes for one account of one machine, and nobody is locked out by it.
func TestCommandsAskForACode(t *testing.T) {
	t.Parallel()
	h := newCommandHouse(t)
	for _, who := range []string{"olga owner", "otto owner", "anna agent", "ben admin"} {
		name, role, _ := strings.Cut(who, " ")
		h.must("user", "add", "--email", name+"@desk.example", "--name", name, "--role", role)
	}
	if status, says := h.give("", "settings", "set", "cli.require_2fa", "on"); status != exitFailed || !strings.Contains(says, "An owner needs an authenticator app first") {
		t.Fatalf("it was turned on with nobody who could show a code: %d, %s", status, says)
	}
	olga, anna := h.appOf("olga@desk.example"), h.appOf("anna@desk.example")
	h.must("settings", "set", "cli.require_2fa", "on")

	refused := func(what, because string, args ...string) {
		t.Helper()
		if status, says := h.give("", args...); status != exitFailed || !strings.Contains(says, because) {
			t.Errorf("%s: %d, %s", what, status, says)
		}
	}
	list := []string{"user", "list"}
	as := func(email, code string, args ...string) []string {
		return append(slices.Clone(args), "--operator", email+"@desk.example", "--operator-code", code)
	}
	refused("nobody can be asked", "there is no terminal", list...)
	refused("a wrong code", "do not belong together", as("olga", "000000", list...)...)
	refused("nobody's address", "do not belong together", as("nobody", olga(time.Now()), list...)...)
	refused("somebody else's code", "do not belong together", as("anna", olga(time.Now()), list...)...)
	refused("somebody without an app", "do not belong together", as("ben", olga(time.Now()), list...)...)
	refused("a role that does not allow it", "Your role does not allow", as("anna", anna(time.Now()), list...)...)
	if _, listed := h.noted("command.run")["user list"]; listed {
		t.Error("a command that was refused was begun")
	}
	h.must(as("olga", olga(time.Now()), list...)...)
	h.must(list...) // ten minutes are not over
	if entry := h.noted("command.run")["user list"]; !bytes.Contains(entry.Detail, []byte("olga@desk.example")) {
		t.Errorf("who has shown the code is not in the log: %s", entry.Detail)
	}
	older := func(minutes int) {
		t.Helper()
		if _, err := h.store.Pool().Exec(t.Context(), `update command_proof set proved_at = now() - make_interval(mins => $1)`, minutes); err != nil {
			t.Fatal(err)
		}
	}
	older(11)
	refused("ten minutes later", "there is no terminal", list...)
	refused("the same code again", "do not belong together", as("olga", olga(time.Now().Add(-30*time.Second)), list...)...)

	for _, free := range [][]string{{"doctor"}, {"migrate", "status"}, {"audit", "verify"}, {"admin", "recover"}, {"user", "recovery-code", "olga@desk.example", "--check", "she stands beside me"}} {
		if _, says := h.give("", free...); strings.Contains(says, "asks for a code") {
			t.Errorf("postern %s asks for a code: %s", strings.Join(free, " "), says)
		}
	}
	older(0)
	if _, err := h.store.Pool().Exec(t.Context(), `update "user" set disabled_at = now() where email = 'olga@desk.example'`); err != nil {
		t.Fatal(err)
	}
	refused("somebody who was disabled since", "there is no terminal", list...)
	if denied := h.noted("command.denied")["user list"]; denied.Outcome != desk.EndRefused || !strings.HasPrefix(denied.Actor, "system (") {
		t.Errorf("%+v", denied)
	}
	for _, entry := range h.noted("command.denied") {
		if code := olga(time.Now()); bytes.Contains(entry.Detail, []byte(code)) {
			t.Errorf("the code stands in the log: %s", entry.Detail)
		}
	}
}

// typewriter is a terminal at which somebody types.
type typewriter struct {
	*strings.Reader
	said strings.Builder
}

func (t *typewriter) Write(b []byte) (int, error) { return t.said.Write(b) }

// What is asked at the terminal, and that the terminal is not mistaken for a pipe.
func TestCodeIsAskedAtTheTerminal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typed       string
		given, want identity.CommandCode
		asks        string
	}{
		{"olga@desk.example\r\n 123 456 \n", identity.CommandCode{}, identity.CommandCode{Email: "olga@desk.example", Code: "123 456"}, "Your address: Code of your authenticator app: "},
		{"123456", identity.CommandCode{Email: "olga@desk.example"}, identity.CommandCode{Email: "olga@desk.example", Code: "123456"}, "Code of your authenticator app: "},
	} {
		tty := &typewriter{Reader: strings.NewReader(test.typed)}
		got, err := askCodeAt(tty, test.given)
		if err != nil || got != test.want || tty.said.String() != test.asks {
			t.Errorf("%q: %+v, %v, asked %q", test.typed, got, err, tty.said.String())
		}
	}
	if _, err := askCodeAt(&typewriter{Reader: strings.NewReader("\n")}, identity.CommandCode{}); err == nil {
		t.Error("nothing was taken for an address")
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if onTerminal(null) || onTerminal(strings.NewReader("")) {
		t.Error("nobody was taken for somebody")
	}
	if err := (&platform{}).witness(context.Background()); err != nil {
		t.Errorf("what is no command: %v", err)
	}
}
