package tickets

import (
	"slices"
	"strings"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

var supplier = desk.Address{Name: "Sam Supplier", Addr: "sam@supplier.test"}

// A forward goes to somebody who is not on the ticket, with the mail, the chosen files and the mail itself; the customer sees nothing of it, and nobody comes onto the ticket by it.
func TestForward(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, asked := h.ask(t)
	h.file(t, asked, "photo.jpg")
	h.file(t, asked, "secret.txt")
	shown, err := h.Message(t.Context(), h.ann, asked)
	if err != nil {
		t.Fatal(err)
	}
	upload, err := h.Upload(t.Context(), h.ann, NewFile{Name: "drawing.pdf", Size: 5, R: strings.NewReader("hello")})
	if err != nil {
		t.Fatal(err)
	}
	before := h.get(t, number)
	h.clock.wait(time.Minute)
	m, err := h.Forward(t.Context(), h.ann, desk.ForwardRequest{Ticket: number, Forwards: asked, MailboxID: h.sales, Subject: "Fwd: Broken pump", Text: "Can you look at this?",
		To: []desk.Address{supplier}, Uploads: []int64{upload.ID}, Take: []int64{shown.Files[0].ID}, Status: desk.StatusHold, Undo: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range m.Files {
		names = append(names, file.Name)
	}
	slices.Sort(names)
	equal(t, "files", names, []string{"drawing.pdf", "photo.jpg"})
	if m.Kind != desk.KindForward || m.Side == nil || *m.Side != m.ID || m.FromAddress != "sales@example.com" || h.jobs(t, m.ID) != 1 {
		t.Errorf("message is %+v", m)
	}
	if m.Text != "Can you look at this?" || !strings.Contains(m.Quoted, "Forwarded message") || !strings.Contains(m.Quoted, "From: Carol <carol@customer.test>") || !strings.Contains(m.Quoted, "My pump is broken.") {
		t.Errorf("text is %q, below it stands %q", m.Text, m.Quoted)
	}
	after := h.get(t, number)
	if after.Status != desk.StatusHold || after.Preview != before.Preview {
		t.Errorf("the ticket is %s, previewed as %q", after.Status, after.Preview)
	}
	if people, err := h.Participants(t.Context(), h.ann, number); err != nil || len(people) != 0 {
		t.Errorf("participants are %+v, %v", people, err)
	}
	contacts, err := h.store.ContactsOf(t.Context(), carol.Addr)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := h.store.Messages(t.Context(), store.Viewer{Sight: desk.SightOwn, Contacts: contacts}, number, "", 100)
	if err != nil || len(seen.Items) != 1 || seen.Items[0].ID != asked {
		t.Errorf("the customer sees %+v, %v", seen.Items, err)
	}
	to, cc, answers, err := h.Recipients(t.Context(), h.ann, number, 0)
	if err != nil || answers != asked {
		t.Errorf("an answer is to %d, %v", answers, err)
	}
	equal(t, "an answer goes to", addresses(append(to, cc...)), []string{carol.Addr})
	if h.audited(t, "ticket.forward") != 1 {
		t.Error("it is not audited")
	}
}

// The third party's answer is answered beside the conversation: only to them, and on the same side.
func TestForwardGoesOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, asked := h.ask(t)
	first, err := h.Forward(t.Context(), h.ann, desk.ForwardRequest{Ticket: number, Forwards: asked, Subject: "Fwd: Broken pump", To: []desk.Address{supplier}})
	if err != nil {
		t.Fatal(err)
	}
	h.clock.wait(time.Minute)
	_, answer := h.mail(t, inbound{Ticket: number, From: supplier, To: []desk.Address{support}, Subject: "Re: Fwd: Broken pump", Text: "The valve.", Status: desk.StatusOpen, Side: first.ID})
	to, cc, _, err := h.Recipients(t.Context(), h.ann, number, answer)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "recipients", addresses(append(to, cc...)), []string{supplier.Addr})
	second, err := h.Forward(t.Context(), h.ann, desk.ForwardRequest{Ticket: number, Answers: answer, Subject: "Re: Fwd: Broken pump", Text: "Thank you", To: to})
	if err != nil || second.Side == nil || *second.Side != first.ID || second.Quoted != "" {
		t.Fatalf("message is %+v, %v", second, err)
	}
	facts, err := second.Decode()
	if err != nil || len(facts.References) == 0 {
		t.Errorf("references are %v, %v", facts.References, err)
	}
	_, err = h.Reply(t.Context(), h.ann, desk.ReplyRequest{Ticket: number, Answers: answer, Text: "x", To: []desk.Address{supplier}, Recipients: desk.AsGiven})
	wantFault(t, err, desk.Invalid)
	_, err = h.Forward(t.Context(), h.ann, desk.ForwardRequest{Ticket: number, Answers: asked, Subject: "x", Text: "x", To: []desk.Address{supplier}})
	wantFault(t, err, desk.Invalid)
	if h.get(t, number).Preview == "The valve." {
		t.Error("what others say is the preview of the ticket")
	}
	made, err := h.Split(t.Context(), h.ann, answer)
	if err != nil {
		t.Fatal(err)
	}
	if split := h.conversation(t, made.ID); len(split) == 0 || split[0].Side != nil {
		t.Errorf("a ticket of its own still stands beside another: %+v", split)
	}
}

// Undo brings a forward back as a draft, its files with it.
func TestForwardCanBeUndone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, asked := h.ask(t)
	h.file(t, asked, "photo.jpg")
	shown, err := h.Message(t.Context(), h.ann, asked)
	if err != nil {
		t.Fatal(err)
	}
	m, err := h.Forward(t.Context(), h.ann, desk.ForwardRequest{Ticket: number, Forwards: asked, MailboxID: h.sales, Subject: "Fwd: Broken pump", Text: "Look", To: []desk.Address{supplier},
		Take: []int64{shown.Files[0].ID}, Status: desk.StatusHold, Undo: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	draft, err := h.UndoSend(t.Context(), h.ann, m.ID)
	if err != nil || draft.Kind != desk.KindForward || draft.Subject != "Fwd: Broken pump" || draft.Forwards != asked || draft.MailboxID != h.sales || len(draft.Uploads) != 1 {
		t.Fatalf("draft is %+v, %v", draft, err)
	}
	kept, found, err := h.LoadDraft(t.Context(), h.ann, number, desk.KindForward)
	if err != nil || !found || kept.Text != "Look" || kept.Subject != draft.Subject {
		t.Errorf("kept is %+v, %v", kept, err)
	}
	if h.get(t, number).Status != desk.StatusNew {
		t.Error("the status is not what it was")
	}
	if again, err := h.Message(t.Context(), h.ann, asked); err != nil || len(again.Files) != 1 {
		t.Errorf("the customer's mail has lost its file: %+v, %v", again.Files, err)
	}
	for name, wrong := range map[string]desk.ForwardRequest{
		"nobody": {Ticket: number, Forwards: asked, Subject: "x"}, "no subject": {Ticket: number, Forwards: asked, To: []desk.Address{supplier}},
		"nothing": {Ticket: number, Subject: "x", To: []desk.Address{supplier}}, "no such message": {Ticket: number, Forwards: 999, Subject: "x", To: []desk.Address{supplier}},
		"no such mailbox": {Ticket: number, Forwards: asked, Subject: "x", To: []desk.Address{supplier}, MailboxID: 99}, "not kept": {Ticket: number, Forwards: asked, Subject: "x", To: []desk.Address{supplier}, Original: true},
	} {
		if _, err := h.Forward(t.Context(), h.ann, wrong); err == nil {
			t.Errorf("%s: it is sent", name)
		}
	}
}

// Both signatures stand below the text, behind the mark of one, and are no part of the words that undo brings back.
func TestSignatures(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	if err := h.SetHabits(t.Context(), h.ann, desk.Habits{Signature: "Ann\r\nHelp desk\n", UndoSeconds: 20, AfterSend: desk.ThenStay}); err != nil {
		t.Fatal(err)
	}
	if err := h.SetMailboxSignature(t.Context(), h.owner, "support@example.com", "Example Ltd"); err != nil {
		t.Fatal(err)
	}
	wantFault(t, h.SetMailboxSignature(t.Context(), h.ann, "support@example.com", "x"), desk.Forbidden)
	wantFault(t, h.SetHabits(t.Context(), h.ann, desk.Habits{UndoSeconds: 31, AfterSend: desk.ThenNext}), desk.Invalid)
	wantFault(t, h.SetHabits(t.Context(), h.ann, desk.Habits{AfterSend: "home"}), desk.Invalid)
	habits, err := h.Habits(t.Context(), h.ann)
	if err != nil || habits.Undo() != 20*time.Second || habits.AfterSend != desk.ThenStay {
		t.Errorf("habits are %+v, %v", habits, err)
	}
	m := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Hello", Signed: true, Undo: habits.Undo()})
	if m.Text != "Hello" || m.Quoted != "-- \nAnn\nHelp desk\nExample Ltd" {
		t.Errorf("message is %q, below it %q", m.Text, m.Quoted)
	}
	if draft, err := h.UndoSend(t.Context(), h.ann, m.ID); err != nil || draft.Text != "Hello" {
		t.Errorf("draft is %+v, %v", draft, err)
	}
	if m := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Hello"}); m.Quoted != "" {
		t.Errorf("unasked it is signed %q", m.Quoted)
	}
}

// An answer leaves from the mailbox that its writer chose, and a status that stays lets those who wait begin anew.
func TestReplyFromAnotherMailbox(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	h.clock.wait(time.Hour)
	m := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "Hello", MailboxID: h.sales, Status: desk.KeepStatus})
	if m.FromAddress != "sales@example.com" || m.FromName != "Example Sales" {
		t.Errorf("it is from %s", m.FromAddress)
	}
	ticket := h.get(t, number)
	if ticket.Status != desk.StatusOpen || ticket.WaitingSince == nil || !ticket.WaitingSince.Equal(h.clock.now()) {
		t.Errorf("the ticket is %s, waiting since %v", ticket.Status, ticket.WaitingSince)
	}
	_, err := h.Reply(t.Context(), h.ann, desk.ReplyRequest{Ticket: number, Text: "Hello", MailboxID: 99})
	wantFault(t, err, desk.Invalid)
}
