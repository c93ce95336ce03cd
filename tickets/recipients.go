package tickets

import (
	"context"
	"net/mail"
	"slices"
	"strings"
	"unicode"

	"postern/desk"
	"postern/mailauth/suffix"
	"postern/store"
	"postern/threading"
)

// mostRecipients is how many people one message of ours may go to.
const mostRecipients = 100

// answering is what decides who receives the answer to a message (T-RECIPIENTS).
type answering struct {
	Message   desk.Message
	Facts     desk.MessageFacts
	Requester desk.Address
	Standing  store.Standing
	Ours      func(addr string) bool
}

// recipients is 'reply all' to the message: its author, and everybody it went to, but for our own addresses and for strangers whom no agent has accepted.
// Those whom one has accepted are added. What we got as a blind copy, or from a machine, is answered to its author only (T-BCC, T-OOO).
// An answer that came onto the ticket without proof brings nobody along, neither in Cc nor in Reply-To: whoever wrote it may have put themselves there (T-08, T-09).
func (a answering) recipients() (to, cc []desk.Address) {
	seen := map[string]bool{}
	for _, stranger := range a.Standing.Pending {
		seen[desk.Canonical(stranger)] = true
	}
	pick := func(people []desk.Address) (picked []desk.Address) {
		for _, person := range people {
			if key := desk.Canonical(person.Addr); !seen[key] && checkAddress(person) == nil && !a.Ours(key) && a.invited(key) {
				seen[key] = true
				picked = append(picked, person)
			}
		}
		return picked
	}
	if a.Message.Kind.Leaves() { // answering ourselves: the same people again
		return pick(a.Message.To), pick(a.Message.Cc)
	}
	author := a.Facts.ReplyTo // where an answer goes, by the author's own word (RFC 5322 §3.6.3)
	if to = pick(author); len(to) == 0 {
		to = pick([]desk.Address{a.Message.From()})
	}
	if len(to) == 0 {
		to = pick([]desk.Address{a.Requester})
	}
	if a.Facts.AsBcc || a.Facts.Automatic != "" || a.Message.Side != nil && a.unproved() {
		return to, nil
	}
	cc = pick(slices.Concat(a.Message.To, a.Message.Cc))
	if a.Message.Side != nil { // others are none of the customer's business, and the customer none of theirs
		return to, cc
	}
	for _, accepted := range a.Standing.Accepted {
		cc = append(cc, pick([]desk.Address{{Addr: accepted}})...)
	}
	return to, cc
}

// elsewhere is the first address in Reply-To that belongs to another organization than From; empty if none does. Whoever forges a name collects the answers so (T-08).
func (a answering) elsewhere() string {
	from := desk.DomainOf(a.Message.FromAddress)
	for _, person := range a.Facts.ReplyTo {
		if to := desk.DomainOf(person.Addr); suffix.Registrable(to) != suffix.Registrable(from) && !a.Ours(desk.Canonical(person.Addr)) {
			return person.Addr
		}
	}
	return ""
}

// author is who wrote the message, whatever its Reply-To says. A stranger whom no agent has accepted is not written to: then it is the requester.
func (a answering) author() []desk.Address {
	a.Facts.ReplyTo, a.Facts.AsBcc = nil, true
	to, _ := a.recipients()
	return to
}

// unproved says whether the message came in, and nothing vouches for its author.
func (a answering) unproved() bool {
	return a.Message.Kind == desk.KindInbound && a.Facts.Trust != "" && a.Facts.Trust != desk.TrustVerified
}

// invited says whether somebody may receive the answer because the message names them.
func (a answering) invited(addr string) bool {
	if !a.unproved() || a.Message.Side != nil || a.Facts.Why.Rule == threading.RuleNew || a.Facts.Why.Rule == threading.RuleFollowUp {
		return true
	}
	return addr == desk.Canonical(a.Message.FromAddress) || addr == desk.Canonical(a.Requester.Addr) || slices.Contains(a.Standing.Present, addr)
}

