// Package web speaks HTTPS with hosts that strangers name: policy hosts of MTA-STS, and places that want reports about TLS.
//
// A request goes to that host and nowhere else: no redirect is followed and no proxy asked, its name is looked up by our own resolver, and only addresses that may be connected to are. The certificate has to prove the name.
// It keeps no connection, and what it reads is bounded by whoever reads it.
package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"postern/domains"
)

const (
	connectTime  = 15 * time.Second // for one address
	maxAddresses = 4                // of a host that are tried
	maxHeader    = 32 << 10         // octets
	maxAnswer    = 64 << 10         // octets of an answer that nobody needs
)

// Client asks. Its fields are set before the first use; it is then safe for concurrent use.
type Client struct {
	Resolver *domains.DNS
	Roots    *x509.CertPool         // nil: the system's
	Refuse   func(netip.Addr) error // why an address may not be connected to; nil: every one may
}

// Do sends a request. The context of the request bounds all of it. The caller closes the body of the answer, and bounds what it reads of it.
func (c Client) Do(request *http.Request) (*http.Response, error) {
	transport := &http.Transport{
		DialContext:            c.dial,
		TLSClientConfig:        &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives:      true,
		DisableCompression:     true, // what is small when packed is not bounded when unpacked
		MaxResponseHeaderBytes: maxHeader,
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request.Header.Set("User-Agent", "postern")
	if request.URL.Scheme != "https" {
		return nil, fmt.Errorf("%s is not https", request.URL.Redacted())
	}
	return client.Do(request)
}

// Post hands something in at a place. Any answer of the 2xx means that it was taken (RFC 9110 §15.3).
func (c Client) Post(ctx context.Context, place, mediaType string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, place, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", mediaType)
	answer, err := c.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)); err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %.60q", request.URL.Host, answer.Status)
	}
	return nil
}

// dial connects to the first address of a host that takes the connection and may be connected to.
func (c Client) dial(ctx context.Context, network, authority string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(authority)
	if err != nil {
		return nil, err
	}
	addrs, err := c.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	failed := fmt.Errorf("%s has no address", host)
	for _, addr := range addrs[:min(len(addrs), maxAddresses)] {
		if c.Refuse != nil {
			if refused := c.Refuse(addr); refused != nil {
				failed = refused
				continue
			}
		}
		dialer := net.Dialer{Timeout: connectTime}
		conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(addr.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}

// addresses looks a host up, unless it is an address already.
func (c Client) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	return c.Resolver.LookupAddrs(ctx, host)
}
