package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"postern/certificates"
	"postern/desk"
	"postern/domains"
	"postern/store"
)

// certSoon: a certificate in a file that ends sooner should have been renewed. One by ACME says itself when its renewal fails.
const certSoon = 14 * 24 * time.Hour

// certificates checks what STARTTLS and HTTPS show, and whether it is enough for what our own MTA-STS policies ask of senders. p is nil where the database cannot be reached.
func (c *checkup) certificates(ctx context.Context, p *platform) {
	switch {
	case c.settings.TLSCert != "":
		c.certificateFiles(ctx, p)
	case bool(c.settings.ACME):
		if p != nil {
			c.certificatesByACME(ctx, p)
		}
	default:
		c.warn("TLS certificate", "set POSTERN_ACME=on, or POSTERN_TLS_CERT and POSTERN_TLS_KEY, for one that others can check", "self-signed: good for STARTTLS, not for people")
	}
	if p != nil {
		c.enforced(ctx, p)
	}
	if c.settings.HTTPSAddr != "" {
		c.https()
	}
}

// certificateFiles checks the operator's own certificate.
func (c *checkup) certificateFiles(ctx context.Context, p *platform) {
	pair, err := tls.LoadX509KeyPair(c.settings.TLSCert, c.settings.TLSKey)
	if err != nil {
		c.failed("TLS certificate", "see that both files are readable and belong together", err)
		return
	}
	leaf, left := pair.Leaf, time.Until(pair.Leaf.NotAfter)
	var missing []string
	if p != nil {
		names, err := certificateNames(ctx, c.settings, newDomains(p, nil, nil), certificateRoles{mail: true, web: true})
		if err != nil {
			c.failed("TLS certificate", "see the error", err)
			return
		}
		for _, name := range names {
			if leaf.VerifyHostname(name.Host) != nil && !name.Keep {
				missing = append(missing, name.Host)
			}
		}
	} else if leaf.VerifyHostname(c.settings.Hostname) != nil {
		missing = []string{c.settings.Hostname}
	}
	switch {
	case left < 0:
		c.failed("TLS certificate", "renew it: the file is read again by itself", fmt.Errorf("it ended on %s", leaf.NotAfter.Format(time.DateOnly)))
	case len(missing) > 0:
		c.warn("TLS certificate", "get one that names "+strings.Join(missing, ", ")+" too", "it is for %s", strings.Join(leaf.DNSNames, ", "))
	case left < certSoon:
		c.warn("TLS certificate", "renew it: the file is read again by itself", "it ends on %s", leaf.NotAfter.Format(time.DateOnly))
	default:
		c.ok("TLS certificate", "for %s until %s", strings.Join(leaf.DNSNames, ", "), leaf.NotAfter.Format(time.DateOnly))
	}
}

// certificatesByACME says how each name fares, in the CA's own words where it refuses.
func (c *checkup) certificatesByACME(ctx context.Context, p *platform) {
	names, err := certificateNames(ctx, c.settings, newDomains(p, nil, nil), certificateRoles{mail: true, web: true})
	var rows []store.Certificate
	if err == nil {
		rows, err = p.store.Certificates(ctx)
	}
	if err != nil {
		c.failed("TLS certificate", "see the error", err)
		return
	}
	for _, name := range names {
		row := store.Certificate{Name: name.Host}
		if at := slices.IndexFunc(rows, func(row store.Certificate) bool { return row.Name == name.Host }); at >= 0 {
			row = rows[at]
		}
		if !name.Keep {
			c.obtained(name, row)
		}
	}
}

// obtained says how one name fares.
func (c *checkup) obtained(name certificates.Name, row store.Certificate) {
	check, problem := "TLS "+name.Host, certificates.Problem(row, time.Now())
	advice := "mend what the CA says: it asks http://" + name.Host + "/ on port 80, or the same name on port 443; then run postern certificate retry"
	if row.NextTry != nil {
		advice += ", else it is tried again at " + row.NextTry.UTC().Format("2006-01-02 15:04 UTC")
	}
	switch {
	case problem == "":
		c.ok(check, "by %s until %s, renewed by itself", plain(row.Issuer), row.NotAfter.Format(time.DateOnly))
	case row.NotAfter == nil && row.Problem == "":
		c.warn(check, "start postern serve, which asks "+c.authority()+" for it", "%s", problem)
	case row.NotAfter != nil && row.NotAfter.After(time.Now()):
		c.warn(check, advice, "%s", problem)
	case domains.IsSTSHost(name.Host):
		c.warn(check, advice, "%s", problem)
	default:
		c.failed(check, advice, errors.New(problem))
	}
}

// authority is the CA that is asked.
func (c *checkup) authority() string {
	if c.settings.ACMEDirectory == "" {
		return "Let's Encrypt"
	}
	return c.settings.ACMEDirectory
}

// enforced finds the domains whose policy asks senders to check a certificate that they would not take: those senders deliver nothing.
func (c *checkup) enforced(ctx context.Context, p *platform) {
	wrong := mailCertificate(ctx, c.settings, p.store)
	if wrong == nil {
		return
	}
	policies, err := newDomains(p, nil, nil).Policies(ctx)
	if err != nil {
		c.failed("MTA-STS policies", "see the error", err)
		return
	}
	for domain, policy := range policies {
		if policy.Mode == desk.STSEnforce {
			c.failed("MTA-STS "+domain, "set its policy to testing until the certificate is there", fmt.Errorf("mail does not come from senders that keep to the policy: %w", wrong))
		}
	}
}

// https looks at our own HTTPS as a browser would.
func (c *checkup) https() {
	addr, host := string(c.settings.HTTPSAddr), c.settings.PublicHost()
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTime}, Config: &tls.Config{ServerName: host, InsecureSkipVerify: true}} // what it shows is looked at below
	ctx, cancel := context.WithTimeout(context.Background(), dialTime)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		c.warn("HTTPS on "+addr, "start postern serve, or see that nothing else has the port", "no TLS: %v", err)
		return
	}
	defer conn.Close()
	shown := conn.(*tls.Conn).ConnectionState().PeerCertificates
	chain := x509.NewCertPool()
	for _, cert := range shown[1:] {
		chain.AddCert(cert)
	}
	switch _, err := shown[0].Verify(x509.VerifyOptions{DNSName: host, Intermediates: chain}); {
	case err == nil:
		c.ok("HTTPS on "+addr, "shows a certificate for %s that is good until %s", host, shown[0].NotAfter.Format(time.DateOnly))
	case shown[0].VerifyHostname(host) != nil:
		c.failed("HTTPS on "+addr, "see the lines about certificates above", fmt.Errorf("it shows a certificate for %s, not for %s", strings.Join(shown[0].DNSNames, ", "), host))
	default:
		c.warn("HTTPS on "+addr, "browsers say the same, unless they know your CA", "%v", err)
	}
}
