package mailtext

import (
	"strings"
	"unicode/utf8"
)

const (
	maxForwardLines = 300  // lines of one block: a mail to hundreds of people names them all
	maxForwardField = 8000 // bytes of one field in it
)

// forwardFields is a block as it stands in a text.
type forwardFields struct {
	start, after int                   // lines: the first of the block with its introduction, and the one behind it
	told         bool                  // introduced by a line that says 'forwarded'
	ends         bool                  // by a program that also writes where it ends
	values       map[fieldRoles]string // as written
	sentence     string                // Yandex writes 'On …, … <…>:' instead of fields
	english      bool                  // the names of the fields are English, so that 3/4 may be either day
}

// forwardBlock finds the first block of fields of a mail that was copied into a text. Behind the first that cannot be read it does not look further: what follows is an inner level, and somebody else's.
func forwardBlock(lines []textLine) (*forwardFields, bool) {
	for i := range lines {
		line := lines[i].text
		if line == "" || lines[i].quoted {
			continue
		}
		if intro, found := forwardIntro(line); found {
			return introducedBlock(lines, i, intro)
		}
		if isOriginalRule(line) {
			return bareBlock(lines, i)
		}
		if _, found := fieldBlock(lines, i); found {
			return bareBlock(lines, i)
		}
		// A reply: what is below is the history of it.
		if after, found := attribution(lines, i); found && quotedBelow(lines[after:]) {
			return nil, false
		}
	}
	return nil, false
}

// introduction is what a line above a block said.
type introduction struct {
	rest  string // of the line: Yahoo and programs that turn tables into text write on in it
	ends  bool   // the program writes a line below the mail too
	notes bool   // HCL Notes, which names the one who forwards
	from  string // mutt names the sender in it
}

// forwardIntro says whether a line announces a forwarded mail.
func forwardIntro(line string) (introduction, bool) {
	// Almost every line of every mail comes through here, and is not decorated.
	if line == "" || len(line) > 2000 {
		return introduction{}, false
	}
	if c := line[0]; (c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf) && !strings.HasSuffix(line, ":") && !strings.HasSuffix(line, "：") && strings.IndexByte(decorationStarts, c) < 0 {
		return introduction{ends: true}, standsAlone(line)
	}
	phrase, rest := line, ""
	if glued, after, found := cutGlued(line); found {
		phrase, rest = glued, after
	}
	inner, decorated := undecorated(phrase)
	if len(inner) > 300 {
		return introduction{}, false
	}
	lower := foldPhrase(inner)
	if kind, known := forwardPhrases[lower]; known && (decorated || rest != "") {
		return introduction{rest: rest, ends: kind != phraseOpen}, true
	}
	if !decorated {
		return introduction{}, false
	}
	for _, start := range forwardFrom {
		if strings.HasPrefix(lower, start+" ") {
			name := strings.Fields(inner)[len(strings.Fields(start)):]
			return introduction{ends: true, from: strings.Join(name, " ")}, true
		}
	}
	for _, start := range forwardBy {
		if strings.HasPrefix(lower, start+" ") {
			return introduction{notes: true}, true
		}
	}
	return introduction{}, false
}

// decorationStarts are the first bytes of the dashes beyond ASCII, and of the no-break space.
const decorationStarts = "\xE2\xC2"

// standsAlone says whether a line is an announcement without dashes, as The Bat! writes it.
func standsAlone(line string) bool {
	for _, phrase := range alonePhrases {
		if len(line) <= len(phrase)+1 && strings.EqualFold(strings.TrimRight(line, "."), phrase) {
			return true
		}
	}
	return false
}

// ruleMarks are what programs draw lines of.
const ruleMarks = "-_=*~+#|> —–‐‑‒―─\u00A0"

// undecorated is a line without the marks around it; decorated says that there were some, or a colon at its end.
func undecorated(line string) (inner string, decorated bool) {
	inner = strings.Trim(line, ruleMarks)
	decorated = len(line)-len(inner) >= 2 || strings.HasSuffix(inner, ":") || strings.HasSuffix(inner, "：")
	return strings.TrimSpace(strings.TrimRight(inner, ":： \u00A0")), decorated
}

