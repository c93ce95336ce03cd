package mailtext

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxQuoteLines       = 20000 // lines looked at; what is longer is no letter
	maxAttributionLines = 4     // 'On …, …\n… <…>\nwrote:' as programs wrap it
	maxAttribution      = 500   // bytes of such a sentence
)

// textLine is one line of a text.
type textLine struct {
	start  int    // byte offset of its first byte
	text   string // without white space at the ends
	quoted bool   // begins with >
}

// quoteAndSignature finds where a reply's quoted history and its signature begin, as byte offsets; len(text) where there is none. Nothing is ever cut by it: both are folded, one click away (T-QUOTE).
// When the writer's words stand among or below the quoted lines, only the quoted lines after the last of them count.
func quoteAndSignature(text string) (quoteAt, signatureAt int) {
	quoteAt, signatureAt = len(text), len(text)
	lines := splitLines(text)
	first := firstQuoteLine(lines)
	if first >= 0 && !allBlank(lines[:first]) {
		quoteAt = lines[first].start
		lines = lines[:first]
	}
	if at := signatureLine(lines); at >= 0 {
		signatureAt = lines[at].start
	}
	return quoteAt, signatureAt
}

func splitLines(text string) []textLine {
	lines := make([]textLine, 0, min(strings.Count(text, "\n")+1, maxQuoteLines))
	for at := 0; at < len(text) && len(lines) < maxQuoteLines; {
		end := strings.IndexByte(text[at:], '\n')
		next := at + end + 1
		if end < 0 {
			end, next = len(text)-at, len(text)
		}
		line := strings.TrimSpace(text[at : at+end])
		lines = append(lines, textLine{start: at, text: line, quoted: strings.HasPrefix(line, ">") && line != ">:"}) // >: is the end of a wrapped '… <address>:'
		at = next
	}
	return lines
}

func allBlank(lines []textLine) bool {
	for _, line := range lines {
		if line.text != "" {
			return false
		}
	}
	return true
}

// firstQuoteLine is the line from which on everything is history, or -1.
func firstQuoteLine(lines []textLine) int {
	own := lastOwnLine(lines)
	for i := range lines {
		if lines[i].text == "" || lines[i].quoted {
			continue
		}
		start, after, found := quoteHeader(lines, i)
		if !found {
			continue
		}
		// Below a header, history is either marked with > or not marked at all. Marked history has to last to the end; unmarked does.
		if !quotedBelow(lines[after:]) || own < after {
			return start
		}
	}
	// No header, but > lines to the end.
	start := own + 1
	for start < len(lines) && !lines[start].quoted {
		start++
	}
	if start == len(lines) {
		return -1
	}
	return attributionAbove(lines, start)
}

// attributionAbove moves the beginning of a > block up to the sentence that introduces it.
func attributionAbove(lines []textLine, block int) int {
	for i := max(0, block-maxAttributionLines-1); i < block; i++ {
		if start, after, found := quoteHeader(lines, i); found && allBlank(lines[min(after, block):block]) {
			return start
		}
	}
	return block
}

// lastOwnLine is the last line that the writer wrote below a quoted line, or the last before the first quoted line. Footers of lists and signatures below the history are not the writer's words.
func lastOwnLine(lines []textLine) int {
	end := len(lines)
	// A footer is the last paragraph that begins with a line of _ or with --, if quoted lines stand above it.
	for i := len(lines) - 1; i > 0 && i > len(lines)-30; i-- {
		if lines[i].quoted {
			break
		}
		if isRule(lines[i].text) || lines[i].text == "--" || lines[i].text == "__" {
			end = i
		}
	}
	for i := end - 1; i >= 0; i-- {
		if lines[i].text != "" && !lines[i].quoted && !isWrapped(lines, i) {
			return i
		}
	}
	return -1
}

// isWrapped says whether an unmarked line is the overflow of a quoted line above it, as programs make that wrap at column 72 after quoting: one line between two quoted ones that is short, or goes on in the middle of a sentence.
func isWrapped(lines []textLine, i int) bool {
	if i == 0 || i+1 >= len(lines) || !lines[i-1].quoted || !lines[i+1].quoted {
		return false
	}
	above := lines[i-1].text
	return len(above) > 60 && (len(lines[i].text) < 30 || unicode.IsLower(firstRune(lines[i].text)) && !strings.ContainsAny(above[len(above)-1:], ".?!:"))
}

