package reports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"postern/desk"
	"postern/mailtext"
)

const (
	maxPart = 256 << 10 // bytes read of a part that reports
	maxText = 64 << 10  // bytes of text that are searched
	maxHead = 64 << 10  // bytes read of a returned header
)

// notice is a mail taken apart as far as reports need it.
type notice struct {
	mail       *mailtext.Mail
	header     block
	null       bool // return path <>
	text       string
	before     string // the text up to the mail that it returns
	status     string // message/delivery-status
	complaint  string // message/feedback-report
	mdn        string // message/disposition-notification
	returned   string // the header of the mail that is reported on
	attachment *attachment
}

// gather reads the parts of a mail that may report something.
func gather(ctx context.Context, src *io.SectionReader, mail *mailtext.Mail) (*notice, error) {
	n := &notice{mail: mail, text: mail.Text[:min(len(mail.Text), maxText)]}
	head := make([]byte, min(src.Size(), maxPart))
	if read, err := src.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("its header: %w", err)
	} else if all := blocks(string(beforeBody(head[:read]))); len(all) > 0 {
		n.header = all[0]
	}
	if slices.ContainsFunc(mail.Files, n.wanted) {
		if err := mailtext.EachFile(ctx, src, mail, n.part); err != nil {
			return nil, err
		}
	}
	lines := strings.Split(n.text, "\n")
	n.before = strings.Join(lines[:returnedAt(lines)], "\n")
	return n, nil
}

// beforeBody is the header of a message.
func beforeBody(raw []byte) []byte {
	text := string(raw)
	if strings.HasPrefix(text, "From ") {
		_, text, _ = strings.Cut(text, "\n")
	}
	for _, end := range []string{"\r\n\r\n", "\n\n"} {
		if at := strings.Index(text, end); at >= 0 {
			text = text[:at+1]
		}
	}
	return []byte(text)
}

// wanted says whether a file may report something. Mails without such a file, nearly all, are not walked again.
func (n *notice) wanted(f mailtext.File) bool {
	switch f.MediaType {
	case "message/delivery-status", "message/global-delivery-status", "message/feedback-report", "message/disposition-notification", "message/global-disposition-notification":
		return true
	case "message/rfc822", "message/global", "text/rfc822-headers", "text/rfc822-header", "message/global-headers", "message/partial":
		return f.Origin != mailtext.OriginOriginal // the text of such a mail is all of it
	case "text/plain":
		return n.text == ""
	}
	return n.announced(f) != None
}

// part keeps what a part reports. It reads every part to its end: what EachFile has to skip counts against the header of the next.
func (n *notice) part(f mailtext.File, content io.Reader) error {
	err := n.keep(f, content)
	if err == nil {
		_, err = io.Copy(io.Discard, content)
	}
	return err
}

func (n *notice) keep(f mailtext.File, content io.Reader) error {
	if !n.wanted(f) {
		return nil
	}
	take := func(into *string, limit int64) error {
		if *into != "" {
			return nil
		}
		raw, err := io.ReadAll(io.LimitReader(content, limit))
		*into = string(raw)
		return err
	}
	switch f.MediaType {
	case "message/delivery-status", "message/global-delivery-status":
		return take(&n.status, maxPart)
	case "message/feedback-report":
		return take(&n.complaint, maxPart)
	case "message/disposition-notification", "message/global-disposition-notification":
		return take(&n.mdn, maxPart)
	case "message/rfc822", "message/global", "text/rfc822-headers", "text/rfc822-header", "message/global-headers", "message/partial":
		return take(&n.returned, maxHead)
	case "text/plain":
		return take(&n.text, maxText)
	}
	if n.attachment != nil {
		return nil
	}
	var err error
	n.attachment, err = readAttachment(n.announced(f), content)
	return err
}

// machines are beginnings of addresses and words of names that programs write as.
var machines = []string{
	"mailer-daemon", "mailerdaemon", "mail-daemon", "postmaster", "poostmaster", "post_master", "mail delivery", "mail administrator", "mail system", "maildaemon",
}

