package mailtext

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// How programs show days and hours. They are looked for in at most 120 bytes.
var (
	dayISO     = regexp.MustCompile(`\b((?:19|20)\d\d)\s?[-/.]\s?(\d{1,2})\s?[-/.]\s?(\d{1,2})(?:\D|$)`)
	dayEastern = regexp.MustCompile(`((?:19|20)\d\d)\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]`)
	dayNumeric = regexp.MustCompile(`\b(\d{1,2})\s?([-/.])\s?(\d{1,2})\s?[-/.]\s?((?:19|20)?\d\d)(?:\D|$)`)
	clock      = regexp.MustCompile(`(?:^|\D)(\d{1,2})\s?[:.h時时시点點]\s?(\d{2})(?:\s?[:.分분]\s?(\d{2}))?(?:\D|$)`)
	zoneOffset = regexp.MustCompile(`(?:gmt|utc|\s|\(|:\d\d)\s?([+\-−])\s?(\d{1,2}):?(\d{2})?(?:\D|$)`)
	zoneName   = regexp.MustCompile(`\b(mesz|mez|cest|cet|utc|gmt|bst|west|wet|eest|eet|msk|мск|est|edt|cst|cdt|mst|mdt|pst|pdt|jst|kst|aest|aedt)\b`)
)

// zoneHours are the names that stand for one zone in mail; IST, for one, does not.
var zoneHours = map[string]int{
	"utc": 0, "gmt": 0, "wet": 0, "bst": 1, "west": 1, "cet": 1, "mez": 1, "cest": 2, "mesz": 2, "eet": 2, "eest": 3, "msk": 3, "мск": 3,
	"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "jst": 9, "kst": 9, "aest": 10, "aedt": 11,
}

// forwardDate reads a date as people see it, in their language; zero when that cannot be done without guessing. A date without a zone is taken for UTC. english: 3/4 may be the third of April or the fourth of March.
func forwardDate(value string, english bool) time.Time {
	if len(value) > 120 {
		return time.Time{}
	}
	shown := value
	value = strings.ToLower(norm.NFKC.String(strings.ToValidUTF8(value, "")))
	noon := halfOfDay(value)
	year, month, day, rest := calendarDay(value, english && noon == noHalf, noon != noHalf && english)
	if year < 1970 || year > 2199 || month < 1 || month > 12 || day < 1 || day > 31 {
		return parseDate(shown)
	}
	hour, minute, second := 0, 0, 0
	if at := clock.FindStringSubmatch(rest); at != nil {
		hour, minute, second = number(at[1]), number(at[2]), number(at[3])
	}
	switch {
	case noon == afternoon && hour < 12:
		hour += 12
	case noon == forenoon && hour == 12:
		hour = 0
	}
	date := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if hour > 23 || minute > 59 || second > 60 || date.Day() != day && hour < 24 {
		return time.Time{}
	}
	return date.Add(-zone(rest))
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits) // at most four digits, or none
	return n
}

// zone is the offset from UTC that a text names.
func zone(text string) time.Duration {
	if at := zoneOffset.FindStringSubmatch(text); at != nil {
		offset := time.Duration(number(at[2]))*time.Hour + time.Duration(number(at[3]))*time.Minute
		if offset > 14*time.Hour {
			return 0
		}
		if at[1] != "+" {
			offset = -offset
		}
		return offset
	}
	return time.Duration(zoneHours[zoneName.FindString(text)]) * time.Hour
}

// Halves of a day.
const (
	noHalf = iota
	forenoon
	afternoon
)

func halfOfDay(text string) int {
	for i := 0; i+1 < len(text); i++ { // am, pm, a.m., p. m. behind a number
		if c := text[i]; (c == 'a' || c == 'p') && i > 0 && (isDigit(text[i-1]) || text[i-1] == ' ' && i > 1 && isDigit(text[i-2])) {
			rest := strings.TrimLeft(text[i+1:], ". ")
			if strings.HasPrefix(rest, "m") && (len(rest) == 1 || !unicode.IsLetter(firstRune(rest[1:]))) {
				if c == 'a' {
					return forenoon
				}
				return afternoon
			}
		}
	}
	for _, word := range []string{"下午", "晚上", "오후", "午後"} {
		if strings.Contains(text, word) {
			return afternoon
		}
	}
	for _, word := range []string{"上午", "凌晨", "早上", "오전", "午前"} {
		if strings.Contains(text, word) {
			return forenoon
		}
	}
	return noHalf
}