// quotedBelow says whether the first line that is not blank begins with >.
func quotedBelow(lines []textLine) bool {
	for _, line := range lines {
		if line.text != "" {
			return line.quoted
		}
	}
	return false
}

// quoteHeader says whether line i begins what programs put above the history: a sentence, a rule, or a block of fields. start is where it begins, a rule above it included, and after the line behind it.
func quoteHeader(lines []textLine, i int) (start, after int, found bool) {
	if isOriginalRule(lines[i].text) {
		return i, i + 1, true
	}
	if _, found := forwardIntro(lines[i].text); found {
		return i, i + 1, true
	}
	if after, found := fieldBlock(lines, i); found {
		return ruleAbove(lines, i), after, true
	}
	if after, found := attribution(lines, i); found {
		return i, after, true
	}
	return 0, 0, false
}

// ruleAbove moves the beginning up to a line of _ or - above, as Outlook draws it.
func ruleAbove(lines []textLine, i int) int {
	for j := i - 1; j >= 0 && j >= i-3; j-- {
		switch {
		case lines[j].text == "":
		case isRule(lines[j].text):
			return j
		default:
			return i
		}
	}
	return i
}

// isRule is a line of at least five _ or - and nothing else.
func isRule(line string) bool {
	return len(line) >= 5 && (strings.Trim(line, "_") == "" || strings.Trim(line, "-") == "")
}

// isOriginalRule is -----Original Message----- in any language, and how a forwarded mail is announced.
func isOriginalRule(line string) bool {
	if len(line) > 200 {
		return false
	}
	inner, decorated := undecorated(line)
	if !decorated || len(inner) > 120 {
		return false
	}
	_, known := originalPhrases[foldPhrase(inner)]
	return known
}

// fieldBlock says whether line i begins a block of From, Sent, To, Subject as Outlook writes it, in any language it speaks. after is the line behind the block.
func fieldBlock(lines []textLine, i int) (after int, found bool) {
	first := fieldRole(lines[i].text)
	if first == roleNone || first == roleTo || first == roleCopy {
		return 0, false
	}
	var seen fieldRoles
	strangers := 0
	for j := i; j < len(lines) && j < i+16; j++ {
		line := lines[j].text
		if line == "" {
			if j+1 < len(lines) && fieldRole(lines[j+1].text) == roleNone {
				break
			}
			continue
		}
		role := fieldRole(line)
		if role == roleNone {
			// A long list of recipients goes on in the next line.
			if strangers++; strangers > 3 {
				break
			}
			continue
		}
		strangers = 0
		seen |= role
		after = j + 1
	}
	return after, seen&roleFrom != 0 && seen.count() >= 3
}

// fieldRole is what a line like '*Gesendet:* Montag' is in a block of fields.
func fieldRole(line string) fieldRoles {
	const longest = 44 // bytes of a label with its decoration
	head := line[:min(len(line), longest)]
	colon := strings.IndexByte(head, ':')
	if colon < 0 {
		colon = strings.Index(head, "：")
	}
	if colon <= 0 {
		return roleNone
	}
	label := strings.ToLower(strings.Trim(line[:colon], "*_ \t\u00A0|"))
	return fieldLabels[label]
}

// attribution says whether line i begins the sentence 'On … somebody wrote:' in any language. after is the line behind it.
func attribution(lines []textLine, i int) (after int, found bool) {
	// Almost every line of every mail comes through here: first the cheap question whether such a sentence could end at all.
	if !slices.ContainsFunc(lines[i:min(i+maxAttributionLines, len(lines))], func(l textLine) bool { return endsAttribution(l.text) }) {
		return 0, false
	}
	joined := ""
	for j := i; j < len(lines) && j < i+maxAttributionLines; j++ {
		line := lines[j].text
		if line == "" || lines[j].quoted || len(joined)+len(line) > maxAttribution {
			return 0, false
		}
		if j > i && startsAttribution(line) && hasWhen(line) { // the sentence begins further down
			return 0, false
		}
		if j == i {
			joined = line
		} else {
			joined += " " + line
		}
		if endsAttribution(line) && isAttribution(joined, startsAttribution(lines[i].text)) {
			return j + 1, true
		}
	}
	return 0, false
}

