package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"postern/config"
	"postern/desk"
	"postern/domains"
)

type domainSet struct {
	domainArg
	OnBroken    *string `name:"on-broken" enum:"hold,fallback" help:"What becomes of mail while the domain is broken or paused: hold (it waits), or fallback (it leaves in the name of the system's domain, of a broken domain after four hours)."`
	RotateDays  *int    `name:"rotate-days" help:"How old keys get, 30 to 365 days; 0: they change only by hand."`
	STS         *string `name:"sts" enum:"off,testing,enforce" help:"The MTA-STS policy that is served for the domain: off, testing or enforce."`
	Publication *string `name:"publication" enum:"txt,delegated" help:"How its keys get into the DNS: txt, or delegated (CNAMEs)."`
}

// Validate wants something to be set.
func (d domainSet) Validate() error {
	if d.OnBroken == nil && d.RotateDays == nil && d.STS == nil && d.Publication == nil {
		return errors.New("say what shall be different: --on-broken, --rotate-days, --sts or --publication")
	}
	return nil
}

// Run changes the domain and says how it is now.
func (d domainSet) Run(ctx context.Context, settings config.Settings, term terminal) error {
	change := domains.Change{OnBroken: (*desk.OnBroken)(d.OnBroken), RotateDays: d.RotateDays, STS: (*desk.STSMode)(d.STS), Publication: (*desk.Publication)(d.Publication)}
	return administer(ctx, settings, func(a *administration) error {
		domain, err := a.domains.Set(ctx, operator(), d.Name, change)
		if err != nil {
			return err
		}
		fmt.Fprintf(term.out, "%s: on-broken %s, rotate-days %d, sts %s, publication %s\n", domain.Name, domain.OnBroken, domain.RotateDays, domain.STS, domain.Publication)
		if d.Publication == nil {
			return nil
		}
		_, records, err := a.domains.Show(ctx, operator(), domain.Name)
		if err != nil {
			return err
		}
		fmt.Fprintf(term.out, "\nThe keys in use sign until these records are found:\n\n")
		return printZone(term.out, records)
	})
}

type domainRotate struct {
	domainArg
	Emergency bool           `name:"emergency" help:"The keys may be in the wrong hands: others sign as soon as they can be believed, and the private keys before them are destroyed."`
	Grace     *time.Duration `name:"grace" help:"With --emergency, behind CNAMEs: how long mail under way may still be checked by the old keys before they are revoked; an hour unless given, 0 for at once."`
}

// Validate keeps the grace to emergencies.
func (d domainRotate) Validate() error {
	if d.Grace != nil && !d.Emergency {
		return errors.New("--grace belongs to --emergency: in good order old keys are believed for a week")
	}
	return nil
}

// Run changes keys and prints what to publish and what to delete.
func (d domainRotate) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		var records []desk.Record
		var err error
		switch {
		case !d.Emergency:
			records, err = a.domains.Rotate(ctx, operator(), d.Name)
		case d.Grace != nil:
			records, err = a.domains.Emergency(ctx, operator(), d.Name, *d.Grace)
		default:
			records, err = a.domains.Emergency(ctx, operator(), d.Name, domains.DefaultSpans().Grace)
		}
		if err != nil {
			return err
		}
		keys, _, err := a.domains.SigningKeys(ctx, d.Name)
		if err != nil {
			return err
		}
		for _, key := range keys {
			fmt.Fprintf(term.out, "%s signs (%s)\n", key.Selector, key.Algorithm)
		}
		fmt.Fprintf(term.out, "\nWhat is still to be done in the DNS of %s stands below; then run: postern domain verify %s\n\n", d.Name, d.Name)
		return printZone(term.out, records)
	})
}

type domainImportKey struct {
	domainArg
	Selector string `name:"selector" required:"" help:"The selector under which its record stands, or shall."`
	File     string `arg:"" name:"file" help:"Private key in PEM: PKCS #1 or PKCS #8, RSA of 2048 bits at least, or Ed25519."`
}

// Run reads the key and says which record it needs.
func (d domainImportKey) Run(ctx context.Context, settings config.Settings, term terminal) error {
	text, err := os.ReadFile(d.File)
	if err != nil {
		return fmt.Errorf("read the key: %w", err)
	}
	return administer(ctx, settings, func(a *administration) error {
		records, err := a.domains.ImportKey(ctx, operator(), d.Name, d.Selector, text)
		if err != nil {
			return err
		}
		fmt.Fprintf(term.out, "kept the key. It signs once its record is found: run postern domain verify %s\n\n", d.Name)
		return printZone(term.out, records)
	})
}

type domainPause struct{ domainArg }

// Run pauses the domain and says what becomes of its mail.
func (d domainPause) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		domain, err := a.domains.Pause(ctx, operator(), d.Name)
		if err != nil {
			return err
		}
		mail := "mail in its name waits"
		if domain.OnBroken == desk.BrokenFallback {
			mail = "mail leaves in the name of the system's domain"
		}
		_, err = fmt.Fprintf(term.out, "%s is paused: %s\n", domain.Name, mail)
		return err
	})
}

type domainResume struct{ domainArg }

// Run resumes the domain and says how far it is.
func (d domainResume) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		domain, err := a.domains.Resume(ctx, operator(), d.Name)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(term.out, "%s is %s\n", domain.Name, domain.State)
		return err
	})
}

type domainAlerts struct{ listing }

// Run lists alerts.
func (d domainAlerts) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		list, err := a.domains.Alerts(ctx, operator())
		if err != nil {
			return err
		}
		var rows [][]string
		for _, alert := range list {
			rows = append(rows, []string{alert.Domain, alert.Kind, day(&alert.At), alert.Text})
		}
		return d.print(term.out, list, []string{"domain", "about", "since", "text"}, rows)
	})
}

type domainZone struct{ listing }

// Run prints the zone's records.
func (d domainZone) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		records, err := a.domains.ZoneRecords(ctx, operator())
		if err != nil {
			return err
		}
		if d.JSON {
			return d.print(term.out, records, nil, nil)
		}
		for _, record := range records {
			if _, err := fmt.Fprintln(term.out, domains.ZoneLine(record)); err != nil {
				return err
			}
		}
		return nil
	})
}

type domainRemove struct{ domainArg }

// Run removes the domain and names the records that shall go.
func (d domainRemove) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		if err := a.domains.Remove(ctx, operator(), d.Name); err != nil {
			return err
		}
		_, records, err := a.domains.Show(ctx, operator(), d.Name)
		if err != nil {
			return err
		}
		fmt.Fprintf(term.out, "removed %s and destroyed its keys. Records for them that stay behind are a danger to their owner:\n\n", d.Name)
		return printZone(term.out, records)
	})
}
