package main

import (
	"fmt"
	"html"
	"math/rand/v2"
	"strings"
	"time"

	"postern/desk"
)

// author writes the words of conversations. The same seed writes the same words, so what a mail quotes is what the mail before it said.
type author struct {
	seed      uint64
	languages []language
	agents    []person
	customers []person // by contact
}

// person is somebody who writes.
type person struct{ name, address string }

// subject matter of one conversation: what stands in for the words in braces.
type matter struct {
	random  *rand.Rand
	l       *language
	product string
	order   string
	code    string
	amount  string
	city    string
}

// products have a name and a number, as products do.
func products() []string {
	return strings.Split("Lumen|Aquaflow|Nimbus|Terra|Volta|Cirrus|Marea|Pino|Alba|Fjord|Zephyr|Kestrel|Onda|Basalt|Tundra|Solis", "|")
}

func pick(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }

// customer is the person behind a contact.
func (a *author) customer(contact int) person {
	l := &a.languages[languageOf(a.seed, contact, a.languages)]
	random := rand.New(rand.NewPCG(a.seed+2, uint64(contact)))
	first, last := pick(random, l.first), pick(random, l.last)
	return person{name: first + " " + last, address: fmt.Sprintf("%s%d@%s", plain(first+"."+last), contact, pick(random, l.domains))}
}

// plain is a name as it stands in an address.
func plain(name string) string { return accents.Replace(strings.ToLower(name)) }

var accents = strings.NewReplacer("à", "a", "á", "a", "ä", "ae", "ç", "c", "ć", "c", "è", "e", "é", "e", "ê", "e", "ë", "e", "í", "i", "î", "i", "ï", "i", "ñ", "n", "ò", "o", "ó", "o", "ö", "oe", "ô", "o", "ß", "ss", "ú", "u", "û", "u", "ü", "ue", " ", "", "'", "")

func (a *author) matter(n int, c *conversation) *matter {
	random := rand.New(rand.NewPCG(a.seed+3, uint64(n)))
	m := &matter{random: random, l: &a.languages[c.language]}
	m.product = fmt.Sprintf("%s %d", pick(random, products()), 10*(1+random.IntN(60)))
	m.order = fmt.Sprintf("%02d-%07d", c.created.Year()%100, 1_000_000+n*7%9_000_000)
	m.code = fmt.Sprintf("%c%c%05d", 'A'+rune(random.IntN(26)), 'A'+rune(random.IntN(26)), random.IntN(100_000))
	m.amount = fmt.Sprintf("%d.%02d €", 5+random.IntN(900), random.IntN(100))
	m.city = pick(random, m.l.city)
	return m
}

// subject is the subject of a conversation.
func (a *author) subject(n int, c *conversation) string {
	m := a.matter(n, c)
	return m.fill(pick(m.random, m.l.topics[c.topic].subject), c.created)
}

// fill puts words in for the braces. Codes and days differ from mail to mail, what it is about does not.
func (m *matter) fill(phrase string, at time.Time) string {
	before, rest, found := strings.Cut(phrase, "{")
	if !found {
		return phrase
	}
	name, rest, _ := strings.Cut(rest, "}")
	word := map[string]*string{"product": &m.product, "order": &m.order, "code": &m.code, "amount": &m.amount, "city": &m.city}[name]
	if word == nil {
		day := m.day(at.AddDate(0, 0, -m.random.IntN(20)))
		word = &day
	}
	return before + *word + m.fill(rest, at)
}

func (m *matter) day(at time.Time) string {
	switch m.l.code {
	case "en":
		return at.Format("2 January")
	case "de":
		return at.Format("2.1.2006")
	default:
		return at.Format("2/1/2006")
	}
}

// words is what one step of a conversation says, without what it quotes.
func (a *author) words(n int, c *conversation, place int) string {
	m := a.matter(n, c)
	m.random = rand.New(rand.NewPCG(a.seed+4+uint64(n), uint64(place)))
	m.code = fmt.Sprintf("%c%c%05d", 'A'+rune(m.random.IntN(26)), 'A'+rune(m.random.IntN(26)), m.random.IntN(100_000))
	at, topic := c.steps[place].at, m.l.topics[c.topic]
	if c.steps[place].kind == desk.KindNote {
		return m.fill(pick(m.random, m.l.any.note), at)
	}
	from, more, who := topic.ask, m.l.any.ask, a.customers[c.contact].name
	if c.steps[place].kind == desk.KindReply {
		from, more, who = topic.answer, m.l.any.answer, a.agents[c.agent].name
	}
	var text strings.Builder
	text.WriteString(pick(m.random, m.l.greet) + "\n\n")
	for i := range m.sentences() {
		phrase := pick(m.random, from)
		if place > 0 && i == 0 || m.random.IntN(4) == 0 {
			phrase = pick(m.random, more)
		}
		text.WriteString(m.fill(phrase, at))
		if m.random.IntN(3) == 0 {
			text.WriteString("\n\n")
		} else {
			text.WriteString(" ")
		}
	}
	return strings.TrimSpace(text.String()) + "\n\n" + pick(m.random, m.l.bye) + "\n" + who
}

// sentences: most mails are short, some go on.
func (m *matter) sentences() int {
	if m.random.IntN(8) == 0 {
		return 8 + m.random.IntN(12)
	}
	return 2 + m.random.IntN(4)
}

// quoted is the mail before, as the customer's program quotes it.
func (a *author) quoted(n int, c *conversation, place int) string {
	for before := place - 1; before >= 0; before-- {
		who := a.customers[c.contact].name
		switch c.steps[before].kind {
		case desk.KindReply:
			who = a.agents[c.agent].name
		case desk.KindInbound:
		default:
			continue
		}
		m := a.matter(n, c)
		head := strings.NewReplacer("{day}", m.day(c.steps[before].at), "{who}", who).Replace(m.l.wrote)
		return head + "\n> " + strings.ReplaceAll(a.words(n, c, before), "\n", "\n> ")
	}
	return ""
}

// page is the text as the programs of half of all people write it besides.
func page(text string) string {
	var out strings.Builder
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		out.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(paragraph), "\n", "<br>") + "</p>")
	}
	return out.String()
}
