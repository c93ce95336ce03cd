package mailtext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/desk"
)

const (
	maxCodeText  = 16 << 10 // bytes of a text that are looked at: such mails are short, and say it at the top
	maxCodeLine  = 1000     // bytes of one line of it, and of one link
	maxCodeLines = 4        // lines between the words and the code that they announce
)

// VerificationCode says whether a mail carries another service's sign-in code, or the link that confirms an address or resets a password (T-11): whoever can read the mail of a support address could otherwise open accounts in the company's name. evidence is a sentence for agents; it does not repeat the code.
// It is on the safe side: words that announce such a code or link, the code or link itself near them, a sender who takes no answers, and no sign that the mail is part of a conversation.
func VerificationCode(m *Mail) (evidence string, ok bool) {
	if len(m.From) == 0 || len(m.InReplyTo) > 0 || subjectPrefix(m.Subject) != prefixNone {
		return "", false
	}
	sender := m.From[0]
	if m.Automatic == "" && !takesNoAnswers(sender.Addr) {
		return "", false
	}
	text := m.Text[:min(m.QuoteAt, len(m.Text))]
	if strings.TrimSpace(text) == "" { // tests and forwards: nothing but a quote
		text = m.Text
	}
	if len(text) > maxCodeText {
		text = strings.ToValidUTF8(text[:maxCodeText], "")
	}
	lines := append([]string{m.Subject}, strings.Split(text, "\n")...)
	for i := range lines {
		if len(lines[i]) > maxCodeLine {
			lines[i] = strings.ToValidUTF8(lines[i][:maxCodeLine], "")
		}
		lines[i] = foldPhrase(lines[i])
	}
	if phrase := announcedCode(lines); phrase != "" {
		return "A code for signing in or confirming, announced by “" + phrase + "”, from " + ShownAddress(sender.Addr) + ".", true
	}
	if phrase := announcedLink(m, lines); phrase != "" {
		return "A link for confirming, signing in or resetting a password, announced by “" + phrase + "”, from " + ShownAddress(sender.Addr) + ".", true
	}
	return "", false
}

// takesNoAnswers says whether an address is one of those from which services write: no-reply and its like, as a whole part of the local part or of the domain.
func takesNoAnswers(addr string) bool {
	local, domain := desk.SplitAddress(strings.ToLower(addr))
	if plain := strings.NewReplacer("-", "", "_", "", ".", "").Replace(local); strings.Contains(plain, "noreply") || strings.Contains(plain, "donotreply") || strings.Contains(plain, "nepasrepondre") || strings.Contains(plain, "noresponder") || strings.Contains(plain, "keineantwort") || strings.Contains(plain, "nichtantworten") {
		return true
	}
	first, _, _ := strings.Cut(domain, ".")
	for _, part := range append(strings.FieldsFunc(local, func(c rune) bool { return c == '-' || c == '_' || c == '.' || c == '+' }), first) {
		if serviceParts[part] {
			return true
		}
	}
	return false
}

// announcedCode is the phrase near which a code stands, in the subject or in the text.
func announcedCode(lines []string) string {
	for i, line := range lines {
		phrase := containedPhrase(line, codePhrases)
		if phrase == "" {
			continue
		}
		near := lines[i:min(i+maxCodeLines+1, len(lines))]
		if i > 0 && hasCode(lines[i-1]) && len(lines[i-1]) < 200 { // '123456 is …' may be broken before the words
			return phrase
		}
		for n, other := range near {
			if n == 0 && hasCode(strings.ReplaceAll(other, phrase, " ")) || n > 0 && isCodeLine(other) {
				return phrase
			}
		}
		if i == 0 { // the subject announces, the text holds it somewhere in a line by itself
			for _, other := range lines[1:] {
				if isCodeLine(other) {
					return phrase
				}
			}
		}
		for _, other := range lines[i+1 : min(i+7, len(lines))] { // paragraphs: blank lines between
			if len(other) < 60 && isCodeLine(other) {
				return phrase
			}
		}
	}
	return ""
}

// isCodeLine says whether a line is little more than a code.
func isCodeLine(line string) bool {
	return utf8.RuneCountInString(line) <= 40 && hasCode(line)
}

