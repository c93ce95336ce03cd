package peers

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"strings"
	"testing"
)

// Both servers must be what the tests of delivery take them for: each mode is looked at from the other side, by Go's own TLS and its strict verification.
func TestServersDoTLSAsTold(t *testing.T) {
	t.Parallel()
	site := NewSite(t)
	pem, err := os.ReadFile(site.Trusted.RootsFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for name, open := range map[string]func(testing.TB, *Site, ...Listener) *Server{"Postfix": Postfix, "Exim": Exim} {
		var listeners []Listener
		for _, mode := range Modes {
			listeners = append(listeners, Listener{TLS: mode, Names: []string{string(mode) + ".peers.example"}})
		}
		server := open(t, site, listeners...)
		for i, mode := range Modes {
			t.Run(fmt.Sprintf("%s, %s", name, mode), func(t *testing.T) {
				recipient := string(mode) + "@anywhere.example"
				host := string(mode) + ".peers.example"
				addr := net.JoinHostPort(server.Addr[i], site.Net.Port)
				if got, want := found(addr, recipient, &tls.Config{ServerName: host, RootCAs: roots}), wanted[mode]; !want(got) {
					t.Fatalf("strictly: %v", got)
				}
				if got := found(addr, recipient, &tls.Config{InsecureSkipVerify: true}); mode != BrokenTLS && mode != NoTLS && got != nil {
					t.Fatalf("taking any certificate: %v", got)
				}
				if mode == ByName {
					nameless := &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(state tls.ConnectionState) error {
						return state.PeerCertificates[0].VerifyHostname("somebody-else.example")
					}}
					if err := found(addr, recipient, nameless); err != nil {
						t.Errorf("asked by no name: %v", err)
					}
				}
				if mode == NoTLS || mode == BrokenTLS {
					if err := clearly(addr, recipient); err != nil {
						t.Fatalf("in clear text: %v", err)
					}
				}
				kept := server.Await(t, recipient)
				if secret := strings.Contains(kept.Header.Get("Received"), "TLS"); secret == (mode == NoTLS || mode == BrokenTLS) {
					t.Errorf("the server says: Received: %s", kept.Header.Get("Received"))
				}
			})
		}
	}
}

var errNotOffered = errors.New("STARTTLS is not offered")

// wanted is what a strict client must meet.
var wanted = map[TLSMode]func(error) bool{
	NoTLS:     func(err error) bool { return errors.Is(err, errNotOffered) },
	GoodTLS:   func(err error) bool { return err == nil },
	ByName:    func(err error) bool { return err == nil },
	WrongName: func(err error) bool { return errors.As(err, new(x509.HostnameError)) },
	Expired: func(err error) bool {
		var invalid x509.CertificateInvalidError
		return errors.As(err, &invalid) && invalid.Reason == x509.Expired
	},
	Untrusted: func(err error) bool { return errors.As(err, new(x509.UnknownAuthorityError)) },
	BrokenTLS: func(err error) bool {
		return err != nil && !errors.Is(err, errNotOffered) && !errors.As(err, new(*tls.CertificateVerificationError))
	},
}

// found hands a mail over under TLS and says what went wrong.
func found(addr, to string, settings *tls.Config) error {
	client, err := smtp.Dial(addr)
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // nothing depends on it
	if offered, _ := client.Extension("STARTTLS"); !offered {
		return errNotOffered
	}
	if err := client.StartTLS(settings); err != nil {
		return err
	}
	return deliver(client, to)
}

func clearly(addr, to string) error {
	client, err := smtp.Dial(addr)
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // nothing depends on it
	return deliver(client, to)
}

func deliver(client *smtp.Client, to string) error {
	if err := client.Mail("from@desk.example"); err != nil {
		return err
	}
	if err := client.Rcpt(to); err != nil {
		return err
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte("Subject: hello\r\n\r\nhello\r\n")); err != nil {
		return err
	}
	return w.Close()
}
