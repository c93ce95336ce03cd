// Package filters promises that rspamd, clamd and milters, as far as they are configured, are asked about a mail all at once, and that an answer comes back within one deadline whatever they do.
//
// It decides nothing about the mail: thresholds, and what happens while a filter is silent, are the Policy's. A filter sees the mail and changes none of it: the original stays as it was received,
// so what a milter wants added or replaced becomes a note. No filter can make a mail vanish: a milter's 'discard' is a wish to hold it back.
// The addresses are the operator's and may lie anywhere; TLS is spoken to rspamd only (https).
package filters

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"postern/desk"
)

const (
	defaultTimeout = 10 * time.Second // for one filter and one mail; rspamd itself gives up after 8 s
	pingTimeout    = 2 * time.Second  // whoever cannot say its name in this time is down

	mostSymbols = 50
	mostMalware = 10
	mostNotes   = 20
	mostSilent  = 20
	longText    = 300 // octets of a filter's words that are kept
)

// Config is what the operator set. Every filter is optional.
type Config struct {
	RspamdURL string           // http(s)://[:password@]host:port of a scanning worker or of the controller; see Learn
	Milters   []string         // unix:/path or inet:host:port each
	Clamd     string           // host:port or unix:/path
	Timeout   time.Duration    // for each filter and mail; 10 s unless set
	Hostname  string           // our name, told to the filters
	Log       *slog.Logger     // told when a filter falls silent and when it is back; may be nil
	Now       func() time.Time // for the breakers and the figures; the system's clock unless set

	// Observe, if set, is told of each question: which filter, what came of it (clean, malware, refuse, defer, quarantine, one of rspamd's actions in small letters, silent, unasked), and how long it took.
	Observe func(filter, result string, took time.Duration)
}

// Mail is one mail to ask about.
type Mail struct {
	Envelope desk.Envelope
	PTR      string            // confirmed name of the client in the DNS; empty if there is none
	Raw      *io.SectionReader // as received; read from several goroutines at once, but never after Check has returned
}

// Chain is all filters of this installation. It is safe for use by several goroutines; a nil Chain, like one without filters, has no opinion of anything.
type Chain struct {
	filters []*filter
	rspamd  *rspamd // among the filters too; nil if not configured
	timeout time.Duration
}

// asker is one kind of filter. Both methods end soon after their context does.
type asker interface {
	// ask returns the filter's opinion. An error is an unable if it is the mail that the filter cannot cope with.
	ask(ctx context.Context, mail Mail) (desk.Opinion, error)
	// ping finds out whether the filter works, and what it calls itself.
	ping(ctx context.Context) (note string, err error)
}

// unable is the error for a mail that a working filter cannot judge.
type unable struct{ reason string }

func (u unable) Error() string { return u.reason }

// New makes the chain. It connects to nothing; the error is about an address that cannot be one, and never repeats a password.
func New(cfg Config) (*Chain, error) {
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, string, time.Duration) {}
	}
	c := &Chain{timeout: cfg.Timeout}
	add := func(name string, asker asker) {
		c.filters = append(c.filters, &filter{name: name, asker: asker, timeout: cfg.Timeout, now: cfg.Now, log: cfg.Log.With("filter", name), observe: cfg.Observe})
	}
	if cfg.RspamdURL != "" {
		r, err := newRspamd(cfg.RspamdURL, cfg.Hostname)
		if err != nil {
			return nil, err
		}
		c.rspamd = r
		add("rspamd", r)
	}
	if cfg.Clamd != "" {
		target, err := parseTarget(cfg.Clamd)
		if err != nil {
			return nil, fmt.Errorf("clamd: %w", err)
		}
		add("clamd", &clamd{target: target})
	}
	for _, text := range cfg.Milters {
		target, err := parseTarget(text)
		if err != nil {
			return nil, fmt.Errorf("milter: %w", err)
		}
		add("milter "+text, &milterClient{target: target, hostname: cfg.Hostname})
	}
	return c, nil
}

// Empty says whether no filter is configured, so that Check would answer nothing.
func (c *Chain) Empty() bool { return c == nil || len(c.filters) == 0 }

// Check asks every filter about a mail. It returns when each has answered or run out of its time, and never fails: who gave no answer is in Silent.
// When ctx ends first, the filters that have not answered by then are silent.
func (c *Chain) Check(ctx context.Context, mail Mail) desk.Opinion {
	if c.Empty() {
		return desk.Opinion{}
	}
	return c.ask(ctx, mail)
}

// ask is Check where there is somebody to ask.
func (c *Chain) ask(ctx context.Context, mail Mail) desk.Opinion {
	opinions := make([]desk.Opinion, len(c.filters))
	var group sync.WaitGroup
	for i, f := range c.filters[1:] {
		group.Go(func() { opinions[i+1] = f.check(ctx, mail) })
	}
	opinions[0] = c.filters[0].check(ctx, mail)
	group.Wait()
	return merge(opinions)
}

// merge makes one opinion of those of all filters. Where several speak to the same point, the first in order of configuration is heard.
func merge(opinions []desk.Opinion) desk.Opinion {
	all := opinions[0]
	for _, o := range opinions[1:] {
		if all.Action == "" {
			all.Score, all.Required, all.Action, all.Symbols = o.Score, o.Required, o.Action, o.Symbols
		}
		all.Malware = append(all.Malware, o.Malware...)
		all.Refused = cmp.Or(all.Refused, o.Refused)
		all.Deferred = cmp.Or(all.Deferred, o.Deferred)
		all.Quarantined = cmp.Or(all.Quarantined, o.Quarantined)
		all.Notes = append(all.Notes, o.Notes...)
		all.Silent = append(all.Silent, o.Silent...)
	}
	all.Malware = all.Malware[:min(len(all.Malware), mostMalware)]
	all.Notes = all.Notes[:min(len(all.Notes), mostNotes)]
	all.Silent = all.Silent[:min(len(all.Silent), mostSilent)]
	return all
}

