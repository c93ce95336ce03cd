package identity

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"postern/desk"
)

// Limits of what is fetched from providers (security T-23).
const (
	outwardTime      = 10 * time.Second
	outwardConnect   = 4 * time.Second
	outwardSize      = 5 << 20
	outwardRedirects = 3
	outwardHeaders   = 64 << 10
	mostAddresses    = 4 // of a host are tried
)

// Outward asks servers that an admin has named, and only those that everybody could ask: the address that is connected to is looked up once and checked itself, so neither a name that changes
// its mind nor a redirect leads to our own machine or the networks behind it. Hosts in Near are the exception, and the only ones that may be asked without TLS or at other ports.
// No cookies, no credentials of ours, no proxy of the environment.
type Outward struct {
	Near     []string      // host, host:port, or a network like 10.1.0.0/16, that the operator vouches for
	Resolver *net.Resolver // nil: the system's
}

// Client is an HTTP client within these bounds. Its answers end after outwardSize bytes with an error.
func (o Outward) Client() *http.Client {
	transport := &http.Transport{
		DialContext: o.dial, TLSHandshakeTimeout: outwardConnect, ResponseHeaderTimeout: outwardTime, MaxResponseHeaderBytes: outwardHeaders,
		DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	return &http.Client{Timeout: outwardTime, Transport: bounded{o, transport}, CheckRedirect: func(next *http.Request, before []*http.Request) error {
		if len(before) > outwardRedirects {
			return errors.New("more than three redirects")
		}
		if before[0].Method != http.MethodGet {
			return errors.New("a redirect of what was no question") // a code or secret would go along
		}
		return nil
	}}
}

// bounded checks the address of each request, redirects too, and bounds each answer.
type bounded struct {
	outward Outward
	next    http.RoundTripper
}

// RoundTrip is http.RoundTripper's.
func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := b.outward.Check(request.URL); err != nil {
		return nil, err
	}
	answer, err := b.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	answer.Body = &limitedBody{ReadCloser: answer.Body, left: outwardSize}
	return answer, nil
}

// limitedBody ends in an error, not as if it were whole.
type limitedBody struct {
	io.ReadCloser
	left int
}

// Read is io.Reader's.
func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the answer is longer than %d bytes", outwardSize)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// Check says what is wrong with an address that an admin has typed, before anything is asked there.
func (o Outward) Check(target *url.URL) error {
	host, port := target.Hostname(), portOf(target)
	near := o.near(host, port)
	switch {
	case host == "" || target.User != nil:
		return fmt.Errorf("%q is not the address of a server", target.Redacted())
	case target.Scheme != "https" && !(target.Scheme == "http" && near):
		return fmt.Errorf("%s is not asked without TLS: write https://", host)
	case port != "443" && port != "80" && !near:
		return fmt.Errorf("%s is not asked at port %s", host, port)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return o.refuse(host, port, addr)
	}
	return nil
}

func portOf(target *url.URL) string {
	if port := target.Port(); port != "" {
		return port
	}
	if target.Scheme == "http" {
		return "80"
	}
	return "443"
}

// near says whether the operator vouches for a host by its name.
func (o Outward) near(host, port string) bool {
	host = strings.ToLower(host)
	return slices.ContainsFunc(o.Near, func(one string) bool {
		one = strings.ToLower(one)
		if network, err := netip.ParsePrefix(one); err == nil {
			addr, err := netip.ParseAddr(host)
			return err == nil && network.Contains(addr.Unmap())
		}
		return one == host || one == net.JoinHostPort(host, port)
	})
}

// refuse says why an address of a host is not connected to.
func (o Outward) refuse(host, port string, addr netip.Addr) error {
	if o.near(host, port) || o.near(addr.Unmap().WithZone("").String(), port) {
		return nil
	}
	if what := desk.Confined(addr); what != "" {
		return fmt.Errorf("%s is %s, which is not asked unless signin.near holds it", host, what)
	}
	return nil
}

// dial connects to the first address of a host that may be connected to: to the address that was checked, not to the name, which might say something else the next moment.
func (o Outward) dial(ctx context.Context, network, authority string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(authority)
	if err != nil {
		return nil, err
	}
	resolver := o.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs := []netip.Addr{}
	if addr, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, addr)
	} else if addrs, err = resolver.LookupNetIP(ctx, "ip", host); err != nil {
		return nil, err
	}
	failed := fmt.Errorf("%s has no address", host)
	for _, addr := range addrs[:min(len(addrs), mostAddresses)] {
		if refused := o.refuse(host, port, addr); refused != nil {
			failed = refused
			continue
		}
		dialer := net.Dialer{Timeout: outwardConnect}
		conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}

// outward is how servers of providers are asked now.
func (s *Service) outward(ctx context.Context) (Outward, error) {
	values, err := s.Settings(ctx)
	return Outward{Near: values.List(desk.SignOnNear)}, err
}
