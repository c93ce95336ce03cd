package mailtext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"postern/desk"
)

// maxDomain bounds a domain that is compared; RFC 5321 §4.5.3.1.2 says 255 octets, and U-labels are longer than A-labels.
const maxDomain = 1000

// lookalikes are, for each Latin letter, those of other scripts that are drawn like it or nearly so. What Unicode itself takes apart (full width, mathematical, accents, ligatures) is not here. Written for domains, so in lower case and with small capitals; after the confusables of UTS 39, and looser: they are only ever compared with names that we know.
var lookalikes = func() map[rune]string {
	table := map[rune]string{}
	for _, row := range []string{
		"a аɑαᴀꭺ", "b ЬьвʙβƄᏏɓ", "c сςϲᴄⅽ", "d ԁɗđժⅾᏧ", "e еҽєεᴇ℮ҿɛ", "f ғƒſꞙք", "g ɡցԍɢᶃ", "h һհнʜħ", "i іıɩιίɪӏｌ", "j јϳյᴊ", "k кκᴋƙқ", "l ⅼוןاʟłƚ", "m мᴍⅿ", "n пոռηɴŋη", "o оοօᴏσøɵ०০੦૦ଠ௦౦೦൦๐໐၀០〇ⲟоסه", "p рρᴘƿϱ", "q ԛզգ", "r гʀᴦꭇⲅ", "s ѕꜱʂƽ", "t тτᴛŧƭ", "u υսцᴜʋմ", "v νѵᴠⅴט", "w ԝшωѡаωաᴡⱳ", "x хχⅹ×", "y уγүʏყꭚ", "z ᴢƶʐ",
		"- ‐‑‒–—−˗⁃", ". 。．｡·․",
	} {
		target, letters, _ := strings.Cut(row, " ")
		for _, letter := range letters {
			if _, taken := table[letter]; !taken {
				table[letter] = target
			}
		}
	}
	table['æ'], table['œ'], table['ß'], table['þ'], table['ю'], table['ы'] = "ae", "oe", "ss", "p", "lo", "bl"
	return table
}()

// pairs are letters that run together, and digits that pass for letters. Programs show a capital I, and keep it in lower case where we compare: so i, l and 1 are one.
var (
	pairs  = strings.NewReplacer("rn", "m", "vv", "w", "cl", "d")
	digits = strings.NewReplacer("0", "o", "1", "l", "i", "l", "|", "l", "5", "s")
)

// skeleton is what is left of a name when all that looks alike is the same (UTS 39 §4, for our purpose): two names with the same skeleton can be taken for each other.
func skeleton(name string) string {
	if len(name) > maxDomain {
		name = strings.ToValidUTF8(name[:maxDomain], "")
	}
	if isPlain(name) {
		return pairs.Replace(digits.Replace(strings.ToLower(name)))
	}
	var out strings.Builder
	for _, c := range norm.NFKD.String(strings.ToLower(name)) {
		switch like := lookalikes[c]; {
		case unicode.In(c, unicode.Mn, unicode.Me, unicode.Cf):
		case like != "":
			out.WriteString(like)
		default:
			out.WriteRune(unicode.ToLower(c))
		}
	}
	return pairs.Replace(digits.Replace(out.String()))
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// uLabels is a domain as it is meant to be read, with A-labels decoded (RFC 5891 §4.4, without its checks: what breaks them is looked at all the same).
func uLabels(domain string) string {
	if len(domain) > maxDomain || !strings.Contains(strings.ToLower(domain), "xn--") {
		return domain
	}
	labels := strings.Split(strings.ToLower(domain), ".")
	for i, label := range labels {
		if shown, err := idna.Punycode.ToUnicode(label); err == nil && shown != "" {
			labels[i] = shown
		}
	}
	return strings.Join(labels, ".")
}

// aLabels is a domain as it stands in the DNS, in lower case; as it was where that cannot be.
func aLabels(domain string) string {
	domain = strings.ToLower(domain)
	if isPlain(domain) || len(domain) > maxDomain {
		return domain
	}
	if ascii, err := idna.Punycode.ToASCII(norm.NFC.String(domain)); err == nil {
		return ascii
	}
	return domain
}

// ShownAddress is an address as it may be shown to people: with its domain in its own script, but in A-labels (xn--…) where it mixes scripts or passes for Latin letters.
func ShownAddress(addr string) string {
	local, domain := desk.SplitAddress(addr)
	if domain == "" || isPlain(domain) && !strings.Contains(domain, "xn--") {
		return addr
	}
	shown := uLabels(domain)
	if mixed, _ := mixesScripts(shown); mixed != "" || passesForLatin(shown) != "" || strings.ContainsFunc(shown, isConcealed) {
		return local + "@" + aLabels(domain)
	}
	if _, err := idna.Display.ToUnicode(aLabels(domain)); err != nil {
		return local + "@" + aLabels(domain)
	}
	return local + "@" + shown
}

// mixesScripts is the first label that mixes scripts as no language does, and the scripts: the level 'highly restrictive' of UTS 39 §5.2. Japanese, Korean and Chinese go with Latin letters; nothing else goes with anything.
func mixesScripts(domain string) (label string, scripts []string) {
	for label := range strings.SplitSeq(domain, ".") {
		if isPlain(label) || len(label) > maxDomain {
			continue
		}
		if scripts := scriptsOf(label); !goTogether(scripts) {
			return label, scripts
		}
	}
	return "", nil
}

// scriptsOf are the scripts of the letters in a text, in the order in which they come.
func scriptsOf(text string) (found []string) {
	for _, c := range text {
		if c < utf8.RuneSelf && !unicode.IsLetter(c) {
			continue
		}
		script := scriptOf(c)
		if script != "" && !contains(found, script) {
			found = append(found, script)
		}
	}
	return found
}

// scriptOf names the script of a character; empty for what goes with all of them.
func scriptOf(c rune) string {
	for _, usual := range usualScripts {
		if unicode.Is(usual.table, c) {
			return usual.name
		}
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, c) && name != "Common" && name != "Inherited" {
			return name
		}
	}
	return ""
}

