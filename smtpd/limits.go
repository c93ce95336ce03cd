package smtpd

import (
	"cmp"
	"net/netip"
	"sync"
	"time"
)

// Limits is what clients may ask of the server. Zero is the default that stands beside it; a number below zero is no limit, where 'or off' stands.
//
// The defaults are for a server that anybody may reach. Where they are wider than needed to stop a flood, it is for the sake of senders in daily use:
// Postfix opens up to 20 connections to one server at a time, and gives a new one the place of an old one before that is gone; a refused mail costs a client that pipelines three errors.
type Limits struct {
	Sessions        int           // open at once; 1000, which hold about 20 MiB
	PerIP           int           // open at once from one IPv4 address or IPv6 /64; 30, or off
	NewPerMinute    int           // begun within a minute from one such; 120, or off
	MailsPerMinute  int           // MAIL within a minute from one such, more are 450 4.7.1; 300, or off
	MailsPerSession int           // then 421 follows the last 250, and the client connects again; 100, or off
	Recipients      int           // of one mail, more are 452 4.5.3; 100 (RFC 5321 §4.5.3.1.8: at least)
	Unknown         int           // recipients in one session that are not ours, one more and it is closed; 10, or off
	Errors          int           // answers 4xx or 5xx in one session before it is closed; 20
	Commands        int           // without a mail among them before a session is closed; 2000
	Rate            int64         // octets a second that a mail must reach on average once it has lasted for a minute; 1 KiB
	Idle            time.Duration // how long a client may be silent, or let an answer lie; 5 minutes (RFC 5321 §4.5.3.2.7)
	SessionTime     time.Duration // without a mail, however busy; 10 minutes. A mail on its way has MailTime
	MailTime        time.Duration // from MAIL to the end of the data, however busy; 30 minutes
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Sessions: cmp.Or(l.Sessions, 1000), PerIP: cmp.Or(l.PerIP, 30), NewPerMinute: cmp.Or(l.NewPerMinute, 120),
		MailsPerMinute: cmp.Or(l.MailsPerMinute, 300), MailsPerSession: cmp.Or(l.MailsPerSession, 100),
		Recipients: cmp.Or(l.Recipients, 100), Unknown: cmp.Or(l.Unknown, 10), Errors: cmp.Or(l.Errors, 20), Commands: cmp.Or(l.Commands, 2000),
		Rate: cmp.Or(l.Rate, 1<<10), Idle: cmp.Or(l.Idle, 5*time.Minute), SessionTime: cmp.Or(l.SessionTime, 10*time.Minute), MailTime: cmp.Or(l.MailTime, 30*time.Minute),
	}
}

// The limits by the names that an operator reads in the settings and in the metrics.
const (
	limitSessions        = "sessions"
	limitPerIP           = "per-ip"
	limitNewPerMinute    = "new-per-minute"
	limitMailsPerMinute  = "mails-per-minute"
	limitMailsPerSession = "mails-per-session"
	limitRecipients      = "recipients"
	limitUnknown         = "unknown"
	limitErrors          = "errors"
	limitCommands        = "commands"
	limitRate            = "rate"
	limitIdle            = "idle"
	limitSessionTime     = "session-time"
	limitMailTime        = "mail-time"
)

// reached says whether n is as many as the limit allows. Nothing reaches a limit that is off.
func reached(n, limit int) bool { return limit >= 0 && n >= limit }

const (
	// span is the time over which a window counts.
	span = time.Minute
	// windowRoom bounds the addresses that a window remembers of each span; about 3 MiB.
	windowRoom = 1 << 15
)

// window counts what single addresses do within a sliding minute: what happened in the present span, and of the span before it the share that is not yet a minute old.
// When it has no room for another address it forgets one: whoever has so many addresses is not stopped by counting them, and others must not be refused for it.
type window struct {
	limit int

	mu          sync.Mutex
	began       time.Time // of the present span
	now, before map[netip.Addr]int
}

// newWindow makes a window that lets limit events pass for each address; below zero, all.
func newWindow(limit int) *window { return &window{limit: limit, now: map[netip.Addr]int{}} }

// take counts one event, unless the address has had as many as it may. What is refused is not counted, so that a client which comes too often is slowed down and not shut out.
func (w *window) take(key netip.Addr, at time.Time) bool {
	if w.limit < 0 {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch past := at.Sub(w.began); {
	case past >= 2*span:
		w.began, w.before, w.now = at, nil, map[netip.Addr]int{}
	case past >= span:
		w.began, w.before, w.now = w.began.Add(span), w.now, map[netip.Addr]int{}
	}
	share := min(1, 1-float64(at.Sub(w.began))/float64(span))
	count, known := w.now[key]
	if float64(count)+share*float64(w.before[key]) >= float64(w.limit) {
		return false
	}
	if !known && len(w.now) >= windowRoom {
		for other := range w.now {
			delete(w.now, other)
			break
		}
	}
	w.now[key] = count + 1
	return true
}
