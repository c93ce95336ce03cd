package mailtext

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/idna"

	"postern/desk"
)

// deskNames are whom strangers may want to be taken for in these tests.
func deskNames() Names {
	return Names{
		Domains:   []string{"desk.example", "acme-support.com", "nordwind.de", "mailcloud.io", "clearviewmedia.co.uk", "bücherkiste.de", "typewriter-museum.org"},
		People:    []string{"Ada Lovelace", "Grace Hopper", "Jürgen Müller", "Анна Кузнецова", "田中太郎", "Info"},
		Brands:    []string{"Acme Support", "Nordwind GmbH", "Support"},
		Addresses: []string{"ada.lovelace@gmail.com"},
	}
}

func kinds(found []desk.Warning) string {
	var all []string
	for _, w := range found {
		all = append(all, w.Kind)
	}
	return strings.Join(all, " ")
}

func TestDeceptive(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, from, replyTo, want string }{
		{"plain", `Rita Example <rita@example.com>`, "", ""},
		{"another address in the name", `"support@bank.example" <x@evil.example>`, "", "name-address"},
		{"full width at sign", `"support＠bank.example" <x@evil.example>`, "", "name-address"},
		{"another domain in the name", `"PayPal.com Service" <x@evil.example>`, "", "name-address"},
		{"a link in the name", `"https://www.bank.de/login" <x@evil.example>`, "", "name-address"},
		{"its own domain in the name", `"Booking.com" <noreply@property.booking.com>`, "", ""},
		{"its own address, below it", `"rita@example.com" <rita@mail.example.com>`, "", ""},
		{"its own address, in its own script", `<info@xn--bcher-kva.de>`, "", ""},
		{"initials are no domain", `"J.R.R. Tolkien" <x@evil.example>`, "", ""},
		{"a language is no domain", `"Node.js Team" <x@openjs.example>`, "", ""},
		{"a name of two parts is no domain", `"anna.schmidt" <x@evil.example>`, "", ""},
		{"an agent's name", `Ada Lovelace <ada@evil.example>`, "", "name-of-ours"},
		{"an agent's name, turned around", `"LOVELACE, Ada" <ada@evil.example>`, "", "name-of-ours"},
		{"an agent's name, with an addition", `"Ada Lovelace (Support)" <ada@evil.example>`, "", "name-of-ours"},
		{"an agent's name in other letters", `"Аda Lоvelace" <ada@evil.example>`, "", "name-of-ours mixed-script"},
		{"an agent's name, zeros for o", `"Grace H0pper" <x@evil.example>`, "", "name-of-ours"},
		{"an agent's name, without accents", `"Jurgen Muller" <x@evil.example>`, "", "name-of-ours"},
		{"an agent's name in Cyrillic", `"Анна Кузнецова" <x@evil.example>`, "", "name-of-ours"},
		{"an agent's name in Han", `"田中太郎" <x@evil.example>`, "", "name-of-ours"},
		{"the agent", `Ada Lovelace <ada@desk.example>`, "", ""},
		{"the agent's private address", `Ada Lovelace <Ada.Lovelace@gmail.com>`, "", ""},
		{"a brand of ours", `"Nordwind Kundenservice" <x@evil.example>`, "", "name-of-ours"},
		{"a word that is nobody's name", `"Support" <x@vendor.example>`, "", ""},
		{"digit for letter", `Rita <r@n0rdwind.de>`, "", "look-alike"},
		{"rn for m", `Rita <r@rnailcloud.io>`, "", "look-alike"},
		{"vv for w", `Rita <r@nordvvind.de>`, "", "look-alike"},
		{"d for cl", `Rita <r@dearviewmedia.co.uk>`, "", "look-alike"},
		{"i for l", `Rita <r@maiicioud.io>`, "", "look-alike"},
		{"below a look-alike", `Rita <r@mail.n0rdwind.de>`, "", "look-alike"},
		{"ours below another", `Rita <r@nordwind.de.evil.example>`, "", "look-alike"},
		{"without the accent", `Rita <r@bucherkiste.de>`, "", "look-alike"},
		{"one of ours", `Rita <r@mail.nordwind.de>`, "", ""},
		{"one of ours in A-labels", `Rita <r@xn--bcherkiste-9db.de>`, "", ""},
		{"mixed scripts", `Rita <r@раypal.example>`, "", "mixed-script"},
		{"mixed scripts in A-labels", `Rita <r@xn--ypal-43d9g.example>`, "", "mixed-script"},
		{"all Cyrillic, and looks Latin", `Rita <r@аррӏе.com>`, "", "look-alike"},
		{"Cyrillic below its own top level domain", `Rita <r@роса.рф>`, "", ""},
		{"Cyrillic words", `Рита <r@почта.com>`, "", ""},
		{"Japanese mixes", `Rita <r@tokyoニュース日本語の.jp>`, "", ""},
		{"mixed scripts in a word of the name", `"Раypal" <r@evil.example>`, "", "mixed-script"},
		{"two scripts in two words", `"ООО Acme" <r@acme.example>`, "", ""},
		{"answers elsewhere", `Rita <r@example.com>`, `<x@evil.example>`, "reply-to"},
		{"answers below the same", `Rita <r@mail.example.com>`, `<x@example.com>`, ""},
		{"answers to us", `Rita <r@example.com>`, `<x@desk.example>`, ""},
		{"a soft hyphen", "\"Ri\u00ADta\" <r@example.com>", "", "hidden-characters"},
		{"a zero-width joiner", "\"Ri\u200Dta\" <r@example.com>", "", "hidden-characters"},
		{"a joiner where it belongs", "\"می\u200Cخواهم\" <r@example.com>", "", ""},
		{"an emoji of several", "\"Rita 👩\u200D💻\" <r@example.com>", "", ""},
	}
	ours := NewOurs(deskNames())
	for _, c := range cases {
		from, _ := parseAddresses(c.from)
		replyTo, _ := parseAddresses(c.replyTo)
		if len(from) != 1 {
			t.Fatalf("%s: %v", c.name, from)
		}
		found := ours.Deceptive(from[0], replyTo)
		if kinds(found) != c.want {
			t.Errorf("%s: %q, want %q\n%+v", c.name, kinds(found), c.want, found)
		}
		for _, w := range found {
			if !strings.HasSuffix(w.Text, ".") || strings.ContainsFunc(w.Text, isConcealed) {
				t.Errorf("%s: no sentence: %q", c.name, w.Text)
			}
		}
	}
}

