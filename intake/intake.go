// Package intake is the one way in for a mail: from SMTP, from postern ingest, or from the suspended mail that somebody released.
//
// When Accept returns without an error, the mail is durable and has exactly one end state: on a ticket, a duplicate of one that is, or suspended for a person to look at.
// No mail can hold up another: what cannot be read is suspended with its original, and what cannot be stored is an error for its own sender only.
// The package knows neither SMTP nor HTTP, and holds no SQL.
package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"postern/attachments"
	"postern/desk"
	"postern/filters"
	"postern/mailauth"
	"postern/mailtext"
	"postern/secret"
	"postern/store"
	"postern/threading"
)

// patience is how long one mail may take from its last byte to its end state; its sender is told to come back after that.
const patience = 2 * time.Minute

// uploads is how many files go to the bucket at the same time: each holds a buffer of some MiB.
const uploads = 6

// Config is what an Intake works with.
type Config struct {
	Store    *store.Store
	Keys     *secret.Keyset
	Bucket   *attachments.Bucket
	Checker  *mailauth.Checker
	Filters  *filters.Chain // nil: nobody is asked
	Hostname string         // of our Message-IDs, and of our word on who sent a mail
	Log      *slog.Logger
	Observe  func(desk.Outcome, error) // told of every mail; may be nil
	Grouped  func(mails int, took time.Duration)
	Replier  func() Replier // who writes what our people mail; asked when such a mail comes, since it may be made after the Intake. nil: nobody does, and such mail is suspended
}

// Intake takes mail in. It is safe for concurrent use.
type Intake struct {
	cfg       Config
	codec     *threading.Codec
	directory *Directory
	groups    *groups
	rates     rates
	uploads   chan struct{}
}

// New makes an Intake. Run must be running for Accept to return.
func New(cfg Config, directory *Directory) *Intake {
	codec := threading.NewCodec(cfg.Keys, cfg.Hostname)
	in := &Intake{cfg: cfg, codec: codec, directory: directory, uploads: make(chan struct{}, uploads)}
	in.groups = newGroups(cfg.Store, cfg.Grouped)
	return in
}

// Run commits groups of mails until ctx ends; mails that wait then are still filed.
func (in *Intake) Run(ctx context.Context) {
	tidying, stop := context.WithCancel(ctx)
	tidied := make(chan struct{})
	go func() { defer close(tidied); in.tidy(tidying) }()
	in.groups.run(ctx)
	stop()
	<-tidied
}

// tidyAfter is how long new words may wait in front of the search index: they are found there too, only more slowly.
const tidyAfter = time.Second

// tidy sorts the words of filed mails into the search index, beside the filing, so that no group has to do it for those before it.
func (in *Intake) tidy(ctx context.Context) {
	for {
		select {
		case <-in.groups.filed:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(tidyAfter):
		case <-ctx.Done():
			return
		}
		if err := in.cfg.Store.MergeSearch(ctx); err != nil && ctx.Err() == nil {
			in.cfg.Log.Warn("the search index could not be tidied; PostgreSQL does it by itself later", "error", err)
		}
	}
}

// Accept takes a mail over: raw is the mail as received, trace fields first. An error means that it was not taken and that its sender shall try again.
// raw may be closed as soon as Accept returns.
func (in *Intake) Accept(ctx context.Context, env desk.Envelope, raw *io.SectionReader) (desk.Outcome, error) {
	return in.AcceptInTurn(ctx, env, raw, Turn{})
}

// Turn is a mail's place in a row of mails that are accepted at the same time.
type Turn struct {
	Before <-chan struct{} // closed when the mail before it has its place in a group; nil: nobody is before it
	Placed func()          // called once, when this one has its place or needs none; may be nil
}

// AcceptInTurn is Accept for mails that are read at the same time and filed in order, as those of a file: an answer comes after what it answers, and tickets are numbered in order.
func (in *Intake) AcceptInTurn(ctx context.Context, env desk.Envelope, raw *io.SectionReader, turn Turn) (desk.Outcome, error) {
	return in.accept(ctx, incoming{env, raw, turn, nil})
}

// incoming is a mail that is to be accepted.
type incoming struct {
	env  desk.Envelope
	raw  *io.SectionReader
	turn Turn
	was  *suspendedMail // of a mail that an agent lets in
}

func (in *Intake) accept(ctx context.Context, one incoming) (outcome desk.Outcome, err error) {
	env, turn := one.env, one.turn
	placed := func() {}
	if turn.Placed != nil {
		placed = sync.OnceFunc(turn.Placed)
	}
	defer placed()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer func() {
		if in.cfg.Observe != nil {
			in.cfg.Observe(outcome, err)
		}
	}()
	mail, err := in.prepare(ctx, env, one.raw, one.was)
	if err != nil {
		return desk.Outcome{}, err
	}
	if refused := mail.hold.refused; refused != "" {
		return refuse(mail.hold)
	}
	if turn.Before != nil {
		<-turn.Before // its own deadline ends this wait too
	}
	if mail.personal.acts() && mail.hold.cause == "" {
		outcome, err = in.byAgent(ctx, mail, placed)
	} else {
		outcome, err = in.groups.file(ctx, mail, placed)
	}
	if store.IsData(err) { // something in it cannot be stored as it stands: that must not lose it (T-POISON)
		in.cfg.Log.Error("a mail could not be filed and is suspended", "session", env.Session, "error", err)
		outcome, err = in.groups.file(ctx, mail.unprocessable(fmt.Sprintf("The database refused it: %v", err)), placed)
	}
	if err == nil && (outcome.Disposition == desk.Duplicate || outcome.Disposition == desk.Suspended || outcome.Disposition == desk.Reported) {
		in.discard(mail) // after an error nobody knows whether the group was committed: the sweep finds objects that no row names
	}
	return outcome, err
}

// refuse turns a mail down: for good as an outcome, for now as an error whose words its sender may read.
func refuse(why hold) (desk.Outcome, error) {
	if why.later {
		return desk.Outcome{}, &desk.Fault{Kind: desk.Unavailable, Reason: why.refused}
	}
	return desk.Outcome{Disposition: desk.Refused, Cause: why.cause, Reason: why.refused}, nil
}

// discard removes the uploaded files of a mail that did not become a message.
func (in *Intake) discard(mail *mail) {
	var keys []string
	for _, file := range mail.files {
		keys = append(keys, file.ObjectKey)
	}
	if mail.original.ObjectKey != nil && !mail.originalKept {
		keys = append(keys, *mail.original.ObjectKey)
	}
	if len(keys) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := in.cfg.Bucket.Remove(ctx, keys...); err != nil {
		in.cfg.Log.Warn("objects of a mail that was not filed stay until the next sweep", "objects", len(keys), "error", err)
	}
}

// read is mailtext.Read under this package's promise: whatever is in the mail, it lives on, with the reader's words where it cannot be read. An error is not the
// mail's fault (a disk that fails, a program that stops), and its sender tries again.
func read(ctx context.Context, raw *io.SectionReader) (parsed *mailtext.Mail, problem string, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			parsed, problem, err = nil, fmt.Sprintf("Reading it failed inside the program: %v", caught), nil
		}
	}()
	parsed, err = mailtext.Read(ctx, raw, mailtext.Limits{})
	var unreadable *mailtext.Unreadable
	if errors.As(err, &unreadable) {
		return nil, unreadable.Reason, nil
	}
	return parsed, "", err
}
