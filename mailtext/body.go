package mailtext

import (
	"bytes"
	"html"
	"io"
	"strings"

	"github.com/gabriel-vasile/mimetype"
	"github.com/k3a/html2text"
)

// bodyItem is one part of what is shown.
type bodyItem struct {
	html    bool
	cut     bool // the content is only the beginning
	content string
}

// body gathers the parts of the text and of the HTML as RFC 8621 §4.1.4 divides them: a part outside of an alternative belongs to both.
type body struct {
	text, html []bodyItem
}

// bodyMarks remembers what was there before an alternative.
type bodyMarks struct{ text, html int }

func (b *body) marks() bodyMarks { return bodyMarks{len(b.text), len(b.html)} }

// add puts an item where it belongs.
func (b *body) add(item bodyItem, at *place) {
	if at.parent != "alternative" && at.alternative { // within a multipart that is one side of an alternative
		at.noHTML = at.noHTML || !item.html
		at.noText = at.noText || item.html
	}
	toText, toHTML := !at.noText, !at.noHTML
	if at.parent == "alternative" {
		toText, toHTML = !item.html, item.html
	}
	if toText {
		b.text = append(b.text, item)
	}
	if toHTML {
		b.html = append(b.html, item)
	}
}

// settle ends an alternative: where one side is missing, or is text of nothing but white space, the other stands for both.
func (b *body) settle(before bodyMarks) {
	text, html := b.text[before.text:], b.html[before.html:]
	switch {
	case isBlank(text) && len(html) > 0:
		b.text = append(b.text[:before.text], html...)
	case len(html) == 0:
		b.html = append(b.html, text...)
	}
}

// isBlank says whether items hold nothing but white space.
func isBlank(items []bodyItem) bool {
	for _, item := range items {
		if strings.TrimSpace(item.content) != "" {
			return false
		}
	}
	return true
}

// show fills Text and HTML.
func (b *body) show(r *reading) {
	m := r.mail
	m.HTML = b.clean(r)
	texts := make([]string, 0, len(b.text))
	var total int64
	for _, item := range b.text {
		text := item.content
		if item.html {
			text = TextOf(text)
		}
		text = strings.TrimRight(text, "\n\t ")
		if left := r.lim.TextBytes - total; int64(len(text)) > left {
			text = strings.ToValidUTF8(text[:max(left, 0)], "")
			r.problem(problemLong, r.lim.TextBytes)
		}
		if text != "" {
			texts = append(texts, text)
			total += int64(len(text)) + 2
		}
	}
	m.Text = strings.Join(texts, "\n\n")
}

// clean makes the sanitized HTML; it is empty when no part is HTML, or when one cannot be cleaned, for then the text is shown (behaviour §8).
func (b *body) clean(r *reading) string {
	if !hasHTML(b.html) {
		return ""
	}
	cleaned := make([]string, 0, len(b.html))
	for _, item := range b.html {
		if !item.html {
			if strings.TrimSpace(item.content) != "" {
				cleaned = append(cleaned, `<div style="white-space:pre-wrap">`+html.EscapeString(item.content)+`</div>`)
			}
			continue
		}
		clean, _, err := Clean(item.content)
		if item.cut {
			err = errHTMLTooLong
		}
		if err != nil {
			r.problem("The formatted version of the mail is not shown: %v.", err)
			return ""
		}
		cleaned = append(cleaned, clean)
	}
	return strings.Join(cleaned, "\n")
}

func hasHTML(items []bodyItem) bool {
	for _, item := range items {
		if item.html {
			return true
		}
	}
	return false
}

// TextOf is what a person reads in HTML when it is shown without any formatting.
func TextOf(source string) string {
	text := html2text.HTML2TextWithOptions(source, html2text.WithUnixLineBreaks(), html2text.WithListSupport())
	return strings.TrimSpace(readable(strings.ToValidUTF8(text, "�")))
}

// leaf reads a part that holds no others.
func (r *reading) leaf(e *entity, at *place) error {
	content, known := transferDecoder(e.encoding(), e.body)
	if !known {
		r.problem("A part is encoded by an unknown method (%q); it was kept as it came.", oneLine(plainText(e.encoding())))
	}
	content = &untilCut{src: content, r: r}
	r.protection(e)
	f := File{Name: e.name(), MediaType: e.content.value, ContentID: e.contentID(), Origin: OriginPart, Description: e.description()}
	f.Inline = e.disposition.value == "inline" || e.isBody(at) || at.parent == "related" && f.ContentID != ""
	switch {
	case isTNEF(e):
		return r.tnef(f, content)
	case e.content.value == typeMessage || e.content.value == "message/global": // RFC 6532 §3.7
		f.Origin, f.MediaType = OriginMessage, typeMessage
		return r.file(f, content)
	case e.content.value == "text/calendar" || e.content.value == "application/ics":
		return r.calendar(f, e.content.params, content)
	case (e.content.value == typePlain || e.content.value == typeHTML) && e.isBody(at):
		return r.text(e, at, content)
	}
	return r.file(f, content)
}

