package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"postern/config"
	"postern/desk"
	"postern/domains"
	"postern/mailout"
)

// lookUpTime bounds one DNS question.
const lookUpTime = 5 * time.Second

// newDomains looks after the mail domains. sender brings copies of test mails to whoever wants to see one; nil: they are judged only.
func newDomains(p *platform, observe func([]desk.Domain), sender *mailout.Sender) *domains.Service {
	s, preflight := p.settings, newPreflight(p.settings)
	trial := &mailout.SelfTest{Authority: preflight.Authority, Hostname: s.Hostname, Smarthost: preflight.Smarthost, Sender: sender}
	return domains.NewService(domains.ServiceConfig{
		Store: p.store, Keys: p.keys, Resolver: preflight.Authority.Resolver(), Hostname: s.Hostname, Preflight: preflight, Observe: observe, SelfTest: trial.Run,
		Zone:     domains.OperatorZone{Name: s.DKIMZone, Server: s.DKIMServer, Key: domains.TSIG(s.DKIMTSIG)},
		Provable: func(ctx context.Context) error { return mailCertificate(ctx, s, p.store) },
	})
}

type domainCommand struct {
	Add       domainAdd       `cmd:"" help:"Make DKIM keys for a domain and print the DNS records to publish."`
	List      domainList      `cmd:"" help:"List mail domains."`
	Show      domainShow      `cmd:"" help:"Show a domain's records: what is wanted, and what was found."`
	Verify    domainVerify    `cmd:"" help:"Look the records up now; exit 1 if a required one is missing."`
	Test      domainTest      `cmd:"" help:"Make, sign and judge a mail as a stranger's server does; --to sends a copy. Exit 1 if others would not believe it."`
	Set       domainSet       `cmd:"" help:"Change how a domain is used: what becomes of mail while it is broken, how often keys change, how they are published."`
	Rotate    domainRotate    `cmd:"" help:"Change DKIM keys in good order, or with --emergency because they may be in the wrong hands."`
	ImportKey domainImportKey `cmd:"" name:"import-key" help:"Sign with a private key that was made elsewhere, once its record is found."`
	Pause     domainPause     `cmd:"" help:"Do not use a domain until it is resumed."`
	Resume    domainResume    `cmd:"" help:"Use a paused domain again."`
	Alerts    domainAlerts    `cmd:"" help:"List what managers should know of domains now."`
	Zone      domainZone      `cmd:"" help:"Print the records of the zone that POSTERN_DKIM_ZONE names, for whoever publishes them by hand."`
	Reports   domainReports   `cmd:"" help:"Show what others report about mail in a domain's name: who sends it, and how much of it passes."`
	Remove    domainRemove    `cmd:"" help:"Remove a domain and destroy its keys."`
}

type domainArg struct {
	Name string `arg:"" name:"domain" help:"The domain, for instance example.com."`
}

type domainAdd struct {
	domainArg
	Publication string `name:"publication" enum:"txt,delegated," default:"" help:"How its keys get into the DNS: txt (the owner publishes each) or delegated (CNAMEs into the zone of POSTERN_DKIM_ZONE, once); delegated where there is such a zone."`
}

// Run adds the domain and prints what to publish.
func (d domainAdd) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		add := a.domains.Add
		if d.Publication != "" {
			add = func(ctx context.Context, actor desk.Actor, name string) (desk.Domain, []desk.Record, error) {
				return a.domains.AddPublished(ctx, actor, name, desk.Publication(d.Publication))
			}
		}
		domain, records, err := add(ctx, operator(), d.Name)
		if err != nil {
			return err
		}
		fmt.Fprintf(term.out, "added %s. Publish these records, then run: postern domain verify %s\n\n", domain.Name, domain.Name)
		return printZone(term.out, records)
	})
}

// printZone prints lines that can be pasted into a zone file, without those that stand there already, and names the records that shall go.
func printZone(out io.Writer, records []desk.Record) error {
	for _, record := range records {
		need := "advised"
		if record.Required {
			need = "required"
		}
		var err error
		switch {
		case record.OK:
		case record.Purpose == domains.PurposeObsolete:
			_, err = fmt.Fprintf(out, "; no longer used: delete %s %s.\n\n", record.Type, record.Name)
		default:
			_, err = fmt.Fprintf(out, "; %s (%s)\n%s\n\n", record.Purpose, need, domains.ZoneLine(record))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type domainList struct{ listing }

// Run lists domains.
func (d domainList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		list, err := a.domains.List(ctx, operator())
		if err != nil {
			return err
		}
		var rows [][]string
		for _, domain := range list {
			rows = append(rows, []string{domain.Name, string(domain.State), day(&domain.CheckedAt), day(&domain.CreatedAt)})
		}
		return d.print(term.out, list, []string{"domain", "state", "checked", "added"}, rows)
	})
}

type domainShow struct {
	domainArg
	listing
}

// Run shows the records as they were found last.
func (d domainShow) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		domain, records, err := a.domains.Show(ctx, operator(), d.Name)
		if err != nil {
			return err
		}
		return d.report(term.out, domain, records)
	})
}

