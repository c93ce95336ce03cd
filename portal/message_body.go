package portal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"strings"

	nethtml "golang.org/x/net/html"

	"postern/attachments"
	"postern/desk"
)

// bodyPolicy is the policy of the frame that shows a mail's HTML: no script, no form, and no request at all unless the reader asked for remote pictures. The pictures that the mail
// carries stand in the page itself: the sandbox gives the frame an origin of its own, from which the browser would send no session.
func bodyPolicy(remote bool) string {
	images := "data:"
	if remote {
		images += " https: http:"
	}
	return "default-src 'none'; img-src " + images + "; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
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
	h.Set("Content-Security-Policy", bodyPolicy(remote))
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Type", "text/html; charset=utf-8")
	var out bytes.Buffer
	out.WriteString(bodyStyle)
	if m.HTML == "" {
		out.WriteString("<pre>" + html.EscapeString(m.Text) + "</pre>")
	} else if err := p.placePictures(c, &out, m, remote); err != nil {
		return err
	}
	if _, err := out.WriteTo(c.w); err != nil {
		return fmt.Errorf("portal: body of message %d: %w", m.ID, err)
	}
	return nil
}

// placePictures copies sanitized HTML and gives its pictures their content: inline ones (cid:) stand in the page; remote ones, whose address the sanitizer put aside, are named only when they were asked for.
func (p *Portal) placePictures(c *call, out *bytes.Buffer, m desk.Message, remote bool) error {
	tokens, left, dropped := nethtml.NewTokenizer(strings.NewReader(m.HTML)), mostInline, false
	for {
		kind := tokens.Next()
		if kind == nethtml.ErrorToken {
			return nil
		}
		raw := bytes.Clone(tokens.Raw())
		token := tokens.Token()
		if dropped && kind == nethtml.TextToken { // what stood in the element as raw text must not become markup
			raw = []byte(html.EscapeString(string(raw)))
		}
		if dropped = kind != nethtml.TextToken && kind != nethtml.CommentToken && forward[token.Data]; dropped {
			continue
		}
		if token.Data != "img" || kind != nethtml.StartTagToken && kind != nethtml.SelfClosingTagToken {
			out.Write(raw)
			continue
		}
		source, inline := pictureOf(token, remote)
		if inline {
			drawn, err := p.pictureData(c, m, source)
			if err != nil {
				return err
			}
			if left -= len(drawn); left < 0 {
				drawn = ""
			}
			source = drawn
		}
		out.WriteString(withSource(token, source).String())
	}
}

// forward are elements for which a browser connects before it asks the frame's policy, as was measured with Chromium: it looks names up and shakes hands with hosts that it then asks for nothing. The sanitizer keeps none of
// them; this holds for mail that got past it.
var forward = map[string]bool{"link": true, "iframe": true, "frame": true, "frameset": true, "object": true, "embed": true, "applet": true, "portal": true, "fencedframe": true, "meta": true, "base": true}

// pictureOf is where a picture comes from: the Content-ID of a part of the mail, or an address elsewhere when those were asked for.
func pictureOf(img nethtml.Token, remote bool) (source string, inline bool) {
	for _, attr := range img.Attr {
		value := strings.TrimSpace(attr.Val)
		if attr.Key != "src" && attr.Key != "data-src" {
			continue
		}
		if cid, found := strings.CutPrefix(value, "cid:"); found {
			return cid, true
		}
		if remote && (strings.HasPrefix(value, "https://") || strings.HasPrefix(value, "http://")) {
			source = value
		}
	}
	return source, false
}

// withSource is the picture with this source and no other. Without one only its text is left.
func withSource(img nethtml.Token, source string) nethtml.Token {
	kept := make([]nethtml.Attribute, 0, len(img.Attr)+1)
	for _, attr := range img.Attr {
		if attr.Key != "src" && attr.Key != "data-src" && attr.Key != "srcset" {
			kept = append(kept, attr)
		}
	}
	if source != "" {
		kept = append(kept, nethtml.Attribute{Key: "src", Val: source}, nethtml.Attribute{Key: "referrerpolicy", Val: "no-referrer"})
	}
	img.Attr = kept
	return img
}

const (
	inlinePixels = 40_000_000 // pixels of one picture: more is no picture in a mail, and costs memory to decode
	mostInline   = 12 << 20   // bytes of all pictures of one mail, as they stand in the page
)

// partWith finds the file of a mail that bears a Content-ID.
func partWith(m desk.Message, cid string) (desk.FileInfo, bool) {
	cid = strings.Trim(cid, "<>")
	for _, file := range m.Files {
		if file.ContentID != "" && file.ContentID == cid {
			return file, true
		}
	}
	return desk.FileInfo{}, false
}

// pictureData is a picture of the mail as it stands in the page, or nothing when the mail has none of that name or it is no picture.
func (p *Portal) pictureData(c *call, m desk.Message, cid string) (string, error) {
	file, found := partWith(m, cid)
	if !found {
		return "", nil
	}
	drawn, mediaType, err := p.draw(c, file.ID)
	if fault := asFault(err); fault != nil {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return "data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(drawn), nil
}

// messageInline serves a picture that the mail carries, for the text view of a mail.
func (p *Portal) messageInline(c *call) error {
	m, err := p.message(c)
	if err != nil {
		return err
	}
	file, found := partWith(m, c.r.PathValue("cid"))
	if !found {
		return desk.Faultf(desk.NotFound, "The mail does not carry this picture.")
	}
	drawn, mediaType, err := p.draw(c, file.ID)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", mediaType)
	c.w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	c.w.Header().Set("Cache-Control", "private, max-age=3600")
	if _, err := c.w.Write(drawn); err != nil {
		return fmt.Errorf("portal: picture %d: %w", file.ID, err)
	}
	return nil
}

// draw decodes a picture and draws it anew: what reaches the browser is what our own encoder wrote.
func (p *Portal) draw(c *call, id int64) (drawn []byte, mediaType string, err error) {
	ctx := c.r.Context()
	object, _, err := p.tickets.Attachment(ctx, c.actor, id)
	if err != nil {
		return nil, "", err
	}
	stream, err := p.bucket.Get(ctx, object, 0, object.Size)
	if err != nil {
		return nil, "", fmt.Errorf("portal: picture %d: %w", id, err)
	}
	defer stream.Close()
	drawn, mediaType, err = attachments.Inline(ctx, stream, inlinePixels)
	if errors.Is(err, attachments.ErrNotShown) {
		return nil, "", desk.Faultf(desk.NotFound, "This file cannot be shown as a picture. Download it instead.")
	}
	return drawn, mediaType, err
}