// usualScripts are asked first.
var usualScripts = []struct {
	name  string
	table *unicode.RangeTable
}{
	{"Latin", unicode.Latin}, {"Cyrillic", unicode.Cyrillic}, {"Greek", unicode.Greek}, {"Han", unicode.Han}, {"Hiragana", unicode.Hiragana}, {"Katakana", unicode.Katakana}, {"Hangul", unicode.Hangul}, {"Arabic", unicode.Arabic}, {"Hebrew", unicode.Hebrew},
}

// goTogether says whether some language writes in all of the scripts at once.
func goTogether(scripts []string) bool {
	if len(scripts) < 2 {
		return true
	}
	for _, family := range [][]string{{"Latin", "Han", "Hiragana", "Katakana"}, {"Latin", "Han", "Hangul"}, {"Latin", "Han", "Bopomofo"}} {
		all := true
		for _, script := range scripts {
			all = all && contains(family, script)
		}
		if all {
			return true
		}
	}
	return false
}

// drawnAsLatin are the letters of Cyrillic and Greek that cannot be told from Latin ones in most typefaces.
const drawnAsLatin = "асԁеһіјӏорԛѕԝхуѵɡοινρυαϲ"

// capitalsAsLatin are their capitals, which can be told from Latin ones even less. Domains have none.
const capitalsAsLatin = "АВЕЅІЈКМНОРСТУХԌԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"

// passesForLatin is the first label of a domain that holds no Latin letter and looks as if it did, below a top level domain in Latin letters, where nobody expects anything else.
func passesForLatin(domain string) string {
	cut := strings.LastIndexByte(domain, '.')
	if cut < 0 || !isPlain(domain[cut:]) || len(domain) > maxDomain {
		return ""
	}
	for label := range strings.SplitSeq(domain[:cut], ".") {
		letters := 0
		alike := !isPlain(label)
		for _, c := range label {
			if !unicode.IsLetter(c) {
				continue
			}
			letters++
			alike = alike && strings.ContainsRune(drawnAsLatin, c)
		}
		if alike && letters >= 3 {
			return label
		}
	}
	return ""
}

// isConcealed is a character that is not seen and has no business in a name: those that visible takes out, and those that it leaves since some scripts need them.
func isConcealed(c rune) bool {
	switch {
	case isHidden(c), c == 0xAD, c == 0x34F, c == 0x61C, c == 0x115F, c == 0x1160, c == 0x17B4, c == 0x17B5, c == 0x180E, c == 0x2800, c == 0x3164, c == 0xFFA0:
		return true
	case c >= 0x200B && c <= 0x200F, c >= 0x2060 && c <= 0x206F, c >= 0xFFF9 && c <= 0xFFFB, c >= 0xE0000 && c <= 0xE0FFF:
		return true
	}
	return false
}

// Likeness is what is left of a short name when all that looks alike is the same, without spaces and signs: two names of the same likeness can be taken for each other.
func Likeness(name string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return c
		}
		return -1
	}, skeleton(name))
}
