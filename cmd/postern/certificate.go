package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/certificates"
	"postern/config"
	"postern/desk"
	"postern/domains"
	"postern/observe"
	"postern/store"
)

// newKeeper opens the certificates of STARTTLS and HTTPS. l are the listeners of this process; where there are none, as for a command, nothing can be obtained.
func (s serveCommand) newKeeper(sys *system, l listeners) (*certificates.Keeper, error) {
	settings := sys.platform.settings
	cfg := certificates.Config{
		Hostname: settings.Hostname, WebHost: settings.PublicHost(), Folder: filepath.Join(settings.Data, "tls"), CertFile: settings.TLSCert, KeyFile: settings.TLSKey,
		Log: sys.log, Observe: observeCertificates(sys.metrics),
	}
	if settings.ACME {
		cfg.ACME = &certificates.ACME{
			Store: sys.platform.store, Keys: sys.platform.keys, Directory: settings.ACMEDirectory, Roots: settings.ACMECA, HTTPAddr: addrOf(l.web), HTTPSAddr: addrOf(l.secure),
			Names: func(ctx context.Context) ([]certificates.Name, error) {
				return certificateNames(ctx, settings, sys.domains, certificateRoles{mail: s.has("smtp"), web: s.has("web")})
			},
		}
	}
	return certificates.Open(cfg)
}

func addrOf(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

func observeCertificates(metrics *observe.Metrics) func([]certificates.Standing) {
	return func(list []certificates.Standing) {
		standings := make([]observe.Certificate, len(list))
		for i, one := range list {
			standings[i] = observe.Certificate(one)
		}
		metrics.Certificates(standings)
	}
}

// certificateRoles says what certificates are for: a machine that only takes mail needs none for the portal.
type certificateRoles struct{ mail, web bool }

// certificateNames says for which names certificates are obtained: the host name, and where we speak HTTPS ourselves, the public URL's host and the policy hosts of mail domains.
func certificateNames(ctx context.Context, settings config.Settings, service *domains.Service, roles certificateRoles) ([]certificates.Name, error) {
	var names []certificates.Name
	if roles.mail {
		names = append(names, certificates.Name{Host: settings.Hostname})
	}
	if settings.HTTPSAddr == "" || !roles.web { // a proxy in front has its own
		return names, nil
	}
	public := settings.PublicHost()
	if _, err := netip.ParseAddr(public); err != nil && public != settings.Hostname { // no CA certifies an address by these proofs for all
		names = append(names, certificates.Name{Host: public})
	} else if public == settings.Hostname && !roles.mail {
		names = append(names, certificates.Name{Host: public})
	}
	policies, err := service.Policies(ctx)
	if err != nil {
		return nil, err
	}
	var hosts []certificates.Name
	resolver := domains.NewResolver(settings.DNS, lookUpTime)
	for domain, policy := range policies {
		host := domains.STSHost(domain)
		hosts = append(hosts, certificates.Name{
			Host: host, Keep: policy.Mode == desk.STSOff,
			Ready: func(ctx context.Context) error {
				return domains.LeadsTo(ctx, resolver, host, []string{settings.Hostname, public})
			},
		})
	}
	slices.SortFunc(hosts, func(a, b certificates.Name) int { return strings.Compare(a.Host, b.Host) })
	return append(names, hosts...), nil
}

// mailCertificate says what is wrong with the certificate of STARTTLS for senders that check it, here and, with ACME, on the other machines that take mail.
func mailCertificate(ctx context.Context, settings config.Settings, db *store.Store) error {
	switch {
	case settings.TLSCert != "":
		pair, err := tls.LoadX509KeyPair(settings.TLSCert, settings.TLSKey)
		if err != nil {
			return fmt.Errorf("the certificate cannot be read: %w", err)
		}
		if err := pair.Leaf.VerifyHostname(settings.Hostname); err != nil {
			return fmt.Errorf("the certificate is not for %s", settings.Hostname)
		}
		if pair.Leaf.NotAfter.Before(time.Now()) {
			return fmt.Errorf("the certificate of %s ended on %s", settings.Hostname, pair.Leaf.NotAfter.Format(time.DateOnly))
		}
		return nil
	case !bool(settings.ACME):
		return fmt.Errorf("the certificate of %s is self-signed: set POSTERN_ACME=on, or POSTERN_TLS_CERT and POSTERN_TLS_KEY", settings.Hostname)
	}
	rows, err := db.Certificates(ctx)
	if err != nil {
		return err
	}
	there := false
	for _, row := range rows {
		if row.Name != settings.Hostname && !slices.Contains(settings.MXHosts, row.Name) {
			continue
		}
		if row.NotAfter == nil || row.NotAfter.Before(time.Now()) {
			return fmt.Errorf("%s has no certificate: %s", row.Name, certificates.Problem(row, time.Now()))
		}
		there = there || row.Name == settings.Hostname
	}
	if !there {
		return fmt.Errorf("%s has no certificate yet", settings.Hostname)
	}
	return nil
}
