package intake

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"postern/desk"
	"postern/mailauth/suffix"
	"postern/mailtext"
	"postern/store"
	"postern/threading"
)

// Directory knows in memory which addresses are ours, so that RCPT costs no query. It is read anew when mailboxes, domains or people change.
type Directory struct {
	store *store.Store
	codec *threading.Codec
	book  atomic.Pointer[book]
}

// book is one state of the directory; it never changes.
type book struct {
	mailboxes map[string]store.BookedMailbox // by canonical address
	byID      map[int64]store.BookedMailbox
	byDomain  map[string]int64 // the oldest mailbox of each domain
	oldest    int64
	staff     map[string]store.BookedPerson // by canonical address
	domains   map[string]bool               // that take mail here: of mailboxes, and mail domains
	owned     map[string]bool               // mail domains: nobody else may send as them (T-33)
	rules     *desk.Rules
	policy    desk.Policy
	agents    desk.AgentsByMail
	ours      *mailtext.Ours // what strangers may want to be taken for (T-15)
}

// NewDirectory reads the directory once.
func NewDirectory(ctx context.Context, st *store.Store, codec *threading.Codec) (*Directory, error) {
	d := &Directory{store: st, codec: codec}
	return d, d.Reload(ctx)
}

// Reload reads it again.
func (d *Directory) Reload(ctx context.Context) error {
	read, err := d.store.AddressBook(ctx)
	if err != nil {
		return err
	}
	b := &book{
		mailboxes: map[string]store.BookedMailbox{}, byID: map[int64]store.BookedMailbox{}, byDomain: map[string]int64{}, staff: map[string]store.BookedPerson{},
		domains: map[string]bool{}, owned: map[string]bool{}, rules: desk.NewRules(read.Rules), policy: read.Policy, agents: read.Agents,
	}
	for _, mailbox := range read.Mailboxes {
		b.mailboxes[mailbox.Address], b.byID[mailbox.ID] = mailbox, mailbox
		domain := desk.DomainOf(mailbox.Address)
		if mailbox.Removed {
			continue
		}
		b.domains[domain] = true
		if b.byDomain[domain] == 0 {
			b.byDomain[domain] = mailbox.ID
		}
		if b.oldest == 0 {
			b.oldest = mailbox.ID
		}
	}
	for _, person := range read.Staff {
		b.staff[desk.Canonical(person.Email)] = person
	}
	for _, domain := range read.Domains {
		b.domains[domain], b.owned[domain] = true, true
	}
	b.ours = mailtext.NewOurs(namesOf(b))
	d.book.Store(b)
	return nil
}

// namesOf lists what strangers may want to be taken for.
func namesOf(b *book) mailtext.Names {
	names := mailtext.Names{Domains: slices.Sorted(maps.Keys(b.domains)), Org: suffix.Registrable}
	for address, person := range b.staff {
		names.People, names.Addresses = append(names.People, person.Name), append(names.Addresses, address)
	}
	for address, mailbox := range b.mailboxes {
		if !mailbox.Removed {
			names.Brands, names.Addresses = append(names.Brands, mailbox.Name), append(names.Addresses, address)
		}
	}
	return names
}

// Recipient says whether mail to the address is taken: a mailbox, with or without a subaddress; a reply address of ours, even of a mailbox that was removed since its
// conversations go on; or the postmaster of a domain of ours (RFC 5321 §4.5.1).
func (d *Directory) Recipient(_ context.Context, addr string) (bool, error) {
	return d.mailbox(addr) != 0, nil
}

// mailbox resolves an address to the mailbox that takes its mail; 0 if it is not ours.
func (d *Directory) mailbox(addr string) int64 {
	b := d.book.Load()
	addr = desk.Canonical(addr)
	if mailbox, ok := b.mailboxes[addr]; ok && !mailbox.Removed {
		return mailbox.ID
	}
	for base := addr; ; { // support+sales+token@ belongs to the longest name that is a mailbox
		cut := strings.LastIndexByte(base, '+')
		local, domain := desk.SplitAddress(base)
		if cut <= 0 || cut >= len(local) {
			break
		}
		base = local[:cut] + "@" + domain
		mailbox, ok := b.mailboxes[base]
		if !ok {
			continue
		}
		if !mailbox.Removed || d.codec.Signed(addr) {
			return mailbox.ID
		}
		return 0
	}
	if local, domain := desk.SplitAddress(addr); local == "postmaster" && (b.domains[domain] || domain == d.codec.Hostname()) {
		if id := b.byDomain[domain]; id != 0 {
			return id
		}
		return b.oldest
	}
	return 0
}

