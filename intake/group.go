package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"postern/desk"
	"postern/store"
	"postern/threading"
)

const (
	largest    = 256                  // mails in one transaction: bounds its memory and what a failure repeats
	moment     = 2 * time.Millisecond // what a group waits at most for senders on their way back: less than its commit takes
	filingTime = 60 * time.Second     // for one transaction; a database that takes longer is not there
)

// errStopped is what mails get that come after Run has ended.
var errStopped = errors.New("intake: stopped")

// groups commits mails together: while one group is being committed the next gathers. At one mail a minute a group is one mail, and waits for nobody.
type groups struct {
	store   *store.Store
	waiting chan *ticketing
	stopped chan struct{}
	filed   chan struct{} // holds one token when something was filed since it was last taken
	grouped func(mails int, took time.Duration)
	spare   spare              // of run's goroutine only
	before  [2]map[string]bool // the senders of the last two groups; of run's goroutine only
}

// spare are numbers that a group asked for and did not use: the next group takes them first, so that tickets are numbered without gaps.
type spare struct{ tickets, messages, originals, suspended, reports []int64 }

// lower asks for as many fewer as there are.
func (s spare) lower(need store.Numbers) store.Numbers {
	return store.Numbers{
		Tickets: max(0, need.Tickets-len(s.tickets)), Messages: max(0, need.Messages-len(s.messages)),
		Originals: max(0, need.Originals-len(s.originals)), Suspended: max(0, need.Suspended-len(s.suspended)), Reports: max(0, need.Reports-len(s.reports)),
	}
}

// join puts the spare numbers before the fresh ones.
func (s spare) join(found *store.Found) {
	found.TicketIDs = append(s.tickets, found.TicketIDs...)
	found.MessageIDs = append(s.messages, found.MessageIDs...)
	found.OriginalIDs = append(s.originals, found.OriginalIDs...)
	found.SuspendedIDs = append(s.suspended, found.SuspendedIDs...)
	found.ReportIDs = append(s.reports, found.ReportIDs...)
}

// ticketing is a mail that waits for its place.
type ticketing struct {
	mail    *mail
	outcome desk.Outcome
	err     error
	done    chan struct{}
}

func newGroups(st *store.Store, grouped func(int, time.Duration)) *groups {
	if grouped == nil {
		grouped = func(int, time.Duration) {}
	}
	return &groups{store: st, waiting: make(chan *ticketing, largest), stopped: make(chan struct{}), filed: make(chan struct{}, 1), grouped: grouped}
}

// file puts the mail into the next group, says that it is placed, and waits for its commit. If ctx ends first the mail may still be filed: its sender will send it again, and it will be known again.
func (g *groups) file(ctx context.Context, m *mail, placed func()) (desk.Outcome, error) {
	one := &ticketing{mail: m, done: make(chan struct{})}
	select {
	case g.waiting <- one:
		placed()
	case <-ctx.Done():
		return desk.Outcome{}, fmt.Errorf("intake: wait for a place in a group: %w", ctx.Err())
	case <-g.stopped:
		return desk.Outcome{}, errStopped
	}
	select {
	case <-one.done:
		return one.outcome, one.err
	case <-ctx.Done():
		return desk.Outcome{}, fmt.Errorf("intake: wait for the commit: %w", ctx.Err())
	case <-g.stopped:
		return desk.Outcome{}, errStopped
	}
}

// run commits group after group until ctx ends and nobody waits any more.
func (g *groups) run(ctx context.Context) {
	defer close(g.stopped)
	for {
		select {
		case first := <-g.waiting:
			g.commit(g.gather(first))
		case <-ctx.Done():
			for {
				select {
				case first := <-g.waiting:
					g.commit(g.gather(first))
				default:
					return
				}
			}
		}
	}
}

// gather takes everybody who waits at this moment. Senders who had a mail in one of the last two groups and are not here yet are most likely on their way back: it gives
// them a moment, since ten mails in one transaction cost little more than five. A sender who is alone never waits.
func (g *groups) gather(first *ticketing) []*ticketing {
	group, here := []*ticketing{first}, map[string]bool{first.mail.env.Session: true}
	var enough <-chan time.Time
	for len(group) < largest {
		select {
		case next := <-g.waiting:
			group = append(group, next)
			here[next.mail.env.Session] = true
			continue
		default:
		}
		if !g.missing(here) {
			break
		}
		if enough == nil {
			enough = time.After(moment)
		}
		select {
		case next := <-g.waiting:
			group = append(group, next)
			here[next.mail.env.Session] = true
			continue
		case <-enough:
		}
		break
	}
	g.before[1], g.before[0] = g.before[0], here
	return group
}

