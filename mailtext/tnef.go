package mailtext

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/unicode"
)

// Words of MS-OXTNEF: what Outlook packs into a winmail.dat instead of using MIME.
const (
	tnefSignature = 0x223E9F78 // §2.1.3.1

	attBody         = 0x800C // §2.1.3.2, the lower half of an attribute's identifier
	attAttachData   = 0x800F
	attAttachTitle  = 0x8010
	attAttachRend   = 0x9002 // begins an attachment
	attMessageProps = 0x9003
	attAttachProps  = 0x9005
	attOEMCodepage  = 0x9007
)

// errNotTNEF stops the decoder where the bytes make no sense.
var errNotTNEF = errors.New("no TNEF")

// isTNEF says whether a part is a winmail.dat.
func isTNEF(e *entity) bool {
	return e.content.value == "application/ms-tnef" || e.content.value == "application/vnd.ms-tnef" || strings.EqualFold(e.name(), "winmail.dat")
}

// tnefDecoder reads one winmail.dat as a stream: attributes come one after the other, and those of an attachment follow its beginning.
type tnefDecoder struct {
	r        *reading
	src      *bufio.Reader
	codepage string
	files    int  // found so far
	open     bool // the current attachment has had its content
	pending  File // what is known of the current attachment before its content comes
	body     []bodyItem
}

// tnef unpacks a winmail.dat into files, and keeps its body for a mail that has no other. One that holds no file, or cannot be read, is kept as it is.
func (r *reading) tnef(f File, content io.Reader) error {
	if r.hand != nil && (r.given >= len(r.known) || r.known[r.given].Origin != OriginTNEF) {
		return r.give(content)
	}
	counted := &counter{src: content}
	d := tnefDecoder{r: r, src: bufio.NewReader(counted), codepage: "windows-1252"}
	err := d.decode()
	if err != nil && !errors.Is(err, errNotTNEF) {
		return err
	}
	if r.hand != nil {
		return nil
	}
	if err != nil {
		r.problem("A winmail.dat is damaged; what could be read of it is shown.")
	}
	r.spare = append(r.spare, d.body...)
	if d.files > 0 {
		for i := range r.mail.Files {
			if f := &r.mail.Files[i]; f.Name == "" {
				f.Name = unnamed(*f)
			}
		}
		return nil
	}
	if _, err := io.Copy(io.Discard, counted); err != nil {
		return err
	}
	f.Size, f.MediaType = counted.n, "application/vnd.ms-tnef"
	r.note(f)
	return nil
}

// counter counts what is read.
type counter struct {
	src io.Reader
	n   int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.n += int64(n)
	return n, err
}

// decode walks over the attributes.
func (d *tnefDecoder) decode() error {
	var head [6]byte // signature, and a key that means nothing
	if err := d.full(head[:]); err != nil || binary.LittleEndian.Uint32(head[:]) != tnefSignature {
		return errors.Join(errNotTNEF, d.fault(err))
	}
	for {
		var attribute [9]byte // level, identifier, length (§2.1.3.3)
		if _, err := io.ReadFull(d.src, attribute[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return errors.Join(errNotTNEF, d.fault(err))
		}
		if level := attribute[0]; level != 1 && level != 2 {
			return errNotTNEF
		}
		id := binary.LittleEndian.Uint16(attribute[1:])
		length := int64(binary.LittleEndian.Uint32(attribute[5:]))
		data := &io.LimitedReader{R: d.src, N: length}
		if err := d.attribute(id, data); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, data); err != nil {
			return err
		}
		var checksum [2]byte
		if err := d.full(checksum[:]); err != nil || data.N > 0 {
			return errors.Join(errNotTNEF, d.fault(err))
		}
	}
}

func (d *tnefDecoder) full(p []byte) error {
	_, err := io.ReadFull(d.src, p)
	return err
}

// fault is the error of a reader that is more than the end of the data.
func (d *tnefDecoder) fault(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}

