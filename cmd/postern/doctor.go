package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"postern/config"
	"postern/domains"
	"postern/mailout"
)

const (
	clockBound = 2 * time.Second // further apart than this, signatures and links expire wrongly
	dialTime   = 5 * time.Second
)

// doctorCommand checks everything that Postern stands on.
type doctorCommand struct{ listing }

// diagnosis is the result of one check.
type diagnosis struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, warning or failed
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"` // what to do about it
}

// checkup collects diagnoses.
type checkup struct {
	settings config.Settings
	results  []diagnosis
}

func (c *checkup) ok(check, found string, args ...any) {
	c.results = append(c.results, diagnosis{Check: check, State: "ok", Found: fmt.Sprintf(found, args...)})
}

func (c *checkup) warn(check, advice, found string, args ...any) {
	c.results = append(c.results, diagnosis{Check: check, State: "warning", Found: fmt.Sprintf(found, args...), Advice: advice})
}

func (c *checkup) failed(check, advice string, err error) {
	c.results = append(c.results, diagnosis{Check: check, State: "failed", Found: strings.ReplaceAll(err.Error(), "\n", "; "), Advice: advice})
}

// Run checks and prints a line a check; exit 1 if one failed.
func (d doctorCommand) Run(ctx context.Context, settings config.Settings, term terminal) error {
	c := &checkup{settings: settings}
	c.ok("configuration", "read and checked; host name %s, data in %s", settings.Hostname, settings.Data)
	if !strings.Contains(settings.Hostname, ".") {
		c.warn("host name", "set POSTERN_HOSTNAME to the name that the world knows this machine by, with a PTR record for its address", "%q is no name that other mail servers can look up", settings.Hostname)
	}
	p, err := openPlatform(ctx, settings, platformOptions{role: visitor, conns: 4})
	if err != nil {
		c.failed("database, storage, keys", "mend what the line says, then run postern doctor again", err)
	} else {
		defer p.close()
		c.ground(ctx, p)
		c.domains(ctx, p)
		c.passwords(ctx, p)
		c.providers(ctx, p)
	}
	c.host(ctx)
	c.certificates(ctx, p)
	c.listener()
	c.outbound(ctx)
	c.proofs(ctx)
	return d.report(term, c.results)
}

func (d doctorCommand) report(term terminal, results []diagnosis) error {
	broken := false
	for _, result := range results {
		broken = broken || result.State == "failed"
	}
	if d.JSON {
		if err := d.print(term.out, results, nil, nil); err != nil {
			return err
		}
	} else {
		for _, result := range results {
			fmt.Fprintf(term.out, "%-8s %-22s %s\n", result.State, result.Check, result.Found)
			if result.Advice != "" {
				fmt.Fprintf(term.out, "%-31s → %s\n", "", result.Advice)
			}
		}
	}
	if broken {
		return errQuiet
	}
	return nil
}

// ground checks the database, the bucket and the keys.
func (c *checkup) ground(ctx context.Context, p *platform) {
	server, err := p.store.Server(ctx)
	if err != nil {
		c.failed("database", "see that PostgreSQL runs and POSTERN_DATABASE_URL is right", err)
		return
	}
	c.ok("database", "PostgreSQL %s answers, schema up to date", server.Version)
	if !server.Unicode {
		c.failed("database locale", "create the database with LC_CTYPE C.UTF-8 or another UTF-8 locale: search and comparison need it", errors.New("lower('É') is not 'é' in this database"))
	}
	if apart := time.Since(server.Now).Abs(); apart > clockBound {
		c.failed("clock", "run a time service (NTP) on both machines", fmt.Errorf("this machine and the database are %s apart", apart.Round(time.Millisecond)))
	} else {
		c.ok("clock", "agrees with the database's")
	}
	if err := p.bucket.Check(ctx); err != nil {
		c.failed("storage", "see that the S3 store runs, the keys are right, and the bucket is private", err)
	} else {
		c.ok("storage", "bucket %s answers us and refuses strangers", p.access.S3Bucket)
	}
	if p.keys.Fresh() {
		c.warn("keys", "keep a copy apart from the backups: without it they are worthless", "%s was made just now", c.settings.KeyFile)
	} else {
		c.ok("keys", "%s is readable by its owner only; active key %s", c.settings.KeyFile, p.keys.Active())
	}
}

