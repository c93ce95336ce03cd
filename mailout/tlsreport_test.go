package mailout

import (
	"bytes"
	"io"
	"mime"
	parts "mime/multipart"
	"net/mail"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

// A report about TLS has the form of RFC 8460 §5.3, and asks for delivery without TLS (RFC 8689).
func TestTLSReportMail(t *testing.T) {
	t.Parallel()
	packed := "\x1f\x8bnot really"
	var out bytes.Buffer
	err := Compose(&out, Draft{
		From: desk.Address{Addr: "support@desk.example"}, To: []desk.Address{{Addr: "tls@customer.example"}}, MessageID: "r1@desk.example", Date: time.Unix(0, 0), Text: "For people.",
		Subject: "Report Domain: customer.example Submitter: desk.example Report-ID: <r1@desk.example>", AutoSubmitted: "auto-generated",
		TLSReport: &TLSReport{Domain: "customer.example", Submitter: "desk.example", File: File{
			Name: "desk.example!customer.example!0!86399!r1.json.gz", MediaType: "application/tlsrpt+gzip", Size: int64(len(packed)),
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(packed)), nil },
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	read, err := mail.ReadMessage(&out)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"TLS-Report-Domain": "customer.example", "TLS-Report-Submitter": "desk.example", "TLS-Required": "No", "Auto-Submitted": "auto-generated"} {
		if got := read.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	kind, params, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["report-type"] != "tlsrpt" {
		t.Fatalf("%s %v %v", kind, params, err)
	}
	inside := parts.NewReader(read.Body, params["boundary"])
	if text, err := inside.NextPart(); err != nil || !strings.HasPrefix(text.Header.Get("Content-Type"), "text/plain") {
		t.Fatalf("%v, %v", text.Header, err)
	}
	file, err := inside.NextPart()
	if err != nil || file.Header.Get("Content-Type") != "application/tlsrpt+gzip" || file.FileName() != "desk.example!customer.example!0!86399!r1.json.gz" {
		t.Errorf("%v, %v", file.Header, err)
	}
}