// foldPhrase makes phrases comparable.
func foldPhrase(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(strings.ReplaceAll(s, "’", "'"))), " ")
}

// cutGlued takes '----- Forwarded Message ----- From: …' apart: the announcement, and the fields behind it.
func cutGlued(line string) (phrase, rest string, found bool) {
	if strings.IndexByte("-=", line[0]) < 0 {
		return "", "", false
	}
	for _, order := range gluedLabels {
		at := -1
		for _, label := range order {
			if i := strings.Index(line, label+":"); i > 0 && (at < 0 || i < at) {
				at = i
			}
		}
		if at <= 0 {
			continue
		}
		if inner, _ := undecorated(line[:at]); inner != "" {
			if _, known := forwardPhrases[foldPhrase(inner)]; known {
				return line[:at], line[at:], true
			}
		}
	}
	return "", "", false
}

// unglued puts fields that stand in one line each in its own. found is whether there were three.
func unglued(line string) (lines []textLine, found bool) {
	for _, order := range gluedLabels {
		var cuts []int
		for i := range line {
			for _, label := range order {
				if strings.HasPrefix(line[i:], label) && strings.HasPrefix(line[i+len(label):], ":") && !strings.HasSuffix(line[:i], "-") {
					cuts = append(cuts, i)
				}
			}
			if len(cuts) >= 8 {
				break
			}
		}
		if len(cuts) < 3 || cuts[0] != 0 {
			continue
		}
		for n, cut := range cuts {
			end := len(line)
			if n+1 < len(cuts) {
				end = cuts[n+1]
			}
			lines = append(lines, textLine{text: strings.TrimSpace(line[cut:end])})
		}
		return lines, true
	}
	return nil, false
}

// introducedBlock reads the fields below an announcement.
func introducedBlock(lines []textLine, i int, intro introduction) (*forwardFields, bool) {
	block := &forwardFields{start: i, told: true, ends: intro.ends}
	if split, found := unglued(intro.rest); found {
		block.read(split, 0)
		block.after = i + 1
		return block, block.values[roleFrom] != ""
	}
	first := nextText(lines, i+1)
	if split, found := unglued(unmarked(lines, first)); found {
		block.read(split, 0)
		block.after = first + 1
		return block, block.values[roleFrom] != ""
	}
	if first < len(lines) && forwardRole(unmarked(lines, first)) == roleNone {
		if after, found := attribution(lines, first); found && !lines[first].quoted {
			for _, line := range lines[first:after] {
				block.sentence += line.text + " "
			}
			block.after = after
			return block, true
		}
		// Notes writes the sender above the fields, without a label.
		if address := unmarked(lines, first); intro.notes && strings.Contains(address, "@") && len(address) < 300 {
			intro.from = address
		}
		for skipped := 0; skipped < 3 && first < len(lines) && forwardRole(unmarked(lines, first)) == roleNone; skipped++ {
			first = nextText(lines, first+1)
		}
	}
	block.read(lines, first)
	if block.values[roleFrom] == "" && intro.from != "" {
		block.values[roleFrom] = intro.from
	}
	return block, block.values[roleFrom] != ""
}

// bareBlock reads a block without an announcement, or below 'Original Message', as Outlook writes it above forwarded mails as above history.
func bareBlock(lines []textLine, i int) (*forwardFields, bool) {
	first := i
	if fieldRole(lines[i].text) == roleNone {
		first = nextText(lines, i+1)
	}
	if first >= len(lines) || lines[first].quoted {
		return nil, false
	}
	if _, found := fieldBlock(lines, first); !found {
		return nil, false
	}
	block := &forwardFields{start: ruleAbove(lines, i)}
	block.read(lines, first)
	return block, block.values[roleFrom] != "" && len(block.values) >= 3
}

// nextText is the first line from i on that is not blank.
func nextText(lines []textLine, i int) int {
	for i < len(lines) && unmarked(lines, i) == "" {
		i++
	}
	return i
}

