package tickets

import (
	"fmt"
	"slices"
	"testing"

	"postern/desk"
	"postern/store"
	"postern/threading"
)

func TestAgentAddressesAreTheActorsOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, asked := h.ask(t)
	if reply, note, err := h.AgentAddresses(t.Context(), h.ann, number); reply != "" || note != "" || err != nil {
		t.Fatalf("unless switched on: %q, %q, %v", reply, note, err)
	}
	wantFault(t, h.SetAgentsByMail(t.Context(), h.ann, desk.AgentsByMailOn), desk.Forbidden)
	wantFault(t, h.SetAgentsByMail(t.Context(), h.owner, "yes"), desk.Invalid)
	for range 2 {
		if err := h.SetAgentsByMail(t.Context(), h.owner, desk.AgentsByMailOn); err != nil {
			t.Fatal(err)
		}
	}
	if set, err := h.AgentsByMail(t.Context(), h.ann); set != desk.AgentsByMailOn || err != nil || h.audited(t, "policy.agents-by-mail") != 1 {
		t.Errorf("%q, %v", set, err)
	}
	reply, note, err := h.AgentAddresses(t.Context(), h.ann, number)
	if err != nil {
		t.Fatal(err)
	}
	for addr, kind := range map[string]desk.MessageKind{reply: desk.KindReply, note: desk.KindNote} {
		box, mark, ok := h.codec.ParseAgentAddress(addr)
		if !ok || box != "support@example.com" || mark != (threading.AgentMark{Message: asked, User: h.ann.User.ID, Kind: kind}) {
			t.Errorf("%s: %s %+v %v", addr, box, mark, ok)
		}
	}
	_, _, err = h.AgentAddresses(t.Context(), h.ann, 999)
	wantFault(t, err, desk.NotFound)
	reader := h.ann
	reader.Scopes = []desk.Scope{desk.ScopeRead}
	_, _, err = h.AgentAddresses(t.Context(), reader, number)
	wantFault(t, err, desk.Forbidden)
	_, _, err = h.AgentAddresses(t.Context(), h.person(t, carol.Addr, "Carol", desk.RoleCustomer), number)
	wantFault(t, err, desk.Forbidden)
}

