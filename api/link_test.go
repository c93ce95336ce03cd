package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	o := open(t)
	in := o.mail(t, customerEmail, question)
	file := o.get(t, "agent", at("/tickets/%d/messages", in.Ticket)).id("items", 0, "attachments", 0, "id")
	link := func() string {
		made := o.post(t, "agent", at("/attachments/%d/links", file), map[string]any{"recipient": customerEmail}).want(http.StatusCreated)
		address, err := url.Parse(made.value("url").(string))
		must(t, err)
		return address.Path
	}
	first, second := link(), link()
	if first == second || !strings.HasPrefix(first, "/a/") || len(first) < len("/a/")+22 {
		t.Fatalf("the links are %s and %s", first, second)
	}
	whole := o.get(t, "", first).want(http.StatusOK)
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox", "Content-Disposition": "attachment", "Cache-Control": "no-store", "Accept-Ranges": "bytes",
	} {
		if got := whole.header.Get(name); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q in it", name, got, want)
		}
	}
	if part := o.do(t, ask{method: "GET", path: first, header: map[string]string{"Range": "bytes=-3"}}).want(http.StatusPartialContent); !strings.Contains("0123456789\r\n", string(part.body)) || len(part.body) != 3 {
		t.Errorf("the last three bytes are %q", part.body)
	}
	if head := o.do(t, ask{method: "HEAD", path: first}).want(http.StatusOK); len(head.body) != 0 {
		t.Errorf("HEAD has a body of %d bytes", len(head.body))
	}
	o.get(t, "", first).want(http.StatusOK)
	o.do(t, ask{method: "POST", path: first}).want(http.StatusMethodNotAllowed)
	o.do(t, ask{as: "agent", method: "DELETE", path: at("/attachments/%d/links", file)}).want(http.StatusNoContent)
	revoked, wrong := o.get(t, "", second).want(http.StatusNotFound), o.get(t, "", "/a/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").want(http.StatusNotFound)
	if string(revoked.body) != string(wrong.body) {
		t.Errorf("a revoked link and a wrong one differ:\n%s%s", revoked.body, wrong.body)
	}
	if strings.Contains(o.log.String(), strings.TrimPrefix(first, "/a/")) {
		t.Error("the log holds the token of a link")
	}
}

func TestWrongLinksAreThrottled(t *testing.T) {
	t.Parallel()
	o := open(t)
	for range 10 {
		o.get(t, "", "/a/wrong").want(http.StatusNotFound)
	}
	if over := o.get(t, "", "/a/wrong").want(http.StatusTooManyRequests); over.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
}
