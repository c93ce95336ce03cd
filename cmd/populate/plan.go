package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"postern/desk"
)

// size says how much is made.
type size struct {
	tickets, messages int
	years             float64
	until             time.Time
	seed              uint64
}

// conversation is a ticket before it has words: who, about what, and how it went.
type conversation struct {
	language, topic, mailbox, agent int
	contact                         int // place among the contacts
	steps                           []step
	status                          desk.Status
	priority                        desk.Priority
	created, updated                time.Time
	answered, solved, closed        time.Time // zero: not yet
	waiting                         time.Time // zero: nobody waits
}

// step is one row of a conversation.
type step struct {
	at   time.Time
	kind desk.MessageKind
	verb string // of an event: assigned, status, reopened, rated-good, rated-bad
	from desk.Status
	to   desk.Status
}

// Shapes of conversations. Most are short; a few go on for weeks.
const (
	longOnes   = 1000 // of so many tickets one has longLength messages, as the slowest page of a working day
	longLength = 50
	reopens    = 0.06 // of those solved, that are opened again by an answer
	rates      = 0.18 // of the solved, that the customer says something of
	noted      = 0.15 // of the answers, that come with a note to colleagues
)

// planner makes conversations one after the other, in the order in which they begin.
type planner struct {
	size
	languages []language
	contacts  int
	mailboxes int
	agents    int
	random    *rand.Rand
	starts    []time.Time
}

func newPlanner(s size, languages []language, mailboxes, agents int) *planner {
	p := &planner{size: s, languages: languages, contacts: max(1, s.tickets*3/10), mailboxes: mailboxes, agents: agents, random: rand.New(rand.NewPCG(s.seed, 1))}
	p.starts = make([]time.Time, s.tickets)
	for i := range p.starts {
		p.starts[i] = p.moment()
	}
	slices.SortFunc(p.starts, time.Time.Compare)
	return p
}

// weight is how much is written in each hour of a day, in UTC, for a desk in Europe.
func hourWeights() [24]float64 {
	return [24]float64{.1, .1, .1, .1, .2, .5, 1.2, 2.4, 3.6, 3.8, 3.2, 2.8, 3, 3.2, 3, 2.6, 2, 1.5, 1.3, 1.2, 1, .7, .4, .2}
}

// moment is when somebody writes: in working hours rather than at night, on working days rather than on Sundays, and this year rather than the last.
func (p *planner) moment() time.Time {
	days := int(p.years * 365)
	weights := hourWeights()
	for {
		back := float64(days) * (1 - math.Sqrt(.15+.85*p.random.Float64())) / (1 - math.Sqrt(.15)) // busier from year to year
		at := p.until.Add(-time.Duration(back * 24 * float64(time.Hour)))
		at = at.Truncate(time.Hour).Add(time.Duration(p.random.Float64() * float64(time.Hour)))
		keep := weights[at.Hour()] / 3.8
		if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
			keep *= .3
		}
		if p.random.Float64() < keep && at.Before(p.until.Add(-2*time.Minute)) {
			return at.Truncate(time.Microsecond)
		}
	}
}

// after is a time some while later: half of them within the median, a few after ten times as long.
func (p *planner) after(at time.Time, median time.Duration) time.Time {
	wait := math.Exp(p.random.NormFloat64() * 1.2)
	return at.Add(time.Duration(wait * float64(median))).Truncate(time.Microsecond)
}

// length is how many mails and notes a conversation has, on average as many as are wanted.
func (p *planner) length() int {
	mean := float64(p.messages) / float64(p.tickets)
	if p.random.IntN(longOnes) == 0 {
		return longLength
	}
	n := 1 + int(p.random.ExpFloat64()*(mean-.5))
	return min(n, longLength-1)
}

// make plans the nth conversation.
func (p *planner) make(n int) conversation {
	c := conversation{contact: p.random.IntN(p.contacts), agent: p.random.IntN(p.agents), created: p.starts[n], status: desk.StatusNew, priority: p.priority()}
	c.language = languageOf(p.seed, c.contact, p.languages)
	c.topic = p.random.IntN(len(p.languages[c.language].topics))
	c.mailbox = c.topic % p.mailboxes
	at, public := c.created, 0
	for left := p.length(); left > 0; left-- {
		switch {
		case public == 0:
			p.add(&c, step{at: at, kind: desk.KindInbound})
		case c.last() == desk.KindInbound && p.random.Float64() < .85:
			at = p.after(at, 100*time.Minute)
			if c.answered.IsZero() {
				p.add(&c, step{at: latest(c.updated, at.Add(-2*time.Minute)), kind: desk.KindEvent, verb: "assigned"})
			}
			if left > 1 && p.random.Float64() < noted {
				p.add(&c, step{at: latest(c.updated, at.Add(-time.Minute)), kind: desk.KindNote})
				left--
			}
			p.add(&c, step{at: at, kind: desk.KindReply})
		default:
			at = p.after(at, 7*time.Hour)
			p.add(&c, step{at: at, kind: desk.KindInbound})
		}
		public++
	}
	p.end(&c, at)
	return c
}