type domainVerify struct {
	domainArg
	listing
}

// Run looks the records up and fails if the domain cannot be used as From.
func (d domainVerify) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		domain, records, err := a.domains.Verify(ctx, operator(), d.Name)
		if err != nil {
			return err
		}
		if err := d.report(term.out, domain, records); err != nil {
			return err
		}
		for _, record := range records {
			if record.Required && !record.OK {
				return errQuiet
			}
		}
		return nil
	})
}

type mailboxCommand struct {
	Add    mailboxAdd    `cmd:"" help:"Take mail for an address."`
	Set    mailboxSet    `cmd:"" help:"Change how an address treats its mail."`
	List   mailboxList   `cmd:"" help:"List the addresses that take mail."`
	Remove mailboxRemove `cmd:"" help:"Take no new mail for an address; its tickets stay."`
}

type mailboxAdd struct {
	Address string `arg:"" help:"The address, for instance support@example.com."`
	Name    string `name:"name" help:"Name in the From of answers."`
}

// Run adds the mailbox.
func (m mailboxAdd) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		mailbox, err := a.domains.AddMailbox(ctx, operator(), m.Address, m.Name)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(term.out, "mail to %s becomes tickets\n", mailbox.Address)
		return err
	})
}

type mailboxList struct{ listing }

// Run lists mailboxes.
func (m mailboxList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		list, err := a.domains.Mailboxes(ctx)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, mailbox := range list {
			rows = append(rows, []string{strconv.FormatInt(mailbox.ID, 10), mailbox.Address, mailbox.Name, string(mailbox.DMARC), onOff(mailbox.Acknowledge), day(&mailbox.CreatedAt)})
		}
		return m.print(term.out, list, []string{"id", "address", "name", "dmarc", "acknowledge", "added"}, rows)
	})
}

type mailboxRemove struct {
	Address string `arg:"" help:"The address."`
}

// Run removes the mailbox.
func (m mailboxRemove) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		if err := a.domains.RemoveMailbox(ctx, operator(), m.Address); err != nil {
			return err
		}
		_, err := fmt.Fprintf(term.out, "%s takes no more mail\n", m.Address)
		return err
	})
}

type mailboxSet struct {
	Address         string  `arg:"" help:"The address."`
	Name            *string `name:"name" help:"Name in the From of answers."`
	DMARC           *string `name:"dmarc" enum:"off,monitor,suspend,reject" help:"What becomes of mail whose From domain says that it is not its own: off, monitor, suspend (hold it) or reject (refuse what the domain wants refused)."`
	Acknowledge     *string `name:"acknowledge" enum:"on,off" help:"Whether new tickets are acknowledged by mail: on or off."`
	AcknowledgeText *string `name:"acknowledge-text" help:"What the acknowledgement says, where {number} stands for the ticket's number; empty for the usual text."`
}

// Validate wants something to be set.
func (m mailboxSet) Validate() error {
	if m.Name == nil && m.DMARC == nil && m.Acknowledge == nil && m.AcknowledgeText == nil {
		return errors.New("say what shall be different: --name, --dmarc, --acknowledge or --acknowledge-text")
	}
	return nil
}

// Run changes the mailbox and says how it is now.
func (m mailboxSet) Run(ctx context.Context, settings config.Settings, term terminal) error {
	change := desk.MailboxChange{Name: m.Name, DMARC: (*desk.DMARCLevel)(m.DMARC), AcknowledgeText: m.AcknowledgeText}
	if m.Acknowledge != nil {
		on := *m.Acknowledge == "on"
		change.Acknowledge = &on
	}
	return administer(ctx, settings, func(a *administration) error {
		mailbox, err := a.domains.ChangeMailbox(ctx, operator(), m.Address, change)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(term.out, "%s (%s): dmarc %s, acknowledge %s\n", mailbox.Address, mailbox.Name, mailbox.DMARC, onOff(mailbox.Acknowledge))
		return err
	})
}
