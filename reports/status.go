package reports

import (
	"strings"

	"postern/desk"
)

// maxRecipients bounds how many recipients one notice may name.
const maxRecipients = 100

// status reads a delivery status notification (RFC 3464): its own part, or the same fields within the text, where some programs put them and where a broken mail has them.
func status(n *notice) (Report, bool) {
	if !n.machine() {
		return Report{}, false
	}
	source := n.status
	if strings.TrimSpace(source) == "" {
		if !strings.Contains(strings.ToLower(n.text), "-recipient") {
			return Report{}, false
		}
		source = n.text
	}
	report := Report{Kind: Delivery}
	seen := map[string]bool{}
	for _, group := range perRecipient(blocks(source)) {
		if id := group.get("original-envelope-id"); id != "" {
			report.EnvelopeID = short(id)
		}
		if who := group.get("reporting-mta"); who != "" {
			report.Reporter = host(who)
		}
		if id := group.get("x-original-message-id"); id != "" {
			report.Returned.MessageID = strings.Trim(short(id), "<> ")
		}
		one, ok := n.recipient(group)
		if !ok {
			continue
		}
		if one.Host == "" { // nobody else was asked
			one.Host = report.Reporter
		}
		key := desk.Canonical(one.Final + " " + one.Original)
		if !seen[key] && len(report.Recipients) < maxRecipients {
			seen[key] = true
			report.Recipients = append(report.Recipients, one)
		}
	}
	return report, len(report.Recipients) > 0
}

// perRecipient divides groups that tell of several recipients without the empty line between them.
func perRecipient(groups []block) []block {
	var all []block
	for _, group := range groups {
		start := 0
		for i, f := range group {
			if (f.name == "final-recipient" || f.name == "original-recipient") && group[start:i].get(f.name) != "" {
				all, start = append(all, group[start:i]), i
			}
		}
		all = append(all, group[start:])
	}
	return all
}

// recipient reads the fields about one recipient (RFC 3464 §2.3).
func (n *notice) recipient(group block) (desk.DeliveryReport, bool) {
	action, told := group.get("action"), group.get("status")
	diagnostic := group.get("diagnostic-code")
	one := desk.DeliveryReport{Final: bare(group.get("final-recipient")), Original: bare(group.get("original-recipient")), Host: host(group.get("remote-mta"))}
	if one.Final == "" && one.Original == "" || action == "" && told == "" && diagnostic == "" {
		return one, false
	}
	words := typed(diagnostic)
	if words == "" {
		if _, comment, ok := strings.Cut(told, "("); ok { // 5.4.4 (Illegal host/domain name found)
			words = strings.TrimSuffix(comment, ")")
		}
	}
	r := readReply(words)
	r.stage = firstStage(r.stage, stageOf(told), stageOf(n.near(one)))
	if code, _, _ := strings.Cut(told, " "); isStatus(code) {
		r.told = code
	}
	one.Action = actionOf(action, r)
	context := ""
	if r.generic() || words == "" {
		context = told + " " + n.before
	}
	r.judge(&one, words, context)
	return one, true
}

// near is what the text says about a recipient; transcripts tell the command that was refused, which the fields do not.
func (n *notice) near(one desk.DeliveryReport) string {
	for _, addr := range one.Addresses() {
		if at := strings.Index(n.before, addr); at >= 0 {
			return n.before[at:min(len(n.before), at+1000)]
		}
	}
	return ""
}

// host takes the name out of 'dns; mx.example.org (192.0.2.1, the server for the domain.)'.
func host(value string) string {
	if value = typed(value); value == "" {
		return ""
	}
	return short(strings.Trim(strings.Fields(value)[0], "[]<>.,;"))
}

// actionOf reads an Action field; Postfix writes 'deliverable', some write none.
func actionOf(word string, r reply) desk.ReportAction {
	word, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(word)), " ")
	switch word = strings.Trim(word, ";,."); word {
	case "failed", "delayed", "delivered", "relayed", "expanded":
		return desk.ReportAction(word)
	case "deliverable":
		return desk.ActionDelivered
	case "failure", "undeliverable", "undelivered":
		return desk.ActionFailed
	}
	switch {
	case r.class() == 4:
		return desk.ActionDelayed
	case r.class() == 2:
		return desk.ActionDelivered
	}
	return desk.ActionFailed
}
