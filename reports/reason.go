package reports

import (
	"strings"

	"postern/desk"
)

// phrases are what servers and notices say, in lower case, and what it means. The first that is found counts, so what is narrow stands before what is wide.
var phrases = []struct {
	reason desk.Reason
	words  []string
}{
	{desk.ReasonNoMail, []string{"null mx", "no smtp service", "does not accept mail", "doesn't receive email", "not accepting network messages", "malformed or unexpected name server reply"}},
	{desk.ReasonTLS, []string{"starttls", "not support tls", "tls is required", "tls required", "must use tls", "certificate verify", "tls handshake"}},
	{desk.ReasonTooLarge, []string{"message size", "size limit", "sizelimit", "too big", "too large", "message length exceeds", "line limit exceeded", "exceeds the maximum size", "larger than the"}},
	{desk.ReasonMailboxFull, []string{
		"mailbox full", "mailbox is full", "over quota", "overquota", "quota exceed", "quotaexceed", "exceeded storage", "exceeds allowed size", "exceeded the local limit", "not enough disk space",
		"user is over", "out of storage", "mailbox exceeded", "inbox is full", "postfach ist voll", "boite pleine",
	}},
	{desk.ReasonMoved, []string{"has moved", "no longer on server", "no forwarding address", "no longer at this", "address changed"}},
	{desk.ReasonSuspended, []string{
		"is disabled", "account disabled", "disabled recipient", "temporary locked", "temporarily locked", "account is blocked", "destinataire est bloque", "account suspended", "is suspended", "account has been suspended", "mailbox disabled", "account is locked",
	}},
	{desk.ReasonSpam, []string{"spam classification", "classified as spam"}},
	{desk.ReasonReverseDNS, []string{
		"reverse dns", "rdns", "ptr record", "no ptr", "unverifyable sending ip", "reverse hostname", "reverse lookup", "without a valid sender domain", "does not resolve to", "hostname does not match",
	}},
	{desk.ReasonAuthentication, []string{"spf record", "spf check", "spf fail", "dmarc", "dkim", "unauthenticated", "authentication check", "failed spf", "sender policy framework"}},
	{desk.ReasonFiltered, []string{"recipient preferences", "based on the email preferences", "rejected by the domain filter"}},
	{desk.ReasonUserUnknown, []string{"recipient address rejected: access denied"}},
	{desk.ReasonBlocked, []string{
		"blocked using", "blocked for", "blocked by", "client host blocked", "host rejected", "weren't sent", "smtp server of your isp", "relay quota", "ip source bloquee", "rbl", "dnsbl", "spamhaus", "bad reputation", "poor reputation",
		"too many connections", "rate limit", "aup#", "service refused, please try later", "not allowed to connect", "ip address is blacklisted", "error: access denied",
	}},
	{desk.ReasonRelayDenied, []string{"relay access denied", "relaying denied", "unable to relay", "no relaying", "not permitted to relay", "relay not permitted", "relaying not allowed", "we do not relay"}},
	{desk.ReasonVirus, []string{"virus", "malware", "infected"}},
	{desk.ReasonSpam, []string{"spam", "unsolicited", "ube,", "blacklisted url", "content rejected", "mail rejete", "junk mail", "bulk email", "looks like bulk"}},
	{desk.ReasonSenderRefused, []string{
		"sender address", "sender rejected", "sender denied", "domain is invalid", "unroutable sender", "purported", "not a member", "permission to post", "send mail as", "to/from an address that has been blacklisted", "domain of sender",
		"registered gateway user", "group you tried to contact", "groups.google.com/support", "sender verify", "envelope sender", "rejected your sender",
	}},
	{desk.ReasonUserUnknown, []string{
		"user unknown", "unknown user", "unknown recipient", "recipient unknown", "no such user", "user not exist", "user does not exist", "no mailbox here", "no such mailbox", "mailbox unavailable", "mailbox not found", "unknown or illegal",
		"recipient name is not recognized", "recipnotfound", "recipient not found", "invalid recipient", "invalid final delivery", "not listed in", "does not exist", "doesn't exist", "address couldn't be found", "address not found", "user not found",
		"adresse destinataire", "destinataire invalide", "bad destination mailbox", "inactive email", "invalid mailbox", "no longer valid", "unbekannt", "not a valid mailbox", "no valid recipients", "email address is possibly incorrect",
		"unrouteable recipient", "not our customer", "addressee unknown", "recipient rejected", "no user by that name",
	}},
	{desk.ReasonHostUnknown, []string{
		"host not found", "unrouteable address", "unroutable address", "host unknown", "unknown host", "bad destination system", "invalid domain", "no such domain", "domain name not found", "illegal host", "account or domain may not exist",
		"domain not found", "dns lookup failure", "name service error", "domain does not exist", "couldn't find any host",
	}},
	{desk.ReasonNetwork, []string{
		"connection refused", "no route to host", "network is unreachable", "routing loop", "mail loop", "hop count", "too many hops", "forwarded more than", "name lookup failure", "nxdomain", "no relevant answers", "lookup of", "loops back to", "host is down",
	}},
	{desk.ReasonExpired, []string{
		"timeout exceeded", "message expired", "giving up", "could not deliver for", "failing for a long time", "delivery failed 20 attempts", "was not delivered within", "did not accept our requests", "stopped trying", "unable to deliver this message after",
		"timed out", "has been delayed", "too long in queue", "not responding", "delivery time expired", "queue.expired",
	}},
	{desk.ReasonSystem, []string{"system error", "internal error", "system resources", "insufficient", "service unavailable", "mailer error", "pipe to", "duplicated message-id", "local error", "upstream error", "out of disk", "command died", "i/o error"}},
	{desk.ReasonSyntax, []string{"syntax error", "malformed address", "sequence of commands", "bad sequence", "command not recognized", "command unrecognized"}},
	{desk.ReasonContent, []string{"media error", "attachment", "executable", "message body"}},
	{desk.ReasonPolicy, []string{"policy", "header error", "not authorized", "access denied", "authentication required", "authrequired", "restricted", "prohibited", "not allowed", "refused by"}},
}