// Recipients is who would receive the answer to a message (0: to the newest mail of the ticket), and which message that is. The composer shows it for editing.
func (s *Service) Recipients(ctx context.Context, actor desk.Actor, number, answers int64) (to, cc []desk.Address, answered int64, err error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, nil, 0, err
	}
	ticket, err := s.sighted(ctx, actor, number)
	if err != nil {
		return nil, nil, 0, err
	}
	asked, err := s.answering(ctx, s.store.Reader, ticket, answers)
	if err != nil {
		return nil, nil, 0, err
	}
	to, cc = asked.recipients()
	m := maskOf(actor.User.Masks())
	return orNone(m.shownTo(to)), orNone(m.shownTo(cc)), asked.Message.ID, nil
}

// answering reads what decides about the recipients. A ticket without any mail is answered to its requester.
func (s *Service) answering(ctx context.Context, r store.Reader, ticket desk.Ticket, answers int64) (answering, error) {
	asked := answering{Requester: desk.Address{Name: ticket.RequesterName, Addr: ticket.RequesterAddress}}
	var err error
	if asked.Standing, err = r.Standing(ctx, ticket.ID); err != nil {
		return asked, err
	}
	asked.Ours = s.ours(asked.Standing.Ours)
	if answers == 0 {
		if answers, err = r.NewestInbound(ctx, ticket.ID); err != nil || answers == 0 {
			asked.Message.FromAddress = asked.Requester.Addr
			return asked, err
		}
	}
	asked.Message, err = r.Message(ctx, store.AllSeeing(), answers)
	if err != nil && !isFault(err, desk.NotFound) {
		return asked, err
	}
	if err != nil || asked.Message.TicketID != ticket.ID || asked.Message.Kind != desk.KindInbound && !asked.Message.Kind.Leaves() {
		return asked, desk.Wrong("answers", "message %d is no mail of ticket #%d", answers, ticket.ID)
	}
	asked.Facts, err = asked.Message.Decode()
	return asked, err
}

// ours says of canonical addresses whether they are a mailbox of ours, with or without a token.
func (s *Service) ours(mailboxes []string) func(string) bool {
	known := make(map[string]bool, len(mailboxes))
	for _, mailbox := range mailboxes {
		known[mailbox] = true
	}
	return func(addr string) bool {
		if known[addr] {
			return true
		}
		if base, _, ok := s.codec.ParseAddress(addr); ok && known[base] {
			return true
		}
		base, _ := desk.CutSubaddress(addr)
		return known[base]
	}
}

// checkAddress says whether mail can go to an address. What is refused here could otherwise become a header of its own (RFC 5322 §3.4).
func checkAddress(a desk.Address) error {
	if storable(a.Name) != a.Name || len(a.Name) > longestTitle {
		return desk.Wrong("to", "the name of %q cannot stand in a mail", a.Addr)
	}
	if storable(a.Addr) != a.Addr || strings.ContainsAny(a.Addr, "\r\n") || len(a.Addr) > 254 { // RFC 5321 §4.5.3.1.3
		return desk.Wrong("to", "%q is not an e-mail address", a.Addr)
	}
	if strings.ContainsFunc(a.Name, unicode.IsControl) { // an encoded-word decodes to anything, a line break included
		return desk.Wrong("to", "the name of %s holds control characters", a.Addr)
	}
	parsed, err := mail.ParseAddress("<" + a.Addr + ">")
	if err != nil || parsed.Address != a.Addr {
		return desk.Wrong("to", "%q is not an e-mail address", a.Addr)
	}
	return nil
}

// envelope lists every address once that a message goes to, whatever the field it stands in.
func envelope(fields ...[]desk.Address) ([]string, error) {
	var list []string
	for _, person := range slices.Concat(fields...) {
		if err := checkAddress(person); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, person.Is) {
			list = append(list, person.Addr)
		}
	}
	switch {
	case len(list) == 0:
		return nil, desk.Wrong("to", "there is nobody to send this to")
	case len(list) > mostRecipients:
		return nil, desk.Wrong("to", "a message goes to %d people at most", mostRecipients)
	default:
		return list, nil
	}
}

func orNone(list []desk.Address) []desk.Address {
	if list == nil {
		return []desk.Address{}
	}
	return list
}
