package api

import (
	"context"
	"net/netip"
	"time"

	"postern/desk"
)

// senderRule is desk.SenderRule as it is sent.
type senderRule struct {
	ID        int64           `json:"id"`
	Pattern   string          `json:"pattern" doc:"An address, a domain, *.domain, or a network in CIDR notation."`
	Action    desk.RuleAction `json:"action" enum:"allow,suspend,reject"`
	Note      string          `json:"note"`
	CreatedBy string          `json:"created_by" doc:"Empty: the command line, or the program itself."`
	CreatedAt time.Time       `json:"created_at"`
	ExpiresAt *time.Time      `json:"expires_at" doc:"Null: never."`
}

func viewRule(from desk.SenderRule) senderRule {
	return senderRule{
		ID: from.ID, Pattern: from.Pattern, Action: from.Action, Note: from.Note,
		CreatedBy: from.CreatedBy, CreatedAt: from.CreatedAt.UTC(), ExpiresAt: utc(from.ExpiresAt),
	}
}

func (a *API) listRules(ctx context.Context, actor desk.Actor, in *Page) (list[senderRule], error) {
	found, err := a.cfg.Tickets.SenderRules(ctx, actor, in.Cursor, in.Limit)
	return listed(found, viewRule), err
}

// newRule is a rule to be added, in the place of one with the same pattern.
type newRule struct {
	Body struct {
		Pattern   string          `json:"pattern" minLength:"3" maxLength:"320" doc:"An address, a domain, *.domain for all below it, or a network like 192.0.2.0/24."`
		Action    desk.RuleAction `json:"action" enum:"allow,suspend,reject"`
		Note      string          `json:"note,omitempty" maxLength:"500"`
		ExpiresAt *time.Time      `json:"expires_at,omitempty" doc:"Absent: never."`
	}
}

func (a *API) setRule(ctx context.Context, actor desk.Actor, in *newRule) (senderRule, error) {
	set, err := a.cfg.Tickets.SetSenderRule(ctx, actor, desk.SenderRule{
		Pattern: in.Body.Pattern, Action: in.Body.Action, Note: in.Body.Note, ExpiresAt: in.Body.ExpiresAt,
	})
	return viewRule(set), err
}

// rulePattern names a rule by its pattern: in the query, since a network has a slash in it.
type rulePattern struct {
	Pattern string `query:"pattern" required:"true" minLength:"3" maxLength:"320"`
}

func (a *API) dropRule(ctx context.Context, actor desk.Actor, in *rulePattern) error {
	return a.cfg.Tickets.DropSenderRule(ctx, actor, in.Pattern)
}

// supposed is a mail that nobody has sent.
type supposed struct {
	Body struct {
		From       string      `json:"from" minLength:"3" maxLength:"320"`
		MailFrom   string      `json:"mail_from,omitempty" maxLength:"320" doc:"The envelope's sender; absent: the same as from."`
		IP         string      `json:"ip,omitempty" maxLength:"50" doc:"Of the server that brings it."`
		Mailbox    string      `json:"mailbox,omitempty" maxLength:"320" doc:"Absent: the first."`
		Proof      desk.Result `json:"proof,omitempty" enum:"pass,fail,none" doc:"pass: the From domain vouches for it; fail: it says that it is not its own; absent or none: neither."`
		Asked      string      `json:"asked,omitempty" enum:"none,quarantine,reject" doc:"What the From domain asks for on fail."`
		Score      float64     `json:"score,omitempty" minimum:"-1000" maximum:"1000" doc:"Of the spam filter."`
		Recipients int         `json:"recipients,omitempty" minimum:"0" maximum:"100000" doc:"People in To and Cc."`
	}
}

// ruling is what would happen to it.
type ruling struct {
	Disposition desk.Disposition `json:"disposition" enum:"ticketed,suspended,refused" doc:"ticketed, too, where it would join a ticket that is there."`
	Cause       desk.Cause       `json:"cause,omitempty"`
	Explanation string           `json:"explanation,omitempty" doc:"The cause in words."`
	Evidence    string           `json:"evidence,omitempty" doc:"Why; of a refusal, what the sender is told."`
	Rule        *senderRule      `json:"rule" doc:"Of the lists, if one names the sender."`
}

func (a *API) testRules(ctx context.Context, actor desk.Actor, in *supposed) (ruling, error) {
	mail := desk.Supposed{
		From: in.Body.From, MailFrom: in.Body.MailFrom, Mailbox: in.Body.Mailbox, Proof: in.Body.Proof, Asked: in.Body.Asked, Score: in.Body.Score, Recipients: in.Body.Recipients,
	}
	if in.Body.IP != "" {
		ip, err := netip.ParseAddr(in.Body.IP)
		if err != nil {
			return ruling{}, desk.Wrong("body.ip", "%q is no address of a server", in.Body.IP)
		}
		mail.IP = ip
	}
	found, err := a.cfg.Tickets.Would(ctx, actor, mail)
	to := ruling{Disposition: found.Disposition, Cause: found.Cause, Explanation: desk.Causes[found.Cause], Evidence: found.Evidence}
	if found.Rule != nil {
		rule := viewRule(*found.Rule)
		to.Rule = &rule
	}
	return to, err
}

