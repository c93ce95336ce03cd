package portal

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"postern/desk"
	"postern/intake"
)

// customerTyped is what a customer typed, with the files that came with it.
type customerTyped struct {
	values url.Values
	files  []intake.LetterFile
}

// text is what was typed into a field.
func (t customerTyped) text(name string) string {
	return strings.TrimSpace(strings.ReplaceAll(t.values.Get(name), "\r\n", "\n"))
}

const (
	mostCustomerFiles = 10
	formInMemory      = 1 << 20 // bytes of a form that are not written to disk
)

// customerForm reads a form with files, as many bytes as may come. Large files wait in temporary files until done is called.
func (c *call) customerForm(most int64) (typed customerTyped, done func(), err error) {
	done = func() {}
	if kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type")); kind != "multipart/form-data" {
		typed.values, err = c.form()
		return typed, done, err
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, most+formLimit)
	err = c.r.ParseMultipartForm(formInMemory)
	if form := c.r.MultipartForm; form != nil {
		done = func() { _ = form.RemoveAll() } // temporary files, which the system would remove later
	}
	if err != nil {
		done()
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return typed, func() {}, desk.Faultf(desk.TooLarge, "The files are larger than %s together. Send a link to them instead.", c.lang.Size(most))
		}
		return typed, func() {}, desk.Faultf(desk.Invalid, "The form could not be read. Go back and try again.")
	}
	typed.values = c.r.MultipartForm.Value
	total := int64(0)
	for _, file := range c.r.MultipartForm.File["file"] {
		if file.Size == 0 && file.Filename == "" { // a field that was left empty
			continue
		}
		total += file.Size
		typed.files = append(typed.files, intake.LetterFile{Name: file.Filename, MediaType: file.Header.Get("Content-Type"), Open: opener(file)})
	}
	switch {
	case len(typed.files) > mostCustomerFiles:
		err = desk.Faultf(desk.TooLarge, "At most %d files can be sent at once.", mostCustomerFiles)
	case total > most:
		err = desk.Faultf(desk.TooLarge, "The files are larger than %s together. Send a link to them instead.", c.lang.Size(most))
	}
	if err != nil {
		done()
		return typed, func() {}, err
	}
	return typed, done, nil
}

func opener(file *multipart.FileHeader) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return file.Open() }
}
