package mailtext

import (
	"strings"

	"golang.org/x/net/html"
)

// linesOfHTML is the text of sanitized HTML with a line for each line that a browser shows. TextOf runs cells and some blocks together and puts addresses of links in the place of their words, which is good to search in and bad to take apart.
func linesOfHTML(clean string) string {
	l := lineWriter{}
	l.out.Grow(len(clean) / 2)
	z := html.NewTokenizer(strings.NewReader(clean))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return readable(l.out.String())
		case html.TextToken:
			l.words(string(z.Text()))
		default:
			name, _ := z.TagName()
			if string(name) == "pre" && kind == html.StartTagToken {
				l.pre++
			} else if string(name) == "pre" {
				l.pre--
			}
			l.tag(string(name))
		}
	}
}

// lineWriter writes words and line ends.
type lineWriter struct {
	out strings.Builder
	pre int // elements pre that are open
}

// tag ends the line where a tag does: br always, a block only where something stands in the line.
func (l *lineWriter) tag(name string) {
	switch name {
	case "br":
		l.out.WriteByte('\n')
	case "td", "th":
		l.out.WriteByte(' ')
	case "p", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "pre", "table", "ul", "ol":
		l.end("\n")
		l.end("\n\n")
	case "div", "tr", "li", "blockquote", "tbody", "thead", "section", "article", "header", "footer", "center", "dl", "dt", "dd", "address":
		l.end("\n")
	}
}

// end writes a line end, unless there is nothing before it or it is there.
func (l *lineWriter) end(wanted string) {
	if l.out.Len() > 0 && !strings.HasSuffix(l.out.String(), wanted) {
		l.out.WriteByte('\n')
	}
}

// htmlSpace is what HTML takes for white space; no-break spaces are words.
const htmlSpace = " \n\t\r\f"

// words writes text, with white space as HTML sees it.
func (l *lineWriter) words(text string) {
	if l.pre > 0 {
		l.out.WriteString(text)
		return
	}
	fields := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(htmlSpace, c) })
	if strings.ContainsRune(htmlSpace, firstRune(text)) && l.out.Len() > 0 && !strings.HasSuffix(l.out.String(), "\n") {
		l.out.WriteByte(' ')
	}
	l.out.WriteString(strings.Join(fields, " "))
	if len(fields) > 0 && strings.ContainsRune(htmlSpace, rune(text[len(text)-1])) {
		l.out.WriteByte(' ')
	}
}
