package intake

import (
	"context"
	"time"

	"postern/desk"
)

// Would says what would happen to a mail like this one, by the policy, the lists and the addresses as they are now. It sends, keeps and counts nothing.
func (in *Intake) Would(_ context.Context, mail desk.Supposed) (desk.Ruling, error) {
	from := desk.Canonical(mail.From)
	mailbox := int64(0)
	if mail.Mailbox != "" {
		if mailbox = in.directory.mailbox(mail.Mailbox); mailbox == 0 {
			return desk.Ruling{Disposition: desk.Refused, Evidence: "There is no mailbox " + mail.Mailbox + " here: 550 at RCPT."}, nil
		}
	} else {
		mailbox = in.directory.book.Load().oldest
	}
	_, agent := in.directory.agent(from)
	v := view{
		Source: desk.FromSMTP, NoMailbox: mailbox == 0, Hostname: in.cfg.Hostname, From: from, FromAgent: agent,
		FromUs: in.directory.isMailbox(from), FromOwned: in.directory.owns(desk.DomainOf(from)),
		Verified: mail.Proof == desk.ResultPass, Level: in.directory.dmarcLevel([]int64{mailbox}), Policy: in.directory.policy(),
		Opinion: desk.Opinion{Score: mail.Score, Action: "supposed"}, Recipients: mail.Recipients,
		DMARC: desk.Method{Result: mail.Proof, Domain: desk.DomainOf(from), Policy: mail.Asked, Reason: "neither SPF nor DKIM is aligned."},
	}
	if mail.MailFrom == "" {
		mail.MailFrom = from
	}
	var ruling desk.Ruling
	if rule, ok := in.directory.rule(desk.Sender{From: from, MailFrom: desk.Canonical(mail.MailFrom), IP: mail.IP, Proved: v.Verified}, time.Now()); ok {
		v.Rule, ruling.Rule = &rule, &rule
	}
	held := screen(v)
	if held == (hold{}) {
		held = holdStranger(v)
	}
	switch {
	case held.refused != "":
		ruling.Disposition, ruling.Evidence = desk.Refused, held.refused
	case held.cause != "":
		ruling.Disposition, ruling.Cause, ruling.Evidence = desk.Suspended, held.cause, held.evidence
	default:
		ruling.Disposition = desk.Ticketed
	}
	return ruling, nil
}
