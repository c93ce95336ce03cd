package mailtext

import (
	"io"
	"strings"

	"github.com/emersion/go-message/textproto"
)

// entity is a header and a body: a whole mail, or a part of one (RFC 2045 §2.4). Both readers, go-message and enmime, give the same.
type entity struct {
	header      textproto.Header
	content     parameterised
	disposition parameterised
	body        io.Reader               // as transferred: the encoding is not undone
	next        func() (*entity, error) // the parts of a multipart, io.EOF after the last; nil for a leaf
}

// newEntity looks at the fields that say what a part is.
func (r *reading) newEntity(h textproto.Header, body io.Reader, fallback string) (*entity, error) {
	e := &entity{header: h, body: body}
	if h.Len() > r.lim.HeaderFields {
		return nil, r.beyond("A header has more than %d fields.", r.lim.HeaderFields)
	}
	e.content = parseParameterised(r.field(&h, "Content-Type"), r.lim.Params)
	if value := h.Get("Content-Disposition"); value != "" {
		e.disposition = parseParameterised(r.cut("Content-Disposition", value), r.lim.Params)
	}
	if e.content.beyond || e.disposition.beyond {
		return nil, r.beyond("A field has more than %d parameters.", r.lim.Params)
	}
	if !strings.Contains(e.content.value, "/") {
		e.content.value = fallback
	}
	return e, nil
}

// Media types that decide how a part is read.
const (
	typePlain   = "text/plain"
	typeHTML    = "text/html"
	typeMessage = "message/rfc822"
)

// multipart is the subtype of a multipart, and empty for a leaf.
func (e *entity) multipart() string {
	subtype, _ := strings.CutPrefix(e.content.value, "multipart/")
	if subtype == e.content.value {
		return ""
	}
	return subtype
}

// encoding is the transfer encoding. A multipart has none, whatever it says (RFC 2045 §6.4).
func (e *entity) encoding() string {
	if e.next != nil {
		return ""
	}
	value := e.header.Get("Content-Transfer-Encoding")
	if strings.IndexByte(value, '(') >= 0 {
		value = stripComments(value)
	}
	value, _, _ = strings.Cut(value, ";")
	return strings.Trim(value, " \t\"'")
}

// name is the file name that the sender gave, whole, but for what would be dangerous or unreadable: folders, controls, invisible marks.
func (e *entity) name() string {
	name := e.disposition.params["filename"]
	if name == "" {
		name = e.content.params["name"]
	}
	return fileName(name)
}

// fileName keeps a name in any language. Folders before it are dropped, for 'C:\Users\me\x.pdf' means x.pdf, and ../../x does too.
func fileName(name string) string {
	name = oneLine(visible(readable(name)))
	if cut := strings.LastIndexAny(name, `/\`); cut >= 0 && cut < len(name)-1 {
		name = name[cut+1:]
	}
	name = strings.Trim(name, `/\ `)
	if name == "." || name == ".." {
		return ""
	}
	if len(name) > 1000 {
		name = strings.ToValidUTF8(name[:1000], "")
	}
	return name
}

// contentID is the identifier by which HTML names this part (RFC 2392).
func (e *entity) contentID() string {
	id := oneLine(plainText(e.header.Get("Content-Id")))
	id = strings.TrimSuffix(strings.TrimPrefix(id, "<"), ">")
	if len(id) > 998 {
		return ""
	}
	return id
}

// isBody says whether a leaf is part of what is shown as the mail's text: the test of RFC 8621 §4.1.4.
func (e *entity) isBody(at *place) bool {
	if e.disposition.value == "attachment" {
		return false
	}
	inlineMedia := isMedia(e.content.value)
	if e.content.value != typePlain && e.content.value != typeHTML && !inlineMedia {
		return false
	}
	return at.first || at.parent != "related" && (inlineMedia || e.name() == "")
}

// isMedia says whether browsers show such a part within text.
func isMedia(mediaType string) bool {
	return strings.HasPrefix(mediaType, "image/") || strings.HasPrefix(mediaType, "audio/") || strings.HasPrefix(mediaType, "video/")
}