// text reads a part of the body.
func (r *reading) text(e *entity, at *place, content io.Reader) error {
	if r.hand != nil {
		return nil
	}
	isHTML := e.content.value == typeHTML
	limit := r.lim.TextBytes
	if isHTML {
		limit = maxHTML
	}
	raw, whole, err := r.readText(content, limit)
	if err != nil {
		return err
	}
	if !whole {
		r.problem(problemLong, r.lim.TextBytes)
		raw = raw[:min(int64(len(raw)), r.lim.TextBytes)]
	}
	text := readable(decodeCharset(raw, e.charset(raw)))
	if !isHTML && strings.EqualFold(e.content.params["format"], "flowed") {
		text = reflow(text, strings.EqualFold(e.content.params["delsp"], "yes"))
	}
	r.body.add(bodyItem{html: isHTML, cut: !whole, content: text}, at)
	return nil
}

// charset is the one that a text part claims; HTML may say it itself.
func (e *entity) charset(raw []byte) string {
	label := e.content.params["charset"]
	if label != "" || e.content.value != typeHTML {
		return label
	}
	head := bytes.ToLower(raw[:min(len(raw), 2048)])
	at := bytes.Index(head, []byte("charset="))
	if at < 0 {
		return ""
	}
	value := bytes.TrimLeft(head[at+len("charset="):], `"' `)
	if end := bytes.IndexAny(value, `"'; />`); end >= 0 {
		value = value[:end]
	}
	return string(value)
}

// readText reads at most limit bytes into the scratch memory of the reading.
func (r *reading) readText(content io.Reader, limit int64) (raw []byte, whole bool, err error) {
	raw = r.scratch[:0]
	if cap(raw) == 0 {
		raw = make([]byte, 0, min(limit, max(r.src.Size()/2, 512), 64<<10))
	}
	for {
		if len(raw) == cap(raw) {
			raw = append(raw, 0)[:len(raw)]
		}
		n, err := content.Read(raw[len(raw):cap(raw)])
		raw = raw[:len(raw)+n]
		r.scratch = raw
		if int64(len(raw)) > limit {
			return raw[:limit], false, nil
		}
		if err == io.EOF {
			return raw, true, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
}

// sniffBytes is how much of a file is looked at to find its type.
const sniffBytes = 3072

// file notes a file, or hands it out on a second walk.
func (r *reading) file(f File, content io.Reader) error {
	if r.hand != nil {
		return r.give(content)
	}
	if needsSniffing(f.MediaType) {
		head, _, err := r.readText(io.LimitReader(content, sniffBytes), sniffBytes)
		if err != nil {
			return err
		}
		f.Size = int64(len(head))
		found, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
		f.MediaType = found
	}
	n, err := io.Copy(io.Discard, content)
	if err != nil {
		return err
	}
	f.Size += n
	r.note(f)
	return nil
}

// note appends a file to what was found.
func (r *reading) note(f File) {
	if f.Name == "" {
		f.Name = unnamed(f)
	}
	f.Index = len(r.mail.Files)
	r.mail.Files = append(r.mail.Files, f)
}

func needsSniffing(mediaType string) bool {
	return mediaType == "application/octet-stream" || mediaType == "application/unknown" || mediaType == "application/x-unknown" || strings.HasPrefix(mediaType, "multipart/")
}

// unnamed makes a name for a file that has none.
func unnamed(f File) string {
	switch f.MediaType {
	case typeMessage:
		return "message.eml"
	case "text/calendar":
		return "invitation.ics"
	case "message/delivery-status", "message/feedback-report", "message/disposition-notification", "text/rfc822-headers":
		_, subtype, _ := strings.Cut(f.MediaType, "/")
		return subtype + ".txt"
	case "application/pgp-signature":
		return "signature.asc"
	}
	kind, _, _ := strings.Cut(f.MediaType, "/")
	if kind != "image" && kind != "audio" && kind != "video" && kind != "text" {
		kind = "attachment"
	}
	if known := mimetype.Lookup(f.MediaType); known != nil {
		return kind + known.Extension()
	}
	return kind
}

// description is what the sender says about a part in words.
func (e *entity) description() string {
	return oneLine(visible(readable(decodeWords(e.header.Get("Content-Description")))))
}

// untilCut ends a part quietly where the mail was cut off, and turns the errors of the walk into ours.
type untilCut struct {
	src io.Reader
	r   *reading
}

func (u *untilCut) Read(p []byte) (int, error) {
	n, err := u.src.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case err == io.ErrUnexpectedEOF:
		u.r.problem(problemCut)
		return n, io.EOF
	}
	return n, u.r.explain(err)
}