// subjects are how the subject of a notice begins. An answer to one, and one that is sent on, begins otherwise.
var subjects = []string{
	"mail delivery failed", "mail delivery failure", "undeliverable", "undelivered mail", "delivery status", "delivery failure", "delivery notification", "delivery delayed", "delayed mail",
	"returned mail", "failure notice", "mail system error", "mail failure", "message delivery has failed", "mail failed, returning", "email delivery failure", "warning: message", "notice: mail delivery",
	"considered unsolicited", "**message you sent blocked", "loop alert", "non remis", "non recapitabile", "unzustellbar", "mail delivery", "message undeliverable", "sorry, your message could not be delivered",
	"メールエラー通知", "ваше сообщение не доставлено",
}

// machine says whether the mail looks as if a mail system wrote it: phrases of a bounce in the mail of a person are a person's words.
func (n *notice) machine() bool {
	from := strings.ToLower(n.header.get("from"))
	if n.null || n.mail.Report == "delivery-status" {
		return true
	}
	if at := strings.TrimSpace(strings.Trim(from, "<> ")); at == "" {
		return true
	}
	for _, word := range machines {
		if strings.Contains(from, word) {
			return true
		}
	}
	subject := strings.ToLower(strings.TrimSpace(n.mail.Subject))
	for _, word := range subjects {
		if strings.HasPrefix(subject, word) {
			return true
		}
	}
	return false
}

// returnedMail reads the header of the mail that is reported on: out of its part, or out of the text.
func (n *notice) returnedMail(ctx context.Context) Returned {
	raw := string(beforeBody([]byte(strings.TrimLeft(n.returned, "\r\n \t"))))
	if strings.TrimSpace(raw) == "" {
		raw = returnedText(n.text)
	}
	if strings.TrimSpace(raw) == "" {
		return Returned{}
	}
	var head strings.Builder // without what describes a body, which is not there
	for _, group := range blocks(raw) {
		for _, f := range group {
			switch f.name {
			case "from", "reply-to", "to", "cc", "subject", "message-id", "date", "in-reply-to", "references":
				head.WriteString(f.name + ": " + f.value + "\r\n")
			}
		}
	}
	head.WriteString("\r\n.\r\n")
	mail, err := mailtext.Read(ctx, io.NewSectionReader(strings.NewReader(head.String()), 0, int64(head.Len())), mailtext.Limits{})
	if err != nil {
		return Returned{}
	}
	r := Returned{
		MessageID: mail.MessageID, Subject: short(mail.Subject), Date: mail.Date, InReplyTo: mail.InReplyTo, References: mail.References,
		From: firstOf(mail.From), ReplyTo: firstOf(mail.ReplyTo),
	}
	for _, list := range [][]desk.Address{mail.To, mail.Cc} {
		for _, to := range list {
			if len(r.To) < maxRecipients {
				r.To = append(r.To, to.Addr)
			}
		}
	}
	return r
}

func firstOf(list []desk.Address) string {
	if len(list) == 0 {
		return ""
	}
	return list[0].Addr
}

// or fills what is missing from another source.
func (r Returned) or(other Returned) Returned {
	if other.MessageID == "" {
		other.MessageID = r.MessageID
	}
	if len(other.To) == 0 {
		other.To = r.To
	}
	if other.From == "" {
		other.From = r.From
	}
	if other.Subject == "" {
		other.Subject = r.Subject
	}
	return other
}

// returnedText finds the header of our mail within a text: the fields after the line that introduces it, else the first that hold a Message-ID, which some programs indent.
func returnedText(text string) string {
	lines := strings.Split(text, "\n")
	if end := returnedAt(lines); end < len(lines) {
		if head := headerIn(lines[end:]); head != "" {
			return head
		}
	}
	for i := range lines {
		lines[i] = strings.TrimLeft(lines[i], " \t")
	}
	return headerIn(lines)
}

// headerIn is the first run of lines that reads like the header of a mail.
func headerIn(lines []string) string {
	for start := 0; start < len(lines); start++ {
		if _, _, ok := cutField(lines[start]); !ok {
			continue
		}
		end, known := start, 0
		for ; end < len(lines) && strings.TrimSpace(lines[end]) != ""; end++ {
			name, _, _ := cutField(lines[end])
			switch name {
			case "message-id", "from", "to", "subject", "date", "received", "return-path":
				known++
			}
		}
		if known >= 2 {
			return strings.Join(lines[start:end], "\r\n")
		}
		start = end
	}
	return ""
}
