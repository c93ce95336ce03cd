package audit

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// WantedSink is what somebody wants a sink to be.
type WantedSink struct {
	ID        int64 // 0: a new one
	Name      string
	Kind      desk.SinkKind
	Address   string
	Authority string
	Enabled   bool
	Whole     bool // a new one gets the whole log, not only what comes
}

// nameOfSink is what a sink may be called: it is the name of a file, too.
var nameOfSink = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// longestAuthority bounds the certificates of a sink, in bytes.
const longestAuthority = 64 << 10

// check says what is wrong with what somebody wants.
func (w *WantedSink) check() error {
	w.Address, w.Authority = strings.TrimSpace(w.Address), strings.TrimSpace(w.Authority)
	if !nameOfSink.MatchString(w.Name) {
		return desk.Wrong("name", "a name has small letters, digits and hyphens, 40 at most: %q does not", w.Name)
	}
	if len(w.Authority) > longestAuthority || w.Authority != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(w.Authority)) {
		return desk.Wrong("authority", "there is no certificate in this text: paste it as PEM, from BEGIN CERTIFICATE to END CERTIFICATE")
	}
	switch w.Kind {
	case desk.SinkSyslog:
		host, port, err := net.SplitHostPort(w.Address)
		if err != nil { // RFC 5425 §4.1: port 6514
			host, port = w.Address, "6514"
		}
		number, err := strconv.Atoi(port)
		if host == "" || err != nil || number < 1 || number > 65535 || strings.ContainsAny(host, " /\\@?#") {
			return desk.Wrong("address", "%q is no server: write its name and port, such as logs.example.com:6514", w.Address)
		}
		w.Address = net.JoinHostPort(host, port)
	case desk.SinkWebhook:
		u, err := url.Parse(w.Address)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			return desk.Wrong("address", "the log is sent by HTTPS only, and its address holds no password: write it like https://logs.example.com/postern")
		}
	case desk.SinkFile:
		w.Address, w.Authority = w.Name+".jsonl", ""
	default:
		return desk.Wrong("kind", "there is no kind of sink %q: it is syslog, webhook or file", w.Kind)
	}
	return nil
}

// Sinks lists where the log is sent.
func (s *Service) Sinks(ctx context.Context, actor desk.Actor) ([]desk.Sink, error) {
	if err := need(actor, mayRead); err != nil {
		return nil, err
	}
	return s.store.Sinks(ctx)
}

// SetSink makes or changes a sink. A webhook that is new gets a secret, with which its requests are signed: it is shown this once.
func (s *Service) SetSink(ctx context.Context, actor desk.Actor, w WantedSink) (sink desk.Sink, shown string, err error) {
	if err := need(actor, mayManage); err != nil {
		return sink, "", err
	}
	if err := s.allowed(actor, w); err != nil {
		return sink, "", err
	}
	if err := w.check(); err != nil {
		return sink, "", err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		detail := map[string]any{"name": w.Name, "kind": w.Kind, "address": safeAddress(w), "enabled": w.Enabled}
		id := w.ID
		if id == 0 {
			if id, shown, err = s.addSink(ctx, tx, w); err != nil {
				return err
			}
		} else {
			before, err := tx.Sink(ctx, id)
			if err != nil {
				return err
			}
			if before.Name != w.Name || before.Kind != w.Kind {
				return desk.Wrong("name", "name and kind of a sink stay: make another, and remove this one")
			}
			detail["before"] = map[string]any{"address": safeAddress(WantedSink{Kind: before.Kind, Address: before.Address}), "enabled": before.Enabled}
			if err := tx.ChangeSink(ctx, desk.Sink{ID: id, Address: w.Address, Authority: w.Authority, Enabled: w.Enabled}); err != nil {
				return err
			}
		}
		if sink, err = tx.Sink(ctx, id); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "audit.sink", fmt.Sprintf("sink/%d", id), detail)
	})
	return sink, shown, err
}

// allowed keeps everybody but owners from turning a stream off: whoever does that may be about to do what nobody shall see.
func (s *Service) allowed(actor desk.Actor, w WantedSink) error {
	if w.ID != 0 && !w.Enabled && !actor.IsSystem() && !actor.Owner() {
		return desk.Faultf(desk.Forbidden, "only an owner can stop the log from being sent")
	}
	return nil
}

// safeAddress is the address as it is recorded: what stands behind the ? of a URL may be a secret.
func safeAddress(w WantedSink) string {
	if w.Kind == desk.SinkWebhook {
		address, _, _ := strings.Cut(w.Address, "?")
		return address
	}
	return w.Address
}

func (s *Service) addSink(ctx context.Context, tx *store.Tx, w WantedSink) (id int64, shown string, err error) {
	there, err := tx.Sinks(ctx)
	if err != nil {
		return 0, "", err
	}
	if len(there) >= store.MostSinks {
		return 0, "", desk.Faultf(desk.Conflict, "there are %d sinks already, and no more can be made", len(there))
	}
	sink := desk.Sink{Name: w.Name, Kind: w.Kind, Address: w.Address, Authority: w.Authority, Enabled: true}
	if !w.Whole {
		head, err := tx.ChainHead(ctx)
		if err != nil {
			return 0, "", err
		}
		sink.Place = head.Seq
	}
	if id, err = tx.AddSink(ctx, sink); err != nil || w.Kind != desk.SinkWebhook {
		return id, "", err
	}
	shown, _ = secret.NewToken(nil)
	sealed, _ := s.cfg.Keys.Seal(secretOf(id), []byte(shown))
	return id, shown, tx.SetSinkSecret(ctx, id, sealed)
}

// secretOf is the context of the seal of a webhook's secret.
func secretOf(id int64) string { return fmt.Sprintf("audit_sink/%d/secret", id) }

// RemoveSink ends a stream, which is an owner's to do.
func (s *Service) RemoveSink(ctx context.Context, actor desk.Actor, id int64) error {
	if err := need(actor, mayManage); err != nil {
		return err
	}
	if err := s.allowed(actor, WantedSink{ID: id}); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		sink, err := tx.Sink(ctx, id)
		if err != nil {
			return err
		}
		if err := tx.RemoveSink(ctx, id); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "audit.sink-removed", fmt.Sprintf("sink/%d", id), map[string]any{"name": sink.Name, "kind": sink.Kind, "address": safeAddress(WantedSink{Kind: sink.Kind, Address: sink.Address})})
	})
}
