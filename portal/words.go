package portal

import (
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"postern/desk"
	"postern/language"
)

// ago says how long ago a time is, in the two or three characters that a list has room for. It takes a time.Time or a *time.Time and is empty for none.
func ago(lang *language.Language, value any, now time.Time) string {
	var t time.Time
	switch v := value.(type) {
	case time.Time:
		t = v
	case *time.Time:
		if v != nil {
			t = *v
		}
	}
	if t.IsZero() {
		return ""
	}
	since := now.Sub(t)
	switch {
	case since < time.Minute:
		return lang.Say("now")
	case since < time.Hour:
		return lang.Say("%d min", int(since.Minutes()))
	case since < 24*time.Hour:
		return lang.Say("%d h", int(since.Hours()))
	case since < 365*24*time.Hour:
		return lang.Say("%d d", int(since.Hours()/24))
	}
	return lang.Say("%d y", int(since.Hours()/24/365))
}

// since is ago within a sentence: 3 d ago. It is empty for no time.
func since(lang *language.Language, value any, now time.Time) string {
	switch past := ago(lang, value, now); past {
	case "":
		return ""
	case lang.Say("now"):
		return lang.Say("just now")
	default:
		return lang.Say("%s ago", past)
	}
}

// initials are at most two letters for a name or an address.
func initials(name string) string {
	name, _, _ = strings.Cut(name, "@")
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "?"
	}
	first, _ := utf8.DecodeRuneInString(words[0])
	if len(words) == 1 {
		return strings.ToUpper(string(first))
	}
	last, _ := utf8.DecodeRuneInString(words[len(words)-1])
	return strings.ToUpper(string(first) + string(last))
}

// labels are the words for stored words that are not words for people.
var labels = map[string]string{
	"link":          "one-time link",
	"owners_admins": "owners and admins",
	"hold":          "on hold", "dkim-rsa": "DKIM (RSA)", "dkim-ed25519": "DKIM (Ed25519)", "spf": "SPF", "dmarc": "DMARC", "mx": "MX", "challenge": "proof of ownership", "mta-sts": "MTA-STS", "mta-sts-host": "MTA-STS policy host", "tls-rpt": "TLS reports", "dkim": "DKIM", "reverse-name": "name of our server", "obsolete": "used no more",
	"authentication": "authentication failed", "agent-impersonation": "agent impersonation", "blocked-sender": "blocked sender", "rate-limit": "rate limit", "too-many-recipients": "too many recipients",
	"verification-code": "verification code", "tls": "TLS", "light_agent": "light agent",
	"oidc": "OpenID Connect", "google": "Google", "microsoft": "Microsoft", "saml": "SAML 2.0", "jwt": "JWT (a page of your own)", "facebook": "Facebook", "x": "X",
}

// label is the word for people of a stored word (a status, a cause, a purpose), with a capital.
func label(word any) string {
	text := fmt.Sprint(word)
	if known, ok := labels[text]; ok {
		text = known
	}
	return capital(text)
}

// capital makes the first letter of a text a capital.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + text[size:]
}

// sentence makes a reason that was written as the end of an error into a sentence.
func sentence(reason string) string {
	reason = capital(strings.TrimSpace(reason))
	if reason == "" || strings.ContainsRune(".!?", rune(reason[len(reason)-1])) {
		return reason
	}
	return reason + "."
}

// clip shortens a text to n runes, at one line.
func clip(text string, n int) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// parseAddresses reads what a person typed into To, Cc or Bcc: addresses with or without a name, between commas, semicolons or line ends.
func parseAddresses(field, typed string) ([]desk.Address, error) {
	typed = strings.Trim(strings.NewReplacer(";", ",", "\r\n", ",", "\n", ",").Replace(typed), ", \t")
	if typed == "" {
		return nil, nil
	}
	parser := mail.AddressParser{}
	list, err := parser.ParseList(typed)
	if err != nil {
		return nil, desk.Wrong(field, "%s cannot be read: write addresses like name@example.com, with a comma between them", label(field))
	}
	out := make([]desk.Address, 0, len(list))
	for _, one := range list {
		out = append(out, desk.Address{Name: one.Name, Addr: one.Address})
	}
	return out, nil
}

// formatAddresses is the way back from parseAddresses.
func formatAddresses(list []desk.Address) string {
	var out []string
	for _, one := range list {
		out = append(out, formatAddress(one))
	}
	return strings.Join(out, ", ")
}

// formatAddress writes a name as people read it, and in quotes only where a comma or the like would cut it apart (RFC 5322 §3.2.4).
func formatAddress(one desk.Address) string {
	name := strings.TrimSpace(one.Name)
	switch {
	case name == "" || name == one.Addr:
		return one.Addr
	case strings.ContainsAny(name, `()<>[]:;@\,."`):
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `" <` + one.Addr + `>`
	}
	return name + " <" + one.Addr + ">"
}

// span is a run of text, or a link where URL is set.
type span struct{ Text, URL string }

// linkify finds the web addresses in a plain text, so that they can be followed. Everything else stays as it is.
func linkify(text string) []span {
	var out []span
	for text != "" {
		at := linkStart(text)
		if at < 0 {
			return append(out, span{Text: text})
		}
		end := at + linkLength(text[at:])
		link := text[at:end]
		u, err := url.Parse(link)
		if err != nil || u.Host == "" {
			out = append(out, span{Text: text[:end]})
		} else {
			if at > 0 {
				out = append(out, span{Text: text[:at]})
			}
			out = append(out, span{Text: link, URL: link})
		}
		text = text[end:]
	}
	return out
}

// linkStart is where the next web address begins, or -1.
func linkStart(text string) int {
	best := -1
	for _, scheme := range []string{"https://", "http://"} {
		if at := strings.Index(text, scheme); at >= 0 && (best < 0 || at < best) {
			best = at
		}
	}
	return best
}

// linkLength is how much of the text belongs to the address at its start: up to white space or a bracket, without the full stop that ends the sentence.
func linkLength(text string) int {
	end := strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`<>"'`, r) })
	if end < 0 {
		end = len(text)
	}
	for end > 0 && strings.ContainsRune(".,;:!?)]*", rune(text[end-1])) {
		if text[end-1] == ')' && strings.Contains(text[:end], "(") {
			break // the bracket belongs to the address, as in Wikipedia's
		}
		end--
	}
	return max(end, len("http://"))
}

// policyWords says what a connection had to keep to.
func policyWords(lang *language.Language, name desk.TLSPolicyName) string {
	switch name {
	case desk.PolicyEncrypt:
		return lang.Say("your rule: encrypted, or not at all")
	case desk.PolicyVerify:
		return lang.Say("your rule: encrypted, and the server proved")
	case desk.PolicySTSTesting:
		return lang.Say("MTA-STS of their domain, still being tested: reported, not enforced")
	case desk.PolicySTSEnforce:
		return lang.Say("MTA-STS of their domain, enforced")
	case desk.PolicyDANE:
		return lang.Say("DANE: the keys in their DNS, under DNSSEC")
	case desk.PolicyRequireTLS:
		return lang.Say("REQUIRETLS: every hop proves itself")
	default:
		return lang.Say("none: encrypted where it is offered")
	}
}
