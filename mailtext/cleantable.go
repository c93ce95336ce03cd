package mailtext

import "strings"

// element is what is known of an allowed HTML element.
type element struct {
	name    string    // as written: <body> becomes a <div>
	inline  bool      // closes no <p>, and lies between one and its text
	void    bool      // has no inside and no end tag
	cell    bool      // a table cell: end tags from inside do not reach out of it
	table   bool      // a part of a table, whose end tag reaches out of cells
	closes  string    // elements that its beginning closes, each between spaces
	allowed attribute // besides those that all have
}

// attribute is a set of attributes.
type attribute uint32

const (
	attrStyle attribute = 1 << iota
	attrHref
	attrSrc
	attrAlt
	attrTitle
	attrDir
	attrLang
	attrAlign
	attrVAlign
	attrWidth
	attrHeight
	attrBgcolor
	attrColor
	attrFace
	attrSize
	attrBorder
	attrSpacing
	attrPadding
	attrColspan
	attrRowspan
	attrStart
	attrType
	attrNowrap
	attrHspace
	attrVspace

	attrsAll   = attrStyle | attrTitle | attrDir | attrLang | attrAlign
	attrsTable = attrsAll | attrWidth | attrHeight | attrBgcolor | attrVAlign
	attrsCell  = attrsTable | attrColspan | attrRowspan | attrNowrap
)

// attributes says for each name its bit, and which values it may have.
var attributes = map[string]struct {
	bit   attribute
	valid func(value []byte) bool
}{
	"style":       {attrStyle, nil}, // see cleaner.style
	"href":        {attrHref, nil},  // see cleaner.link
	"src":         {attrSrc, nil},   // see cleaner.image
	"alt":         {attrAlt, anyText},
	"title":       {attrTitle, anyText},
	"dir":         {attrDir, words("ltr rtl auto")},
	"lang":        {attrLang, simple},
	"align":       {attrAlign, words("left right center justify middle top bottom absmiddle baseline")},
	"valign":      {attrVAlign, words("top middle bottom baseline")},
	"width":       {attrWidth, length},
	"height":      {attrHeight, length},
	"bgcolor":     {attrBgcolor, simple},
	"color":       {attrColor, simple},
	"face":        {attrFace, fontNames},
	"size":        {attrSize, length},
	"border":      {attrBorder, length},
	"cellspacing": {attrSpacing, length},
	"cellpadding": {attrPadding, length},
	"colspan":     {attrColspan, length},
	"rowspan":     {attrRowspan, length},
	"start":       {attrStart, length},
	"type":        {attrType, words("1 a A i I disc circle square")},
	"nowrap":      {attrNowrap, words("nowrap")},
	"hspace":      {attrHspace, length},
	"vspace":      {attrVspace, length},
}

// elements is the allow-list, by the name in a mail.
var elements = func() map[string]*element {
	table := make(map[string]*element, 80)
	add := func(e element, names ...string) {
		for _, name := range names {
			one := e
			one.name = name
			one.allowed |= attrsAll
			table[name] = &one
		}
	}
	add(element{inline: true}, "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "label", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var")
	add(element{inline: true, void: true}, "br", "img", "wbr")
	add(element{void: true, allowed: attrWidth | attrSize | attrColor}, "hr")
	add(element{}, "address", "article", "aside", "blockquote", "center", "details", "dl", "div", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "main", "nav", "p", "pre", "section", "summary")
	add(element{allowed: attrType | attrStart}, "ol", "ul")
	add(element{closes: " li ", allowed: attrType}, "li")
	add(element{closes: " dt dd "}, "dt", "dd")
	add(element{table: true, allowed: attrsTable | attrBorder | attrSpacing | attrPadding}, "table")
	add(element{table: true, allowed: attrsTable}, "caption", "colgroup")
	add(element{table: true, void: true, allowed: attrsTable}, "col")
	add(element{table: true, closes: " td th tr thead tbody tfoot caption colgroup ", allowed: attrsTable}, "thead", "tbody", "tfoot")
	add(element{table: true, closes: " td th tr caption colgroup ", allowed: attrsTable}, "tr")
	add(element{table: true, cell: true, closes: " td th ", allowed: attrsCell}, "td", "th")
	table["a"].allowed |= attrHref
	table["img"].allowed |= attrSrc | attrAlt | attrWidth | attrHeight | attrBorder | attrHspace | attrVspace
	table["font"].allowed |= attrColor | attrFace | attrSize
	// Colours of <body> are those of the whole mail: white text on a dark ground would vanish without them.
	table["body"] = &element{name: "div", allowed: attrsAll | attrBgcolor}
	return table
}()

// rawElements are dropped together with what is in them. They are those whose inside the tokenizer does not take apart.
var rawElements = map[string]bool{
	"script": true, "style": true, "title": true, "iframe": true, "noembed": true, "noframes": true, "noscript": true, "xmp": true, "plaintext": true, "textarea": true,
}

func anyText(value []byte) bool { return len(value) <= 4096 }

// simple values hold letters, digits, # and -: colours, languages.
func simple(value []byte) bool {
	for _, c := range value {
		if !isAlnum(c) && c != '#' && c != '-' {
			return false
		}
	}
	return len(value) > 0 && len(value) <= 64
}

// length is a number, perhaps of percent or pixels.
func length(value []byte) bool {
	for _, c := range value {
		if (c < '0' || c > '9') && c != '.' && c != '%' && c != '+' && c != '-' && c != 'p' && c != 'x' {
			return false
		}
	}
	return len(value) > 0 && len(value) <= 10
}

func fontNames(value []byte) bool {
	for _, c := range value {
		if !isAlnum(c) && strings.IndexByte(" ,-'\"_", c) < 0 {
			return false
		}
	}
	return len(value) > 0 && len(value) <= 256
}

// words allows exactly the given ones, in any case.
func words(list string) func(value []byte) bool {
	allowed := strings.Fields(list)
	return func(value []byte) bool {
		for _, one := range allowed {
			if len(one) == len(value) && strings.EqualFold(one, string(value)) {
				return true
			}
		}
		return false
	}
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
