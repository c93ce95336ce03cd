package reports

import (
	"strconv"
	"strings"

	"postern/desk"
)

// where says in which place of a notice its recipients stand.
type where int

const (
	below    where = iota // each begins a line after the phrase
	beside                // in the same line, after the phrase
	nowhere               // the notice names none
	anywhere              // each begins a line before or after the phrase
)

// openings are the phrases by which notices of the systems before and beside RFC 3464 say that a mail was not delivered, in lower case, with one space where lines break.
var openings = []struct {
	phrase string
	where  where
}{
	// Exim, and those that copied its words: mail.ru, GMX, 1&1, MX Logic
	{"address(es) failed:", below},
	{"following address failed:", below},
	{"not yet been delivered is:", below},
	{"not yet been delivered are:", below},
	{"not yet been delivered to one or more", below},
	{"recipient addresses that were incorrectly constructed:", below},
	{"одному или нескольким получателям:", below},
	// Sendmail and its kin: Biglobe, Active!Hunter, McAfee
	{"had permanent fatal errors", below},
	{"had transient non-fatal errors", below},
	{"had delivery problems", below},
	// Postfix, qmail
	{"your message could not be delivered to one or more recipients", below},
	{"your message could not be delivered for more than", below},
	{"i wasn't able to deliver your message to the following addresses", below},
	{"wasn't able to deliver your message", below},
	// Exchange, Notes
	{"did not reach the following recipient", below},
	{"recipient(s) could not be reached:", below},
	{"delivery has failed to these recipients", below},
	{"was not delivered to:", below},
	{"delivery to the following recipients failed", below},
	// Google
	{"delivery to the following recipient failed permanently:", below},
	{"delivery to the following recipients failed permanently:", below},
	{"delivery to the following recipient has been delayed:", below},
	{"your message wasn't delivered to", beside},
	{"there was a problem delivering your message to", beside},
	{"there was a temporary problem delivering your message to", beside},
	{"** message not delivered **", nowhere},
	{"https://groups.google.com/support/", nowhere},
	// gateways and filters: PMDF, MailMarshal, Mimecast, m-FILTER, amavisd, MailFoundry, DragonFly, Courier, James
	{"cannot be delivered to the following recipients:", below},
	{"following recipients were affected:", below},
	{"an email you addressed to email address :", below},
	{"to the following address could not be delivered:", below},
	{"以下のメールアドレスへの送信に失敗しました", below},
	{"message was not relayed to:", below},
	{"unable to deliver message to:", beside},
	{"there was an error delivering your mail to", beside},
	{"has encountered a delivery problem", below},
	{"error message below:", anywhere},
	{"failed addresses follow:", below},
	{"the following message to <", beside},
	// carriers
	{"each of the following recipients was rejected by a remote", anywhere},
	{"the following recipients did not receive this message:", anywhere},
	{"the user(s) account is disabled.", anywhere},
	{"could not be delivered to:", beside},
	{"could not be delivered to the following", below},
	// IMail and others that say all in one line
	{"unknown user:", beside},
	{"user mailbox exceeds allowed size:", beside},
	{"invalid final delivery userid:", beside},
	{"delivery failed 20 attempts:", beside},
	{"delivery failed:", beside},
	{"undeliverable to", beside},
	{"user's mailbox is full:", beside},
	// mailing lists
	{"you are not a member of this mailing list", beside},
	{"duplicated message-id in", beside},
}

// delays are what a notice says that only warns.
var delays = []string{"not yet been delivered", "has been delayed", "warning message only", "this is a warning only", "not yet received", "delay reason:", "will be retried", "no action is required on your part"}

// returns introduce the mail that is returned.
var returns = []string{
	"this is a copy of the message", "this is a copy of your message", "header of the original message is following", "original message follows", "message headers follow", "----- original message -----", "-------original m", "copy of the message header",
	"message text follows", "bounced e-mail:", "original mail as follows:", "below this line is a copy of the message", "undelivered message follows", "unsent message follows", "message header follows",
}

// returnedAt is the line where the returned mail begins; the number of lines when the text has none.
func returnedAt(lines []string) int {
	for i, line := range lines {
		lower := strings.ToLower(line)
		for _, words := range returns {
			if strings.Contains(lower, words) {
				return i
			}
		}
		if len(line) >= 40 && strings.Trim(line, "-") == "" && i > 0 && i+1 < len(lines) && len(headerIn(lines[i+1:min(len(lines), i+8)])) > 0 {
			return i
		}
	}
	return len(lines)
}