// latest keeps steps in their order where little time passed between them.
func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// last is the kind of the last mail.
func (c *conversation) last() desk.MessageKind {
	for _, one := range slices.Backward(c.steps) {
		if one.kind == desk.KindInbound || one.kind == desk.KindReply {
			return one.kind
		}
	}
	return ""
}

// add takes a step, unless it lies in the future.
func (p *planner) add(c *conversation, s step) {
	if !s.at.Before(p.until) {
		return
	}
	switch {
	case s.kind == desk.KindReply:
		if c.answered.IsZero() {
			c.answered = s.at
		}
		c.status, c.waiting = desk.StatusPending, time.Time{}
	case s.kind == desk.KindInbound:
		if c.status.Ended() {
			c.steps = append(c.steps, step{at: s.at, kind: desk.KindEvent, verb: "reopened", from: c.status, to: desk.StatusOpen})
			c.solved = time.Time{}
		}
		if len(c.steps) > 0 {
			c.status = desk.StatusOpen
		}
		if c.waiting.IsZero() {
			c.waiting = s.at
		}
	case s.verb == "status":
		c.status = s.to
		if s.to.Ended() && c.solved.IsZero() {
			c.solved = s.at
		}
		if !s.to.Waiting() {
			c.waiting = time.Time{}
		}
	}
	c.steps = append(c.steps, s)
	c.updated = s.at
}

// end solves a conversation, mostly, and opens some of them again.
func (p *planner) end(c *conversation, at time.Time) {
	switch chance := p.random.Float64(); {
	case chance < .004: // left as it is
		return
	case chance < .008: // waiting for somebody outside
		p.add(c, step{at: p.after(at, time.Hour), kind: desk.KindEvent, verb: "status", from: c.status, to: desk.StatusHold})
		return
	}
	if at = p.after(at, 9*time.Hour); !at.Before(p.until) {
		return
	}
	p.add(c, step{at: at, kind: desk.KindEvent, verb: "status", from: c.status, to: desk.StatusSolved})
	if p.random.Float64() < reopens {
		again := p.after(at, 30*time.Hour)
		p.add(c, step{at: again, kind: desk.KindInbound})
		reply := p.after(again, 3*time.Hour)
		p.add(c, step{at: reply, kind: desk.KindReply})
		p.add(c, step{at: reply.Add(time.Second), kind: desk.KindEvent, verb: "status", from: desk.StatusPending, to: desk.StatusSolved})
	}
	if !c.solved.IsZero() && p.random.Float64() < rates {
		verb := "rated-good"
		if p.random.IntN(8) == 0 {
			verb = "rated-bad"
		}
		p.add(c, step{at: latest(c.updated, p.after(c.solved, 10*time.Hour)), kind: desk.KindEvent, verb: verb})
	}
	if over := c.solved.Add(28 * 24 * time.Hour); c.status == desk.StatusSolved && over.Before(p.until) {
		c.status, c.closed = desk.StatusClosed, over
	}
}

// rating is what the customer said of it: 1 good, -1 bad, 0 nothing.
func (c *conversation) rating() int {
	for _, s := range c.steps {
		switch s.verb {
		case "rated-good":
			return 1
		case "rated-bad":
			return -1
		}
	}
	return 0
}

// languageOf is the language that a contact writes in.
func languageOf(seed uint64, contact int, languages []language) int {
	at := rand.New(rand.NewPCG(seed+5, uint64(contact))).IntN(100)
	for i, l := range languages {
		if at -= l.weight; at < 0 {
			return i
		}
	}
	return 0
}

func (p *planner) priority() desk.Priority {
	switch n := p.random.IntN(100); {
	case n < 8:
		return desk.PriorityLow
	case n < 86:
		return desk.PriorityNormal
	case n < 97:
		return desk.PriorityHigh
	default:
		return desk.PriorityUrgent
	}
}

// spot is where a step stands in the whole: its conversation, and its place in it.
type spot struct {
	at    int64 // microseconds
	talk  int32
	place int32
}

// chronicle is every step of every conversation in the order of time, as they would have been written down.
func chronicle(talks []conversation) []spot {
	total := 0
	for i := range talks {
		total += len(talks[i].steps)
	}
	spots := make([]spot, 0, total)
	for i := range talks {
		for j, s := range talks[i].steps {
			spots = append(spots, spot{s.at.UnixMicro(), int32(i), int32(j)})
		}
	}
	slices.SortFunc(spots, func(a, b spot) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.talk, b.talk), cmp.Compare(a.place, b.place))
	})
	return spots
}
