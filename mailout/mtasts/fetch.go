package mtasts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"postern/domains"
	"postern/mailout/web"
)

const (
	httpsPort = 443
	fetchTime = time.Minute // RFC 8461 §3.3
)

// Fetcher gets policies over HTTPS. Its fields are set before the first use.
type Fetcher struct {
	Resolver *domains.DNS
	Port     int                    // 0: 443
	Roots    *x509.CertPool         // nil: the system's
	Refuse   func(netip.Addr) error // why an address may not be connected to; nil: every one may
	Patience time.Duration          // for the whole of a fetch; 0: a minute
}

// Failure is why a domain that says it has a policy gave none. Result is the word for it in TLS reports (RFC 8460 §4.3.2.2).
type Failure struct {
	Result string
	Err    error
}

const (
	resultFetch       = "sts-policy-fetch-error"
	resultInvalid     = "sts-policy-invalid"
	resultCertificate = "sts-webpki-invalid"
)

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the reason.
func (f *Failure) Unwrap() error { return f.Err }

// Fetch gets the policy of a domain (RFC 8461 §3.3). Errors are *Failure.
func (f *Fetcher) Fetch(ctx context.Context, domain string) (Policy, error) {
	patience := f.Patience
	if patience <= 0 {
		patience = fetchTime
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := f.get(ctx, domains.STSHost(domain))
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return Policy{}, &Failure{resultCertificate, fmt.Errorf("policy host: %w", err)}
	case err != nil:
		return Policy{}, &Failure{resultFetch, fmt.Errorf("policy host: %w", err)}
	}
	policy, err := ParsePolicy(text)
	if err != nil {
		return Policy{}, &Failure{resultInvalid, err}
	}
	return policy, nil
}

// get asks for the one path of a policy host. Nothing is sent after it elsewhere: no redirect is followed (RFC 8461 §3.3), and no proxy is asked.
func (f *Fetcher) get(ctx context.Context, host string) (string, error) {
	port := f.Port
	if port == 0 {
		port = httpsPort
	}
	authority := host
	if port != httpsPort {
		authority = net.JoinHostPort(host, strconv.Itoa(port))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+authority+domains.STSPath, nil)
	if err != nil {
		return "", err
	}
	reply, err := web.Client{Resolver: f.Resolver, Roots: f.Roots, Refuse: f.Refuse}.Do(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %.60q where only 200 counts", host, reply.Status)
	}
	if kind, _, err := mime.ParseMediaType(reply.Header.Get("Content-Type")); err != nil || kind != "text/plain" {
		return "", fmt.Errorf("%s sent %.60q where only text/plain counts", host, reply.Header.Get("Content-Type")) // RFC 8461 §3.2: whoever may put files on the host is not thereby its master
	}
	text, err := io.ReadAll(io.LimitReader(reply.Body, maxPolicy+1))
	if err == nil && len(text) > maxPolicy {
		err = fmt.Errorf("%s sent more than %d octets", host, maxPolicy)
	}
	return string(text), err
}

// words are a failure in one line that can be kept and shown: what a stranger wrote in it is bounded and without control characters.
func words(err error) string {
	line := strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(err.Error(), "?"))
	if runes := []rune(line); len(runes) > 300 {
		line = string(runes[:300])
	}
	return line
}