// The transaction knows what intake may have forgotten: who the user is now, and what came before.
func TestByMailTrustsNobodysMemory(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, asked := h.ask(t)
	mail := AgentMail{
		Mark: threading.AgentMark{Message: asked, User: h.ann.User.ID, Kind: desk.KindReply}, From: "Ann@example.com", Text: "Hello", Key: threading.Key("a@b"), Digest: []byte("1"),
		Original: func(id int64) (store.Original, error) {
			return store.Original{ID: id, Size: 1, DEK: []byte("k"), Sealed: []byte("s")}, nil
		},
	}
	_, err := h.ByMail(t.Context(), mail)
	wantFault(t, err, desk.Forbidden) // switched off
	if err := h.SetAgentsByMail(t.Context(), h.owner, desk.AgentsByMailOn); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*AgentMail){
		"another's address": func(m *AgentMail) { m.From = "bob@example.com" },
		"nobody's address":  func(m *AgentMail) { m.From = "eve@example.com" },
		"no such kind":      func(m *AgentMail) { m.Mark.Kind = desk.KindInbound },
	} {
		wrong := mail
		change(&wrong)
		if _, err := h.ByMail(t.Context(), wrong); !isFault(err, desk.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := mail
	gone.Mark.Message = 999
	_, err = h.ByMail(t.Context(), gone)
	wantFault(t, err, desk.NotFound)
	first, err := h.ByMail(t.Context(), mail)
	if err != nil || first.Disposition != desk.Appended || first.Ticket != number || h.jobs(t, first.Message) != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := h.UndoSend(t.Context(), h.ann, first.Message); err != nil {
		t.Fatal(err)
	}
	again, err := h.ByMail(t.Context(), mail)
	if err != nil || again.Disposition != desk.Duplicate || again.Ticket != number {
		t.Errorf("after it was undone: %+v, %v", again, err)
	}
	mail.Digest = []byte("2")
	_, err = h.ByMail(t.Context(), mail)
	wantFault(t, err, desk.Forbidden)
}

// A draft that its author has begun in the portal is another matter than a mail.
func TestByMailLeavesDraftsAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, asked := h.ask(t)
	if err := h.SetAgentsByMail(t.Context(), h.owner, desk.AgentsByMailOn); err != nil {
		t.Fatal(err)
	}
	draft := desk.Draft{TicketID: number, Kind: desk.KindReply, Text: "Half a"}
	if err := h.SaveDraft(t.Context(), h.ann, draft); err != nil {
		t.Fatal(err)
	}
	_, err := h.ByMail(t.Context(), AgentMail{
		Mark: threading.AgentMark{Message: asked, User: h.ann.User.ID, Kind: desk.KindReply}, From: "ann@example.com", Text: "Hello", Key: threading.Key("a@b"), Digest: []byte("1"),
		Original: func(id int64) (store.Original, error) {
			return store.Original{ID: id, Size: 1, DEK: []byte("k"), Sealed: []byte("s")}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var left int
	h.row(t, &left, `select count(*) from draft`)
	if left != 1 {
		t.Error("the draft went with the mail")
	}
}

// T-08: whoever answers by mail sees no recipients, so a Reply-To to another organization gets nothing.
func TestT_08_ByMailGoesToTheAuthor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.SetAgentsByMail(t.Context(), h.owner, desk.AgentsByMailOn); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		name, from, replyTo string
		pending             bool
		to                  []string
		events              []string
	}{
		{"none", carol.Addr, "", false, []string{carol.Addr, dave.Addr}, []string{"mailed", "status"}},
		{"the same organization", carol.Addr, "help@eu.customer.test", false, []string{"help@eu.customer.test", dave.Addr}, []string{"mailed", "status"}},
		{"a public suffix is none", "a@one.co.uk", "b@two.co.uk", false, []string{"a@one.co.uk"}, []string{"mailed", "reply-to", "status"}},
		{"another", carol.Addr, "thief@evil.test", false, []string{carol.Addr}, []string{"mailed", "reply-to", "status"}},
		{"another, of a stranger who waits", "new@else.test", "thief@evil.test", true, []string{carol.Addr}, []string{"mailed", "reply-to", "status"}},
		{"a mailbox of ours", carol.Addr, support.Addr, false, []string{carol.Addr, dave.Addr}, []string{"mailed", "status"}},
	} {
		in := inbound{From: desk.Address{Addr: c.from}, To: []desk.Address{support}, Cc: []desk.Address{dave}, Subject: "Pump", Text: "x", Pending: c.pending}
		if c.replyTo != "" {
			in.Facts.ReplyTo = []desk.Address{{Addr: c.replyTo}}
		}
		if c.pending {
			in.Ticket, _ = h.ask(t)
		}
		number, asked := h.mail(t, in)
		done, err := h.ByMail(t.Context(), AgentMail{
			Mark: threading.AgentMark{Message: asked, User: h.ann.User.ID, Kind: desk.KindReply}, From: "ann@example.com", Text: "Hello", Key: threading.Key(fmt.Sprint(i)), Digest: []byte("1"),
			Original: func(id int64) (store.Original, error) {
				return store.Original{ID: id, Size: 1, DEK: []byte("k"), Sealed: []byte("s")}, nil
			},
		})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for _, m := range h.conversation(t, number) {
			if m.ID == done.Message {
				equal(t, c.name, append(addresses(m.To), addresses(m.Cc)...), c.to)
			}
		}
		events := h.events(t, number)
		slices.Sort(events)
		equal(t, c.name+": events", events, c.events)
	}
	if h.audited(t, "ticket.reply-to") != 3 {
		t.Error("not audited")
	}
}

// T-FWD: the one-click chooser.
func TestSetRequester(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.mail(t, inbound{From: desk.Address{Name: "Ann", Addr: "ann@example.com"}, To: []desk.Address{support}, Subject: "Fwd: Pump", Text: "x", People: []string{carol.Addr, dave.Addr}})
	people := func() (list []string) {
		found, err := h.store.Participants(t.Context(), number)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range found {
			list = append(list, one.Address)
		}
		slices.Sort(list)
		return list
	}
	set := func(address, name string) error { return h.SetRequester(t.Context(), h.bob, number, address, name) }
	if err := set(" Carol@customer.test", "Carol"); err != nil {
		t.Fatal(err)
	}
	if got := h.get(t, number); got.RequesterAddress != carol.Addr {
		t.Errorf("requester %s", got.RequesterAddress)
	}
	equal(t, "an agent who was the requester stands on no ticket", people(), []string{dave.Addr})
	if err := set("erin@customer.test", "Erin\r\nBcc: x@y.test"); err != nil {
		t.Fatal(err)
	}
	if got := h.get(t, number); got.RequesterAddress != "erin@customer.test" || got.RequesterName != "Erin Bcc: x@y.test" {
		t.Errorf("requester %q <%s>", got.RequesterName, got.RequesterAddress)
	}
	equal(t, "a customer who was stays", people(), []string{carol.Addr, dave.Addr})
	if err := set("erin@customer.test", ""); err != nil { // the same again
		t.Fatal(err)
	}
	equal(t, "events", h.events(t, number), []string{"requester", "requester"})
	if h.audited(t, "ticket.requester") != 2 {
		t.Error("not audited")
	}
	for _, wrong := range []string{"", "nobody", "a@b\r\nBcc: c@d", "support@example.com", h.codec.ReplyAddress("support@example.com", 1)} {
		wantFault(t, set(wrong, "x"), desk.Invalid)
	}
	wantFault(t, h.SetRequester(t.Context(), h.person(t, carol.Addr, "Carol", desk.RoleCustomer), number, dave.Addr, ""), desk.Forbidden)

	_, stranger := h.mail(t, inbound{Ticket: number, From: desk.Address{Addr: "new@customer.test"}, To: []desk.Address{support}, Subject: "Pump", Text: "x", Pending: true})
	if stranger == 0 || !h.get(t, number).NewParticipant {
		t.Fatal("nobody waits")
	}
	if err := set("new@customer.test", ""); err != nil {
		t.Fatal(err)
	}
	if h.get(t, number).NewParticipant {
		t.Error("the requester waits to be accepted")
	}
}

func TestMarkSpam(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	filter := &releaser{}
	h.cfg.Releaser = filter
	kept := func(facts desk.MessageFacts, from desk.Address) (number, message int64) {
		number, message = h.mail(t, inbound{From: from, To: []desk.Address{support}, Subject: "Buy", Text: "x", Facts: facts})
		var id int64
		h.row(t, &id, `insert into original (message, size, dek, sealed) values ($1, 1, '', '') returning id`, message)
		return number, message
	}
	number, first := kept(desk.MessageFacts{}, carol)
	h.mail(t, inbound{Ticket: number, From: carol, To: []desk.Address{support}, Subject: "Buy", Text: "more"})
	if err := h.MarkSpam(t.Context(), h.ann, number, SenderBlocked); err != nil {
		t.Fatal(err)
	}
	ticket := h.get(t, number)
	if ticket.Status != desk.StatusClosed || !slices.Equal(ticket.Tags, []string{"spam"}) || !slices.Equal(filter.learned, []int64{first}) {
		t.Errorf("%s, tags %v, learned %v", ticket.Status, ticket.Tags, filter.learned)
	}
	rules, err := h.SenderRules(t.Context(), h.ann, "", 10)
	if err != nil || len(rules.Items) != 1 || rules.Items[0].Pattern != carol.Addr || rules.Items[0].Action != desk.RuleSuspend || rules.Items[0].CreatedBy != "ann@example.com" {
		t.Errorf("%+v, %v", rules.Items, err)
	}
	if h.audited(t, "ticket.spam") != 1 || h.audited(t, "sender.rule") != 1 {
		t.Error("not audited")
	}

	forwarded, _ := kept(desk.MessageFacts{Forwarded: &desk.Forwarded{By: "ann@example.com"}}, dave)
	if err := h.MarkSpam(t.Context(), h.ann, forwarded, SenderStays); err != nil {
		t.Fatal(err)
	}
	if len(filter.learned) != 1 {
		t.Error("a colleague's forward was learned as spam")
	}
	rules, _ = h.SenderRules(t.Context(), h.ann, "", 10)
	if len(rules.Items) != 1 {
		t.Errorf("%d rules", len(rules.Items))
	}

	colleague, _ := kept(desk.MessageFacts{}, desk.Address{Addr: "bob@example.com"})
	wantFault(t, h.MarkSpam(t.Context(), h.ann, colleague, SenderBlocked), desk.Invalid)
	wantFault(t, h.MarkSpam(t.Context(), h.ann, colleague, "perhaps"), desk.Invalid)
	wantFault(t, h.MarkSpam(t.Context(), h.ann, 999, SenderStays), desk.NotFound)
	if got := h.get(t, colleague); got.Status != desk.StatusNew || len(got.Tags) != 0 {
		t.Errorf("a refusal changed the ticket: %+v", got)
	}
	ours, _, err := h.Start(t.Context(), h.ann, desk.NewTicket{MailboxID: h.support, To: []desk.Address{carol}, Subject: "Hello", Text: "x"})
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, h.MarkSpam(t.Context(), h.ann, ours.ID, SenderStays), desk.Conflict)
}
