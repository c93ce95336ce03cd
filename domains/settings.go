package domains

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/store"
)

// Change is what shall be different about a domain; nil fields stay.
type Change struct {
	OnBroken    *desk.OnBroken
	RotateDays  *int // 30 to 365, or 0: only by hand
	STS         *desk.STSMode
	Publication *desk.Publication
}

// apply changes the settings of a domain, or says what is wrong with them.
func (c Change) apply(d desk.Domain) (desk.Domain, error) {
	if c.OnBroken != nil {
		if *c.OnBroken != desk.BrokenHold && *c.OnBroken != desk.BrokenFallback {
			return d, desk.Wrong("on_broken", "%q is neither hold nor fallback", *c.OnBroken)
		}
		d.OnBroken = *c.OnBroken
	}
	if c.RotateDays != nil {
		if *c.RotateDays != 0 && (*c.RotateDays < 30 || *c.RotateDays > 365) {
			return d, desk.Wrong("rotate_days", "keys change every 30 to 365 days, or with 0 only by hand")
		}
		d.RotateDays = *c.RotateDays
	}
	if c.STS != nil {
		if !slices.Contains([]desk.STSMode{desk.STSOff, desk.STSTesting, desk.STSEnforce}, *c.STS) {
			return d, desk.Wrong("sts", "%q is none of off, testing and enforce", *c.STS)
		}
		d.STS = *c.STS
	}
	return d, nil
}

// Set changes how a domain is used. When its keys shall get into the DNS in another way, those in use sign until the records of the new ones are found.
func (s *Service) Set(ctx context.Context, actor desk.Actor, name string, change Change) (desk.Domain, error) {
	name, err := allowed(actor, desk.MayManageDomains, name)
	if err != nil {
		return desk.Domain{}, err
	}
	if change.Publication != nil {
		if err := s.canPublish(*change.Publication); err != nil {
			return desk.Domain{}, err
		}
	}
	if change.STS != nil && *change.STS == desk.STSEnforce && s.cfg.Provable != nil {
		if err := s.cfg.Provable(ctx); err != nil {
			return desk.Domain{}, desk.Faultf(desk.Conflict, "mail would not come any more from senders that keep to the policy: %v; begin with testing", err)
		}
	}
	err = s.change(ctx, func(tx *store.Tx) error {
		v, err := s.hold(ctx, tx, name)
		if err != nil {
			return err
		}
		before := v.domain
		if v.domain, err = change.apply(v.domain); err != nil {
			return err
		}
		moves := change.Publication != nil && *change.Publication != before.Publication
		if moves {
			v.domain.Publication = *change.Publication
		}
		if v.domain == before {
			return nil
		}
		if err := tx.SetDomain(ctx, v.domain); err != nil {
			return err
		}
		if err := tx.Audit(ctx, actor, "domain.set", subjectOf(name), changeOf(settingsOf(before), settingsOf(v.domain))); err != nil || !moves {
			return err
		}
		return s.move(ctx, tx, actor, &v)
	})
	if err != nil {
		return desk.Domain{}, err
	}
	s.forgetPolicies()
	_ = s.publishSoon(ctx, name, asNoted) // managers are told, and it is tried again
	return s.cfg.Store.Domain(ctx, name)
}

// changeOf is what the audit log tells of a change: how it is now, and how it was before.
func changeOf(before, after map[string]any) map[string]any {
	after["before"] = before
	return after
}

func settingsOf(d desk.Domain) map[string]any {
	return map[string]any{"on_broken": d.OnBroken, "rotate_days": d.RotateDays, "sts": d.STS, "publication": d.Publication}
}

// move makes the keys that get into the DNS in the new way. Those that waited to take over in the old way are dropped: they never signed. Those that sign go on until the others are seen.
func (s *Service) move(ctx context.Context, tx *store.Tx, actor desk.Actor, v *view) error {
	var drop []int64
	v.keys = slices.DeleteFunc(v.keys, func(key store.DomainKey) bool {
		waits := key.Role == desk.KeyNext
		if waits {
			drop = append(drop, key.ID)
		}
		return waits
	})
	if err := tx.DropDomainKeys(ctx, drop); err != nil {
		return err
	}
	if v.domain.Publication == desk.PublishDelegated || slices.ContainsFunc(v.keys, func(key store.DomainKey) bool { return key.Role == desk.KeySigning && key.Slot == 0 }) {
		_, err := s.advance(ctx, tx, actor, v, s.cfg.Now())
		return err
	}
	rows, err := s.newKeys(v.domain.Name, 0, s.cfg.Now())
	if err != nil {
		return err
	}
	return tx.AddDomainKeys(ctx, v.domain.ID, rows)
}

// Pause ends the use of a domain until Resume. Mail in its name waits, or leaves in the system's name, as its setting for a broken domain says.
func (s *Service) Pause(ctx context.Context, actor desk.Actor, name string) (desk.Domain, error) {
	return s.turnTo(ctx, actor, name, "domain.pause", func(v view, at time.Time) (desk.Domain, error) {
		if v.domain.State == desk.DomainPaused {
			return v.domain, desk.Faultf(desk.Conflict, "the domain %s is paused already", name)
		}
		d := become(v.domain, desk.DomainPaused, v.records, at)
		d.BrokenSince, d.BrokenWhy = at, ""
		return d, nil
	})
}