// mailboxes lists ours among the recipients, the primary first: the first of ours in To, then Cc, then in the order of RCPT (T-TWO-INBOX). asBcc says that no header
// names any of them (T-BCC).
func (d *Directory) mailboxes(recipients []string, named []desk.Address) (ids []int64, asBcc bool) {
	taken := map[int64]bool{}
	for _, addr := range recipients {
		if id := d.mailbox(addr); id != 0 {
			taken[id] = true
		}
	}
	add := func(addr string) bool {
		id := d.mailbox(addr)
		if id == 0 || !taken[id] {
			return false
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		return true
	}
	asBcc = true
	for _, person := range named {
		if add(person.Addr) {
			asBcc = false
		}
	}
	for _, addr := range recipients {
		add(addr)
	}
	return ids, asBcc
}

// agent is who of our people has the address.
func (d *Directory) agent(addr string) (store.BookedPerson, bool) {
	person, ok := d.book.Load().staff[addr]
	return person, ok
}

// owns says whether a domain is one of our mail domains, or stands below one.
func (d *Directory) owns(domain string) bool {
	owned := d.book.Load().owned
	for domain != "" {
		if owned[domain] {
			return true
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return false
}

// warnings says what about a mail may deceive who reads it.
func (d *Directory) warnings(mail *mailtext.Mail) []desk.Warning {
	return d.book.Load().ours.OfMail(mail)
}

// policy is how mail is judged at this moment.
func (d *Directory) policy() desk.Policy { return d.book.Load().policy }

// agentsByMail says whether our people may answer by mail at this moment.
func (d *Directory) agentsByMail() bool { return d.book.Load().agents == desk.AgentsByMailOn }

// Sealers lists the domains whose ARC seals are believed.
func (d *Directory) Sealers() []string { return d.book.Load().policy.ARCSealers }

// rule finds what the block and allow lists say about a sender.
func (d *Directory) rule(s desk.Sender, now time.Time) (desk.SenderRule, bool) {
	return d.book.Load().rules.Match(s, now)
}

// acknowledges says whether the first of the mailboxes answers new tickets by itself.
func (d *Directory) acknowledges(mailboxes []int64) bool {
	return len(mailboxes) > 0 && d.book.Load().byID[mailboxes[0]].Acknowledge
}

// dmarcLevel is the level for a mail to these mailboxes: the mildest of them, so that nobody loses mail by a neighbour's setting.
func (d *Directory) dmarcLevel(mailboxes []int64) desk.DMARCLevel {
	b, mildest := d.book.Load(), len(desk.DMARCLevels)-1
	for _, id := range mailboxes {
		mildest = min(mildest, max(0, slices.Index(desk.DMARCLevels, b.byID[id].DMARC)))
	}
	if len(mailboxes) == 0 {
		return desk.DMARCSuspend
	}
	return desk.DMARCLevels[mildest]
}

// isMailbox says whether the address is a mailbox of ours or a reply address of one.
func (d *Directory) isMailbox(addr string) bool { return d.mailbox(addr) != 0 }

// Ours lists those of the addresses that are ours; where none is, the oldest mailbox. It is for mail that comes without an envelope.
func (d *Directory) Ours(addresses []string) (ours []string) {
	for _, addr := range addresses {
		if d.mailbox(addr) != 0 {
			ours = append(ours, addr)
		}
	}
	if len(ours) > 0 {
		return ours
	}
	b := d.book.Load()
	for addr, mailbox := range b.mailboxes {
		if mailbox.ID == b.oldest {
			return []string{addr}
		}
	}
	return nil
}
