package portal

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	nethtml "golang.org/x/net/html"

	"postern/attachments"
	"postern/desk"
)

// messagePage is one message alone, for readers without JavaScript and for links to it.
type messagePage struct {
	page
	Card card
	Back string
}

// messageShow shows one message whole: as a card for the script of an open ticket, else as a page.
func (p *Portal) messageShow(c *call) error {
	m, err := p.message(c)
	if err != nil {
		return err
	}
	one, err := p.cardOf(m, c.r.URL.Query().Get("as"))
	if err != nil {
		return err
	}
	if c.partial() {
		return p.part(c, "ticket_list", "message", one)
	}
	frame, err := p.framed(c, "Message", "")
	if err != nil {
		return err
	}
	return p.show(c, "message", messagePage{page: frame, Card: one, Back: ticketPath(c, m.TicketID)})
}

// message is the message in the path, if the actor may see it.
func (p *Portal) message(c *call) (desk.Message, error) {
	id, err := c.id64("id")
	if err != nil {
		return desk.Message{}, err
	}
	return p.tickets.Message(c.r.Context(), c.actor, id)
}

// bodyPolicy is the policy of the frame that shows a mail's HTML: no script, no form, no request but for pictures of the mail itself. The sandbox gives the frame an origin of its own, so 'self'
// would match nothing in it: our own host is named instead.
func bodyPolicy(c *call, remote bool) string {
	images := hostOf(c) + " data:"
	if remote {
		images += " https: http:"
	}
	return "default-src 'none'; img-src " + images + "; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
}

// hostOf is where the page itself was asked for, as a source of a policy. A host with characters that would end the source is left out.
func hostOf(c *call) string {
	if strings.ContainsAny(c.r.Host, " ;,'\"") {
		return ""
	}
	return c.r.Host
}

// bodyStyle is the light card that a mail stands on in both themes: senders choose colours for white paper.
const bodyStyle = `<!doctype html><meta charset="utf-8"><style>
:root{color-scheme:light;background:#fff;color:#1f2328;font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
body{margin:12px 16px;overflow-wrap:anywhere}img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}blockquote{margin:8px 0;padding-left:12px;border-left:2px solid #d0d4d9;color:#57606a}
</style>`

// messageBody serves the HTML of a mail for its sandboxed frame. It was sanitized when the mail was read; the policy here holds even if that failed.
func (p *Portal) messageBody(c *call) error {
	m, err := p.message(c)
	if err != nil {
		return err
	}
	remote := c.r.URL.Query().Get("images") == "1"
	h := c.w.Header()
	h.Set("Content-Security-Policy", bodyPolicy(c, remote))
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Type", "text/html; charset=utf-8")
	var out bytes.Buffer
	out.WriteString(bodyStyle)
	if m.HTML == "" {
		out.WriteString("<pre>" + html.EscapeString(m.Text) + "</pre>")
	} else {
		placePictures(&out, m.HTML, m.ID, remote)
	}
	if _, err := out.WriteTo(c.w); err != nil {
		return fmt.Errorf("portal: body of message %d: %w", m.ID, err)
	}
	return nil
}

// placePictures copies sanitized HTML and gives its pictures their addresses: inline ones (cid:) come from us; remote ones, whose address the sanitizer put aside, only when they were asked for.
func placePictures(out *bytes.Buffer, clean string, message int64, remote bool) {
	tokens := nethtml.NewTokenizer(strings.NewReader(clean))
	for {
		kind := tokens.Next()
		if kind == nethtml.ErrorToken {
			return
		}
		raw := bytes.Clone(tokens.Raw())
		if kind != nethtml.StartTagToken && kind != nethtml.SelfClosingTagToken {
			out.Write(raw)
			continue
		}
		token := tokens.Token()
		if token.Data != "img" {
			out.Write(raw)
			continue
		}
		out.WriteString(placePicture(token, message, remote).String())
	}
}

