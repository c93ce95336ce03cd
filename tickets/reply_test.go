package tickets

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

func TestT_RECIPIENTS(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	token := h.codec.ReplyAddress("support@example.com", 7)
	sales := desk.Address{Addr: "Sales@example.com"}
	number, first := h.mail(t, inbound{From: carol, To: []desk.Address{support, dave, {Addr: token}}, Cc: []desk.Address{sales, {Addr: "eve@other.test"}, carol}, Subject: "Pump", Text: "x"})
	_, replyTo := h.mail(t, inbound{Ticket: number, From: carol, To: []desk.Address{support, dave}, Subject: "Pump", Text: "x",
		Facts: desk.MessageFacts{ReplyTo: []desk.Address{{Addr: "carol@home.test"}}}})
	_, blind := h.mail(t, inbound{Ticket: number, From: carol, To: []desk.Address{dave}, Subject: "Pump", Text: "x", Facts: desk.MessageFacts{AsBcc: true}})
	_, auto := h.mail(t, inbound{Ticket: number, From: dave, To: []desk.Address{support}, Cc: []desk.Address{carol}, Subject: "Away", Text: "x", Facts: desk.MessageFacts{Automatic: "Auto-Submitted: auto-replied"}})
	ours := h.reply(t, desk.ReplyRequest{Ticket: number, Answers: first, Text: "Hello", To: []desk.Address{carol}, Cc: []desk.Address{dave}, Bcc: []desk.Address{{Addr: "boss@other.test"}}, Recipients: desk.AsGiven})
	for _, c := range []struct {
		name    string
		answers int64
		to, cc  []string
	}{
		{"reply all, without our own addresses, tokens or the author again", first, []string{carol.Addr}, []string{dave.Addr, "eve@other.test"}},
		{"Reply-To is where the answer goes", replyTo, []string{"carol@home.test"}, []string{dave.Addr}},
		{"T-BCC: a blind copy is answered to its author", blind, []string{carol.Addr}, []string{}},
		{"T-OOO: so is automatic mail", auto, []string{dave.Addr}, []string{}},
		{"the newest mail by a person, when none is named", 0, []string{carol.Addr}, []string{}},
		{"our own reply again: the same people, no blind copies", ours.ID, []string{carol.Addr}, []string{dave.Addr}},
	} {
		to, cc, _, err := h.Recipients(t.Context(), h.ann, number, c.answers)
		if err != nil {
			t.Fatal(c.name, err)
		}
		equal(t, c.name+": to", addresses(to), c.to)
		equal(t, c.name+": cc", addresses(cc), c.cc)
	}
	if _, _, _, err := h.Recipients(t.Context(), h.ann, number, 999); err == nil {
		t.Error("a message that does not exist can be answered")
	}
}

// What was seen is what is sent: later changes of the ticket's people change no message.
func TestT_RECIPIENTS_frozen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.mail(t, inbound{From: carol, To: []desk.Address{support, dave}, Subject: "Pump", Text: "x"})
	sent := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Hello"})
	h.mail(t, inbound{Ticket: number, From: carol, To: []desk.Address{support}, Subject: "Pump", Text: "Leave Dave out"})
	out := h.outgoing(t, sent.ID)
	var recipients []string
	for _, one := range out.Awaited {
		recipients = append(recipients, one.Recipient)
	}
	equal(t, "awaited", recipients, []string{carol.Addr, dave.Addr})
	equal(t, "to", addresses(out.Message.To), []string{carol.Addr})
	equal(t, "cc", addresses(out.Message.Cc), []string{dave.Addr})
}

