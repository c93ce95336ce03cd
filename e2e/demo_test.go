package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The demo fills a running system at once, uses every kind of mail, and does nothing a second time.
func TestDemo(t *testing.T) {
	t.Parallel()
	p := launch(t)
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	demo := filepath.Join(p.dir, "demo")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", demo, "postern/cmd/demo").CombinedOutput(); err != nil {
		t.Fatalf("build the demo: %v\n%s", err, out)
	}
	run := func() string {
		t.Helper()
		command := exec.CommandContext(t.Context(), demo, "--binary", binary)
		command.Env = append(p.env, "POSTERN_SMTP_ADDR="+p.where().smtp, "POSTERN_HTTP_ADDR="+p.where().web)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("the demo: %v\n%s", err, out)
		}
		return string(out)
	}
	first := run()
	tickets, held := len(every[ticket](t, p, "/tickets")), len(every[suspended](t, p, "/suspended"))
	if tickets < 45 || held != 2 || !strings.Contains(first, support+", billing@"+hostname) {
		t.Errorf("%d tickets, %d suspended:\n%s", tickets, held, first)
	}
	if second := run(); !strings.Contains(second, "0 mails sent") || len(every[ticket](t, p, "/tickets")) != tickets || len(every[suspended](t, p, "/suspended")) != held || !strings.Contains(second, support+", billing@"+hostname) {
		t.Errorf("a second run does something:\n%s", second)
	}
	if left := p.cli("token", "list"); strings.Count(left, "demo-") != strings.Count(left, "revoked") {
		t.Errorf("tokens of the demo are left:\n%s", left)
	}
}