// calendarDay finds the day, and what else the text holds. either: the order of two small numbers is open, american: the month stands first.
func calendarDay(text string, either, american bool) (year, month, day int, rest string) {
	for _, form := range []*regexp.Regexp{dayEastern, dayISO} {
		if at := form.FindStringSubmatchIndex(text); at != nil {
			return number(text[at[2]:at[3]]), number(text[at[4]:at[5]]), number(text[at[6]:at[7]]), text[at[7]:]
		}
	}
	if year, month, day, rest = namedDay(text); year != 0 {
		return year, month, day, rest
	}
	at := dayNumeric.FindStringSubmatchIndex(text)
	if at == nil {
		return 0, 0, 0, ""
	}
	first, second, year := number(text[at[2]:at[3]]), number(text[at[6]:at[7]]), number(text[at[8]:at[9]])
	if year < 100 {
		year += 2000
	}
	rest = text[at[9]:]
	if !strings.ContainsFunc(rest, unicode.IsDigit) {
		rest = text[:at[2]] // '10:00 22.11.2026'
	}
	dotted := text[at[4]:at[5]] == "."
	switch {
	case second > 12, american && first <= 12 && !dotted:
		return year, first, second, rest
	case first > 12, dotted, first == second, !either:
		return year, second, first, rest
	}
	return 0, 0, 0, ""
}

// token is a word or a number in a date.
type token struct {
	word  string // empty for a number
	value int
	end   int // byte behind it
}

// namedDay finds a day whose month is written as a word.
func namedDay(text string) (year, month, day int, rest string) {
	tokens := dateTokens(text)
	best := -1
	for i, t := range tokens {
		if t.word == "" || monthOf(t.word) == 0 {
			continue
		}
		before := i > 0 && isDay(tokens[i-1])
		after := i+1 < len(tokens) && isDay(tokens[i+1])
		if before || after && best < 0 { // 'mar. 24 nov.': mar is a Tuesday
			best = i
		}
	}
	if best < 0 {
		return 0, 0, 0, ""
	}
	used := best
	switch {
	case best > 0 && isDay(tokens[best-1]):
		day = tokens[best-1].value
	default:
		used = best + 1
		day = tokens[used].value
	}
	for i, t := range tokens {
		if t.word == "" && t.value >= 1970 && t.value <= 2199 {
			year, used = t.value, max(used, i)
			break
		}
	}
	rest = text[tokens[used].end:]
	if !clock.MatchString(rest) {
		rest = text
	}
	return year, monthOf(tokens[best].word), day, rest
}

func isDay(t token) bool { return t.word == "" && t.value >= 1 && t.value <= 31 }

// dateTokens takes a text apart into numbers and words. What only links them ('22 de noviembre de 2026', '22nd of November') is left out.
func dateTokens(text string) (tokens []token) {
	for at := 0; at < len(text) && len(tokens) < 40; {
		c, size := utf8.DecodeRuneInString(text[at:])
		start := at
		switch {
		case c >= '0' && c <= '9':
			for at < len(text) && isDigit(text[at]) {
				at++
			}
			value := 0
			if at-start <= 4 {
				value = number(text[start:at])
			}
			tokens = append(tokens, token{value: value, end: at})
		case unicode.IsLetter(c):
			for at < len(text) && (unicode.IsLetter(c) || unicode.IsMark(c)) {
				at += size
				c, size = utf8.DecodeRuneInString(text[at:])
			}
			switch word := text[start:at]; word {
			case "de", "of", "del", "di", "d", "st", "nd", "rd", "th", "er", "den", "º":
			default:
				tokens = append(tokens, token{word: word, end: at})
			}
		default:
			at += size
		}
	}
	return tokens
}