func TestReply(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, asked := h.ask(t)
	upload, err := h.Upload(t.Context(), h.ann, NewFile{Name: "../../Größe.pdf", MediaType: "application/pdf; x=y", Size: -1, R: strings.NewReader("%PDF")})
	if err != nil {
		t.Fatal(err)
	}
	h.clock.wait(time.Minute)
	m := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Hello\r\nCarol", Uploads: []int64{upload.ID}, Undo: 10 * time.Second, Bcc: []desk.Address{{Addr: "boss@other.test"}}, To: []desk.Address{carol}})
	facts, _ := m.Decode()
	ticket := h.get(t, number)
	for name, ok := range map[string]bool{
		"kind":        m.Kind == desk.KindReply,
		"text":        m.Text == "Hello\nCarol",
		"subject":     m.Subject == "Re: Broken pump",
		"from":        m.From() == support,
		"author":      m.AuthorName == "Ann",
		"sent later":  m.SendAt != nil && m.SendAt.Equal(h.clock.now().Add(10*time.Second)),
		"message id":  m.MessageID == h.codec.MessageID(m.ID),
		"references":  len(facts.References) == 1 && strings.HasSuffix(facts.References[0], "@customer.test"),
		"answers":     facts.Answers == asked,
		"file":        len(m.Files) == 1 && m.Files[0].Name == "Größe.pdf" && m.Files[0].MediaType == "application/pdf" && m.Files[0].Size == 4,
		"deliveries":  len(m.Deliveries) == 2 && m.Deliveries[0].Recipient == "boss@other.test" && m.Deliveries[0].State == desk.DeliveryQueued,
		"jobs":        h.jobs(t, m.ID) == 2,
		"pending":     ticket.Status == desk.StatusPending && ticket.WaitingSince == nil,
		"preview":     ticket.Preview == "Hello Carol",
		"paper clip":  ticket.HasAttachment,
		"audited":     h.audited(t, "ticket.reply") == 1 && h.audited(t, "ticket.status") == 1,
		"event":       slices.Equal(h.events(t, number), []string{"status"}),
		"no bcc leak": !strings.Contains(strings.Join(wordsOf(m), " "), "boss"),
	} {
		if !ok {
			t.Errorf("%s is wrong: %+v", name, m)
		}
	}
	var keys int
	h.row(t, &keys, `select count(*) from message_key where message = $1 and not named`, m.ID)
	if keys != 1 {
		t.Error("the reply's own Message-ID is not known")
	}
	if _, err := h.Reply(t.Context(), h.bob, desk.ReplyRequest{Ticket: number, Text: "x", Uploads: []int64{upload.ID}}); err == nil {
		t.Error("an upload can be sent twice")
	}
}

func TestReplyRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	var crowd []desk.Address
	for i := range mostRecipients + 1 {
		crowd = append(crowd, desk.Address{Addr: fmt.Sprintf("p%d@crowd.test", i)})
	}
	for name, r := range map[string]desk.ReplyRequest{
		"nothing":          {},
		"a status":         {Text: "x", Status: "gone"},
		"too much undo":    {Text: "x", Undo: time.Minute},
		"header injection": {Text: "x", To: []desk.Address{{Addr: "a@b.test\r\nBcc: x@y.test"}}},
		"a broken name":    {Text: "x", To: []desk.Address{{Name: "a\x00", Addr: "a@b.test"}}},
		"no address":       {Text: "x", To: []desk.Address{{Addr: "nobody"}}},
		"nobody":           {Text: "x", Recipients: desk.AsGiven},
		"a crowd":          {Text: "x", To: crowd},
		"foreign uploads":  {Text: "x", Uploads: []int64{12345}},
	} {
		r.Ticket = number
		if _, err := h.Reply(t.Context(), h.ann, r); err == nil {
			t.Errorf("%s is taken", name)
		} else {
			wantFault(t, err, desk.Invalid)
		}
	}
	if got := len(h.conversation(t, number)); got != 1 {
		t.Errorf("what was refused left %d messages", got-1)
	}
	_, err := h.Reply(t.Context(), h.person(t, "carol@customer.test", "Carol", desk.RoleCustomer), desk.ReplyRequest{Ticket: number, Text: "x"})
	wantFault(t, err, desk.Forbidden)
	_, err = h.Reply(t.Context(), desk.Actor{}, desk.ReplyRequest{Ticket: number, Text: "x"})
	wantFault(t, err, desk.Unsigned)
	reader := h.ann
	reader.Scopes = []desk.Scope{desk.ScopeRead}
	_, err = h.Reply(t.Context(), reader, desk.ReplyRequest{Ticket: number, Text: "x"})
	wantFault(t, err, desk.Forbidden)
}

