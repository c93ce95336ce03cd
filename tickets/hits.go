package tickets

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/desk"
	"postern/mailtext"
	"postern/store"
)

// Hit is what a search found in a ticket: its subject, and the words around the first hit in a message, cut into what was searched for and what was not.
type Hit struct {
	Subject []Piece
	Snippet []Piece // empty: the words stand elsewhere, such as in a name
}

// Piece is a run of text.
type Piece struct {
	Text string
	Hit  bool // it was searched for
}

const (
	mostMarks    = 8   // in one line
	snippetRunes = 140 // of the line with the hit
	beforeHit    = 40  // runes of it before the hit
)

// Hits says where the words of a search stand in tickets that it found. Nothing is returned where the text asks for no words.
func (s *Service) Hits(ctx context.Context, actor desk.Actor, found []desk.Ticket, text string) (map[int64]Hit, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, err
	}
	words, finds := soughtIn(text)
	if len(words) == 0 || len(found) == 0 {
		return nil, nil
	}
	numbers := make([]int64, len(found))
	for i, t := range found {
		numbers[i] = t.ID
	}
	texts, err := s.store.Hits(ctx, numbers, finds)
	if err != nil {
		return nil, err
	}
	m := maskOf(actor.User.Masks())
	hits := make(map[int64]Hit, len(found))
	for _, t := range found {
		hits[t.ID] = Hit{Subject: pieces(t.Subject, mailtext.Find(t.Subject, words, mostMarks))}
	}
	for _, one := range texts {
		hit := hits[one.Ticket]
		if hit.Snippet = snippet(m.text(one.Text), words); hit.Snippet == nil {
			hit.Snippet = snippet(m.text(one.Quoted), words)
		}
		hits[one.Ticket] = hit
	}
	return hits, nil
}

// soughtIn is what of a search stands in messages: its words, and the conditions that look for them.
func soughtIn(text string) (words []mailtext.Sought, finds []store.Find) {
	var f store.TicketFilter
	terms := parseTerms(text)
	if number, ok := bareNumber(terms); ok {
		f, terms = numbered(f, terms[0], number), nil
	}
	last := lastWord(terms)
	for i, t := range terms {
		if !t.Absent && (t.Name == "" || t.Name == "subject") {
			f.Find = append(f.Find, freeWord(term{Value: t.Value, Quoted: t.Quoted}, i == last || t.Name == "subject")...)
		}
	}
	for _, find := range f.Find {
		for i, lexeme := range find.Lexemes {
			words = append(words, mailtext.Sought{Lexeme: lexeme, Begins: find.Prefix == store.Beginning && i == len(find.Lexemes)-1})
		}
	}
	return words, f.Find
}

// snippet is one line of text around the first hit, or nil where there is none.
func snippet(text string, words []mailtext.Sought) []Piece {
	places := mailtext.Find(text, words, 1)
	if len(places) == 0 {
		return nil
	}
	start := back(text, places[0].From, beforeHit)
	end := forward(text, start, snippetRunes)
	line := strings.Join(strings.Fields(strings.ToValidUTF8(text[start:end], "\ufffd")), " ")
	if start > 0 {
		line = "… " + line
	}
	if end < len(text) {
		line += " …"
	}
	return pieces(line, mailtext.Find(line, words, mostMarks))
}

// back goes at most n runes back from a place, to where a word begins.
func back(text string, from, n int) int {
	at := from
	for ; n > 0 && at > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(text[:at])
		at -= size
	}
	if at == 0 {
		return 0
	}
	if space := strings.IndexFunc(text[at:from], unicode.IsSpace); space >= 0 {
		return at + space
	}
	return at
}

// forward goes n runes on, and back to where the last word ends.
func forward(text string, from, n int) int {
	at := from
	for ; n > 0 && at < len(text); n-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	if at == len(text) {
		return at
	}
	if space := strings.LastIndexFunc(text[from:at], unicode.IsSpace); space > (at-from)/2 {
		return from + space
	}
	return at
}

// pieces cuts a text at its places.
func pieces(text string, places []mailtext.Place) []Piece {
	var out []Piece
	last := 0
	for _, place := range places {
		if place.From > last {
			out = append(out, Piece{Text: text[last:place.From]})
		}
		out = append(out, Piece{Text: text[place.From:place.To], Hit: true})
		last = place.To
	}
	if last < len(text) {
		out = append(out, Piece{Text: text[last:]})
	}
	return out
}
