package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"postern/attachments"
	"postern/desk"
)

// Identified names a message, an attachment, … in the path.
type Identified struct {
	ID int64 `path:"id" minimum:"1"`
}

// recipient is an address as a caller writes it: "Ada <ada@example.com>", or the object that messages show.
type recipient desk.Address

// UnmarshalJSON takes both forms. A string is an RFC 5322 mailbox.
func (r *recipient) UnmarshalJSON(text []byte) error {
	if len(text) == 0 || text[0] != '"' {
		return json.Unmarshal(text, (*desk.Address)(r))
	}
	var written string
	if err := json.Unmarshal(text, &written); err != nil {
		return err
	}
	parsed, err := mail.ParseAddress(written)
	if err != nil {
		return fmt.Errorf("%q is no address", written)
	}
	*r = recipient{Name: parsed.Name, Addr: parsed.Address}
	return nil
}

// Schema says the same to the OpenAPI document.
func (recipient) Schema(huma.Registry) *huma.Schema {
	text := &huma.Schema{Type: huma.TypeString, MinLength: limit(3), MaxLength: limit(1000), Examples: []any{"Ada Lovelace <ada@example.com>"}}
	object := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"address"},
		Properties: map[string]*huma.Schema{"name": {Type: huma.TypeString}, "address": {Type: huma.TypeString}},
	}
	return &huma.Schema{OneOf: []*huma.Schema{text, object}}
}

func limit(n int) *int { return &n }

// addresses are the recipients in the product's words.
func addresses(from []recipient) []desk.Address {
	var to []desk.Address
	for _, each := range from {
		to = append(to, desk.Address(each))
	}
	return to
}

// conversationAsked asks for a page of a conversation.
type conversationAsked struct {
	Numbered
	Page
}

func (a *API) listMessages(ctx context.Context, actor desk.Actor, in *conversationAsked) (list[message], error) {
	found, err := a.cfg.Tickets.Conversation(ctx, actor, in.Number, in.Cursor, in.Limit)
	if err != nil {
		return list[message]{}, err
	}
	shown := desk.Page[message]{Next: found.Next}
	for _, each := range found.Items {
		view, err := viewMessage(each)
		if err != nil {
			return list[message]{}, err
		}
		shown.Items = append(shown.Items, view)
	}
	return listed(shown, func(view message) message { return view }), nil
}

func (a *API) showMessage(ctx context.Context, actor desk.Actor, in *Identified) (message, error) {
	found, err := a.cfg.Tickets.Message(ctx, actor, in.ID)
	if err != nil {
		return message{}, err
	}
	return viewMessage(found)
}

// newReply is a public answer.
type newReply struct {
	Numbered
	Body struct {
		Text        string      `json:"text,omitempty"`
		HTML        string      `json:"html,omitempty" doc:"Sanitized and sent beside the text."`
		To          []recipient `json:"to,omitempty" maxItems:"100" doc:"Absent, with cc and bcc: everybody on the message answered, but for our own addresses."`
		Cc          []recipient `json:"cc,omitempty" maxItems:"100"`
		Bcc         []recipient `json:"bcc,omitempty" maxItems:"100"`
		Attachments []int64     `json:"attachments,omitempty" maxItems:"100" doc:"Ids of uploads."`
		Status      desk.Status `json:"status,omitempty" enum:"new,open,pending,hold,solved,closed" doc:"The ticket's status afterwards; absent: pending."`
		Answers     int64       `json:"answers,omitempty" minimum:"1" doc:"The message being answered; absent: the newest received one."`
		LastSeen    int64       `json:"last_seen,omitempty" minimum:"1" doc:"The newest message that the writer knows: 409 if there is a newer one."`
		Undo        int         `json:"undo_seconds,omitempty" minimum:"0" maximum:"30" doc:"How long the reply waits and can be undone; absent: not at all."`
	}
}

func (a *API) postReply(ctx context.Context, actor desk.Actor, in *newReply) (message, error) {
	request := desk.ReplyRequest{
		Ticket: in.Number, Answers: in.Body.Answers, Text: in.Body.Text, HTML: in.Body.HTML,
		To: addresses(in.Body.To), Cc: addresses(in.Body.Cc), Bcc: addresses(in.Body.Bcc),
		Uploads: in.Body.Attachments, Status: in.Body.Status, LastSeen: in.Body.LastSeen, Undo: time.Duration(in.Body.Undo) * time.Second,
	}
	var err error
	if len(request.To) > 0 {
		request.Recipients = desk.AsGiven
	} else if len(request.Cc)+len(request.Bcc) > 0 {
		return message{}, desk.Wrong("body.to", "give to as well, or none of to, cc and bcc")
	}
	said, err := a.cfg.Tickets.Reply(ctx, actor, request)
	if err != nil {
		return message{}, err
	}
	return viewMessage(said)
}