// attributionEnds are the last bytes of all that may end such a sentence, decoration included.
const attributionEnds = ":-e*_ " + "\xA0" + "\x9A" // of U+00A0 and of U+FF1A in UTF-8

// endsAttribution says whether a line may be the last of such a sentence: it ends in a colon, or, as Zoho writes, in dashes.
func endsAttribution(line string) bool {
	if line == "" || strings.IndexByte(attributionEnds, line[len(line)-1]) < 0 {
		return false
	}
	end := strings.TrimRight(line, "*_ \u00A0")
	return strings.HasSuffix(end, ":") || strings.HasSuffix(end, "：") || strings.HasSuffix(end, "---") || strings.HasSuffix(end, "> wrote")
}

// isAttribution judges a whole sentence: it names a time or an address, and says that somebody wrote. starts: it begins as such sentences do.
func isAttribution(sentence string, starts bool) bool {
	end := strings.TrimRight(sentence, "*_ \u00A0")
	dashed := strings.HasPrefix(end, "---") // ---- On … wrote ----
	if strings.HasSuffix(end, "---") && !dashed {
		return false
	}
	address := strings.Contains(sentence, "@")
	when := hasWhen(sentence)
	if !hasWroteVerb(sentence) {
		// Gmail in Russian, Ukrainian and others has no verb: 'ср, 30 апр. 2025 г. в 15:19, Name <address>:'
		bare := strings.TrimRight(strings.TrimSuffix(end, ":"), " ")
		return when && address && strings.HasSuffix(bare, ">") && (starts || beginsWithDate(sentence))
	}
	return (starts || dashed) && (when || address) || address && (when || strings.Contains(sentence, "<"))
}

// hasWroteVerb looks for 'wrote' in many languages, as a word of its own.
func hasWroteVerb(sentence string) bool {
	lower := strings.ToLower(sentence)
	for _, verb := range wroteVerbs {
		for from := 0; ; {
			at := strings.Index(lower[from:], verb)
			if at < 0 {
				break
			}
			at += from
			before, _ := utf8.DecodeLastRuneInString(lower[:at])
			after, _ := utf8.DecodeRuneInString(lower[at+len(verb):])
			if !isDense(firstRune(verb)) && (unicode.IsLetter(before) || unicode.IsLetter(after)) {
				from = at + len(verb)
				continue
			}
			return true
		}
	}
	return false
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// startsAttribution says whether a line begins as the sentence does in some language: with its first word, a weekday, a date, or a name with an address.
func startsAttribution(line string) bool {
	line = strings.TrimLeft(line, "-*_[ \u00A0\u200E\u200F")
	if beginsWithDate(line) {
		return true
	}
	for _, word := range attributionStarts {
		if rest, found := strings.CutPrefix(line, word); found && (rest == "" || !unicode.IsLetter(firstRune(rest)) || isDense(firstRune(word))) {
			return true
		}
	}
	return false
}

// beginsWithDate says whether a line begins with a number or the name of a weekday.
func beginsWithDate(line string) bool {
	first := firstRune(line)
	if first >= '0' && first <= '9' {
		return true
	}
	word := line
	if end := strings.IndexFunc(word, func(c rune) bool { return !unicode.IsLetter(c) && c != '\'' && c != '-' }); end >= 0 {
		word = word[:end]
	}
	return len(word) <= 32 && weekdays[strings.ToLower(word)]
}

// hasWhen says whether a sentence names a time: a clock, a year, or a date in numbers.
func hasWhen(sentence string) bool {
	if hasClock(sentence) {
		return true
	}
	digits, separators := 0, 0
	for i := 0; i <= len(sentence); i++ {
		if i < len(sentence) && sentence[i] >= '0' && sentence[i] <= '9' {
			digits++
			continue
		}
		if digits == 4 && (sentence[i-4:i-2] == "19" || sentence[i-4:i-2] == "20") {
			return true
		}
		if digits > 0 && digits <= 2 && i < len(sentence) && strings.IndexByte("/.-", sentence[i]) >= 0 {
			separators++
		}
		digits = 0
	}
	return separators >= 2
}

// hasClock finds a time of day such as 9:26.
func hasClock(sentence string) bool {
	for i := 1; i+2 < len(sentence); i++ {
		if sentence[i] == ':' && isDigit(sentence[i-1]) && isDigit(sentence[i+1]) && isDigit(sentence[i+2]) {
			return true
		}
	}
	return false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
