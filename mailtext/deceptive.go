package mailtext

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"postern/desk"
)

// Kinds of desk.Warning.
const (
	WarnNameAddress = "name-address"      // the name shows an address or a domain that is not the sender's
	WarnNameOfOurs  = "name-of-ours"      // the name is that of one of our people or mailboxes
	WarnLookAlike   = "look-alike"        // the domain looks like one of ours, or its letters like others
	WarnMixedScript = "mixed-script"      // one word of several scripts
	WarnHidden      = "hidden-characters" // characters that cannot be seen
	WarnReplyTo     = "reply-to"          // answers go to another organization
)

// Names are what a stranger may want to be taken for.
type Names struct {
	Domains   []string                   // our mail domains, with all below them
	People    []string                   // full names of our agents; a name of one word is not compared
	Brands    []string                   // names of our mailboxes and of the company; words like 'Support' are not compared
	Addresses []string                   // addresses of our agents and mailboxes elsewhere: these are no strangers
	Org       func(domain string) string // the organizational domain (RFC 9989 §4.10); nil: the last two labels, or three below co.uk and its like
}

// Ours is Names made ready to be compared with many mails. It does not change, and may be used by many at once.
type Ours struct {
	domains   []string // in A-labels
	skeletons []string // of domains
	people    map[string]string
	brands    map[string]string
	addresses map[string]bool
	org       func(string) string
}

// NewOurs makes names ready.
func NewOurs(names Names) *Ours {
	o := &Ours{people: map[string]string{}, brands: map[string]string{}, addresses: map[string]bool{}, org: names.Org}
	if o.org == nil {
		o.org = lastLabels
	}
	for _, domain := range names.Domains {
		o.domains = append(o.domains, aLabels(domain))
		o.skeletons = append(o.skeletons, skeleton(uLabels(domain)))
	}
	for _, name := range names.People {
		if key, words := nameKey(name); words > 1 || isUnspaced(name) {
			o.people[key] = name
		}
	}
	for _, name := range names.Brands {
		if key := brandKey(name); len(key) > 2 {
			o.brands[key] = name
		}
	}
	for _, addr := range names.Addresses {
		o.addresses[desk.Canonical(addr)] = true
	}
	return o
}

// Deceptive finds what deceives people about who sent a mail (T-15). It looks at the words only: that they are proved to come from where they say is another question, and a warning holds whatever its answer.
func Deceptive(from desk.Address, replyTo []desk.Address, names Names) []desk.Warning {
	return NewOurs(names).Deceptive(from, replyTo)
}

// OfMail is Deceptive for a whole mail; it also knows what was taken out of its From field on reading. A mail without From has nothing that could deceive.
func (o *Ours) OfMail(m *Mail) []desk.Warning {
	if len(m.From) == 0 {
		return nil
	}
	found := o.Deceptive(m.From[0], m.ReplyTo)
	if m.Concealed && !slices.ContainsFunc(found, func(w desk.Warning) bool { return w.Kind == WarnHidden }) {
		found = append(found, desk.Warning{Kind: WarnHidden, Text: "The sender's name held characters that cannot be seen or that turn the order of letters around; they were taken out."})
	}
	return found
}

// Deceptive is the function of the same name.
func (o *Ours) Deceptive(from desk.Address, replyTo []desk.Address) (found []desk.Warning) {
	warn := func(kind, format string, values ...any) {
		found = append(found, desk.Warning{Kind: kind, Text: fmt.Sprintf(format, values...)})
	}
	from = desk.Address{Name: strings.ToValidUTF8(from.Name, "\uFFFD"), Addr: strings.ToValidUTF8(from.Addr, "\uFFFD")}
	domain := desk.DomainOf(from.Addr)
	name := from.Name
	if len(name) > 1000 {
		name = strings.ToValidUTF8(name[:1000], "")
	}
	if hidesSomething(name) || strings.ContainsFunc(from.Addr, isConcealed) {
		warn(WarnHidden, "The sender's name or address holds characters that cannot be seen.")
		name = strings.Map(func(c rune) rune {
			if isConcealed(c) {
				return -1
			}
			return c
		}, name)
	}
	if other := o.shownElsewhere(name, domain); other != "" {
		warn(WarnNameAddress, "The name shows %s, but the mail is from %s.", other, ShownAddress(from.Addr))
	}
	if !o.isOurs(from.Addr) {
		key, _ := nameKey(name)
		if person := o.people[key]; person != "" {
			warn(WarnNameOfOurs, "The sender has the name of %s, who is one of your agents, but the address %s is not yours.", person, ShownAddress(from.Addr))
		} else if brand := o.brands[brandKey(name)]; brand != "" {
			warn(WarnNameOfOurs, "The sender has the name of %s, which is yours, but the address %s is not.", brand, ShownAddress(from.Addr))
		}
		if ours, how := o.looksLike(domain); ours != "" {
			warn(WarnLookAlike, "The domain %s %s your domain %s.", aLabels(domain), how, ours)
		}
	}
	o.scripts(name, domain, warn)
	for _, to := range replyTo {
		if other := desk.DomainOf(to.Addr); other != "" && domain != "" && !o.sameOrg(other, domain) && !o.isOurs(to.Addr) {
			warn(WarnReplyTo, "An answer goes to %s, which belongs to somebody else than the sender's domain %s.", ShownAddress(strings.ToValidUTF8(to.Addr, "\uFFFD")), aLabels(domain))
			break
		}
	}
	return found
}