// listener asks our own SMTP port for its greeting.
func (c *checkup) listener() {
	for _, addr := range c.settings.SMTPAddr {
		banner, err := greeting(addr)
		switch {
		case err != nil:
			c.warn("SMTP on "+addr, "start postern serve, or see that nothing else has the port", "no greeting: %v", err)
		case !strings.HasPrefix(banner, "220 "):
			c.failed("SMTP on "+addr, "see who listens there", fmt.Errorf("it says %q", banner))
		default:
			c.ok("SMTP on "+addr, "%s", banner)
		}
	}
}

func greeting(addr string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, dialTime)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(dialTime)); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", err
	}
	_, err = conn.Write([]byte("QUIT\r\n"))
	return strings.TrimSpace(line), err
}

// outbound checks that mail can leave: through the smarthost, or through the port of direct delivery, which many networks block. It asks our own domains' servers, nobody else's.
func (c *checkup) outbound(ctx context.Context) {
	if c.settings.Smarthost != "" {
		smarthost, err := mailout.ParseSmarthost(c.settings.Smarthost)
		if err == nil {
			_, err = greetingOrTLS(net.JoinHostPort(smarthost.Host, fmt.Sprint(smarthost.Port)))
		}
		if err != nil {
			c.failed("smarthost", "see that POSTERN_SMARTHOST is right and its port is open", err)
			return
		}
		c.ok("smarthost", "%s takes connections", net.JoinHostPort(smarthost.Host, fmt.Sprint(smarthost.Port)))
		return
	}
	_, domain, _ := strings.Cut(c.settings.Hostname, ".")
	if !strings.Contains(domain, ".") {
		c.warn("port 25 outbound", "set POSTERN_HOSTNAME, or POSTERN_SMARTHOST if your network blocks the port", "not checked: the host name has no domain whose mail server could be asked")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*dialTime)
	defer cancel()
	servers, err := domains.NewResolver(c.settings.DNS, lookUpTime).LookupMX(ctx, domain)
	if err != nil || len(servers) == 0 {
		c.warn("port 25 outbound", "publish an MX record for "+domain, "not checked: %s has no MX record", domain)
		return
	}
	addr := net.JoinHostPort(strings.TrimSuffix(servers[0].Host, "."), fmt.Sprint(c.settings.MXPort))
	if _, err := greeting(addr); err != nil {
		c.failed("port 25 outbound", "ask your network's owner to open the port, or set POSTERN_SMARTHOST", err)
		return
	}
	c.ok("port 25 outbound", "%s answers", addr)
}

// proofs says whether DANE of other domains can be used: whether a resolver validates whose word counts.
func (c *checkup) proofs(ctx context.Context) {
	if c.settings.DNSSEC == "off" || c.settings.Smarthost != "" {
		return
	}
	const unused = "mail is delivered without what other domains prove of their servers by DANE"
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	resolver := domains.NewTrustingResolver(c.settings.DNS, lookUpTime, domains.DNSSEC(c.settings.DNSSEC))
	if !resolver.Validates() {
		c.warn("DNSSEC", "run a validating resolver, such as Unbound, on this machine and name it in POSTERN_DNS", "no resolver on this machine: %s", unused)
		return
	}
	proves, err := resolver.Proves(ctx)
	switch {
	case err != nil:
		c.warn("DNSSEC", "see that the resolver reaches the internet", "not checked: %v", err)
	case !proves:
		c.warn("DNSSEC", "turn validation on in your resolver, or set POSTERN_DNSSEC=off", "the resolver proves nothing: %s", unused)
	default:
		c.ok("DNSSEC", "the resolver proves what is signed")
	}
}

// greetingOrTLS only connects: behind smtps:// the greeting comes after the handshake.
func greetingOrTLS(addr string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, dialTime)
	if err != nil {
		return "", err
	}
	return addr, conn.Close()
}
