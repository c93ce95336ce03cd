package mailout

import (
	"net/netip"
	"time"

	"postern/desk"
)

// place is where an answer came from. The zero place is ourselves.
type place struct {
	host  string
	addr  netip.AddrPort // zero: no address was asked
	facts *desk.TLSFacts // nil in clear text
	since time.Time      // when asking began; zero: that took no time
}

// maxStory bounds what one attempt tells of one recipient: every address of every host, and as much again for second tries.
const maxStory = 2 * maxHosts * maxAddrs

// ledger keeps what is known of each recipient during one attempt. A recipient is open until somebody who may decide has answered; the first decision stands.
// Every answer also becomes a line of the recipient's story.
type ledger struct {
	entries []desk.Delivery
	settled []bool
	now     func() time.Time
	sent    func(desk.Delivery) error // see Outgoing.Sent
	crowded bool                      // a server has shown that it gets more than it can take
}

func newLedger(recipients []string, now func() time.Time) *ledger {
	l := &ledger{entries: make([]desk.Delivery, len(recipients)), settled: make([]bool, len(recipients)), now: now}
	for i, recipient := range recipients {
		l.entries[i] = desk.Delivery{Recipient: recipient, State: desk.DeliveryQueued}
	}
	return l
}

// open lists the recipients without a decision.
func (l *ledger) open() []int {
	var list []int
	for i, settled := range l.settled {
		if !settled {
			list = append(list, i)
		}
	}
	return list
}

// settle decides one recipient.
func (l *ledger) settle(i int, at place, a answer) {
	if l.settled[i] {
		return
	}
	l.tell(i, at, a)
	l.note(i, at, a)
	l.settled[i] = true
	l.report(i)
}

// report hands on a copy that its server has. Where that fails, what is still open must not leave in this attempt.
func (l *ledger) report(i int) {
	if l.entries[i].State != desk.DeliverySent || l.sent == nil {
		return
	}
	l.entries[i].UpdatedAt = l.now()
	if err := l.sent(l.entries[i]); err != nil {
		l.settleAll(answer{code: 451, text: "4.3.0 not tried: what became of another recipient could not be written down"})
	}
}

func (l *ledger) settleAll(a answer) {
	for _, i := range l.open() {
		l.settle(i, place{}, a)
	}
}

// suggest notes for every open recipient what one host answered, while others may still be asked.
func (l *ledger) suggest(at place, a answer) {
	for _, i := range l.open() {
		l.suggestFor(i, at, a)
	}
}

// suggestFor is suggest for one recipient, where the answer says nothing of the others. When nobody decides, the suggestions do: any 'not now' outweighs all 'never'.
func (l *ledger) suggestFor(i int, at place, a answer) {
	if l.settled[i] {
		return
	}
	l.tell(i, at, a)
	if l.entries[i].State != desk.DeliveryDeferred || a.state() == desk.DeliveryDeferred {
		l.note(i, at, a)
	}
}

// remark is suggest for what is not worth a line, unless nothing else comes of the attempt.
func (l *ledger) remark(at place, a answer) {
	for _, i := range l.open() {
		if l.entries[i].State == desk.DeliveryQueued {
			l.note(i, at, a)
		}
	}
}

// postpone ends this attempt for recipients: nobody was asked, and they come back after the wait. What a server said of them before stands.
func (l *ledger) postpone(list []int, wait time.Duration) {
	for _, i := range list {
		if l.settled[i] {
			continue
		}
		l.settled[i] = true
		if l.entries[i].State == desk.DeliveryQueued {
			l.entries[i].NextAt = l.now().Add(max(wait, 0))
		}
	}
}

// tell adds a line to a recipient's story.
func (l *ledger) tell(i int, at place, a answer) {
	if len(l.entries[i].Story) >= maxStory {
		return
	}
	line := desk.Attempt{At: l.now(), Kind: desk.AttemptTried, State: a.state(), Host: at.host, Step: a.step, TLS: at.facts, Reply: legible(a.String())}
	if at.addr.IsValid() {
		line.Addr = at.addr.String()
	}
	if !at.since.IsZero() {
		line.TookMS = time.Since(at.since).Milliseconds()
	}
	l.entries[i].Story = append(l.entries[i].Story, line)
}

// note makes an answer the one that counts so far.
func (l *ledger) note(i int, at place, a answer) {
	one := &l.entries[i]
	one.State, one.Host, one.Reply, one.TLS, one.Proof = a.state(), at.host, legible(a.String()), "", desk.ProofNone
	if at.facts != nil {
		one.TLS, one.Proof = at.facts.Version, at.facts.Proof
	}
}

// close ends the attempt.
func (l *ledger) close() []desk.Delivery {
	now := l.now()
	for i := range l.entries {
		if !l.settled[i] && l.entries[i].State == desk.DeliveryQueued {
			l.settle(i, place{}, answer{code: 451, text: "4.4.4 there was no host to ask"})
		}
		if one := &l.entries[i]; len(one.Story) == 0 && one.State != desk.DeliveryQueued { // a remark was all
			one.Story = []desk.Attempt{{At: now, Kind: desk.AttemptTried, State: one.State, Host: one.Host, Reply: one.Reply}}
		}
		if l.entries[i].UpdatedAt.IsZero() {
			l.entries[i].UpdatedAt = now
		}
	}
	return l.entries
}

// maxWords is as much of a remote's reply as is kept: its longest line (RFC 5321 §4.5.3.1.5).
const maxWords = 512

// legible makes one line of a reply, which a stranger wrote: no control characters, no endless texts.
func legible(reply string) string {
	line := clean(reply)
	if runes := []rune(line); len(runes) > maxWords {
		line = string(runes[:maxWords])
	}
	return line
}
