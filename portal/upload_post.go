package portal

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"postern/desk"
	"postern/language"
	"postern/tickets"
)

// mostUpload bounds one request with files: what a mail of the usual limits can carry, with room for its form.
const mostUpload = 60 << 20

// uploaded is a form with the files that came with it, which are in the bucket already.
type uploaded struct {
	url.Values
	files []desk.FileInfo
}

// uploads are the ids of all files of the form: those uploaded before whose box is still ticked, and those that came with it.
func (u uploaded) uploads() []int64 {
	ids := numbers64(u.Values, "upload")
	for _, file := range u.files {
		ids = append(ids, file.ID)
	}
	return ids
}

// formWithFiles reads a form field by field and hands its files on as they come: none is held in memory or on disk.
func (p *Portal) formWithFiles(c *call) (uploaded, error) {
	out := uploaded{Values: url.Values{}}
	if kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type")); kind != "multipart/form-data" {
		values, err := c.form()
		out.Values = values
		return out, err
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, mostUpload)
	parts, err := c.r.MultipartReader()
	if err != nil {
		return out, desk.Faultf(desk.Invalid, "The form could not be read. Go back and try again.")
	}
	left := int64(formLimit)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, readFault(err)
		}
		if part.FileName() == "" {
			value, err := io.ReadAll(io.LimitReader(part, left+1))
			if err != nil {
				return out, readFault(err)
			}
			if left -= int64(len(value)); left < 0 {
				return out, desk.Faultf(desk.TooLarge, "The text is too long to send.")
			}
			out.Add(part.FormName(), string(value))
			continue
		}
		file, err := p.tickets.Upload(c.r.Context(), c.actor, tickets.NewFile{Name: part.FileName(), MediaType: part.Header.Get("Content-Type"), Size: -1, R: part})
		if err != nil {
			return out, readFault(err)
		}
		out.files = append(out.files, file)
	}
}

// readFault turns a body that is too large into words; other errors stay.
func readFault(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return desk.Faultf(desk.TooLarge, "The files are larger than %s together. Most mail servers refuse such mails: send a link instead.", language.English.Size(mostUpload))
	}
	return err
}

// uploadPost takes files before their reply is sent, and answers with their lines in the composer.
func (p *Portal) uploadPost(c *call) error {
	form, err := p.formWithFiles(c)
	if err != nil {
		return err
	}
	if len(form.files) == 0 {
		return desk.Wrong("file", "Choose a file first.")
	}
	return p.part(c, "ticket_list", "uploads", form.files)
}

// named gives the uploads of a draft their names again. An upload that was swept away meanwhile is left out.
func (p *Portal) named(c *call, files []desk.FileInfo) ([]desk.FileInfo, error) {
	if len(files) == 0 {
		return nil, nil
	}
	ids := make([]int64, len(files))
	for i, file := range files {
		ids[i] = file.ID
	}
	return p.tickets.Uploads(c.r.Context(), c.actor, ids)
}