// Resume ends a pause: the domain is as far as the last look says.
func (s *Service) Resume(ctx context.Context, actor desk.Actor, name string) (desk.Domain, error) {
	return s.turnTo(ctx, actor, name, "domain.resume", func(v view, at time.Time) (desk.Domain, error) {
		if v.domain.State != desk.DomainPaused {
			return v.domain, desk.Faultf(desk.Conflict, "the domain %s is not paused", name)
		}
		d := v.domain
		d.BrokenSince = time.Time{}
		return become(d, Resumed(evidence(d, v.records)), v.records, at), nil
	})
}

// turnTo changes the state of a domain as an admin wants it.
func (s *Service) turnTo(ctx context.Context, actor desk.Actor, name, action string, to func(view, time.Time) (desk.Domain, error)) (desk.Domain, error) {
	name, err := allowed(actor, desk.MayManageDomains, name)
	if err != nil {
		return desk.Domain{}, err
	}
	var after desk.Domain
	err = s.change(ctx, func(tx *store.Tx) error {
		v, err := s.hold(ctx, tx, name)
		if err != nil {
			return err
		}
		if after, err = to(v, s.cfg.Now()); err != nil {
			return err
		}
		if err := tx.SetDomain(ctx, after); err != nil {
			return err
		}
		detail := map[string]any{"before": v.domain.State, "after": after.State}
		v.domain = after
		if err := s.alert(ctx, tx, actor, v, s.cfg.Now()); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, action, subjectOf(name), detail)
	})
	return after, err
}

// ImportKey keeps a private key that was made elsewhere, PEM of PKCS #1 or PKCS #8: RSA of 2048 bits at least, or Ed25519. It signs as soon as its record is found, in place of the key of its kind.
func (s *Service) ImportKey(ctx context.Context, actor desk.Actor, name, selector string, text []byte) ([]desk.Record, error) {
	name, err := allowed(actor, desk.MayManageDomains, name)
	if err != nil {
		return nil, err
	}
	selector, err = validSelector(selector, name)
	if err != nil {
		return nil, err
	}
	key, err := parsePEM(name, selector, text)
	if err != nil {
		return nil, desk.Wrong("key", "%s", err)
	}
	now := s.cfg.Now()
	row, err := s.row(key, now)
	if err != nil {
		return nil, err
	}
	row.Imported = true
	err = s.change(ctx, func(tx *store.Tx) error {
		v, err := s.hold(ctx, tx, name)
		if err != nil {
			return err
		}
		d := v.domain
		if err := room(name, v.keys); err != nil {
			return err
		}
		if d.Publication != desk.PublishTXT {
			return desk.Faultf(desk.Conflict, "the keys of %s change by themselves behind CNAMEs: set its publication to txt to sign with your own", name)
		}
		if err := tx.AddDomainKeys(ctx, d.ID, []store.DomainKey{row}); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "domain.import_key", subjectOf(name), map[string]any{"selector": selector, "algorithm": key.Algorithm})
	})
	if err != nil {
		return nil, err
	}
	view, err := s.read(ctx, name)
	return view.records, err
}

// validSelector is a selector as it is stored: one or more labels of a name (RFC 6376 §3.1). Those of our CNAMEs are ours.
func validSelector(selector, domain string) (string, error) {
	name, err := ASCII(selector)
	if err == nil {
		_, err = ASCII(name + "._domainkey." + domain)
	}
	if err != nil || len(name) > 100 {
		return "", desk.Wrong("selector", "%q is not a selector like s2026", selector)
	}
	for _, slot := range []int16{1, 2} {
		if name == selectorOf(slot, RSA) || name == selectorOf(slot, Ed25519) {
			return "", desk.Wrong("selector", "the selector %s is Postern's own", name)
		}
	}
	return name, nil
}

// mostPEM is far more than a key of 8192 bits takes.
const mostPEM = 64 << 10

// parsePEM reads a private key. No error of it repeats what it read.
func parsePEM(domain, selector string, text []byte) (Key, error) {
	if len(text) > mostPEM {
		return Key{}, fmt.Errorf("the file holds more than %d bytes", mostPEM)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY":
			return ParseKey(domain, selector, block.Bytes)
		case "RSA PRIVATE KEY":
			if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
				return Key{}, fmt.Errorf("the key is protected by a passphrase: remove that first")
			}
			private, err := x509.ParsePKCS1PrivateKey(block.Bytes)
			if err != nil {
				return Key{}, fmt.Errorf("decoding the key: %w", err)
			}
			return newKey(domain, selector, crypto.Signer(private))
		case "ENCRYPTED PRIVATE KEY":
			return Key{}, fmt.Errorf("the key is protected by a passphrase: remove that first")
		}
	}
	return Key{}, fmt.Errorf("there is no private key in PEM in the file")
}