func TestT_STALE(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, seen := h.ask(t)
	if _, err := h.Update(t.Context(), h.bob, number, desk.TicketChange{AddTags: []string{"pump"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Note(t.Context(), h.ann, number, "my own note", nil); err != nil {
		t.Fatal(err)
	}
	h.reply(t, desk.ReplyRequest{Ticket: number, Text: "events and own notes are nothing new", LastSeen: seen})
	h.mail(t, inbound{Ticket: number, From: carol, To: []desk.Address{support}, Subject: "Pump", Text: "One more thing"})
	draft := desk.Draft{TicketID: number, Kind: desk.KindReply, Text: "Hello"}
	if err := h.SaveDraft(t.Context(), h.ann, draft); err != nil {
		t.Fatal(err)
	}
	_, err := h.Reply(t.Context(), h.ann, desk.ReplyRequest{Ticket: number, Text: "Hello", LastSeen: seen})
	wantFault(t, err, desk.Conflict)
	if kept, found, _ := h.LoadDraft(t.Context(), h.ann, number, desk.KindReply); !found || kept.Text != "Hello" {
		t.Error("the draft was not kept")
	}
	h.reply(t, desk.ReplyRequest{Ticket: number, Text: "send anyway"})
	if _, found, _ := h.LoadDraft(t.Context(), h.ann, number, desk.KindReply); found {
		t.Error("the draft is still there after sending")
	}
}

func TestT_UNDO(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, asked := h.ask(t)
	upload, err := h.Upload(t.Context(), h.ann, NewFile{Name: "a.txt", Size: 5, R: strings.NewReader("hello")})
	if err != nil {
		t.Fatal(err)
	}
	before := h.get(t, number)
	h.clock.wait(time.Minute)
	m := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Hello", To: []desk.Address{carol}, Bcc: []desk.Address{dave}, Uploads: []int64{upload.ID}, Undo: 10 * time.Second, Status: desk.StatusSolved})
	_, err = h.UndoSend(t.Context(), h.bob, m.ID)
	wantFault(t, err, desk.Forbidden)
	draft, err := h.UndoSend(t.Context(), h.ann, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	if draft.Text != "Hello" || draft.To[0] != carol || draft.Bcc[0] != dave || draft.Answers != asked || !slices.Equal(draft.Uploads, []int64{upload.ID}) {
		t.Errorf("the draft is not whole: %+v", draft)
	}
	if kept, found, _ := h.LoadDraft(t.Context(), h.ann, number, desk.KindReply); !found || kept.Text != "Hello" {
		t.Error("the draft was not kept")
	}
	if h.jobs(t, m.ID) != 0 || len(h.conversation(t, number)) != 1 {
		t.Error("the message or its job is still there")
	}
	after := h.get(t, number)
	if after.Status != desk.StatusNew || after.WaitingSince == nil || !after.WaitingSince.Equal(*before.WaitingSince) || after.SolvedAt != nil || after.Preview != before.Preview {
		t.Errorf("the ticket does not stand as before: %+v", after)
	}
	if h.audited(t, "ticket.undo") != 1 {
		t.Error("no audit entry")
	}
	h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Hello again", Uploads: draft.Uploads}) // the upload can be sent
	_, err = h.UndoSend(t.Context(), h.ann, m.ID)
	wantFault(t, err, desk.NotFound)
}

// Keeping the signed bytes and undoing exclude each other, whichever comes first.
func TestT_UNDO_or_sent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	sent := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "one"})
	first, second := h.outgoing(t, sent.ID), h.outgoing(t, sent.ID)
	if taken := h.leave(t, first, "mail"); taken.Late || len(taken.Recipients) != 1 {
		t.Fatalf("the first to keep bytes has %+v", taken)
	}
	_, err := h.UndoSend(t.Context(), h.ann, sent.ID)
	wantFault(t, err, desk.Conflict)
	back := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "two"})
	gone := h.outgoing(t, back.ID)
	if _, err := h.UndoSend(t.Context(), h.ann, back.ID); err != nil {
		t.Fatal(err)
	}
	if taken := h.leave(t, gone, "mail"); len(taken.Recipients) != 0 {
		t.Errorf("what was undone leaves: %+v", taken)
	}
	if taken := h.leave(t, second, "other"); !taken.Late {
		t.Errorf("the second to keep bytes has %+v", taken)
	}
	r, size, err := h.Original(t.Context(), h.ann, sent.ID)
	if err != nil || size != 4 {
		t.Fatalf("the bytes kept first must stay: %d, %v", size, err)
	}
	_ = r.Close()
}

// outgoing is a message to one customer's domain as a job finds it.
func (h *house) outgoing(t *testing.T, message int64) *Outgoing {
	t.Helper()
	out, err := h.Outgoing(t.Context(), store.WordsIfNeeded, desk.SendReply{Message: message, Destination: desk.DomainOf(carol.Addr)})
	if err != nil || out[0] == nil {
		t.Fatalf("%v, %v", out, err)
	}
	return out[0]
}