// newNote is a private note.
type newNote struct {
	Numbered
	Body struct {
		Text        string  `json:"text" minLength:"1"`
		Attachments []int64 `json:"attachments,omitempty" maxItems:"100" doc:"Ids of uploads."`
	}
}

func (a *API) postNote(ctx context.Context, actor desk.Actor, in *newNote) (message, error) {
	said, err := a.cfg.Tickets.Note(ctx, actor, in.Number, in.Body.Text, in.Body.Attachments)
	if err != nil {
		return message{}, err
	}
	return viewMessage(said)
}

// draft is what an undone reply becomes again.
type draft struct {
	Ticket      int64          `json:"ticket"`
	Text        string         `json:"text"`
	To          []desk.Address `json:"to" nullable:"false"`
	Cc          []desk.Address `json:"cc" nullable:"false"`
	Bcc         []desk.Address `json:"bcc" nullable:"false"`
	Attachments []int64        `json:"attachments" nullable:"false"`
	Answers     int64          `json:"answers"`
}

func (a *API) undoReply(ctx context.Context, actor desk.Actor, in *Identified) (draft, error) {
	back, err := a.cfg.Tickets.UndoSend(ctx, actor, in.ID)
	if err != nil {
		return draft{}, err
	}
	return draft{Ticket: back.TicketID, Text: back.Text, To: some(back.To), Cc: some(back.Cc), Bcc: some(back.Bcc), Attachments: some(back.Uploads), Answers: back.Answers}, nil
}

// moveAsked puts a message on another ticket.
type moveAsked struct {
	Identified
	Body struct {
		Ticket int64 `json:"ticket" minimum:"1" doc:"The number of the ticket that takes it."`
	}
}

func (a *API) moveMessage(ctx context.Context, actor desk.Actor, in *moveAsked) (message, error) {
	if err := a.cfg.Tickets.Move(ctx, actor, in.ID, in.Body.Ticket); err != nil {
		return message{}, err
	}
	return a.showMessage(ctx, actor, &in.Identified)
}

func (a *API) splitMessage(ctx context.Context, actor desk.Actor, in *Identified) (Ticket, error) {
	made, err := a.cfg.Tickets.Split(ctx, actor, in.ID)
	if err != nil {
		return Ticket{}, err
	}
	return a.viewTicket(ctx, actor, made)
}

func (a *API) showOriginal(ctx context.Context, actor desk.Actor, in *Identified) (writer, error) {
	original, size, err := a.cfg.Tickets.Original(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return mailFile(original, size, fmt.Sprintf("message-%d.eml", in.ID)), nil
}

// mailFile sends a mail as a file: a browser that gets hold of it must not show it on our origin.
func mailFile(original io.ReadCloser, size int64, name string) writer {
	return func(w http.ResponseWriter, r *http.Request) {
		defer original.Close()
		header := w.Header()
		header.Set("Content-Type", "message/rfc822")
		header.Set("Content-Length", strconv.FormatInt(size, 10))
		header.Set("Content-Disposition", attachments.Disposition(name, attachments.AsAttachment))
		header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
		if r.Method == http.MethodHead {
			return
		}
		if _, err := io.Copy(w, original); err != nil {
			visitOf(r.Context()).err = fmt.Errorf("api: send %s: %w", name, err)
			panic(http.ErrAbortHandler) // the answer has begun: only a broken connection says that it is not whole
		}
	}
}

func (a *API) showAttachment(ctx context.Context, actor desk.Actor, in *Identified) (writer, error) {
	object, file, err := a.cfg.Tickets.Attachment(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, r *http.Request) {
		attachments.Serve(w, r, a.cfg.Bucket, object, attachments.FileMeta{Name: file.Name, MediaType: file.MediaType})
	}, nil
}

// linkAsked asks for a link to an attachment.
type linkAsked struct {
	Identified
	Body struct {
		Recipient string `json:"recipient,omitempty" maxLength:"320" doc:"For whom it is, as the log shall show."`
	}
}

// link is a link that needs no sign-in.
type link struct {
	URL string `json:"url"`
}

func (a *API) makeLink(ctx context.Context, actor desk.Actor, in *linkAsked) (link, error) {
	url, err := a.cfg.Tickets.Link(ctx, actor, in.ID, in.Body.Recipient)
	return link{url}, err
}

func (a *API) revokeLinks(ctx context.Context, actor desk.Actor, in *Identified) error {
	return a.cfg.Tickets.RevokeLinks(ctx, actor, in.ID)
}