// hasCode finds a code in a line: four to eight digits, alone or in two groups, or letters and digits like ABC-123 and G-482917. Years, amounts, clocks, telephone numbers and long numbers are none.
func hasCode(line string) bool {
	words := strings.FieldsFunc(line, func(c rune) bool {
		return c == ' ' || c == '\u00A0' || c == '\t' || strings.ContainsRune("*_()[]<>\"'“”„«»:;,!?=|。：，、；（）「」【】", c) || unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
	})
	for i, word := range words {
		word = strings.Trim(word, ".")
		if isCode(word) {
			return true
		}
		if len(word) == 3 && isDigits(word) && i+1 < len(words) && len(strings.Trim(words[i+1], ".")) == 3 && isDigits(strings.Trim(words[i+1], ".")) && (i+2 == len(words) || !isDigits(words[i+2])) && (i == 0 || !isDigits(words[i-1]) && !strings.HasPrefix(words[i-1], "+")) {
			return true
		}
	}
	return false
}

func isDigits(word string) bool {
	for i := range len(word) {
		if !isDigit(word[i]) {
			return false
		}
	}
	return word != ""
}

// isCode judges one word.
func isCode(word string) bool {
	if len(word) < 4 || len(word) > 12 || !isPlain(word) {
		return false
	}
	digits, letters, dashes := 0, 0, 0
	for _, c := range word {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z':
			letters++
		case c == '-':
			dashes++
		default:
			return false
		}
	}
	switch {
	case letters == 0 && dashes == 0:
		return digits <= 8 && !(digits == 4 && (word[:2] == "19" || word[:2] == "20"))
	case letters == 0 && dashes == 1:
		left, right, _ := strings.Cut(word, "-")
		return len(left) == len(right) && len(left) >= 3 && len(left) <= 4
	case dashes == 1 && digits == 0:
		left, right, _ := strings.Cut(word, "-") // Slack: ABC-XYZ; in words of people both are never three consonants
		return len(left) == 3 && len(right) == 3 && !strings.ContainsAny(word, "aeiouy")
	}
	return dashes <= 1 && digits >= 2 && digits+letters >= 5 && letters <= 6
}

// announcedLink is the phrase that asks to follow a link, if the mail holds one that carries a token.
func announcedLink(m *Mail, lines []string) string {
	phrase := ""
	for i, line := range lines[:min(len(lines), 40)] {
		if phrase = containedPhrase(line, linkPhrases); phrase != "" && (i == 0 || len(line) < 400) {
			break
		}
	}
	if phrase == "" {
		return ""
	}
	if hasTokenLink(m.Text) || hasTokenLink(m.HTML) {
		return phrase
	}
	return ""
}

// hasTokenLink looks for an address of the web that carries a secret: a word of confirming in it and a long word without sense, or one that is longer still.
func hasTokenLink(text string) bool {
	text = text[:min(len(text), 4*maxCodeText)]
	for links := 0; links < 50; links++ {
		at := strings.Index(text, "https://")
		if at < 0 {
			return false
		}
		text = text[at+len("https://"):]
		end := strings.IndexAny(text, " \n\t\"'<>)]")
		if end < 0 {
			end = len(text)
		}
		_, path, found := strings.Cut(text[:min(end, maxCodeLine)], "/")
		if !found {
			continue
		}
		longest := 0
		for _, part := range strings.FieldsFunc(path, func(c rune) bool { return strings.ContainsRune("/?&=#.;%", c) }) {
			if strings.ContainsAny(part, "0123456789") {
				longest = max(longest, len(part))
			}
		}
		lower := strings.ToLower(path)
		if longest >= 24 || longest >= 8 && containedPhrase(lower, linkWords) != "" {
			return true
		}
	}
	return false
}

// containedPhrase is the first of phrases that a text in lower case holds, whole words where the script has words.
func containedPhrase(text string, phrases []string) string {
	for _, phrase := range phrases {
		at := strings.Index(text, phrase)
		if at < 0 {
			continue
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		if unicode.IsLetter(before) && !isDense(firstRune(phrase)) && !strings.HasPrefix(phrase, "code") {
			continue
		}
		return phrase
	}
	return ""
}