// placePicture gives one picture its address.
func placePicture(img nethtml.Token, message int64, remote bool) nethtml.Token {
	kept := make([]nethtml.Attribute, 0, len(img.Attr)+1)
	for _, attr := range img.Attr {
		value := strings.TrimSpace(attr.Val)
		cid, inline := strings.CutPrefix(value, "cid:")
		switch {
		case (attr.Key == "src" || attr.Key == "data-src") && inline:
			kept = append(kept, nethtml.Attribute{Key: "src", Val: fmt.Sprintf("/messages/%d/cid/%s", message, url.PathEscape(cid))})
		case attr.Key == "data-src" && remote && (strings.HasPrefix(value, "https://") || strings.HasPrefix(value, "http://")):
			kept = append(kept, nethtml.Attribute{Key: "src", Val: value}, nethtml.Attribute{Key: "referrerpolicy", Val: "no-referrer"})
		case attr.Key != "src":
			kept = append(kept, attr)
		}
	}
	img.Attr = kept
	return img
}

// inlinePixels bounds the pictures that are drawn in a page: more is no picture in a mail, and costs memory to decode.
const inlinePixels = 40_000_000

// messageInline serves a picture that the mail carries, drawn anew: what reaches the browser is what our own encoder wrote.
func (p *Portal) messageInline(c *call) error {
	m, err := p.message(c)
	if err != nil {
		return err
	}
	for _, file := range m.Files {
		if file.ContentID != "" && file.ContentID == strings.Trim(c.r.PathValue("cid"), "<>") {
			return p.inline(c, file.ID)
		}
	}
	return desk.Faultf(desk.NotFound, "The mail does not carry this picture.")
}

// inline draws the picture anew and serves it.
func (p *Portal) inline(c *call, id int64) error {
	ctx := c.r.Context()
	object, _, err := p.tickets.Attachment(ctx, c.actor, id)
	if err != nil {
		return err
	}
	stream, err := p.bucket.Get(ctx, object, 0, object.Size)
	if err != nil {
		return err
	}
	defer stream.Close()
	drawn, mediaType, err := attachments.Inline(ctx, stream, inlinePixels)
	if err != nil {
		return desk.Faultf(desk.NotFound, "This file cannot be shown as a picture. Download it instead.")
	}
	// The frame has an origin of its own, so the picture must be allowed across origins to be drawn in it; it is still only sent to who is signed in.
	c.w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	c.w.Header().Set("Content-Type", mediaType)
	c.w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	c.w.Header().Set("Cache-Control", "private, max-age=3600")
	if _, err := c.w.Write(drawn); err != nil {
		return fmt.Errorf("portal: picture %d: %w", id, err)
	}
	return nil
}

// messageOriginal downloads the mail as it came.
func (p *Portal) messageOriginal(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	original, size, err := p.tickets.Original(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	defer original.Close()
	return sendOriginal(c, fmt.Sprintf("message-%d.eml", id), original, size)
}

// sendOriginal streams a mail as a file that no browser opens by itself.
func sendOriginal(c *call, name string, original io.Reader, size int64) error {
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(10 * time.Minute)) // a server without deadlines needs none longer
	h := c.w.Header()
	h.Set("Content-Type", "message/rfc822")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if size >= 0 {
		h.Set("Content-Length", fmt.Sprint(size))
	}
	if _, err := io.Copy(c.w, original); err != nil {
		return fmt.Errorf("portal: sending %s: %w", name, err)
	}
	return nil
}

// attachmentShow downloads a file.
func (p *Portal) attachmentShow(c *call) error {
	id, err := c.id64("id")
	if err != nil {
		return err
	}
	object, info, err := p.tickets.Attachment(c.r.Context(), c.actor, id)
	if err != nil {
		return err
	}
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(10 * time.Minute))
	attachments.Serve(c.w, c.r, p.bucket, object, attachments.FileMeta{Name: info.Name, MediaType: info.MediaType})
	return nil
}
