package mailout

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"time"

	"postern/desk"
)

// traffic is what a Sender knows of what is under way. The zero value is ready.
type traffic struct {
	gates  gates
	pool   pool
	silent silent
}

// Close says goodbye to the servers whose connections wait for another mail. The Sender can still be used; it keeps none open from then on.
func (s *Sender) Close() { s.traffic.pool.close() }

// rulesAgain is when to come back where the rules could not be read.
const rulesAgain = 10 * time.Second

// inTurn delivers when the destination's turn has come, as many mails as its rule lets through. The others come back.
func (s *Sender) inTurn(ctx context.Context, m envelope, book *ledger) {
	open := book.open()
	if len(open) == 0 {
		return
	}
	name := m.domain()
	if s.Smarthost != nil {
		name = s.Smarthost.Host
	}
	rule, err := s.Destinations.Match(ctx, name)
	if err != nil {
		s.logger().ErrorContext(ctx, "mail waits", "mail", m.ID, "domain", name, "error", err)
		book.postpone(open, rulesAgain)
		return
	}
	turn, come := s.traffic.gates.enter(ctx, name, rule.AtOnce(), m.patience())
	if turn == nil {
		s.logger().InfoContext(ctx, "mail waits for its turn", "mail", m.ID, "domain", name, "until", come)
		book.postpone(open, time.Until(come))
		return
	}
	defer func() { turn.leave(book.bearing()) }()
	affordable, come := s.traffic.gates.afford(name, rule.PerMinute, len(open), time.Now())
	book.postpone(open[affordable:], time.Until(come))
	s.tryHosts(ctx, m, book)
}

// try brings what is open to one address of a host, and says in the log how it went.
func (s *Sender) try(ctx context.Context, to visit, m envelope, book *ledger) next {
	started, host := time.Now(), to.host
	where := place{host: host.name, addr: to.socket(), since: started}
	where, then := s.converse(ctx, host, where, m, book)
	s.logger().InfoContext(ctx, "delivery attempt", "mail", m.ID, "domain", m.domain(), "host", host.name, "addr", to.addr, "tls", version(where.facts),
		"recipients", len(m.copies), "undecided", len(book.open()), "took", time.Since(started).Round(time.Millisecond))
	return then
}

// converse uses a session that waits, or else opens one. One that turns out to have ended meanwhile is as none.
func (s *Sender) converse(ctx context.Context, host exchange, where place, m envelope, book *ledger) (place, next) {
	key := keyOf(host, where.addr)
	for {
		session, err := s.traffic.pool.reserve(ctx, key, where.addr, m.patience())
		switch {
		case errors.Is(err, errBusy):
			book.postpone(book.open(), soonest)
			return where, onward
		case err != nil:
			book.suggest(where, answer{code: 451, text: "4.4.2 " + err.Error()})
			return where, onward
		case session == nil:
			return s.open(ctx, host, where, key, m, book)
		}
		then, at := session.transact(m, book), session.place()
		s.traffic.pool.put(session, key) // from here on it may be another mail's
		if then != stale {
			return at, then
		}
	}
}

// open makes a connection, for which there is a right, and a transaction for each recipient.
func (s *Sender) open(ctx context.Context, host exchange, where place, key string, m envelope, book *ledger) (place, next) {
	session, err := s.connect(ctx, host, where, book)
	if err != nil {
		s.traffic.pool.release(where.addr)
		var unmet *unmetError
		if errors.As(err, &unmet) {
			where.facts = unmet.facts
		}
		a := answerOf(err, "talking to "+host.name)
		if errors.Is(err, syscall.ENETUNREACH) && where.addr.Addr().Is6() {
			book.remark(where, a) // this machine has no IPv6, of which no server need hear
			return where, onward
		}
		book.suggest(where, a)
		if ctx.Err() == nil && !errors.As(err, &unmet) {
			s.mind(where, a, book)
		}
		return where, onward
	}
	s.traffic.silent.answered(where.addr)
	then, at := session.transact(m, book), session.place()
	s.traffic.pool.put(session, key) // from here on it may be another mail's
	return at, then
}

// mind learns from a connection that did not come about.
func (s *Sender) mind(where place, a answer, book *ledger) {
	mute := strings.HasPrefix(a.text, "4.4.") && a.step != "connect" || a.step == "connect" && strings.HasPrefix(a.text, "4.4.2 ") // no answer, or none that was one
	if mute {
		s.traffic.silent.failed(where.addr, time.Now())
	}
	book.crowded = book.crowded || mute || a.step == "connect" && a.code/100 == 4
}

func (m Outgoing) patience() time.Duration {
	if m.Patience > 0 {
		return m.Patience
	}
	return placeWait
}

func (s *Sender) logger() *slog.Logger {
	if s.Log == nil {
		return slog.Default()
	}
	return s.Log
}

// bearing is what this attempt says about how much its destination can bear. Where one server of several was silent and another answered, it is no sign.
func (l *ledger) bearing() bearing {
	for i, one := range l.entries {
		if l.settled[i] && one.State != desk.DeliveryQueued {
			return good
		}
	}
	if l.crowded {
		return crowded
	}
	return silence
}
