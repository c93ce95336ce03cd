package main

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"postern/certificates"
	"postern/config"
	"postern/desk"
	"postern/domains"
	"postern/observe"
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
