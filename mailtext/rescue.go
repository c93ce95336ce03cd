package mailtext

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/emersion/go-message/textproto"
	"github.com/jhillyerd/enmime/v2"
)

// maxRescue is the size up to which a mail is given to enmime, which needs some times as much memory.
const maxRescue = 2 << 20

// rescued reads a mail that go-message does not understand with enmime. Only the tree of parts is taken from it: its text conversion dies on deep HTML, and encodings and charsets are undone here as for any other mail.
func (r *reading) rescued() error {
	if r.src.Size() > maxRescue {
		return errMalformed
	}
	raw, err := io.ReadAll(r.src)
	if err != nil {
		return fmt.Errorf("reading a mail: %w", err)
	}
	if err := r.bounded(raw); err != nil {
		return err
	}
	parser := enmime.NewParser(
		enmime.DisableTextConversion(true), enmime.RawContent(true), enmime.SkipMalformedParts(true), enmime.MultipartWOBoundaryAsSinglePart(true),
		enmime.DisableCharacterDetection(true), enmime.MaxStoredPartErrors(1), enmime.SetCustomParseMediaType(r.parseMediaType),
	)
	tree, err := parser.ReadParts(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("%w: %v", errMalformed, err)
	}
	root, err := r.rescuedEntity(tree, typePlain)
	if err != nil {
		return err
	}
	if h, _ := parseLoose(raw[:min(int64(len(raw)), r.lim.HeaderBytes)], r.lim.HeaderFields); h.Len() > root.header.Len() {
		root.header = h // enmime keeps fields in a map, without their order
	}
	if root.header.Len() == 0 {
		return errMalformed
	}
	r.problem("The mail does not keep to the rules; it was read as well as could be.")
	r.root(root)
	if err := r.entity(root, &place{first: true}); err != nil {
		return err
	}
	if r.hand == nil && len(r.mail.Files) == 0 && isBlank(r.body.text) && isBlank(r.body.html) {
		return errMalformed // then the mail is better shown as it stands
	}
	return nil
}

// bounded checks what makes enmime slow: it is quadratic in parts and in depth. The counts are upper bounds, cheap and not exact.
func (r *reading) bounded(raw []byte) error {
	if bytes.Count(raw, []byte("\n--")) > 4*r.lim.Parts {
		return r.beyond("The mail has more than %d parts.", r.lim.Parts)
	}
	if bytes.Count(bytes.ToLower(raw), []byte("boundary")) > r.lim.Depth {
		return r.beyond("The parts of the mail are nested more than %d deep.", r.lim.Depth)
	}
	return nil
}

// parseMediaType lets enmime read Content-Type by the same rules and bounds as we do.
func (r *reading) parseMediaType(field string) (mediaType string, params map[string]string, invalid []string, err error) {
	p := parseParameterised(field[:min(int64(len(field)), r.lim.FieldBytes)], r.lim.Params)
	if p.beyond {
		return "", nil, nil, errors.New("too many parameters")
	}
	if p.params == nil {
		p.params = map[string]string{}
	}
	return p.value, p.params, nil, nil
}

// rescuedEntity makes an entity of a part that enmime found.
func (r *reading) rescuedEntity(part *enmime.Part, fallback string) (*entity, error) {
	var h textproto.Header
	for name, values := range part.Header {
		for i := len(values) - 1; i >= 0; i-- { // Add puts a field above those that are there
			h.Add(name, values[i])
		}
	}
	e, err := r.newEntity(h, bytes.NewReader(part.Content), fallback)
	if err != nil || e.multipart() == "" {
		return e, err
	}
	if part.FirstChild == nil { // a multipart without parts is shown as text rather than not at all
		e.content.value = typePlain
		return e, nil
	}
	childType := typePlain
	if e.multipart() == "digest" {
		childType = typeMessage
	}
	child := part.FirstChild
	e.next = func() (*entity, error) {
		if child == nil {
			return nil, io.EOF
		}
		one := child
		child = child.NextSibling
		return r.rescuedEntity(one, childType)
	}
	return e, nil
}

// bare shows a mail that nobody could take apart: its fields where they can be read, and all of it as text.
func (r *reading) bare() (*Mail, error) {
	h, _, err := r.looseHeader()
	if err != nil {
		return nil, err
	}
	r.readFields(&h)
	r.problem("The mail could not be taken apart. It is shown as it came, and the original is attached.")
	raw := make([]byte, min(r.lim.TextBytes, r.src.Size()))
	n, err := r.src.ReadAt(raw, 0)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("reading a mail: %w", err)
	}
	r.body.add(bodyItem{content: readable(decodeCharset(raw[:n], ""))}, &place{})
	r.addOriginal()
	r.finish(byOriginal)
	return r.mail, nil
}

// parseLoose takes the fields of a header out of raw, skipping the lines that are none. length is where the body begins.
func parseLoose(raw []byte, maxFields int) (h textproto.Header, length int) {
	type field struct{ name, value []byte }
	var found []field
	rest := raw
	for len(rest) > 0 {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		rest = after
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			break
		}
		if (line[0] == ' ' || line[0] == '\t') && len(found) > 0 {
			last := &found[len(found)-1]
			last.value = append(append(last.value, ' '), bytes.TrimSpace(line)...)
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		name = bytes.TrimSpace(name)
		if ok && len(found) < maxFields && isFieldName(name) {
			found = append(found, field{name, bytes.Clone(bytes.TrimSpace(value))})
		}
	}
	for i := len(found) - 1; i >= 0; i-- {
		h.Add(string(found[i].name), string(found[i].value))
	}
	return h, len(raw) - len(rest)
}

// isFieldName checks ftext (RFC 5322 §3.6.8).
func isFieldName(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c >= 0x7F || c == ':' {
			return false
		}
	}
	return len(name) > 0
}

// withoutEnvelopeLine skips the 'From ' line that an mbox puts before a mail (RFC 4155), with or without the > of a mail that was quoted by a server.
func withoutEnvelopeLine(src *io.SectionReader) *io.SectionReader {
	var begin [6]byte
	n, _ := src.ReadAt(begin[:], 0)
	if !bytes.HasPrefix(begin[:n], []byte("From ")) && !bytes.HasPrefix(begin[:n], []byte(">From ")) {
		return src
	}
	head := make([]byte, 1024)
	n, _ = src.ReadAt(head, 0)
	head = head[:n]
	end := bytes.IndexByte(head, '\n')
	if end < 0 {
		return src
	}
	return io.NewSectionReader(src, int64(end)+1, src.Size()-int64(end)-1)
}