// missing says whether somebody of the last two groups is not here. Two groups of one mail each are one sender who comes again, perhaps over a new connection.
func (g *groups) missing(here map[string]bool) bool {
	if len(g.before[0])+len(g.before[1]) <= 2 {
		return false
	}
	for _, senders := range g.before {
		for sender := range senders {
			if !here[sender] {
				return true
			}
		}
	}
	return false
}

// commit files a group. When that fails, each mail is tried by itself, so that one which cannot be stored does not take others along; when the database is gone
// all of them fail, and their senders come back.
func (g *groups) commit(group []*ticketing) {
	start := time.Now()
	err := g.attempt(group)
	switch {
	case err == nil:
	case len(group) > 1 && store.IsData(err):
		for _, one := range group {
			one.err = g.attempt([]*ticketing{one})
		}
	default:
		for _, one := range group {
			one.err = err
		}
	}
	g.grouped(len(group), time.Since(start))
	select {
	case g.filed <- struct{}{}:
	default: // it is known already
	}
	for _, one := range group {
		close(one.done)
	}
}

func (g *groups) attempt(group []*ticketing) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("intake: planning failed inside the program: %v", caught)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), filingTime) // not the sender's: a commit under way is finished
	defer cancel()
	mails := make([]*mail, len(group))
	for i, one := range group {
		mails[i] = one.mail
	}
	var outcomes []desk.Outcome
	var left spare
	question := ask(mails)
	question.Need = g.spare.lower(question.Need)
	kept := g.spare
	g.spare = spare{} // if this group fails nobody knows whether its numbers were used: they are given up
	err = g.store.FileMails(ctx, question, func(found store.Found) (*store.Filing, error) {
		kept.join(&found)
		plan := newPlan(found)
		for _, m := range mails {
			if err := plan.add(m); err != nil {
				return nil, err
			}
		}
		outcomes = plan.outcomes
		// Message ids are not kept: a mail that comes later must not have a lower one than what somebody has on their page already (T-STALE).
		left = spare{plan.found.TicketIDs, nil, plan.found.OriginalIDs, plan.found.SuspendedIDs, plan.found.ReportIDs}
		return plan.finish(), nil
	})
	if err != nil {
		return err
	}
	g.spare = left
	for i, one := range group {
		one.outcome = outcomes[i]
	}
	return nil
}

// ask collects what the whole group has to look up.
func ask(mails []*mail) store.Lookup {
	var ask store.Lookup
	for _, m := range mails {
		ask.Need.Originals++
		ask.Need.Suspended++
		if m.hold.cause != "" || m.automatic() != "" || m.recipients() > 1 {
			ask.Digests = append(ask.Digests, m.digest)
		}
		if m.hold.cause != "" {
			continue
		}
		if m.about != nil {
			ask.Need.Reports++
			ask.Reports = append(ask.Reports, m.about.Key())
			continue
		}
		ask.Need.Tickets++
		ask.Need.Messages += 3 // itself, the line that says what it changed, and the note of an agent who forwarded it
		ask.Keys = append(append(ask.Keys, m.key()), m.answers...)
		if m.forwarded != nil && m.forwarded.MessageID != "" {
			ask.Keys = append(ask.Keys, threading.Key(m.forwarded.MessageID))
		}
		for _, mark := range m.clues.Tokens {
			ask.Messages = append(ask.Messages, mark.Message)
		}
		for _, mark := range m.clues.OurIDs {
			ask.Messages = append(ask.Messages, mark.Message)
		}
		if m.clues.Number != 0 {
			ask.Numbers = append(ask.Numbers, m.clues.Number)
		}
		if m.into != 0 {
			ask.Numbers = append(ask.Numbers, m.into)
		}
		if m.returned != nil {
			ask.Messages = append(ask.Messages, m.returned.message)
			ask.Returned = append(ask.Returned, m.returned.message)
		}
	}
	return ask
}
