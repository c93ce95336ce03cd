package intake

import (
	"fmt"
	"slices"
	"strings"

	"postern/desk"
	"postern/reports"
	"postern/threading"
)

// hold is what screening decides: nothing (the zero value), a suspension, or a refusal.
type hold struct {
	cause    desk.Cause
	evidence string
	refused  string // the sentence for the sender; not empty: the mail is not taken
	later    bool   // the refusal is for now only
}

// view is what screening sees of a mail: facts, no bytes.
type view struct {
	Unreadable string // the parser's words, if it could not be read
	Source     desk.Source
	NoMailbox  bool // no recipient of it is ours
	Hostname   string
	Loops      []string // values of our loop field that it carries

	From      string // canonical
	FromAgent bool   // From is the address of one of our people
	FromUs    bool   // From is one of our own mailboxes
	FromOwned bool   // From is in one of our mail domains
	Personal  string // what it lacks, if it names a personal address of one of our people (T-07)
	Verified  bool
	DMARC     desk.Method
	Level     desk.DMARCLevel // of the mailbox

	Rule       *desk.SenderRule // of the block and allow lists
	Listed     []string         // DNS block lists that name the client
	Opinion    desk.Opinion
	Policy     desk.Policy
	Hourly     int // mails of this sender in the last hour, this one included
	Automatic  bool
	Code       string // evidence of another service's sign-in code; empty: none
	Recipients int    // people in To and Cc
}

// screen decides whether a mail is held back or refused before anybody asks which ticket it belongs to (behaviour §4, §5). The order is that of certainty: what cannot be
// read, what would go round in circles, who it claims to be, what is in it, who sent it, how much of it. A mail that somebody released is never held again.
func screen(v view) hold {
	switch {
	case v.Unreadable != "":
		return suspendFor(desk.CauseUnprocessable, v.Unreadable)
	case v.NoMailbox:
		return suspendFor(desk.CauseUnprocessable, "No mailbox of ours is among its recipients.")
	case v.Source == desk.FromRelease:
		return hold{}
	case slices.Contains(v.Loops, v.Hostname):
		return suspendFor(desk.CauseLoop, "It carries the mark of a mail that this system sent.")
	case v.FromUs:
		return suspendFor(desk.CauseLoop, "Its From is our own mailbox "+v.From+".")
	}
	for _, judge := range []func(view) hold{identity, content, sender, amount} {
		if held := judge(v); held != (hold{}) {
			return held
		}
	}
	return hold{}
}

func suspendFor(cause desk.Cause, evidence string) hold {
	return hold{cause: cause, evidence: evidence}
}

// powers reads the trust table for a mail that names no ticket yet.
func (v view) powers() threading.Powers {
	sender := threading.Sender{Trust: desk.TrustUnverified, New: true, Automatic: v.Automatic, Agent: v.FromAgent}
	if v.Verified {
		sender.Trust = desk.TrustVerified
	}
	return threading.PowersOf(sender)
}

// identity asks whether the mail is from whom it claims to be from (T-DMARC, T-AGENT-SPOOF, T-33).
func identity(v view) hold {
	asked := v.DMARC.Policy
	failed := v.DMARC.Result == desk.ResultFail && !v.Verified
	switch {
	case failed && v.Level == desk.DMARCReject && asked == "reject":
		return hold{refused: "the domain of the From address says that this mail is not its own, and asks for it to be refused (DMARC): " + v.DMARC.Domain}
	case v.Personal != "":
		return suspendFor(desk.CauseAgentSpoof, "It names a personal address of one of your people, by which they answer by mail, and "+v.Personal)
	case v.powers().Held:
		return suspendFor(desk.CauseAgentSpoof, "From is "+v.From+", one of your people, and nothing proves it.")
	case failed && (v.Level == desk.DMARCSuspend || v.Level == desk.DMARCReject) && (asked == "quarantine" || asked == "reject"):
		return suspendFor(desk.CauseAuth, fmt.Sprintf("%s asks to %s mail that fails DMARC, and this one does: %s", v.DMARC.Domain, asked, v.DMARC.Reason))
	case v.FromOwned && !v.Verified && v.Level != desk.DMARCOff && v.Level != desk.DMARCMonitor:
		return suspendFor(desk.CauseAuth, "From is "+v.From+", in a domain of your own, and nothing proves it.")
	}
	return hold{}
}