// statuses are what enhanced status codes mean (RFC 3463, RFC 7372, RFC 7505, RFC 8689) where the words say nothing; a key without a class stands for all.
var statuses = map[string]desk.Reason{
	"1.0": desk.ReasonUserUnknown, "1.1": desk.ReasonUserUnknown, "1.2": desk.ReasonHostUnknown, "1.3": desk.ReasonUserUnknown, "1.6": desk.ReasonMoved, "1.7": desk.ReasonSenderRefused, "1.8": desk.ReasonSenderRefused, "1.10": desk.ReasonNoMail,
	"2.1": desk.ReasonSuspended, "2.2": desk.ReasonMailboxFull, "2.3": desk.ReasonTooLarge, "3.0": desk.ReasonSystem, "3.2": desk.ReasonNoMail, "3.4": desk.ReasonTooLarge, "3.5": desk.ReasonSystem,
	"4.1": desk.ReasonExpired, "4.2": desk.ReasonExpired, "4.4": desk.ReasonHostUnknown, "4.6": desk.ReasonNetwork, "4.7": desk.ReasonExpired, "4.0": desk.ReasonExpired,
	"5.0": desk.ReasonSyntax, "5.1": desk.ReasonSyntax, "5.2": desk.ReasonSyntax, "6.0": desk.ReasonContent, "6.1": desk.ReasonContent,
	"7.0": desk.ReasonPolicy, "7.1": desk.ReasonPolicy, "7.6": desk.ReasonPolicy, "7.9": desk.ReasonPolicy, "7.10": desk.ReasonTLS, "7.30": desk.ReasonTLS, "7.13": desk.ReasonSuspended,
	"7.20": desk.ReasonAuthentication, "7.21": desk.ReasonAuthentication, "7.22": desk.ReasonAuthentication, "7.23": desk.ReasonAuthentication, "7.24": desk.ReasonAuthentication, "7.25": desk.ReasonReverseDNS, "7.26": desk.ReasonAuthentication,
}

// plain brings words into the form that phrases are looked for in: lower case, one space, without addresses and links, whose parts mean nothing.
func plain(words string) string {
	if len(words) > maxValue {
		words = words[:maxValue]
	}
	var kept []string
	for _, word := range strings.Fields(strings.ToLower(words)) {
		if strings.Contains(word, "://") && !strings.Contains(word, "groups.google.com/support") {
			continue
		}
		if strings.Contains(word, "@") && !strings.HasPrefix(word, "\"") {
			if strings.HasSuffix(word, ":") {
				kept = append(kept, ":")
			}
			continue
		}
		kept = append(kept, word)
	}
	return strings.Join(kept, " ")
}

// find looks words up in the table of phrases.
func find(words string) desk.Reason {
	for _, each := range phrases {
		for _, phrase := range each.words {
			if strings.Contains(words, phrase) {
				return each.reason
			}
		}
	}
	return desk.ReasonNone
}

// reason says why a server refused, by its words, by its code, by what else the notice says, and by when it did.
func (r reply) reason(status, words, context string) desk.Reason {
	text := plain(words)
	found := find(text)
	if found == desk.ReasonNone && text == "" && context != "" {
		found = find(plain(context))
	}
	if found == desk.ReasonNone {
		_, detail, _ := strings.Cut(status, ".")
		found = statuses[detail]
		if status[0] == '5' && detail == "1.0" && r.stage != stageRecipient && text == "" {
			found = desk.ReasonNone
		}
	}
	if found == desk.ReasonNone && context != "" {
		found = find(plain(context))
	}
	switch {
	case found == desk.ReasonNone && (r.stage == stageConnect || r.code == 550 && text == "550 rejected"):
		return desk.ReasonBlocked
	case found == desk.ReasonNone && r.stage == stageSender:
		return desk.ReasonSenderRefused
	case r.stage == stageSender && (found == desk.ReasonUserUnknown || found == desk.ReasonHostUnknown):
		return desk.ReasonSenderRefused // it is our own domain that they do not know
	case r.stage == stageConnect && found == desk.ReasonPolicy:
		return desk.ReasonBlocked
	case found == desk.ReasonUserUnknown && !r.certain(status):
		return desk.ReasonFiltered
	}
	return found
}

// certain says whether 'no such user' may be taken at its word. A server that says so when it is asked for the recipient, or with a code that means nothing else, has looked; one that says so after it saw the mail, or with a bare 550, may be a filter that does not want this mail.
func (r reply) certain(status string) bool {
	switch {
	case r.code == 0: // the system speaks of its own user
		return true
	case r.stage == stageRecipient, r.code == 553, r.code == 501:
		return true
	case strings.HasPrefix(status, "5.1."), strings.HasPrefix(status, "5.5."):
		return true
	case r.named && r.stage != stageData:
		return true
	}
	return false
}