// attribute reads what is wanted of one attribute.
func (d *tnefDecoder) attribute(id uint16, data *io.LimitedReader) error {
	switch id {
	case attOEMCodepage:
		raw, err := d.small(data)
		if err == nil && len(raw) >= 4 {
			d.codepage = fmt.Sprintf("windows-%d", binary.LittleEndian.Uint32(raw))
		}
		return err
	case attBody:
		raw, err := d.small(data)
		if err == nil && len(raw) > 0 {
			d.addBody(bodyItem{content: readable(decodeCharset(raw, d.codepage))})
		}
		return err
	case attAttachRend:
		d.open, d.pending = false, File{}
	case attAttachTitle:
		raw, err := d.small(data)
		d.named(func(f *File) {
			if f.Name == "" {
				f.Name = fileName(decodeCharset(cutNUL(raw), d.codepage))
			}
		})
		return err
	case attAttachData:
		return d.content(data)
	case attMessageProps, attAttachProps:
		return d.properties(id, data)
	}
	return nil
}

// small reads a value that is held in memory: at most TextBytes of it.
func (d *tnefDecoder) small(data io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(data, d.r.lim.TextBytes))
}

// named changes what is known of the current attachment, whether its content has come or not.
func (d *tnefDecoder) named(change func(f *File)) {
	if d.r.hand != nil {
		return
	}
	if d.open {
		change(&d.r.mail.Files[len(d.r.mail.Files)-1])
		return
	}
	change(&d.pending)
}

// content notes the bytes of the current attachment, or hands them out.
func (d *tnefDecoder) content(data io.Reader) error {
	if d.open { // a second content for one attachment
		return nil
	}
	if d.r.parts++; d.r.parts > d.r.lim.Parts {
		return d.r.beyond("The mail has more than %d parts.", d.r.lim.Parts)
	}
	d.files++
	d.open = true
	if d.r.hand != nil {
		return d.r.give(data)
	}
	f := d.pending
	f.Origin = OriginTNEF
	if f.MediaType == "" {
		f.MediaType = "application/octet-stream"
	}
	name := f.Name
	if err := d.r.file(f, data); err != nil {
		return err
	}
	d.r.mail.Files[len(d.r.mail.Files)-1].Name = name // a name may still come
	return nil
}

// Properties of messages and attachments (MS-OXPROPS).
const (
	propBody           = 0x1000
	propRTF            = 0x1009
	propHTML           = 0x1013
	propDisplayName    = 0x3001
	propAttachObject   = 0x3701
	propAttachLongName = 0x3707
	propAttachMIME     = 0x370E
	propAttachCID      = 0x3712
)

// classMessage is the interface identifier of a mail among objects (MS-OXTNEF §2.1.3.4.2: IID_IMessage).
var classMessage = [16]byte{0x07, 0x03, 0x02, 0, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0x46}

// properties reads a list of MAPI properties (MS-OXTNEF §2.1.3.4).
func (d *tnefDecoder) properties(id uint16, data *io.LimitedReader) error {
	list := propertyList{src: data}
	for count := list.uint32(); count > 0 && list.err == nil; count-- {
		err := list.next(func(tag, kind uint16, value io.Reader) error {
			if id == attMessageProps {
				return d.messageProperty(tag, kind, value)
			}
			return d.attachProperty(tag, kind, value)
		})
		if err != nil {
			return err
		}
	}
	return nil // a damaged list ends here; the attribute's length leads to the next one
}

func (d *tnefDecoder) messageProperty(tag, kind uint16, value io.Reader) error {
	if tag != propBody && tag != propHTML && tag != propRTF {
		return nil
	}
	raw, err := d.small(value)
	if err != nil {
		return err
	}
	switch tag {
	case propBody:
		d.addBody(bodyItem{content: readable(d.text(raw, kind))})
	case propHTML:
		d.addBody(bodyItem{html: true, content: readable(d.text(raw, kind))})
	case propRTF:
		if rtf, ok := decompressRTF(raw, d.r.lim.TextBytes); ok {
			d.addBody(bodyOfRTF(rtf))
		}
	}
	return nil
}

// addBody keeps the first text and the first HTML: the same body comes in up to four forms.
func (d *tnefDecoder) addBody(item bodyItem) {
	for _, have := range d.body {
		if have.html == item.html {
			return
		}
	}
	d.body = append(d.body, item)
}

