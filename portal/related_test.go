package portal

import (
	"fmt"
	"strings"
	"testing"
)

func TestTicketsThatBelongTogether(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	other := h.mail("From: bo@customer.example\nTo: support@example.com\nSubject: Another one\nMessage-ID: <o1@customer.example>\n\nHello?\n").Ticket
	ada := h.reader("ada@example.com")
	ticket := fmt.Sprintf("/tickets/%d", n)
	ada.post(ticket+"/related", "target", fmt.Sprintf("#%d", other)).has(t, "linked this with #2", "#2 Another one", "Take the link to #2 away")
	ada.get(fmt.Sprintf("/tickets/%d", other)).has(t, "linked this with #1")
	ada.post(ticket+"/related", "target", fmt.Sprint(other), "do", "remove").has(t, "took the link to #2 away", "No other ticket.")
	if got := ada.post(ticket+"/related", "target", "nine"); got.status != 422 {
		t.Errorf("no number: %d", got.status)
	}

	if got := ada.post(ticket + "/follow-up"); got.status != 409 {
		t.Errorf("a follow-up of an open ticket: %d", got.status)
	}
	ada.post(ticket, "status", "solved").has(t, "Begin a follow-up")
	next := ada.post(ticket + "/follow-up")
	if next.path != "/tickets/3" {
		t.Fatalf("the follow-up is at %s (%d)", next.path, next.status)
	}
	next.has(t, "continues", `href="/tickets/1"`, "anna@customer.example")
	ada.get(ticket).has(t, "began #3, which continues this", `href="/tickets/3"`)
}

func TestMovesAndMergesAreUndoneWhereTheyAreTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := h.mail(question).Ticket
	other := h.mail("From: bo@customer.example\nTo: support@example.com\nSubject: Another one\nMessage-ID: <o1@customer.example>\n\nHello?\n")
	ada := h.reader("ada@example.com")
	ada.post(fmt.Sprintf("/tickets/%d/merge", other.Ticket), "target", fmt.Sprint(n)).has(t, "merged #2 into #1", "Undo the merging of #2", `action="/tickets/2/unmerge"`)
	ada.post("/tickets/2/unmerge")
	ada.get("/tickets/1").lacks(t, "Undo the merging of #2")

	moved := ada.post(fmt.Sprintf("/messages/%d/move", other.Message), "target", fmt.Sprint(n))
	moved.has(t, "Move it back to #2")
	back := ada.post(fmt.Sprintf("/messages/%d/move", other.Message), "target", "2")
	if back.path != "/tickets/2" || !strings.Contains(back.body, "Hello?") {
		t.Errorf("moved back to %s", back.path)
	}
}

func TestOriginalView(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	out := h.mail("Received: from evil.example (evil.example [192.0.2.66]) by relay.example with ESMTP; Sun, 29 Nov 2026 10:00:01 +0000\n" +
		"Authentication-Results: relay.example; dkim=pass header.d=bank.example; spf=fail smtp.mailfrom=x@evil.example\n" +
		"From: =?utf-8?q?Gr=C3=BCn?= <gruen@customer.example>\nTo: support@example.com\nSubject: <script>alert(1)</script>\nX-Evil: </pre><img src=x onerror=alert(1)>\nMessage-ID: <s1@customer.example>\nContent-Type: text/html\n\n<script>alert(2)</script></pre><b>Hello</b>\n" + strings.Repeat("More of it, and more. ", 4000) + "\n")
	ada := h.reader("ada@example.com")
	path := fmt.Sprintf("/messages/%d", out.Message)
	ada.get(path).has(t, path+"/source", "Header, way and source")
	page := ada.get(path + "/source")
	page.has(t, "The mail as it came", "=?utf-8?q?Gr=C3=BCn?=", "Grün", "relay.example with", "evil.example (evil.example [192.0.2.66])", "DKIM: passed, for bank.example", "SPF: failed, for x@evil.example",
		"Anybody could have written this", "&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;/pre&gt;&lt;img src=x", "The mail goes on.", "Download (.eml)")
	page.lacks(t, "<script>alert", "<img src=x")
	if len(page.body) > 60_000 {
		t.Errorf("the page is %d bytes", len(page.body))
	}
	note := ada.post(fmt.Sprintf("/tickets/%d/note", out.Ticket), "text", "A note has no mail behind it.")
	note.has(t, "A note has no mail")
	if got := ada.get(fmt.Sprintf("/messages/%d/source", out.Message+1)); got.status != 404 {
		t.Errorf("the source of a note: %d", got.status)
	}
}