// scripts warns of words and labels that mix scripts, and of those that only look Latin.
func (o *Ours) scripts(name, domain string, warn func(kind, format string, values ...any)) {
	shown := uLabels(domain)
	if label, scripts := mixesScripts(shown); label != "" {
		warn(WarnMixedScript, "The domain %s mixes letters of several scripts (%s).", aLabels(domain), strings.Join(scripts, ", "))
	} else if label := passesForLatin(shown); label != "" {
		warn(WarnLookAlike, "The domain %s is written in letters of another script (%s) that look like Latin ones.", aLabels(domain), strings.Join(scriptsOf(label), ", "))
	}
	if isPlain(name) {
		return
	}
	for _, word := range strings.FieldsFunc(name, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsMark(c) }) {
		scripts := scriptsOf(word)
		if len(scripts) < 2 || !contains(scripts, "Latin") || !strings.ContainsAny(word, drawnAsLatin+capitalsAsLatin) {
			continue // Ωmega is a fancy, Раypal is not
		}
		warn(WarnMixedScript, "The name %q holds a word that mixes letters of several scripts (%s).", name, strings.Join(scripts, ", "))
		return
	}
}

// hidesSomething says whether a name holds unseen characters where its script needs none: joiners shape Arabic, Indic letters and emoji, marks of direction go with Arabic and Hebrew.
func hidesSomething(name string) bool {
	if isPlain(name) {
		return false
	}
	joined := strings.ContainsFunc(name, func(c rune) bool {
		return c > 0x2FF && unicode.IsLetter(c) && !unicode.In(c, unicode.Latin, unicode.Cyrillic, unicode.Greek) || unicode.Is(unicode.So, c)
	})
	return strings.ContainsFunc(name, func(c rune) bool {
		if joined && (c >= 0x200C && c <= 0x200F || c == 0x61C) {
			return false
		}
		return isConcealed(c)
	})
}

// shownElsewhere is an address or a domain in a name that does not belong to the sender's domain.
func (o *Ours) shownElsewhere(name, domain string) string {
	if strings.IndexByte(name, '.') < 0 && isPlain(name) {
		return ""
	}
	for _, word := range strings.FieldsFunc(norm.NFKC.String(name), func(c rune) bool {
		return unicode.IsSpace(c) || strings.ContainsRune(`<>()[]{}"',;:|/\!?“”„«»`, c)
	}) {
		word = strings.Trim(word, ".-_*@&")
		other := desk.DomainOf(word)
		if other == "" {
			other = strings.TrimPrefix(word, "www.")
			if !isDomainWord(other, other != word) {
				continue
			}
		} else if !strings.Contains(other, ".") {
			continue
		}
		if !o.sameOrg(other, domain) {
			return word
		}
	}
	return ""
}