// filter is one filter with what surrounds every question to it: the deadline, the breaker, the figures.
type filter struct {
	name string
	asker
	timeout time.Duration
	now     func() time.Time
	log     *slog.Logger
	observe func(filter, result string, took time.Duration)
	breaker breaker
}

func (f *filter) check(ctx context.Context, mail Mail) desk.Opinion {
	began := f.now()
	if last, ok := f.breaker.admit(began); !ok {
		f.observe(f.name, "unasked", 0)
		return f.silent(fmt.Errorf("not asked, since it has given no answer lately: %s", last))
	}
	opinion, err := f.within(ctx, mail)
	took := f.now().Sub(began)
	var cannot unable
	switch {
	case err == nil:
		f.observe(f.name, result(opinion), took)
	case ctx.Err() != nil: // we were the impatient ones
		f.observe(f.name, "silent", took)
		return f.silent(err)
	default:
		f.observe(f.name, "silent", took)
		opinion = f.silent(err)
	}
	if err == nil || errors.As(err, &cannot) {
		f.works()
		return opinion
	}
	f.failed(ctx, err)
	return opinion
}

// within asks under the deadline, and turns a panic into an error: it would end the whole program, since Check runs this in goroutines of its own.
func (f *filter) within(ctx context.Context, mail Mail) (opinion desk.Opinion, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, fmt.Errorf("no answer within %v", f.timeout))
	defer cancel()
	defer func() {
		if reason := recover(); reason != nil {
			f.log.Error("the client of a filter panicked", "reason", reason, "stack", string(debug.Stack()))
			err = unable{"this mail, or the answer to it, could not be handled"}
		}
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}()
	return f.ask(ctx, mail)
}

func (f *filter) works() {
	if f.breaker.answered() {
		f.log.Info("the filter answers again")
	}
}

// failed counts a failure. Before a filter counts as down it is asked for its name: otherwise three mails made so that they take a scanner too long would let everything after them pass unseen.
func (f *filter) failed(ctx context.Context, err error) {
	if !f.breaker.failed(cut(err.Error(), longText), f.now()) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(pingTimeout, f.timeout))
	defer cancel()
	if _, pingErr := f.ping(ctx); pingErr == nil {
		f.breaker.answered()
		f.log.Warn("the filter works, but gave no answer about several mails in a row", "error", err)
		return
	}
	f.log.Warn("the filter is down; until it answers again one mail at a time asks it", "error", err, "every", pause)
}

func (f *filter) silent(err error) desk.Opinion {
	var cannot unable
	return desk.Opinion{Silent: []desk.Silence{{Filter: f.name, Reason: cut(err.Error(), longText), Unable: errors.As(err, &cannot)}}}
}

// result is an opinion in one word, for the figures.
func result(o desk.Opinion) string {
	switch {
	case o.Refused != "":
		return "refuse"
	case o.Deferred != "":
		return "defer"
	case o.Quarantined != "":
		return "quarantine"
	case len(o.Malware) > 0:
		return "malware"
	case o.Action == "" || o.Action == "no action":
		return "clean"
	case slices.Contains([]string{"greylist", "add header", "rewrite subject", "soft reject", "reject"}, o.Action):
		return o.Action
	}
	return "other" // rspamd lets the operator invent actions; a metric must not
}

// Status is how one filter does, for doctor and for the health page.
type Status struct {
	Filter string // rspamd, rspamd learning, clamd, or milter with its address
	Note   string // what it calls itself, where it does
	Err    error  // nil: it works
}

// Ping asks every filter whether it works, all at once, for two seconds at most. The breakers are neither asked nor told.
func (c *Chain) Ping(ctx context.Context) []Status {
	if c.Empty() {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, min(pingTimeout, c.timeout), errors.New("no answer in time"))
	defer cancel()
	found := make([]Status, len(c.filters), len(c.filters)+1)
	questions := make([]func(context.Context) (string, error), len(c.filters), len(c.filters)+1)
	for i, f := range c.filters {
		found[i].Filter, questions[i] = f.name, f.ping
	}
	if c.rspamd != nil {
		found, questions = append(found, Status{Filter: "rspamd learning"}), append(questions, c.rspamd.pingLearning)
	}
	var group sync.WaitGroup
	for i, ask := range questions {
		group.Go(func() {
			found[i].Note, found[i].Err = ask(ctx)
			if found[i].Err != nil && ctx.Err() != nil {
				found[i].Err = context.Cause(ctx)
			}
		})
	}
	group.Wait()
	return found
}

// cut makes others' words fit to keep: valid, on one line, without control characters, at most so many octets.
func cut(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.Is(unicode.Bidi_Control, r):
			return -1 // could make the rest of a line read backwards
		}
		return r // what is not valid has become U+FFFD
	}, text[:min(len(text), most)])
	if len(text) > most {
		text = text[:most]
	}
	for !utf8.ValidString(text) { // only a character cut in two, at the end
		text = text[:len(text)-1]
	}
	return strings.TrimSpace(text)
}