// unmarked is a line without the > that Apple puts before a forwarded mail.
func unmarked(lines []textLine, i int) string {
	if i >= len(lines) {
		return ""
	}
	if lines[i].quoted {
		return strings.TrimSpace(lines[i].text[1:])
	}
	return lines[i].text
}

// forwardRole is fieldRole with the fields that only forwarded mails show.
func forwardRole(line string) fieldRoles {
	label, _, found := cutLabel(line)
	if !found {
		return roleNone
	}
	if role, known := fieldLabels[label]; known {
		return role
	}
	return forwardLabels[label]
}

// cutLabel takes '*Von:* Rita' apart.
func cutLabel(line string) (label, value string, found bool) {
	const longest = 44
	at := strings.Index(line[:min(len(line), longest)], ":")
	size := 1
	if wide := strings.Index(line[:min(len(line), longest)], "："); wide > 0 && (at < 0 || wide < at) {
		at, size = wide, len("：")
	}
	if at <= 0 {
		return "", "", false
	}
	label = strings.ToLower(strings.Trim(line[:at], "*_ \t\u00A0\u202F\u3000|"))
	return label, strings.Trim(line[at+size:], "*_ \t\u00A0\u202F\u3000|"), true
}

// read gathers the fields from line i on, and says where they end.
func (b *forwardFields) read(lines []textLine, i int) {
	b.values = map[fieldRoles]string{}
	b.after = i
	var last fieldRoles
	spaced := false // programs that make a paragraph of each field
	for j := i; j < len(lines) && j < i+maxForwardLines; j++ {
		line := unmarked(lines, j)
		if line == "" {
			next := nextText(lines, j)
			role := forwardRole(unmarked(lines, next))
			below := last != roleNone && b.values[last] == "" && last != roleCopy && last != roleOther // the value stands below its label
			if len(b.values) >= 3 && !spaced && b.values[roleFrom] != "" && !below || next-j > 2 || role == roleNone && !below {
				return
			}
			spaced = spaced || role != roleNone
			continue
		}
		role := forwardRole(line)
		if role == roleNone {
			if !b.goesOn(last, line, unmarked(lines, max(j-1, i))) {
				return
			}
			b.values[last] = strings.TrimSpace(b.values[last] + " " + line)
			b.after = j + 1
			continue
		}
		if _, again := b.values[role]; again && role != roleOther && role != roleCopy {
			return
		}
		label, value, _ := cutLabel(line)
		if role == roleCopy && (label == "bcc" || b.values[roleCopy] != "") {
			value = strings.Trim(b.values[roleCopy]+", "+value, ", ")
		}
		b.english = b.english || label == "from"
		b.values[role], last, b.after = value, role, j+1
	}
}

// goesOn says whether a line without a label is the rest of the field above it.
func (b *forwardFields) goesOn(last fieldRoles, line, above string) bool {
	value := b.values[last]
	switch {
	case last == roleNone || len(value)+len(line) > maxForwardField:
		return false
	case value == "" && last != roleCopy && last != roleOther:
		return true
	case last&(roleFrom|roleTo|roleCopy) != 0:
		return strings.HasPrefix(line, "<") || strings.HasSuffix(value, ",") || strings.HasSuffix(value, ";") || strings.Contains(line, "@") && !strings.Contains(value, "@")
	case last == roleOther:
		return false
	}
	return utf8.RuneCountInString(above) >= 60 && utf8.RuneCountInString(line) < 60 // wrapped
}

// forward makes values of what was gathered; false without a sender.
func (b *forwardFields) forward() (Forward, bool) {
	fw := Forward{Form: FormInline, File: -1, told: b.told}
	from := b.values[roleFrom]
	when := b.values[roleDate]
	if b.sentence != "" {
		from, when = sentenceParts(b.sentence)
	}
	var found bool
	if fw.From, found = forwardAuthor(from); !found {
		return Forward{}, false
	}
	fw.To = forwardAddresses(b.values[roleTo])
	fw.Cc = forwardAddresses(b.values[roleCopy])
	fw.Subject = oneLine(b.values[roleSubject])
	fw.Date = forwardDate(when, b.english)
	fw.MessageID = messageID(strings.Replace(b.values[roleID], "mailto:", "", 1))
	return fw, true
}
