package main

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"

	"postern/domains"
)

// mailbox is where every mail of the benchmark goes. Postern has it from its first start: it is support@ the host name that we give it.
const (
	host    = "bench.example"
	mailbox = "support@" + host
)

// shape is what the mails of one row look like.
type shape struct {
	name       string
	text       int  // octets of text and HTML together
	attachment int  // octets of the attached file before base64
	signed     bool // with DKIM, by one of the signing domains
	share      int  // such rows send one mail where others send this many: large mails take longer
}

// shapes are the mails that can be measured.
func shapes() map[string]shape {
	return map[string]shape{
		"4k":      {name: "4 KiB", text: 3500, share: 1},
		"4ks":     {name: "4 KiB, signed", text: 3500, signed: true, share: 1},
		"64k":     {name: "64 KiB, a file of 44 KiB attached", text: 3500, attachment: 44 << 10, share: 4},
		"64ktext": {name: "64 KiB, text only", text: 65000, share: 4},
	}
}

// author writes mails that look like people's: words as frequent as words are, sentences, paragraphs, a greeting. The same seed writes the same mails, so that every
// peer gets the same octets, but for the second of a signature and what follows from it.
type author struct {
	random *rand.Rand
	zipf   *rand.Zipf
	words  []string
	keys   []domains.Key // for signed mails
}

// vocabulary is how many words there are: about what support mail in one language uses.
const vocabulary = 6000

func newAuthor(seed uint64) *author {
	lexicon := rand.New(rand.NewPCG(1, 2)) // one language for all authors
	syllables := strings.Fields("an ber con da e fer gi ha in ker lo mi no or pa qua re sti ta ung ver wi xe yo zu schen tion ble per ru")
	words := make([]string, vocabulary)
	for i := range words {
		var word strings.Builder
		for range 1 + i*3/vocabulary + lexicon.IntN(2) { // frequent words are short
			word.WriteString(syllables[lexicon.IntN(len(syllables))])
		}
		words[i] = word.String()
	}
	random := rand.New(rand.NewPCG(seed, seed))
	return &author{random: random, zipf: rand.NewZipf(random, 1.1, 2.7, vocabulary-1), words: words}
}

func (a *author) word() string { return a.words[a.zipf.Uint64()] }

// sentence has a capital letter, and ends like one.
func (a *author) sentence() string {
	var b strings.Builder
	for i := range 5 + a.random.IntN(12) {
		word := a.word()
		if i == 0 {
			word = strings.ToUpper(word[:1]) + word[1:]
		} else {
			b.WriteByte(' ')
		}
		b.WriteString(word)
		if i > 2 && a.random.IntN(12) == 0 {
			b.WriteByte(',')
		}
	}
	b.WriteByte(".?!"[min(a.random.IntN(14)/12, 2)])
	return b.String()
}

// paragraphs writes about n octets, lines not yet folded.
func (a *author) paragraphs(n int) (list []string) {
	for n > 0 {
		var b strings.Builder
		for range 2 + a.random.IntN(4) {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(a.sentence())
			if b.Len() > n {
				break
			}
		}
		list = append(list, b.String())
		n -= b.Len()
	}
	return list
}

// fold breaks a paragraph into lines of at most 72 characters. No line can begin with a dot, so nothing needs stuffing (RFC 5321 §4.5.2).
func fold(text string) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
		case column+1+len(word) > 72:
			b.WriteString("\r\n")
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// letter is one mail and its envelope sender.
type letter struct {
	from string
	data []byte // dots stuffed, with the line that ends it
}

// write composes one mail: a sender of its own, an id, a subject, text and HTML as alternatives, and a file where the shape has one.
func (a *author) write(s shape) (letter, error) {
	id, given, family := a.random.Uint64(), a.word(), a.word()
	domain := customer(id % 997)
	if s.signed {
		domain = customer(id % signingDomains)
	}
	from := fmt.Sprintf("%s.%s.%x@%s", given, family, id>>40, domain)
	var b strings.Builder
	fmt.Fprintf(&b, "From: %s %s <%s>\r\nTo: Support <%s>\r\nSubject: %s\r\n", strings.ToUpper(given), strings.ToUpper(family), from, mailbox, strings.TrimRight(a.sentence(), ".!"))
	fmt.Fprintf(&b, "Message-ID: <%016x.%x@%s>\r\nDate: Sun, 22 Nov 2026 10:%02d:%02d +0000\r\nUser-Agent: Mozilla Thunderbird\r\nMIME-Version: 1.0\r\n", id, a.random.Uint32(), domain, id%60, id/60%60)
	paragraphs := a.paragraphs((s.text - b.Len()) / 2)
	if s.attachment == 0 {
		alternative(&b, fmt.Sprintf("a%016x", id), paragraphs)
	} else {
		boundary := fmt.Sprintf("m%016x", id)
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\n", boundary, boundary)
		alternative(&b, fmt.Sprintf("a%016x", id), paragraphs)
		fmt.Fprintf(&b, "--%s\r\nContent-Type: application/pdf; name=\"%s.pdf\"\r\nContent-Disposition: attachment; filename=\"%s.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n", boundary, given, given)
		a.attach(&b, s.attachment)
		fmt.Fprintf(&b, "--%s--\r\n", boundary)
	}
	data := []byte(b.String())
	if s.signed {
		var err error
		if data, err = sign(data, a.keys[id%signingDomains]); err != nil {
			return letter{}, err
		}
	}
	return letter{from: from, data: append(data, ".\r\n"...)}, nil
}

// alternative writes the text twice, plain and as HTML, as most programs do.
func alternative(b *strings.Builder, boundary string, paragraphs []string) {
	fmt.Fprintf(b, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n--%s\r\nContent-Type: text/plain; charset=UTF-8; format=flowed\r\nContent-Transfer-Encoding: 7bit\r\n\r\n", boundary, boundary)
	for _, paragraph := range paragraphs {
		b.WriteString(fold(paragraph) + "\r\n\r\n")
	}
	fmt.Fprintf(b, "--%s\r\nContent-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n<html><body>\r\n", boundary)
	for _, paragraph := range paragraphs {
		b.WriteString("<p>" + fold(paragraph) + "</p>\r\n")
	}
	fmt.Fprintf(b, "</body></html>\r\n--%s--\r\n", boundary)
}

// attach writes n random octets in base64, in lines of 76 (RFC 2045 §6.8).
func (a *author) attach(b *strings.Builder, n int) {
	const octets = 57 // in a line
	line := make([]byte, octets)
	for ; n > 0; n -= octets {
		for i := range line {
			line[i] = byte(a.random.Uint32())
		}
		b.WriteString(base64.StdEncoding.EncodeToString(line[:min(n, octets)]) + "\r\n")
	}
}