// What a name hid is told although reading has taken it out.
func TestDeceptiveHiddenOnReading(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"Rita \u202Emoc.live <r@example.com>":                 "hidden-characters",
		"=?utf-8?q?Ri=E2=80=8Bta?= <r@example.com>":           "hidden-characters",
		"=?utf-8?q?R=C3=ADta?= <r@example.com>":               "",
		"=?utf-8?q?support=40bank.example?= <x@evil.example>": "name-address",
	} {
		m := mustRead(t, []byte("From: "+from+"\n\nHello.\n"))
		if found := NewOurs(deskNames()).OfMail(m); kinds(found) != want {
			t.Errorf("%s: %+v", from, found)
		}
	}
}

func TestShownAddress(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"r@example.com":            "r@example.com",
		"r@xn--bcher-kva.example":  "r@bücher.example",
		"r@bücher.example":         "r@bücher.example",
		"r@xn--ypal-43d9g.example": "r@xn--ypal-43d9g.example",
		"r@раypal.example":         "r@xn--ypal-43d9g.example",
		"r@xn--80ak6aa92e.com":     "r@xn--80ak6aa92e.com",
		"r@xn--e1afmkfd.xn--p1ai":  "r@пример.рф",
		"r@xn--wgv71a119e.jp":      "r@日本語.jp",
		"r@xn--.example":           "r@xn--.example",
		"nobody":                   "nobody",
	} {
		if got := ShownAddress(addr); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

// confusablePairs are look-alikes of our domains. The single letters are those of confusables.txt of UTS 39 for each Latin letter, written down apart from the table that finds them.
func confusablePairs() (pairs [][2]string) {
	letters := map[string][]rune{
		"a": {0x0430, 0x0251, 0x03B1, 0xFF41, 0x1D41A, 0x00E0, 0x1EA1}, "b": {0x042C, 0x0184, 0xFF42, 0x13CF}, "c": {0x0441, 0x03F2, 0x1D04, 0x217D, 0x00E7}, "d": {0x0501, 0x217E, 0x0257, 0xFF44},
		"e": {0x0435, 0x04BD, 0x212E, 0x00E9, 0x1EB9}, "h": {0x04BB, 0x0570, 0xFF48}, "i": {0x0456, 0x0131, 0x03B9, 0x0269, 0x00ED}, "k": {0x043A, 0x03BA, 0xFF4B}, "l": {0x04CF, 0x217C, 0x05D5, 0x0142},
		"m": {0x043C, 0x217F, 0xFF4D}, "n": {0x0578, 0x057C, 0xFF4E, 0x00F1}, "o": {0x043E, 0x03BF, 0x0585, 0x06C1 - 0x7A, 0x0966, 0x0AE6, 0x3007, 0x00F6, 0x1ECD, 0x1D0F, 0x2C9F}, "p": {0x0440, 0x03C1, 0xFF50},
		"r": {0x0433, 0x1D26, 0xFF52}, "s": {0x0455, 0xA731, 0xFF53, 0x015F}, "t": {0x0442, 0x03C4, 0xFF54}, "u": {0x057D, 0x03C5, 0x1D1C, 0x00FC}, "v": {0x0475, 0x03BD, 0x2174, 0x05D8}, "w": {0x051D, 0x0461, 0x1D21, 0x0561}, "x": {0x0445, 0x03C7}, "y": {0x0443, 0x04AF, 0x03B3, 0x00FD},
	}
	for _, domain := range []string{"acme-support.com", "nordwind.de", "mailcloud.io", "clearviewmedia.co.uk", "typewriter-museum.org", "desk.example"} {
		label, rest, _ := strings.Cut(domain, ".")
		add := func(other string) {
			if other != label {
				pairs = append(pairs, [2]string{domain, other + "." + rest})
			}
		}
		for i, c := range label {
			for _, like := range letters[string(c)] {
				add(label[:i] + string(like) + label[i+1:])
			}
		}
		for _, swap := range [][2]string{{"o", "0"}, {"l", "1"}, {"i", "1"}, {"m", "rn"}, {"w", "vv"}, {"cl", "d"}, {"d", "cl"}, {"l", "i"}, {"s", "5"}} {
			for at := strings.Index(label, swap[0]); at >= 0; {
				add(label[:at] + swap[1] + label[at+len(swap[0]):])
				next := strings.Index(label[at+1:], swap[0])
				if next < 0 {
					break
				}
				at += 1 + next
			}
		}
	}
	return pairs
}

func TestT_15_ConfusablePairs(t *testing.T) {
	t.Parallel()
	ours := NewOurs(deskNames())
	pairs := confusablePairs()
	flagged, all := 0, 0
	for _, pair := range pairs {
		forms := []string{pair[1]}
		if ascii, err := idna.Punycode.ToASCII(pair[1]); err == nil && ascii != pair[1] {
			forms = append(forms, ascii)
		}
		for _, domain := range forms {
			all++
			if found, _ := ours.looksLike(domain); found == pair[0] {
				flagged++
				continue
			}
			t.Logf("%s is not taken for %s: %s", domain, pair[0], skeleton(uLabels(domain)))
		}
	}
	t.Logf("%d of %d forms of %d pairs flagged", flagged, all, len(pairs))
	if len(pairs) < 300 || float64(flagged) < 0.98*float64(all) {
		t.Errorf("%d of %d forms of %d pairs flagged", flagged, all, len(pairs))
	}
}

// ordinarySenders are names and addresses as people have them, in many scripts. People of the same names as our agents are left out: of these we do warn.
func ordinarySenders(t *testing.T) (senders []desk.Address) {
	t.Helper()
	raw, err := os.ReadFile("testdata/names/names.txt")
	if err != nil {
		t.Fatal(err)
	}
	var domains, companies []string
	groups := [][2][]string{}
	for line := range strings.Lines(string(raw)) {
		kind, words, _ := strings.Cut(strings.TrimSpace(line), ": ")
		list := strings.Split(words, " | ")
		switch kind {
		case "domains":
			domains = append(domains, list...)
		case "companies":
			companies = append(companies, list...)
		case "given":
			groups = append(groups, [2][]string{list, nil})
		case "family":
			groups[len(groups)-1][1] = list
		}
	}
	n := 0
	address := func(name string) {
		n++
		senders = append(senders, desk.Address{Name: name, Addr: fmt.Sprintf("user%d@%s", n, domains[n%len(domains)])})
	}
	for _, group := range groups {
		space := " "
		if isUnspaced(group[0][0] + group[1][0] + group[0][0] + group[1][0]) {
			space = ""
		}
		for i, given := range group[0] {
			for j, family := range group[1] {
				address(given + space + family)
				switch (i + j) % 4 {
				case 0:
					address(family + space + given)
				case 1:
					address(family + ", " + given)
				case 2:
					address(given + space + family + " (Einkauf)")
				default:
					address(strings.ToUpper(given + space + family))
				}
			}
		}
	}
	for _, company := range companies {
		for range 3 {
			address(company)
		}
	}
	for _, domain := range domains {
		address("")
		senders[len(senders)-1].Addr = "info@" + domain
		address(domain)
		senders[len(senders)-1].Addr = "info@" + domain
		ascii, err := idna.Punycode.ToASCII(domain)
		if err != nil {
			t.Fatal(err)
		}
		address("Rita Example")
		senders[len(senders)-1].Addr = "info@mail." + ascii
	}
	return senders
}

func TestT_15_OrdinaryNames(t *testing.T) {
	t.Parallel()
	ours := NewOurs(deskNames())
	senders := ordinarySenders(t)
	distinct := map[desk.Address]bool{}
	begin := time.Now()
	for _, from := range senders {
		distinct[desk.Address{Name: from.Name, Addr: desk.DomainOf(from.Addr)}] = true
		for _, w := range ours.Deceptive(from, nil) {
			t.Errorf("%s <%s>: %s: %s", from.Name, from.Addr, w.Kind, w.Text)
		}
	}
	t.Logf("%d senders, %d of them distinct in name and domain, %v each", len(senders), len(distinct), time.Since(begin)/time.Duration(len(senders)))
	if len(distinct) < 2000 {
		t.Errorf("only %d senders", len(distinct))
	}
}