// leave takes a message in hand with its bytes, as a job does.
func (h *house) leave(t *testing.T, out *Outgoing, bytes string) Taken {
	t.Helper()
	original, err := h.Seal(t.Context(), out, strings.NewReader(bytes), int64(len(bytes)))
	if err == nil {
		err = h.store.Write(t.Context(), func(tx *store.Tx) error { return tx.Beat(t.Context(), "me", "here") })
	}
	if err != nil {
		t.Fatal(err)
	}
	taken, err := h.TakeInHand(t.Context(), "me", Letter{Outgoing: out, Original: original})
	if err != nil {
		t.Fatal(err)
	}
	return taken[0]
}

func TestStart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ticket, m, err := h.Start(t.Context(), h.ann, desk.NewTicket{MailboxID: h.sales, To: []desk.Address{carol, dave}, Subject: " Your \r\n order ", HTML: `<p onclick="x()">Hello <b>Carol</b></p>`})
	if err != nil {
		t.Fatal(err)
	}
	if ticket.RequesterAddress != carol.Addr || ticket.Subject != "Your order" || ticket.Status != desk.StatusPending || ticket.MailboxAddress != "sales@example.com" || ticket.AssigneeName != "Ann" {
		t.Errorf("ticket is %+v", ticket)
	}
	if m.Subject != "Your order" || m.Text != "Hello Carol" || strings.Contains(m.HTML, "onclick") || !strings.Contains(m.HTML, "<b>Carol</b>") || h.jobs(t, m.ID) != 1 {
		t.Errorf("message is %+v", m)
	}
	people, err := h.Participants(t.Context(), h.ann, ticket.ID)
	if err != nil || len(people) != 1 || people[0].Address != dave.Addr {
		t.Errorf("participants are %+v, %v", people, err)
	}
	_, _, err = h.Start(t.Context(), h.ann, desk.NewTicket{MailboxID: 999, To: []desk.Address{carol}, Subject: "x", Text: "x"})
	wantFault(t, err, desk.Invalid)
}

// A bounce stands in the conversation, opens the ticket again, and is gone when the agent tries again (T-DELIVERY).
func TestT_DELIVERY_bounce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	m := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Hello", Status: desk.StatusSolved, To: []desk.Address{carol, dave}})
	bounce := desk.Delivery{Recipient: carol.Addr, State: desk.DeliveryBounced, Host: "mx.customer.test", Reply: "550 5.1.1 no such person", Attempts: 1, UpdatedAt: h.clock.now()}
	taken := desk.Delivery{Recipient: dave.Addr, State: desk.DeliverySent, Host: "mx.customer.test", TLS: "TLS 1.3", Reply: "250 ok", Attempts: 1, UpdatedAt: h.clock.now()}
	for range 2 { // a job runs at least once
		if err := h.Delivered(t.Context(), m.ID, []desk.Delivery{bounce, taken}); err != nil {
			t.Fatal(err)
		}
	}
	ticket := h.get(t, number)
	if ticket.Status != desk.StatusOpen || !ticket.DeliveryProblem || ticket.WaitingSince == nil {
		t.Errorf("ticket is %+v", ticket)
	}
	equal(t, "events", h.events(t, number), []string{"status", "bounced", "status"})
	shown, err := h.Message(t.Context(), h.ann, m.ID)
	if err != nil || shown.Deliveries[0].Reply != bounce.Reply || shown.Deliveries[1].TLS != "TLS 1.3" {
		t.Errorf("deliveries are %+v, %v", shown.Deliveries, err)
	}
	page, err := h.DeliveryLog(t.Context(), h.owner, desk.DeliveryQuery{States: []desk.DeliveryState{desk.DeliveryBounced}})
	if err != nil || len(page.Items) != 1 || page.Items[0].TicketID != number || page.Items[0].Recipient != carol.Addr {
		t.Errorf("list of deliveries is %+v, %v", page, err)
	}
	_, err = h.DeliveryLog(t.Context(), h.ann, desk.DeliveryQuery{})
	wantFault(t, err, desk.Forbidden)
	if err := h.RetryDelivery(t.Context(), h.ann, m.ID, carol.Addr); err != nil {
		t.Fatal(err)
	}
	if h.get(t, number).DeliveryProblem || h.jobs(t, m.ID) != 1 {
		t.Error("trying again leaves the problem, or makes no job")
	}
	wantFault(t, h.RetryDelivery(t.Context(), h.ann, m.ID, dave.Addr), desk.Conflict)
	if awaited, err := h.Awaited(t.Context(), m.ID); err != nil || len(awaited) != 1 {
		t.Errorf("awaited: %+v, %v", awaited, err)
	}
}