// legacy reads a notice by its words. It has to look like one of a mail system and to hold one of the openings.
func legacy(n *notice) (Report, bool) {
	if !n.machine() && !strings.Contains(strings.ToLower(n.mail.Subject), "are not member") {
		return Report{}, false
	}
	lines := strings.Split(n.before, "\n")
	at, phrase, place, ok := opening(lines)
	if !ok {
		return Report{}, false
	}
	found := recipients(lines, at, phrase, place)
	if len(found) == 0 {
		found = n.fallback(lines)
	}
	late := delayed(strings.ToLower(strings.Join(strings.Fields(n.before), " ")))
	report := Report{Kind: Delivery}
	for _, one := range found {
		report.Recipients = append(report.Recipients, one.judge(n.before, late))
	}
	return report, true
}

func delayed(text string) bool {
	for _, words := range delays {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// opening finds the first phrase of the table. Lines are joined for that, since the phrases break where the writer's lines end; at is the line in which the phrase ends.
func opening(lines []string) (at int, phrase string, place where, ok bool) {
	var flat strings.Builder
	ends := make([]int, len(lines))
	for i, line := range lines {
		for word := range strings.FieldsSeq(strings.ToLower(line)) {
			if word == ">" || strings.HasPrefix(word, ">") && !strings.HasPrefix(word, ">>>") {
				break // quoted: somebody else's words
			}
			flat.WriteString(word)
			flat.WriteByte(' ')
		}
		ends[i] = flat.Len()
	}
	text, best := flat.String(), -1
	for _, each := range openings {
		if found := strings.Index(text, each.phrase); found >= 0 && (best < 0 || found < best) {
			best, phrase, place, ok = found, each.phrase, each.where, true
		}
	}
	if !ok {
		return 0, "", nowhere, false
	}
	end := best + len(phrase)
	for at < len(ends)-1 && ends[at] < end {
		at++
	}
	return at, phrase, place, true
}

// failed is a recipient as a notice names it, with the lines that follow.
type failed struct {
	addr  string
	words []string
}

// recipients are those that the notice names.
func recipients(lines []string, at int, phrase string, place where) []failed {
	switch place {
	case nowhere:
		return nil
	case beside:
		line := lines[at]
		if addr := addressIn(after(line, phrase)); addr != "" {
			return []failed{{addr, lines[at:]}}
		}
		return named(lines[at+1:])
	case anywhere:
		if found := named(lines[at+1:]); len(found) > 0 {
			return found
		}
		return named(lines)
	}
	return named(append([]string{strings.TrimLeft(after(lines[at], phrase), ":() ")}, lines[at+1:]...))
}

// after is what follows a phrase in a line, or its last word where the phrase began in the line before.
func after(line, phrase string) string {
	lower := strings.ToLower(line)
	if len(lower) != len(line) { // a letter that has another length in lower case
		return line
	}
	for _, words := range []string{phrase, phrase[strings.LastIndexByte(phrase, ' ')+1:]} {
		if at := strings.Index(lower, words); at >= 0 {
			return line[at+len(words):]
		}
	}
	return line
}

// named collects the recipients that begin a line, each with what is said of it up to the next.
func named(lines []string) []failed {
	var found []failed
	place := map[string]int{}
	now, indented := -1, false
	for _, line := range lines {
		addr, rest, ok := leading(line)
		if !ok {
			if now >= 0 && indented && strings.TrimSpace(line) == "" { // an indented answer ends with its paragraph
				now = -1
			}
			if now >= 0 && len(found[now].words) < 100 {
				found[now].words = append(found[now].words, strings.TrimSpace(line))
				indented = indented || strings.HasPrefix(line, "  ")
			}
			continue
		}
		key := desk.Canonical(addr)
		at, known := place[key]
		switch {
		case known && at == now && len(found[now].words) > 0: // a reply that names the address in a line of its own
			found[now].words = append(found[now].words, strings.TrimSpace(line))
			continue
		case !known && len(found) < maxRecipients:
			at = len(found)
			place[key] = at
			found = append(found, failed{addr: addr})
		case !known:
			return found
		}
		now, indented = at, false
		if rest != "" {
			found[now].words = append(found[now].words, rest)
		}
	}
	return found
}

// labels stand before a recipient at the beginning of a line.
var labels = []string{">>>", "-->", "->", "--", "*", "recipient address:", "recipient:", "target mail address:", "to:", "rcpt to:"}

// leading takes the recipient off a line that begins with one: '<joe@x>: 550 …', 'joe@x on Thu…', '"joe@x":', 'Recipient: <joe@x>'.
func leading(line string) (addr, rest string, ok bool) {
	line = strings.TrimSpace(line)
	for _, label := range labels {
		if len(line) > len(label) && strings.EqualFold(line[:len(label)], label) {
			line = strings.TrimSpace(line[len(label):])
		}
	}
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	if open := strings.IndexByte(word, '<'); open > 0 && strings.Contains(word[:open], "@") { // joe@x<mailto:joe@x>
		word = word[:open]
	}
	colon := strings.HasSuffix(word, ":")
	bare := strings.Trim(word, "<>\"':;,")
	if !isAddress(bare) {
		return "", "", false
	}
	switch {
	case rest == "", colon, strings.HasSuffix(word, ";"), strings.HasPrefix(rest, "("), strings.HasPrefix(rest, "<"), strings.HasPrefix(rest, "..."), strings.HasPrefix(rest, "on "), strings.HasPrefix(rest, ":"):
		return bare, rest, true
	}
	return "", "", false
}

// isAddress says whether a word is an address as notices write it: anonymized and internal ones have odd parts, so this is wider than desk.ValidAddress.
func isAddress(word string) bool {
	local, domain := desk.SplitAddress(word)
	return local != "" && domain != "" && len(word) <= 320 && !strings.ContainsAny(word, "<>()[]:;,/\\ \t\"")
}

// addressIn is the first address within a text.
func addressIn(text string) string {
	for word := range strings.FieldsFuncSeq(text, func(c rune) bool { return strings.ContainsRune(" \t\r\n<>()[]\"';,:", c) }) {
		if word = strings.TrimRight(word, ".!?"); isAddress(word) {
			return word
		}
	}
	return ""
}

// fallback finds whom a notice means that names nobody where it should: Exim's own field, the command that failed, the program that the mail was given to.
func (n *notice) fallback(lines []string) []failed {
	words := lines
	for _, value := range n.header.all("x-failed-recipients") {
		var found []failed
		for one := range strings.SplitSeq(value, ",") {
			if addr := addressIn(one); addr != "" && len(found) < maxRecipients {
				found = append(found, failed{addr, words})
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	for _, line := range lines {
		lower := strings.ToLower(line)
		for _, before := range []string{"rcpt to:", "generated by ", "generated from "} {
			if at := strings.Index(lower, before); at >= 0 && at+len(before) <= len(line) {
				if addr := addressIn(line[at+len(before):]); addr != "" {
					return []failed{{addr, words}}
				}
			}
		}
	}
	return []failed{{"", words}}
}

// judge makes a report of what a notice says about a recipient.
func (f failed) judge(body string, late bool) desk.DeliveryReport {
	words := strings.Join(f.words, "\n")
	r := readReply(words)
	if r.code == 0 && r.said == "" {
		if r = readReply(body); r.code != 0 || r.said != "" {
			words = body
		}
	}
	one := desk.DeliveryReport{Final: short(f.addr), Action: desk.ActionFailed, Host: spoke(words)}
	if late {
		one.Action = desk.ActionDelayed
	}
	if r.code/100 == 2 { // a number that is no reply
		r.code = 0
	}
	r.judge(&one, words, body)
	one.Diagnostic = short(fromCode(words, r.code))
	return one
}

// fromCode is what a server said, without what the notice says about it: the words from the reply code on.
func fromCode(words string, code int) string {
	if code == 0 {
		return words
	}
	digits := strconv.Itoa(code)
	for from := 0; ; {
		at := strings.Index(words[from:], digits)
		if at < 0 {
			return words
		}
		at += from
		end := at + len(digits)
		if (at == 0 || strings.ContainsRune(" \t\n<:(\"", rune(words[at-1]))) && (end == len(words) || strings.ContainsRune(" -:\n", rune(words[end]))) {
			return words[at:]
		}
		from = end
	}
}

// spoke finds the host that refused: 'host mx.example.org [192.0.2.1]'.
func spoke(words string) string {
	fields := strings.Fields(words)
	for i, word := range fields {
		switch strings.ToLower(strings.Trim(word, ":;(")) {
		case "host", "server", "system":
			if i+1 < len(fields) {
				if name := strings.Trim(fields[i+1], "[]().:;,"); strings.Contains(name, ".") {
					name, _, _ = strings.Cut(name, "[")
					return short(name)
				}
			}
		}
	}
	return ""
}
