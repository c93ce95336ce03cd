package portal

import (
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/language"
)

// sendersPage is the block and allow lists, with the form that adds a rule and the one that asks what would happen.
type sendersPage struct {
	page
	Rules     []desk.SenderRule
	Next      string
	Actions   []desk.RuleAction
	Problem   string
	Typed     typedRule
	Mailboxes []desk.Mailbox
	Would     would
}

// typedRule is a rule as it was typed.
type typedRule struct {
	Pattern, Note string
	Action        desk.RuleAction
	Days          int64
}

// would is a supposed mail as it was typed, and what would happen to it.
type would struct {
	From, MailFrom, IP, Mailbox string
	Proof, Asked, Score, People string
	Problem                     string
	Answer                      string // empty: not asked
	Look                        string // class of the badge
	Short                       string
	Evidence                    string
	Rule                        string
}

// senderList shows the lists; an address with a sender in it asks what would happen to mail from there.
func (p *Portal) senderList(c *call) error {
	return p.sendersPage(c, sendersPage{Typed: typedRule{Action: desk.RuleSuspend}}, nil)
}

// sendersPage renders the lists, with what was wrong with a rule.
func (p *Portal) sendersPage(c *call, answer sendersPage, fault *desk.Fault) error {
	ctx, asked := c.r.Context(), c.r.URL.Query()
	found, err := p.tickets.SenderRules(ctx, c.actor, asked.Get("cursor"), pageLimit)
	if err != nil {
		return err
	}
	if answer.Mailboxes, err = p.domains.Mailboxes(ctx); err != nil {
		return err
	}
	answer.Rules, answer.Next, answer.Actions = found.Items, found.Next, desk.RuleActions
	if fault != nil {
		answer.Problem = c.sentence(fault.Reason)
	}
	if answer.Would, err = p.would(c, asked); err != nil {
		return err
	}
	if answer.page, err = p.framed(c, "Senders", "/senders"); err != nil {
		return err
	}
	return p.render(c, view{statusOf(fault), "senders", "layout"}, answer)
}

// senderSet adds a rule or replaces the one with the same pattern.
func (p *Portal) senderSet(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	typed := typedRule{strings.TrimSpace(form.Get("pattern")), strings.TrimSpace(form.Get("note")), desk.RuleAction(form.Get("action")), min(number64(form, "days"), 3650)}
	rule := desk.SenderRule{Pattern: typed.Pattern, Action: typed.Action, Note: typed.Note}
	if typed.Days > 0 {
		rule.ExpiresAt = new(p.now().AddDate(0, 0, int(typed.Days)))
	}
	_, err = p.tickets.SetSenderRule(c.r.Context(), c.actor, rule)
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		return p.sendersPage(c, sendersPage{Typed: typed}, fault)
	}
	if err != nil {
		return err
	}
	return c.seeOther("/senders?done=ruled")
}

// senderRemove takes a rule off the lists.
func (p *Portal) senderRemove(c *call) error {
	form, err := c.form()
	if err != nil {
		return err
	}
	if err := p.tickets.DropSenderRule(c.r.Context(), c.actor, form.Get("pattern")); err != nil {
		return err
	}
	return c.seeOther("/senders?done=unruled")
}

// would asks what would happen to the mail that an address describes. What is wrong with the question is part of the answer.
func (p *Portal) would(c *call, asked url.Values) (would, error) {
	w := would{From: strings.TrimSpace(asked.Get("from")), MailFrom: strings.TrimSpace(asked.Get("mail_from")), IP: strings.TrimSpace(asked.Get("ip")), Mailbox: asked.Get("mailbox"),
		Proof: asked.Get("proof"), Asked: asked.Get("asked"), Score: asked.Get("score"), People: asked.Get("people")}
	if !asked.Has("from") {
		return would{Proof: string(desk.ResultPass), Asked: "none", Score: "0", People: "1"}, nil
	}
	mail, err := w.supposed()
	var ruling desk.Ruling
	if err == nil {
		ruling, err = p.tickets.Would(c.r.Context(), c.actor, mail)
	}
	if fault := asFault(err); fault != nil && fault.Kind != desk.Forbidden {
		w.Problem = c.sentence(fault.Reason)
		return w, nil
	}
	if err != nil {
		return w, err
	}
	w.tell(c.lang, ruling, p.now())
	return w, nil
}

// supposed is the question as the service takes it.
func (w would) supposed() (mail desk.Supposed, err error) {
	mail = desk.Supposed{From: w.From, MailFrom: w.MailFrom, Mailbox: w.Mailbox, Proof: desk.Result(w.Proof), Asked: w.Asked}
	switch mail.Proof {
	case desk.ResultPass, desk.ResultFail, desk.ResultNone:
	default:
		return mail, desk.Wrong("proof", "a proof is pass, fail or none")
	}
	if mail.Score, err = decimal("score", w.Score); err != nil {
		return mail, err
	}
	if w.IP != "" {
		if mail.IP, err = netip.ParseAddr(w.IP); err != nil {
			return mail, desk.Wrong("ip", "%q is no IP address", w.IP)
		}
	}
	if w.People != "" {
		if mail.Recipients, err = strconv.Atoi(w.People); err != nil || mail.Recipients < 0 {
			return mail, desk.Wrong("people", "%q is no number of people", w.People)
		}
	}
	return mail, nil
}

// tell puts a ruling into words.
func (w *would) tell(lang *language.Language, ruling desk.Ruling, now time.Time) {
	switch ruling.Disposition {
	case desk.Suspended:
		w.Short, w.Look = lang.Say("Held back: %s", lang.Say(label(ruling.Cause))), "warn"
		w.Answer = lang.Say(desk.Causes[ruling.Cause])
	case desk.Refused:
		w.Short, w.Look = lang.Say("Refused"), "bad"
		w.Answer = lang.Say("It would be refused while it is being sent, and its sender would know.")
	default:
		w.Short, w.Look = lang.Say("Let in"), "good"
		w.Answer = lang.Say("It would become a message: on a ticket that it answers, else on a new one.")
	}
	w.Evidence = sentence(lang.Sentence(ruling.Evidence))
	if rule := ruling.Rule; rule != nil {
		w.Rule = lang.Say("Your rule for %s says: %s", rule.Pattern, lang.Say(actionWords[rule.Action]))
		if rule.ExpiresAt != nil {
			w.Rule += ", " + noLonger(lang, *rule.ExpiresAt, now)
		}
		w.Rule += "."
		if rule.Note != "" {
			w.Rule += " (" + rule.Note + ")"
		}
	}
}

// actionWords says what a rule does.
var actionWords = map[desk.RuleAction]string{desk.RuleAllow: "let in", desk.RuleSuspend: "hold back", desk.RuleReject: "refuse"}

// decimal reads a number as people type it, with a point or a comma; nothing is 0.
func decimal(field, typed string) (float64, error) {
	typed = strings.Replace(strings.TrimSpace(typed), ",", ".", 1)
	if typed == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(typed, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, desk.Wrong(field, "%q is no number", typed)
	}
	return n, nil
}
