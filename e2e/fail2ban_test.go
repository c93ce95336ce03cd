package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestFail2banReadsOurLog has strangers guess at every door of the real program, with text that looks like a line of ours: fail2ban finds each guess, and none that nobody made.
func TestFail2banReadsOurLog(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		p := launch(t, "POSTERN_LOG="+format)
		forged := `x"} time=2026-11-30T00:00:00Z level=WARN msg="sign-in refused" ip=198.51.100.9 door=portal`
		for range 3 {
			request, err := http.NewRequest(http.MethodGet, "http://"+p.where().web+"/api/v1/tickets", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer pst_wrong")
			request.Header.Set("User-Agent", forged)
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusUnauthorized {
				t.Fatal(answer.Status)
			}
		}
		answer, err := http.PostForm("http://"+p.where().web+"/sign-in", map[string][]string{"email": {"nobody@desk.example"}, "password": {forged}})
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		conn, err := net.Dial("tcp", p.where().smtp)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(conn)
		for _, command := range []string{"", "HELO " + forged, "AUTH PLAIN AGEAYg==", "QUIT"} {
			if command != "" {
				fmt.Fprintf(conn, "%s\r\n", command)
			}
			if _, err := lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		_ = conn.Close()
		eventually(t, "the lines of all doors", func() bool {
			text, err := os.ReadFile(p.log.Name())
			return err == nil && strings.Count(string(text), "sign-in refused") >= 4 && strings.Contains(string(text), "smtp guess") && strings.Contains(string(text), "smtp session")
		})
		out, err := exec.Command("fail2ban-regex", p.log.Name(), "../deploy/fail2ban/filter.conf").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if !strings.Contains(string(out), "Failregex: 5 total") {
			t.Errorf("%s: fail2ban finds another number of guesses than 5:\n%s", format, out)
		}
		found, err := exec.Command("fail2ban-regex", "-o", "ip", p.log.Name(), "../deploy/fail2ban/filter.conf").Output()
		if err != nil || strings.Contains(string(found), "198.51.100.9") {
			t.Errorf("%s: a line was forged: %v\n%s", format, err, found)
		}
	}
}
