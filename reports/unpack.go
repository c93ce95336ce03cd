package reports

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"postern/mailtext"
)

const (
	maxPacked   = 10 << 20 // bytes of a report as it comes
	maxUnpacked = 25 << 20 // bytes of it unpacked
	maxRatio    = 100      // of unpacked to packed, beyond freeRatio
	freeRatio   = 1 << 20
	maxEntries  = 100 // files in one zip
	maxLayers   = 3   // gzip within zip within gzip
)

// Unreadable says that a report makes no sense.
type Unreadable struct {
	Reason string // a sentence for people
	Err    error  // what the decoder said, if it said something
}

func (u *Unreadable) Error() string {
	if u.Err == nil {
		return u.Reason
	}
	return fmt.Sprintf("%s (%s)", u.Reason, short(u.Err.Error()))
}

func (u *Unreadable) Unwrap() error { return u.Err }

// TooLarge says that a report is beyond a limit.
type TooLarge struct{ Reason string }

func (t *TooLarge) Error() string { return t.Reason }

func unreadable(err error, format string, values ...any) error {
	var tooLarge *TooLarge
	if errors.As(err, &tooLarge) {
		return tooLarge
	}
	return &Unreadable{Reason: fmt.Sprintf(format, values...), Err: err}
}

// unpack takes a report out of its gzip or zip, whatever its name and type say.
func unpack(packed io.Reader) (io.Reader, error) {
	raw, err := io.ReadAll(io.LimitReader(packed, maxPacked+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxPacked {
		return nil, &TooLarge{fmt.Sprintf("The report is larger than %d MiB.", maxPacked>>20)}
	}
	left := &budget{left: min(maxUnpacked, max(freeRatio, int64(len(raw))*maxRatio)), packed: len(raw)}
	for range maxLayers {
		var inner io.Reader
		switch {
		case bytes.HasPrefix(raw, []byte{0x1f, 0x8b}):
			inner, err = gzip.NewReader(bytes.NewReader(raw))
		case bytes.HasPrefix(raw, []byte("PK\x03\x04")):
			inner, err = zipped(raw)
		default:
			return &bounded{bytes.NewReader(raw), &budget{left: maxUnpacked, packed: len(raw)}}, nil
		}
		if err != nil {
			return nil, unreadable(err, "The report cannot be unpacked.")
		}
		raw, err = io.ReadAll(&bounded{inner, left})
		if err != nil && (len(raw) == 0 || isTooLarge(err)) {
			return nil, unreadable(err, "The report cannot be unpacked.")
		}
	}
	return nil, &TooLarge{fmt.Sprintf("The report is packed more than %d times.", maxLayers-1)}
}

func isTooLarge(err error) bool {
	var tooLarge *TooLarge
	return errors.As(err, &tooLarge)
}

// zipped opens the first file in a zip that can be a report.
func zipped(raw []byte) (io.Reader, error) {
	archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, err
	}
	if len(archive.File) > maxEntries {
		return nil, &TooLarge{fmt.Sprintf("The zip holds more than %d files.", maxEntries)}
	}
	for _, file := range archive.File {
		name := strings.ToLower(file.Name)
		for _, end := range []string{".xml", ".json", ".gz"} {
			if strings.HasSuffix(name, end) {
				return file.Open()
			}
		}
	}
	return nil, errors.New("the zip holds neither XML nor JSON")
}

// budget is what may still be unpacked, over all layers.
type budget struct {
	left   int64
	packed int
}

// bounded reads until the budget is used up.
type bounded struct {
	src  io.Reader
	left *budget
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.src.Read(p)
	if b.left.left -= int64(n); b.left.left < 0 {
		return 0, &TooLarge{fmt.Sprintf("The report unpacks to more than %d MiB, or to more than %d times its size.", maxUnpacked>>20, maxRatio)}
	}
	return n, err
}

// attachment is an aggregate report that a mail carries as a file.
type attachment struct {
	kind   Kind
	report Report
}

// announced says whether a file is an aggregate report, by the name that RFC 7489 §7.2.1.1 and RFC 8460 §5.1 give it, by its type, or by the subject that both ask for. Any other archive in a mail is no business of ours.
func (n *notice) announced(f mailtext.File) Kind {
	if f.Origin != mailtext.OriginPart {
		return None
	}
	name := strings.ToLower(f.Name)
	named := strings.Count(name, "!") >= 3
	subject := strings.ToLower(n.mail.Subject)
	by := named || strings.HasPrefix(subject, "report domain:") || strings.HasPrefix(subject, "[preview] report domain:") || strings.HasPrefix(subject, "dmarc aggregate report")
	ends := func(all ...string) bool {
		for _, end := range all {
			if strings.HasSuffix(name, end) {
				return true
			}
		}
		return false
	}
	switch {
	case f.MediaType == "application/tlsrpt+gzip", f.MediaType == "application/tlsrpt+json", n.mail.Report == "tlsrpt" && ends(".json", ".json.gz", ".gz"), named && ends(".json", ".json.gz"):
		return TLS
	case by && (ends(".xml", ".xml.gz", ".gz", ".zip") || f.MediaType == "application/gzip" || f.MediaType == "application/zip" || f.MediaType == "text/xml" || f.MediaType == "application/xml"):
		return Aggregate
	}
	return None
}

// readAttachment reads a file that was announced as a report.
func readAttachment(kind Kind, content io.Reader) (*attachment, error) {
	source := &sourceErrors{src: content}
	a := &attachment{kind: kind, report: Report{Kind: kind}}
	switch kind {
	case TLS:
		report, err := ReadTLS(source)
		if a.report.Err = err; err == nil {
			a.report.TLS = &report
		}
	default:
		report, err := ReadAggregate(source)
		if a.report.Err = err; err == nil {
			a.report.DMARC = &report
		}
	}
	return a, source.err
}

// sourceErrors remembers that the bytes could not be had: no fault of the report.
type sourceErrors struct {
	src io.Reader
	err error
}

func (s *sourceErrors) Read(p []byte) (int, error) {
	n, err := s.src.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		s.err = err
	}
	return n, err
}

// attached is the aggregate report that a mail carries.
func attached(n *notice) (Report, bool) {
	if n.attachment == nil {
		return Report{}, false
	}
	return n.attachment.report, true
}
