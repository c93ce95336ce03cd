package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"postern/config"
)

// memory is the soft limit for the Go heap: the collector works harder before the process grows past it. GOMEMLIMIT, where set, wins.
const memory = 220 << 20

// garbage is how far, in percent of what is alive, the heap may grow before it is collected. What is alive is small, a dozen MiB, and with Go's 100 a quarter of our CPU went into
// collecting it again and again; the soft limit stands where much is alive. GOGC, where set, wins.
const garbage = 400

// drain is how long mail and requests that are under way may take when the program stops.
const drain = 30 * time.Second

// lastBreath is how long saying goodbye may take when the database has ended: time for SMTP clients to read a 4xx.
const lastBreath = 2 * time.Second

// serveCommand runs the system.
type serveCommand struct {
	Role []string `name:"role" enum:"smtp,web,worker" default:"smtp,web,worker" placeholder:"smtp,web,worker" help:"Parts to run here; all unless given. Several machines may share one database and one bucket."`
}

func (s serveCommand) has(role string) bool { return slices.Contains(s.Role, role) }

// Run serves until a signal comes or the embedded database ends.
func (s serveCommand) Run(ctx context.Context, settings config.Settings, term terminal) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	log, err := openLog(settings, term.err)
	if err != nil {
		return err
	}
	slog.SetDefault(log)
	say := func(line string) { fmt.Fprintln(term.out, line) }

	listeners, err := s.listen(ctx, settings)
	if err != nil {
		return err
	}
	defer listeners.close()
	platform, err := openPlatform(ctx, settings, platformOptions{log: log, notice: say, role: owner})
	if err != nil {
		return err
	}
	defer platform.close()
	system, err := s.build(ctx, platform, listeners, log)
	if err != nil {
		return err
	}
	if err := system.start(ctx, listeners); err != nil {
		return err
	}
	s.announce(ctx, system, listeners, say)
	err = system.wait(ctx)
	say("stopping: letting mail and requests that are under way finish")
	return errors.Join(err, system.stop(err))
}

// listeners are the sockets of one process: opened before anything else, so that a port that is taken is said at once.
type listeners struct {
	smtp   []net.Listener
	web    net.Listener
	secure net.Listener // HTTPS
	admin  net.Listener
}

func (s serveCommand) listen(ctx context.Context, settings config.Settings) (l listeners, err error) {
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	var cfg net.ListenConfig
	open := func(what, variable, addr string) (net.Listener, error) {
		listener, err := cfg.Listen(ctx, "tcp", addr)
		if err != nil {
			return nil, fmt.Errorf("cannot listen for %s on %s: %w; set %s to another address, or stop what is there", what, addr, err, variable)
		}
		return listener, nil
	}
	if s.has("smtp") {
		for _, addr := range settings.SMTPAddr {
			listener, err := open("mail", "POSTERN_SMTP_ADDR", addr)
			if err != nil {
				return l, err
			}
			l.smtp = append(l.smtp, listener)
		}
	}
	if s.has("web") || s.has("smtp") && bool(settings.ACME) { // a CA looks for us by HTTP or HTTPS, whatever the certificate is for
		if l.web, err = open("the portal", "POSTERN_HTTP_ADDR", string(settings.HTTPAddr)); err != nil {
			return l, err
		}
		if settings.HTTPSAddr != "" {
			if l.secure, err = open("the portal over TLS", "POSTERN_HTTPS_ADDR", string(settings.HTTPSAddr)); err != nil {
				return l, err
			}
		}
	}
	l.admin, err = open("metrics and health", "POSTERN_ADMIN_ADDR", string(settings.AdminAddr))
	return l, err
}

func (l listeners) close() {
	for _, listener := range append(slices.Clone(l.smtp), l.web, l.secure, l.admin) {
		if listener != nil {
			_ = listener.Close() // its server has closed it already, or it never served
		}
	}
}

// announce prints where everything is: one line a listener, where data is kept, and how the first owner signs in.
func (s serveCommand) announce(ctx context.Context, system *system, l listeners, say func(string)) {
	settings := system.platform.settings
	for _, listener := range l.smtp {
		say(fmt.Sprintf("%-8s %s  (STARTTLS, mail up to %s)", "smtp", listener.Addr(), settings.MaxMessage))
	}
	s.announceWeb(settings, l, say)
	say(fmt.Sprintf("%-8s %s  (/metrics /healthz /readyz)", "admin", l.admin.Addr()))
	say(fmt.Sprintf("%-8s %s", "data", s.where(system.platform)))
	if system.platform.postgres == nil || !s.has("web") {
		return
	}
	if mailboxes, err := system.domains.Mailboxes(ctx); err == nil && len(mailboxes) > 0 {
		var addresses []string
		for _, mailbox := range mailboxes[:min(len(mailboxes), 5)] {
			addresses = append(addresses, mailbox.Address)
		}
		say(fmt.Sprintf("%-8s %s", "mailbox", strings.Join(addresses, ", ")))
	}
	if url, err := system.firstOwner(ctx); err != nil {
		system.log.Error("no sign-in link for the first owner could be made", "error", err)
	} else if url != "" {
		say(fmt.Sprintf("%-8s %s  (the first owner's sign-in link: once, within 24 hours)", "owner", url))
	}
}

// announceWeb says what each web listener is for.
func (s serveCommand) announceWeb(settings config.Settings, l listeners, say func(string)) {
	portal := "portal and API, reached as " + settings.PublicURL
	switch {
	case l.web == nil:
	case !s.has("web"):
		say(fmt.Sprintf("%-8s %s  (answers the CA for certificates)", "web", l.web.Addr()))
		portal = "answers the CA for certificates"
	case l.secure != nil:
		say(fmt.Sprintf("%-8s %s  (sends people on to %s)", "web", l.web.Addr(), settings.PublicURL))
	default:
		say(fmt.Sprintf("%-8s %s  (%s)", "web", l.web.Addr(), portal))
	}
	if l.secure != nil {
		say(fmt.Sprintf("%-8s %s  (%s)", "https", l.secure.Addr(), portal))
	}
}

func (s serveCommand) where(p *platform) string {
	data, err := filepath.Abs(p.settings.Data)
	if err != nil {
		data = p.settings.Data
	}
	database, bucket := "PostgreSQL and S3 by configuration", ""
	switch {
	case p.postgres != nil && p.s3 != nil:
		database = "embedded PostgreSQL and S3"
	case p.postgres != nil:
		database, bucket = "embedded PostgreSQL", ", S3 at "+p.access.S3Endpoint
	case p.s3 != nil:
		database, bucket = "PostgreSQL by configuration", ", embedded S3"
	}
	return fmt.Sprintf("%s  (keys; %s%s)", data, database, bucket)
}
