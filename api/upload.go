package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"postern/desk"
	"postern/tickets"
)

const (
	multipartOverhead = 64 << 10         // what boundaries and part headers may add to an upload
	uploadPause       = 30 * time.Second // longest silence while an upload arrives
	uploadTime        = 10 * time.Minute // longest upload: 50 MiB at 90 kB/s
)

// upload is a file as the body of a request: plain, with its name in the query or in Content-Disposition, or as the first file of a multipart/form-data body.
// Its bytes pass through to the bucket; huma, which would hold them in memory, never reads them.
type upload struct {
	Name string `query:"name" maxLength:"1000" doc:"The file's name; else that of Content-Disposition, or of the form's part."`

	request *http.Request
	writer  http.ResponseWriter
}

// Resolve takes hold of the request before the handler runs.
func (u *upload) Resolve(ctx huma.Context) []error {
	u.request, u.writer = humago.Unwrap(ctx)
	return nil
}

// binary says in the OpenAPI document what the body of an upload is. It is said after the registration: what is known before it, huma reads into memory.
func binary(bind binding) binding {
	return func(api huma.API, op huma.Operation) {
		bind(api, op)
		bytes := &huma.Schema{Type: huma.TypeString, Format: "binary"}
		form := &huma.Schema{Type: huma.TypeObject, Required: []string{"file"}, Properties: map[string]*huma.Schema{"file": bytes}}
		api.OpenAPI().Paths[op.Path].Post.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: bytes},
			"multipart/form-data":      {Schema: form},
		}}
	}
}

func (a *API) postUpload(ctx context.Context, actor desk.Actor, in *upload) (desk.FileInfo, error) {
	file, err := in.file()
	if err != nil {
		return desk.FileInfo{}, err
	}
	if file.Size > a.cfg.MaxUpload {
		return desk.FileInfo{}, desk.Faultf(desk.TooLarge, "a file may have at most %d bytes", a.cfg.MaxUpload)
	}
	reader := &patient{Reader: file.R, control: http.NewResponseController(in.writer), end: time.Now().Add(uploadTime), left: a.cfg.MaxUpload}
	file.R = reader
	made, err := a.cfg.Tickets.Upload(ctx, actor, file)
	if err != nil && reader.err != nil {
		return desk.FileInfo{}, reader.err // the service wraps what its reader said; the caller needs the cause
	}
	return made, err
}

// file finds the file in the request.
func (u *upload) file() (tickets.NewFile, error) {
	mediaType, params, err := mime.ParseMediaType(u.request.Header.Get("Content-Type"))
	if err == nil && mediaType == "multipart/form-data" {
		return u.formFile()
	}
	if err != nil {
		mediaType, params = "application/octet-stream", nil
	}
	name := u.Name
	if _, disposition, err := mime.ParseMediaType(u.request.Header.Get("Content-Disposition")); err == nil && name == "" {
		name = disposition["filename"]
	}
	if name == "" {
		return tickets.NewFile{}, desk.Wrong("query.name", "give the file a name: ?name=…")
	}
	return tickets.NewFile{Name: name, MediaType: mime.FormatMediaType(mediaType, params), Size: u.request.ContentLength, R: u.request.Body}, nil
}

// formFile finds the first file of a form. Its size is not known before its end.
func (u *upload) formFile() (tickets.NewFile, error) {
	parts, err := u.request.MultipartReader()
	if err != nil {
		return tickets.NewFile{}, desk.Wrong("body", "the form cannot be read: %v", err)
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return tickets.NewFile{}, desk.Wrong("body", "the form holds no file")
		}
		if err != nil {
			return tickets.NewFile{}, unreadable(err)
		}
		if part.FileName() == "" {
			continue
		}
		name := u.Name
		if name == "" {
			name = part.FileName()
		}
		mediaType := part.Header.Get("Content-Type")
		if strings.TrimSpace(mediaType) == "" {
			mediaType = "application/octet-stream"
		}
		return tickets.NewFile{Name: name, MediaType: mediaType, Size: -1, R: part}, nil
	}
}

// patient reads a body that may take long but must not fall silent, and gives up at its end and at its size.
type patient struct {
	io.Reader
	control *http.ResponseController
	end     time.Time
	left    int64
	err     error // what stopped it, in words for the caller
}

// Read moves the connection's deadline on before it waits.
func (p *patient) Read(buffer []byte) (int, error) {
	deadline := time.Now().Add(uploadPause)
	if deadline.After(p.end) {
		deadline = p.end
	}
	_ = p.control.SetReadDeadline(deadline) // a connection without deadlines has none to move
	n, err := p.Reader.Read(buffer)
	p.left -= int64(n)
	if p.left < 0 {
		p.err = desk.Faultf(desk.TooLarge, "the file is larger than allowed")
		return 0, p.err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		p.err = unreadable(err)
		return n, p.err
	}
	return n, err
}

// unreadable says why a body could not be read.
func unreadable(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return desk.Wrong("body", "the body did not arrive in time")
	default:
		return desk.Wrong("body", "the body cannot be read: %v", err)
	}
}