// monthOf is the month that a word names, or 0. An abbreviation of three letters or more counts where no other month begins so.
func monthOf(word string) int {
	if month := monthWords[word]; month != 0 {
		return month
	}
	if utf8.RuneCountInString(word) < 3 {
		return 0
	}
	found := 0
	for i, names := range monthNames {
		for _, name := range names {
			if !strings.HasPrefix(name, word) {
				continue
			}
			if found != 0 && found != i+1 {
				return 0
			}
			found = i + 1
		}
	}
	return found
}

// monthNames are those of en de fr it es pt nl pl sv da nb fi cs ru uk tr hu ro el, in the case that dates use.
var monthNames = [12][]string{
	{"january", "januar", "jänner", "janvier", "gennaio", "enero", "janeiro", "januari", "stycznia", "styczeń", "tammikuuta", "ledna", "leden", "января", "январь", "січня", "ocak", "január", "ianuarie", "ιανουαρίου"},
	{"february", "februar", "feber", "février", "febbraio", "febrero", "fevereiro", "februari", "lutego", "luty", "helmikuuta", "února", "únor", "февраля", "февраль", "лютого", "şubat", "február", "februarie", "φεβρουαρίου"},
	{"march", "märz", "mars", "marzo", "março", "maart", "marca", "marzec", "marts", "maaliskuuta", "března", "březen", "марта", "март", "березня", "mart", "március", "martie", "μαρτίου"},
	{"april", "avril", "aprile", "abril", "kwietnia", "kwiecień", "huhtikuuta", "dubna", "duben", "апреля", "апрель", "квітня", "nisan", "április", "aprilie", "απριλίου"},
	{"may", "mai", "maggio", "mayo", "maio", "mei", "maja", "maj", "toukokuuta", "května", "květen", "мая", "май", "травня", "mayıs", "május", "μαΐου", "μαϊου"},
	{"june", "juni", "juin", "giugno", "junio", "junho", "czerwca", "czerwiec", "kesäkuuta", "června", "červen", "июня", "июнь", "червня", "haziran", "június", "iunie", "ιουνίου"},
	{"july", "juli", "juillet", "luglio", "julio", "julho", "lipca", "lipiec", "heinäkuuta", "července", "červenec", "июля", "июль", "липня", "temmuz", "július", "iulie", "ιουλίου"},
	{"august", "août", "agosto", "augustus", "sierpnia", "sierpień", "augusti", "elokuuta", "srpna", "srpen", "августа", "август", "серпня", "ağustos", "augusztus", "αυγούστου"},
	{"september", "septembre", "settembre", "septiembre", "setembro", "września", "wrzesień", "syyskuuta", "září", "сентября", "сентябрь", "вересня", "eylül", "szeptember", "septembrie", "σεπτεμβρίου"},
	{"october", "oktober", "octobre", "ottobre", "octubre", "outubro", "października", "październik", "lokakuuta", "října", "říjen", "октября", "октябрь", "жовтня", "ekim", "október", "octombrie", "οκτωβρίου"},
	{"november", "novembre", "noviembre", "novembro", "listopada", "listopad", "marraskuuta", "listopadu", "ноября", "ноябрь", "листопада", "kasım", "noiembrie", "νοεμβρίου"},
	{"december", "dezember", "décembre", "dicembre", "diciembre", "dezembro", "grudnia", "grudzień", "joulukuuta", "prosince", "prosinec", "декабря", "декабрь", "грудня", "aralık", "decembrie", "δεκεμβρίου"},
}

// monthWords are abbreviations that are no beginning of a name, or of two.
var monthWords = map[string]int{
	"mar": 3, "mrt": 3, "mär": 3, "mrz": 3, "mars": 3, "márc": 3, "mai": 5, "maj": 5, "may": 5, "mei": 5, "máj": 5, "jun": 6, "jul": 7, "juin": 6, "juil": 7, "čvn": 6, "čvc": 7, "čer": 6, "červen": 6, "лип": 7, "лис": 11, "lis": 11, "lip": 7, "sept": 9, "set": 9, "okt": 10, "avg": 8,
}