// Policy is desk.Policy as it is sent.
type Policy struct {
	ARCSealers         []string        `json:"arc_sealers" nullable:"false" doc:"Domains whose ARC seals are believed (RFC 8617)."`
	SpamSuspend        float64         `json:"spam_suspend" doc:"The spam filter's score from which mail is suspended."`
	SpamReject         float64         `json:"spam_reject" doc:"And from which it is refused; 0: never."`
	FilterDown         desk.FilterDown `json:"filter_down" enum:"accept,defer" doc:"While a filter does not answer: without its word, or 'try again later'."`
	SuspendedDays      int             `json:"suspended_days" doc:"How long suspended mail is kept."`
	Digest             desk.Digest     `json:"digest" enum:"off,hourly,daily" doc:"Mail to owners and admins about what is held back."`
	PerSender          int             `json:"per_sender" doc:"Mails from one address in an hour; more are suspended. 0: no limit."`
	PerAutomatic       int             `json:"per_automatic" doc:"The same for automatic mail."`
	StrangerRecipients int             `json:"stranger_recipients" doc:"People in To and Cc of a stranger's mail; more are suspended."`
	Language           string          `json:"language" enum:"en,it" doc:"Of what Postern writes to customers by itself."`
	VerificationCodes  bool            `json:"verification_codes" doc:"Other services' sign-in codes and confirmation links are held back."`
}

// policy is that and what else is set for the whole installation.
type policy struct {
	Policy
	AgentsByMail desk.AgentsByMail `json:"agents_by_mail" enum:"off,on" doc:"Whether agents may answer tickets by mail, each to a personal address."`
}

// viewPolicy adds to a policy what is kept apart from it.
func (a *API) viewPolicy(ctx context.Context, actor desk.Actor, from desk.Policy) (policy, error) {
	set, err := a.cfg.Tickets.AgentsByMail(ctx, actor)
	to := policy{Policy(from), set}
	to.ARCSealers = some(to.ARCSealers)
	return to, err
}

func (a *API) showPolicy(ctx context.Context, actor desk.Actor, _ *struct{}) (policy, error) {
	found, err := a.cfg.Tickets.Policy(ctx, actor)
	if err != nil {
		return policy{}, err
	}
	return a.viewPolicy(ctx, actor, found)
}

// policyPatch is a merge patch (RFC 7396): what is absent stays.
type policyPatch struct {
	Body PolicyChange
}

// PolicyChange is its body.
type PolicyChange struct {
	ARCSealers         *[]string          `json:"arc_sealers,omitempty" maxItems:"100" doc:"All of them, instead of those that are there."`
	SpamSuspend        *float64           `json:"spam_suspend,omitempty"`
	SpamReject         *float64           `json:"spam_reject,omitempty" minimum:"0" maximum:"1000"`
	FilterDown         *desk.FilterDown   `json:"filter_down,omitempty" enum:"accept,defer"`
	SuspendedDays      *int               `json:"suspended_days,omitempty"`
	Digest             *desk.Digest       `json:"digest,omitempty" enum:"off,hourly,daily"`
	PerSender          *int               `json:"per_sender,omitempty"`
	PerAutomatic       *int               `json:"per_automatic,omitempty"`
	StrangerRecipients *int               `json:"stranger_recipients,omitempty"`
	Language           *string            `json:"language,omitempty" enum:"en,it"`
	VerificationCodes  *bool              `json:"verification_codes,omitempty"`
	AgentsByMail       *desk.AgentsByMail `json:"agents_by_mail,omitempty" enum:"off,on"`
}

// apply changes what a policy holds.
func (c PolicyChange) apply(p *desk.Policy) error {
	put(&p.ARCSealers, c.ARCSealers)
	put(&p.SpamSuspend, c.SpamSuspend)
	put(&p.SpamReject, c.SpamReject)
	put(&p.FilterDown, c.FilterDown)
	put(&p.SuspendedDays, c.SuspendedDays)
	put(&p.Digest, c.Digest)
	put(&p.PerSender, c.PerSender)
	put(&p.PerAutomatic, c.PerAutomatic)
	put(&p.StrangerRecipients, c.StrangerRecipients)
	put(&p.Language, c.Language)
	put(&p.VerificationCodes, c.VerificationCodes)
	return nil
}

func (a *API) patchPolicy(ctx context.Context, actor desk.Actor, in *policyPatch) (policy, error) {
	judged := in.Body
	judged.AgentsByMail = nil
	if judged != (PolicyChange{}) { // the audit log holds no change that is none
		if _, err := a.cfg.Tickets.SetPolicy(ctx, actor, judged.apply); err != nil {
			return policy{}, err
		}
	}
	if in.Body.AgentsByMail != nil {
		if err := a.cfg.Tickets.SetAgentsByMail(ctx, actor, *in.Body.AgentsByMail); err != nil {
			return policy{}, err
		}
	}
	return a.showPolicy(ctx, actor, nil)
}

// put changes what is given.
func put[T any](target, given *T) {
	if given != nil {
		*target = *given
	}
}