// isDomainWord says whether people take a word for a domain: Amazon.de, not J.Smith, Node.js or ASP.NET. told: it began with www.
func isDomainWord(word string, told bool) bool {
	cut := strings.LastIndexByte(word, '.')
	if cut < 0 || strings.Contains(word, "..") {
		return false
	}
	first, tld := word[:cut], word[cut+1:]
	if last := strings.LastIndexByte(first, '.'); last >= 0 {
		first = first[last+1:]
	}
	if strings.ContainsFunc(word, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '.' && c != '-' }) {
		return false
	}
	upper := word == strings.ToUpper(word) && strings.Contains(" COM ORG ", " "+tld+" ")
	if !upper && !strings.Contains(shownTLDs, " "+tld+" ") {
		return false
	}
	letters := len([]rune(first))
	return told && letters > 0 || letters >= 3 || letters == 2 && tld == "com"
}

// shownTLDs are the top level domains that people know by sight, in lower case as they are written: Anna.De is a name.
const shownTLDs = " com net org info biz edu gov mil int eu io ai app dev shop store online site xyz tech cloud bank de at ch fr uk nl be it es pt pl cz sk hu ro bg gr hr si rs lt lv ee se no dk fi is ie lu li ru ua by kz tr il us ca mx br ar cl pe au nz jp cn kr tw hk sg in id my th vn ph za ng ke eg ae sa рф укр 中国 "

// isOurs says whether an address is one of ours, or below one of our domains.
func (o *Ours) isOurs(addr string) bool {
	return o.addresses[desk.Canonical(addr)] || o.hasDomain(aLabels(desk.DomainOf(addr)))
}

func (o *Ours) hasDomain(domain string) bool {
	for _, ours := range o.domains {
		if domain == ours || strings.HasSuffix(domain, "."+ours) {
			return true
		}
	}
	return false
}

// looksLike is our domain that another may be taken for, and how.
func (o *Ours) looksLike(domain string) (ours, how string) {
	if domain == "" || o.hasDomain(aLabels(domain)) {
		return "", ""
	}
	like := skeleton(uLabels(domain))
	for i, mine := range o.skeletons {
		switch {
		case like == mine || strings.HasSuffix(like, "."+mine):
			return o.domains[i], "looks like"
		case strings.HasPrefix(like, mine+".") || strings.Contains(like, "."+mine+"."):
			return o.domains[i], "only begins like"
		}
	}
	return "", ""
}

func (o *Ours) sameOrg(a, b string) bool {
	a, b = aLabels(a), aLabels(b)
	return a == b || o.org(a) == o.org(b)
}

// lastLabels guesses an organizational domain where nobody can be asked.
func lastLabels(domain string) string {
	labels := strings.Split(domain, ".")
	keep := 2
	if n := len(labels); n > 2 && len(labels[n-1]) == 2 && strings.Contains(" co com ac org net gov edu or ne go gob gouv ", " "+labels[n-2]+" ") {
		keep = 3
	}
	return strings.Join(labels[max(0, len(labels)-keep):], ".")
}

// nameKey is the same for all spellings of a name that people do not tell apart: 'Example, Ada', 'ADA EXAMPLE', with letters of other scripts. What stands in parentheses is left out.
func nameKey(name string) (key string, words int) {
	if cut := strings.IndexAny(name, "([{|"); cut > 0 {
		name = name[:cut]
	}
	list := strings.FieldsFunc(skeleton(name), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	slices.Sort(list)
	return strings.Join(list, " "), len(list)
}

// isUnspaced says whether a name is written in a script without spaces, and whole.
func isUnspaced(name string) bool {
	letters := 0
	for _, c := range name {
		if unicode.IsLetter(c) && !unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) {
			return false
		}
		letters++
	}
	return letters >= 3
}

// brandKey is nameKey without the words that every company uses.
func brandKey(name string) string {
	key, _ := nameKey(name)
	words := strings.Fields(key)
	words = slices.DeleteFunc(words, func(word string) bool { return commonWords[word] })
	return strings.Join(words, " ")
}

// commonWords are names of mailboxes and forms of companies, by which nobody is known.
var commonWords = func() map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields("support help helpdesk desk service services customer care client team office info information contact kontakt kundenservice kundendienst kundenbetreuung buchhaltung rechnung verkauf vertrieb einkauf personal sales billing invoice invoices accounts accounting finance hr jobs admin administrator it security hello hi mail email post inbox noreply no reply do not news newsletter notifications alerts the and und et y e of for from gmbh ag inc ltd llc corp co sa srl bv kg via atencion cliente clientes soporte ayuda servizio clienti assistenza suporte atendimento assistance aide facturation ventes comercial контакт поддержка служба") {
		key := skeleton(word)
		set[key] = true
	}
	return set
}()
