package tickets

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"postern/desk"
	"postern/store"
)

// hiddenWord stands in the place of what a role hides.
const hiddenWord = "•••"

// addressText and phoneText find what looks like an address or a telephone number in a text: at least eight digits, perhaps with a plus, brackets and single separators between them.
var (
	addressText = regexp.MustCompile(`[\pL\pN._%+'-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+`)
	phoneText   = regexp.MustCompile(`(?:\+|\b)\(?\d(?:[ ./()-]{0,2}\d){7,14}\b`)
)

// mask is what a role hides of customers. The zero mask hides nothing.
type mask struct{ email, phone, name bool }

func maskOf(list []desk.Mask) mask {
	return mask{slices.Contains(list, desk.MaskEmail), slices.Contains(list, desk.MaskPhone), slices.Contains(list, desk.MaskName)}
}

// any says whether something is hidden.
func (m mask) any() bool { return m != mask{} }

// text is what somebody wrote, without what is hidden. Of names only those hide that stand in a field: who is meant by a word nobody can tell.
func (m mask) text(text string) string {
	if m.email {
		text = addressText.ReplaceAllString(text, hiddenWord)
	}
	if m.phone {
		text = phoneText.ReplaceAllString(text, hiddenWord)
	}
	return text
}

// address is the address of a customer.
func (m mask) address(address string) string {
	if m.email && address != "" {
		return hiddenWord
	}
	return address
}

// named is the name of a customer. Where the address stands for a name, that hides as well.
func (m mask) named(name string) string {
	if m.name && name != "" {
		return hiddenWord
	}
	return m.text(name)
}

func (m mask) people(list []desk.Address) []desk.Address {
	hidden := make([]desk.Address, len(list))
	for i, one := range list {
		hidden[i] = desk.Address{Name: m.named(one.Name), Addr: m.address(one.Addr)}
	}
	return hidden
}

// ticket is a ticket without what is hidden. Customers whose name hides are told apart by a number.
func (m mask) ticket(t desk.Ticket) desk.Ticket {
	if !m.any() {
		return t
	}
	t.RequesterAddress = m.address(t.RequesterAddress)
	if t.RequesterName = m.named(t.RequesterName); m.name {
		t.RequesterName = customerNumber(t.RequesterID)
	}
	t.Subject, t.Preview, t.RatingNote = m.text(t.Subject), m.text(t.Preview), m.text(t.RatingNote)
	if len(t.Fields) > 0 {
		fields := make(map[string]string, len(t.Fields))
		for name, value := range t.Fields {
			fields[name] = m.text(value)
		}
		t.Fields = fields
	}
	return t
}

func customerNumber(contact int64) string { return fmt.Sprintf("%s %d", hiddenWord, contact) }

// message is a message without what is hidden. The evidence about a mail is made of addresses, so it goes whole; what an event says stays.
func (m mask) message(one desk.Message) desk.Message {
	if !m.any() {
		return one
	}
	if one.Kind == desk.KindInbound {
		one.FromAddress, one.FromName = m.address(one.FromAddress), m.named(one.FromName)
	}
	one.To, one.Cc = m.people(one.To), m.people(one.Cc)
	one.Subject, one.Text, one.Quoted, one.HTML = m.text(one.Subject), m.text(one.Text), m.text(one.Quoted), m.text(one.HTML)
	one.Facts = m.facts(one)
	one.HasOriginal = false
	deliveries := slices.Clone(one.Deliveries)
	for i := range deliveries {
		deliveries[i].Recipient, deliveries[i].RedirectedTo, deliveries[i].Reply = m.address(deliveries[i].Recipient), m.address(deliveries[i].RedirectedTo), m.text(deliveries[i].Reply)
	}
	one.Deliveries = deliveries
	return one
}

func (m mask) facts(one desk.Message) json.RawMessage {
	if one.Kind != desk.KindEvent {
		return nil
	}
	return json.RawMessage(m.text(string(one.Facts)))
}

// refuse says whether a search asks for what is hidden: whoever may ask whether an address is there has it.
func (m mask) refuse(f store.TicketFilter) error {
	if !m.any() {
		return nil
	}
	if f.Requester != "" && (m.email || m.name) || slices.ContainsFunc(f.Find, m.asks) || m.hides(f.Subject) || slices.ContainsFunc(f.Fields, func(one store.Field) bool { return m.hides(one.Value) }) {
		return desk.Wrong("q", "your role hides addresses, telephone numbers or names of customers: they cannot be searched for")
	}
	for _, without := range f.Without {
		if err := m.refuse(without); err != nil {
			return err
		}
	}
	return nil
}

// hides says whether a text would not be shown as it stands.
func (m mask) hides(text string) bool {
	return m.email && strings.Contains(text, "@") || m.text(text) != text
}

func (m mask) asks(find store.Find) bool {
	return find.In != store.Anywhere && (m.email || m.name) || m.hides(find.Exact) || slices.ContainsFunc(find.Lexemes, m.hides)
}

// narrow lets words be found in what is shown alone: the words by which a mail is found are those of its header as well.
func (m mask) narrow(f *store.TicketFilter) {
	if !m.any() {
		return
	}
	for i := range f.Find {
		f.Find[i].Shown = true
	}
	for i := range f.Without {
		m.narrow(&f.Without[i])
	}
}

// changed is a ticket as the actor has made it, even where that took it out of their sight.
func (s *Service) changed(ctx context.Context, actor desk.Actor, number int64) (desk.Ticket, error) {
	ticket, err := s.store.Ticket(ctx, store.AllSeeing(), number)
	return maskOf(actor.User.Masks()).ticket(ticket), err
}

// written is a message that the actor has written.
func (s *Service) wrote(ctx context.Context, actor desk.Actor, id int64) (desk.Message, error) {
	message, err := s.store.Message(ctx, store.AllSeeing(), id)
	return maskOf(actor.User.Masks()).message(message), err
}

// notifications hides in a list what is hidden.
func (m mask) notifications(list []desk.Notification, err error) error {
	for i := range list {
		list[i] = m.notification(list[i])
	}
	return err
}

func (m mask) notification(n desk.Notification) desk.Notification {
	if !m.any() {
		return n
	}
	n.Subject, n.Customer = m.text(n.Subject), m.named(n.Customer)
	if happened := desk.HappeningKind(n.Detail); n.Kind == desk.NotifyAnswered || happened == desk.HappenedJoined || happened == desk.HappenedAside {
		n.Actor = m.named(n.Actor)
	}
	n.Detail = m.text(n.Detail)
	return n
}

// shownTo is nobody where addresses or names are hidden: what a form holds its reader reads.
func (m mask) shownTo(list []desk.Address) []desk.Address {
	if m.email || m.name {
		return nil
	}
	return list
}

func (m mask) outbound(one desk.Outbound) desk.Outbound {
	if m.any() {
		one.Recipient, one.RedirectedTo, one.Reply, one.Subject = m.address(one.Recipient), m.address(one.RedirectedTo), m.text(one.Reply), m.text(one.Subject)
		one.Destination = m.address(one.Destination)
	}
	return one
}

func (m mask) recipient(one desk.Recipient) desk.Recipient {
	if !m.any() {
		return one
	}
	one.Outbound = m.outbound(one.Outbound)
	for i := range one.Timeline {
		one.Timeline[i].Reply = m.text(one.Timeline[i].Reply)
	}
	one.Suppressed = nil
	return one
}
