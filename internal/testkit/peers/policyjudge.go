package peers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/testkit"
)

// stsProgram is Debian's postfix-mta-sts-resolver, told which name server to ask: by itself it knows no other than that of /etc/resolv.conf.
const stsProgram = `
import aiodns, functools
aiodns.DNSResolver = functools.partial(aiodns.DNSResolver, nameservers=["%s"])
from postfix_mta_sts_resolver.daemon import main
main()
`

// stsConf is its configuration.
const stsConf = `host: %s
port: %s
shutdown_timeout: 1
cache:
  type: internal
default_zone:
  timeout: 20
`

// STSResolver starts the program by which Postfix does MTA-STS, and returns the map that Postfix asks.
func STSResolver(t testing.TB, site *Site, d *DNS, policies *Policies) (policyMap string) {
	t.Helper()
	dir, addr := folder(t, "sts"), freeForBoth(t)
	host, port, _ := net.SplitHostPort(addr)
	write(t, filepath.Join(dir, "sts.yml"), fmt.Sprintf(stsConf, host, port))
	start(t, testkit.Program{
		Dir: dir, Signal: "KILL", Name: "/usr/bin/python3", Arguments: []string{"-c", fmt.Sprintf(stsProgram, d.Standard), "-c", filepath.Join(dir, "sts.yml")},
		Env: []string{"SSL_CERT_FILE=" + site.Trusted.RootsFile, "https_proxy=http://" + policies.tunnel(t), "no_proxy="},
	})
	if err := testkit.Reachable("tcp", addr, filepath.Join(dir, "output")); err != nil {
		t.Fatalf("postfix-mta-sts-resolver: %v", err)
	}
	return "socketmap:inet:" + addr + ":postfix"
}

// tunnel is a proxy that leads to the policies whatever host and port are wanted: who uses it needs no port 443 (RFC 9110 §9.3.6). What passes through is TLS, from end to end.
func (p *Policies) tunnel(t testing.TB) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening for HTTP: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.carry(client)
		}
	}()
	return listener.Addr().String()
}

func (p *Policies) carry(client net.Conn) {
	defer client.Close() //nolint:errcheck // nothing depends on it
	_ = client.SetDeadline(time.Now().Add(patience))
	said := bufio.NewReader(client)
	request, err := http.ReadRequest(said)
	if err != nil || request.Method != http.MethodConnect || !strings.HasPrefix(request.Host, "mta-sts.") {
		return
	}
	server, err := net.Dial("tcp", p.Addr)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // nothing depends on it
	_ = server.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	go func() { _, _ = io.Copy(server, said) }()
	_, _ = io.Copy(client, server)
}
