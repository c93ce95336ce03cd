package mailtext

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"postern/desk"
)

// sentenceParts takes '22.11.2026, 10:00, "Rita" <rita@example.com>:' apart.
func sentenceParts(sentence string) (from, when string) {
	open := strings.LastIndexByte(sentence, '<')
	if open < 0 {
		return "", ""
	}
	end := open + strings.IndexByte(sentence[open:]+">", '>')
	head := strings.TrimRight(sentence[:open], " ")
	cut := strings.LastIndexByte(head, ',')
	if strings.HasSuffix(head, `"`) && len(head) > 1 {
		cut = strings.LastIndexByte(head[:len(head)-1], '"') - 1
	}
	if cut < 0 {
		return sentence[open:min(end+1, len(sentence))], head
	}
	return head[cut+1:] + " " + sentence[open:min(end+1, len(sentence))], head[:cut]
}

// forwardAuthor reads the one sender of a block. Of 'a@x on behalf of b@y' it is the latter, who wrote.
func forwardAuthor(value string) (desk.Address, bool) {
	value = withoutMailto(value)
	lower := strings.ToLower(value)
	if len(lower) == len(value) {
		for _, words := range behalfWords {
			if at := strings.Index(lower, words); at > 0 {
				if author, found := oneAuthor(value[at+len(words):]); found {
					return author, true
				}
				value = value[:at]
				break
			}
		}
	}
	return oneAuthor(value)
}

// oneAuthor reads 'Example, Rita <rita@example.com>' with or without the quotation marks that it needs in a header, and what else programs make of it.
func oneAuthor(value string) (desk.Address, bool) {
	value = strings.Trim(value, " *_\u00A0,;")
	if name, spec, found := strings.Cut(value, "<"); found && strings.Count(value, "<") == 1 && strings.Count(value, "@") >= 1 {
		spec, _, _ = strings.Cut(spec, ">")
		if addr, ok := cleanAddress(spec); ok && isMailable(addr) {
			return desk.Address{Name: displayName(strings.Trim(name, ` "*_`), addr), Addr: addr}, true
		}
	}
	list := forwardAddresses(value)
	if len(list) == 0 {
		return desk.Address{}, false
	}
	return list[0], true
}

// forwardAddresses reads a list as programs show it. Outlook puts ; between and leaves commas in names.
func forwardAddresses(value string) (found []desk.Address) {
	value = withoutMailto(value)
	entries := []string{value}
	if strings.Contains(value, ";") {
		entries = strings.Split(value, ";")
	}
	for _, entry := range entries {
		if len(found) >= maxAddresses {
			break
		}
		if at := strings.IndexByte(entry, '<'); at > 0 && strings.Count(entry, "@") == 1 && strings.Contains(entry[:at], ",") && !strings.ContainsAny(entry[:at], `"@`) {
			entry = `"` + strings.TrimSpace(entry[:at]) + `" ` + entry[at:]
		}
		list, _ := parseAddresses(entry)
		if open := strings.IndexByte(entry, '('); len(list) == 0 && open >= 0 && strings.Contains(entry[open:], "@") { // Rita (rita@example.com)
			list, _ = parseAddresses(strings.NewReplacer("(", "<", ")", ">").Replace(entry))
		}
		for _, a := range list {
			if isMailable(a.Addr) {
				found = append(found, a)
			}
		}
	}
	return found
}

// isMailable tells an address from the names of a directory: Ada Agent/Desk@DESK.
func isMailable(addr string) bool {
	return desk.ValidAddress(addr) && strings.Contains(desk.DomainOf(addr), ".")
}

// withoutMailto undoes what programs make of an address that is a link: r@x<mailto:r@x>, [mailto:r@x], [r@x](mailto:r@x), mailto:r@x<>.
func withoutMailto(value string) string {
	if value = norm.NFC.String(strings.ToValidUTF8(value, "")); !strings.Contains(value, "mailto:") {
		return value
	}
	value = strings.NewReplacer("](mailto:", " <mailto:", "(mailto:", "<mailto:", "[mailto:", "<mailto:", "[", "", "]", ">", "<>", "").Replace(value)
	var out strings.Builder
	for {
		before, after, found := strings.Cut(value, "mailto:")
		if !found {
			break
		}
		linked, angle := strings.CutSuffix(before, "<")
		out.WriteString(linked)
		end := strings.IndexAny(after, "> ,;)")
		if end < 0 {
			end = len(after)
		}
		address, _, _ := strings.Cut(after[:end], "?")
		if value = after[end:]; angle || strings.HasPrefix(value, ")") {
			value = strings.TrimLeft(value, ">)")
		}
		if words := strings.FieldsFunc(linked, func(c rune) bool { return c == ' ' || c == ',' || c == ';' }); len(words) == 0 || !strings.EqualFold(strings.Trim(words[len(words)-1], "<>()\"'"), address) {
			out.WriteString(" <" + address + ">")
		} else if strings.Contains(words[len(words)-1], "<") {
			out.WriteString(">")
		}
	}
	out.WriteString(value)
	return strings.ReplaceAll(out.String(), ">>", ">")
}