// content asks what scanners and filters found. An allowing rule lets no malware through.
func content(v view) hold {
	allowed := v.Rule != nil && v.Rule.Action == desk.RuleAllow
	o := v.Opinion
	switch {
	case len(o.Malware) > 0:
		return suspendFor(desk.CauseMalware, "The scanner found "+strings.Join(o.Malware, ", ")+".")
	case o.Deferred != "":
		return hold{refused: o.Deferred, later: true}
	case v.Policy.FilterDown == desk.FilterDownDefer && slices.ContainsFunc(o.Silent, func(s desk.Silence) bool { return !s.Unable }):
		return hold{refused: "a mail filter does not answer at the moment, please try again later", later: true}
	case allowed:
		return hold{}
	case o.Refused != "":
		return hold{refused: o.Refused}
	case o.Action != "" && v.Policy.SpamReject > 0 && o.Score >= v.Policy.SpamReject:
		return hold{refused: fmt.Sprintf("the spam filter scored this mail %.1f", o.Score)}
	case o.Quarantined != "":
		return suspendFor(desk.CauseSpam, "A mail filter wants it held: "+o.Quarantined)
	case o.Action != "" && o.Score >= v.Policy.SpamSuspend:
		return suspendFor(desk.CauseSpam, fmt.Sprintf("The spam filter scored it %.1f, and %.1f is held%s.", o.Score, v.Policy.SpamSuspend, heaviest(o.Symbols)))
	case v.Code != "":
		return suspendFor(desk.CauseCode, v.Code)
	}
	return hold{}
}

// heaviest names what a score is made of, after a colon.
func heaviest(symbols []desk.Symbol) string {
	if len(symbols) == 0 {
		return ""
	}
	var names []string
	for _, symbol := range symbols[:min(len(symbols), 5)] {
		names = append(names, fmt.Sprintf("%s %.1f", symbol.Name, symbol.Score))
	}
	return ": " + strings.Join(names, ", ")
}

// sender asks the lists of people and of the DNS.
func sender(v view) hold {
	if v.Rule != nil {
		why := "A rule of your lists names " + v.Rule.Pattern + "."
		switch v.Rule.Action {
		case desk.RuleAllow:
			return hold{}
		case desk.RuleReject:
			return hold{refused: "this sender is not welcome here"}
		default:
			return suspendFor(desk.CauseBlocked, why)
		}
	}
	if len(v.Listed) > 0 {
		return suspendFor(desk.CauseSpam, "dnsbl: "+strings.Join(v.Listed, ", ")+" name the server that brought it.")
	}
	return hold{}
}

// amount asks whether it is too much, from one sender or to how many.
func amount(v view) hold {
	limit := v.Policy.PerSender
	if v.Automatic {
		limit = v.Policy.PerAutomatic
	}
	if v.Rule != nil && v.Rule.Action == desk.RuleAllow || limit == 0 || v.Hourly <= limit {
		return hold{}
	}
	if v.Automatic {
		return suspendFor(desk.CauseLoop, fmt.Sprintf("It is the %d. automatic mail of %s in an hour, and %d are let through: two systems may be answering each other.", v.Hourly, v.From, limit))
	}
	return suspendFor(desk.CauseRateLimit, fmt.Sprintf("It is the %d. mail of %s in an hour, and %d are let through.", v.Hourly, v.From, limit))
}

// holdStranger decides about a mail that belongs to no ticket and proves no sender: to a crowd, it is held (T-09).
func holdStranger(v view) hold {
	allowed := v.Rule != nil && v.Rule.Action == desk.RuleAllow
	if v.Source == desk.FromRelease || allowed || v.Verified || v.Recipients <= v.Policy.StrangerRecipients {
		return hold{}
	}
	return suspendFor(desk.CauseRecipients, fmt.Sprintf("It names %d people in To and Cc, and nothing proves who sent it.", v.Recipients))
}

// holdUnmatched decides about automatic mail that belongs to no ticket: an answer or a bounce answers something that we did not send. Other automatic mail (a web form,
// a monitor, a list) may well be what the mailbox is for, so it starts a ticket like any other.
func holdUnmatched(report reports.Kind, autoSubmitted, mailFrom string, source desk.Source) hold {
	switch {
	case source == desk.FromRelease: // somebody has looked at it
		return hold{}
	case report != "":
		return suspendFor(desk.CauseBackscatter, "It reports on a mail ("+string(report)+") that this system did not send.")
	case autoSubmitted == "auto-replied":
		return suspendFor(desk.CauseBackscatter, "It automatically answers a mail that this system did not send.")
	case mailFrom == "" && source == desk.FromSMTP:
		return suspendFor(desk.CauseBackscatter, "It came with the null return path of a bounce, and bounces nothing of ours.")
	default:
		return hold{}
	}
}
