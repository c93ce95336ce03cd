package jobs

import (
	"html"
	"regexp"
	"strings"
	"sync"

	"mvdan.cc/xurls/v2"
)

// addresses finds web and mail addresses, and no other scheme: a link in our mail never runs anything. It is compiled when it is first wanted.
var addresses = sync.OnceValue(func() *regexp.Regexp {
	found, err := xurls.StrictMatchingScheme(`https?://|mailto:`)
	if err != nil {
		panic(err) // the pattern is a constant
	}
	return found
})

// markup writes plain text as HTML: paragraphs, quotes and links, and nothing that the text does not say.
func markup(text string) string {
	var out strings.Builder
	depth, open := 0, false // of quotes; whether a paragraph is open
	end := func() {
		if open {
			out.WriteString("</p>\n")
			open = false
		}
	}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		level, words := quoteLevel(line)
		if level != depth {
			end()
		}
		for ; depth < level; depth++ {
			out.WriteString("<blockquote>\n")
		}
		for ; depth > level; depth-- {
			out.WriteString("</blockquote>\n")
		}
		switch {
		case strings.TrimSpace(words) == "":
			end()
		case open:
			out.WriteString("<br>\n" + linked(words))
		default:
			out.WriteString("<p>" + linked(words))
			open = true
		}
	}
	end()
	out.WriteString(strings.Repeat("</blockquote>\n", depth))
	return out.String()
}

// quoteLevel counts the signs of quoting in front of a line (RFC 3676 §4.5), to a depth that any reader can show.
func quoteLevel(line string) (level int, words string) {
	words = line
	for level < 10 {
		rest, quoted := strings.CutPrefix(words, ">")
		if !quoted {
			break
		}
		level, words = level+1, strings.TrimPrefix(rest, " ")
	}
	return level, words
}

// linked escapes a line and makes its web addresses links. Spaces that would fall together stay.
func linked(line string) string {
	var out strings.Builder
	at := 0
	for _, found := range addresses().FindAllStringIndex(line, -1) {
		out.WriteString(escaped(line[at:found[0]]))
		url := html.EscapeString(line[found[0]:found[1]])
		out.WriteString(`<a href="` + url + `">` + url + `</a>`)
		at = found[1]
	}
	out.WriteString(escaped(line[at:]))
	return out.String()
}

func escaped(text string) string {
	return strings.ReplaceAll(html.EscapeString(text), "  ", " \u00a0")
}