func (d *tnefDecoder) attachProperty(tag, kind uint16, value io.Reader) error {
	if tag == propAttachObject {
		if d.open {
			return nil
		}
		var class [16]byte
		if _, err := io.ReadFull(value, class[:]); err != nil {
			return d.fault(err)
		}
		if class == classMessage { // a mail, in Outlook's own format
			d.named(func(f *File) { f.MediaType = "application/vnd.ms-tnef" })
		}
		return d.content(value)
	}
	if tag != propAttachLongName && tag != propAttachMIME && tag != propAttachCID && tag != propDisplayName {
		return nil
	}
	raw, err := d.small(value)
	text := oneLine(readable(d.text(raw, kind)))
	d.named(func(f *File) {
		switch {
		case tag == propAttachLongName && text != "":
			f.Name = fileName(text)
		case tag == propDisplayName && f.Name == "":
			f.Name = fileName(text)
		case tag == propAttachMIME && strings.Contains(text, "/"):
			f.MediaType = strings.ToLower(text)
		case tag == propAttachCID:
			f.ContentID = text
		}
	})
	return err
}

// Types of property values (MS-OXCDATA §2.11.1).
const (
	kindString8  = 0x001E
	kindUnicode  = 0x001F
	kindObject   = 0x000D
	kindBinary   = 0x0102
	kindMultiple = 0x1000
)

func (d *tnefDecoder) text(raw []byte, kind uint16) string {
	if kind == kindUnicode {
		return decodeWith(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), cutWideNUL(raw))
	}
	return decodeCharset(cutNUL(raw), d.codepage)
}

func cutNUL(raw []byte) []byte {
	for i, c := range raw {
		if c == 0 {
			return raw[:i]
		}
	}
	return raw
}

func cutWideNUL(raw []byte) []byte {
	for i := 0; i+1 < len(raw); i += 2 {
		if raw[i] == 0 && raw[i+1] == 0 {
			return raw[:i]
		}
	}
	return raw
}

// propertyList reads properties one by one, holding none of their values.
type propertyList struct {
	src *io.LimitedReader
	err error
}

func (p *propertyList) uint32() uint32 {
	var raw [4]byte
	if p.err == nil {
		_, p.err = io.ReadFull(p.src, raw[:])
	}
	return binary.LittleEndian.Uint32(raw[:])
}

func (p *propertyList) skip(n int64) {
	if p.err == nil {
		_, p.err = io.CopyN(io.Discard, p.src, n)
	}
}

// next reads one property and gives its first value to use.
func (p *propertyList) next(use func(tag, kind uint16, value io.Reader) error) error {
	head := p.uint32()
	kind, tag := uint16(head), uint16(head>>16)
	if tag >= 0x8000 { // a named property: a class, and a number or a name
		p.skip(16)
		if p.uint32() == 0 {
			p.skip(4)
		} else {
			p.skip(padded(int64(p.uint32())))
		}
	}
	values := uint32(1)
	base := kind &^ kindMultiple
	variable := base == kindString8 || base == kindUnicode || base == kindBinary || base == kindObject
	if variable || kind&kindMultiple != 0 {
		values = p.uint32()
	}
	for i := uint32(0); i < values && p.err == nil; i++ {
		size := valueSize(base)
		if variable {
			size = int64(p.uint32())
		}
		if p.err != nil || size < 0 || size > p.src.N {
			p.err = errNotTNEF
			return nil
		}
		value := &io.LimitedReader{R: p.src, N: size}
		if i == 0 && variable {
			if err := use(tag, kind, value); err != nil {
				return err
			}
		}
		p.skip(value.N + padded(size) - size)
	}
	return nil
}

// padded is a size with what fills it up to four bytes.
func padded(size int64) int64 { return (size + 3) &^ 3 }

// valueSize is the size of a value whose type has one; -1 for a type that does not exist.
func valueSize(kind uint16) int64 {
	switch kind {
	case 0x0001: // null
		return 0
	case 0x0002, 0x0003, 0x0004, 0x000A, 0x000B: // integers, float, error, boolean
		return 4
	case 0x0005, 0x0006, 0x0007, 0x0014, 0x0040: // double, currency, time, 64 bits
		return 8
	case 0x0048: // class
		return 16
	}
	return -1
}
