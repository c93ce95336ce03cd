// Package jobs does what happens after a commit: it brings replies and acknowledgements to the servers of their recipients, looks after the domains' records, and sweeps away what nobody will ask for again.
//
// A job runs at least once; what it does is written so that a second run changes nothing, or repeats as little as possible. A reply may so be sent twice with the same Message-ID, and never not at all;
// an acknowledgement, which nobody wrote, is rather lost than sent twice.
// Rules live elsewhere: who may write in tickets, what a mail looks like and how it travels in mailout.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"postern/audit"
	"postern/desk"
	"postern/domains"
	"postern/identity"
	"postern/mailout"
	"postern/store"
	"postern/tickets"
)

const (
	// upkeep is a queue of its own, so that no reply waits behind a sweep.
	upkeep = "upkeep"
	// fetchCooldown: at River's default of 100 ms one process begins 10 jobs a worker and second at most.
	fetchCooldown = 20 * time.Millisecond
	// sendTimeout is enough for several slow servers, each of which may take ten minutes to answer the final dot (RFC 5321 §4.5.3.2.6).
	sendTimeout   = 30 * time.Minute
	upkeepTimeout = 15 * time.Minute
	// rescueAfter is when River takes a job for lost: longer than any job may take. What a dead process had in hand is taken up long before (heart).
	rescueAfter = sendTimeout + time.Minute
	// keepDone is how long River keeps jobs that are done: long enough to look at, and short enough that its table stays small at any rate.
	keepDone = time.Hour
	// stopGrace is what a job gets to write down what it has done after it was told to stop.
	stopGrace = 10 * time.Second
)

// Config is what a Runner is made of.
type Config struct {
	Store         *store.Store
	Tickets       *tickets.Service
	Identity      *identity.Service
	Domains       *domains.Service
	Audit         *audit.Service // nil: another process links the audit log and sends it on
	Sender        *mailout.Sender
	Workers       int            // replies that are sent at the same time; 0: 50
	SignatureLife time.Duration  // how long signatures of replies can be believed (x=); 0: without end
	TLS           *TLSCounter    // counts what domains are told about TLS (RFC 8460); nil: nothing is reported
	Random        func() float64 // for the jitter of retries; nil: the system's
	Now           func() time.Time
	Log           *slog.Logger // nil: the default
}

// Runner works on the queue. Any number of them, in any number of processes, share it.
type Runner struct {
	client  client
	answers *acknowledger
	reacts  *reactor
	tells   *notifier
	chain   *chainer // nil: another process links
	ends    *ender
	heart   *heart
	replies *sendReply
	tls     *TLSCounter
}

// client is river.Client without the type of its transactions: the database's driver has no door here.
type client interface {
	Start(context.Context) error
	Stop(context.Context) error
	StopAndCancel(context.Context) error
}

// New makes a runner; Start begins the work.
func New(cfg Config) (*Runner, error) {
	if cfg.Workers == 0 {
		cfg.Workers = 50
	}
	if cfg.Random == nil {
		cfg.Random = rand.Float64
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	heart := newHeart(cfg)
	workers := river.NewWorkers()
	replies := newSendReply(cfg, heart)
	river.AddWorker(workers, replies)
	addWorkers(workers, cfg)
	periodic := []*river.PeriodicJob{
		every(time.Hour, desk.TendTokens{}),
		every(time.Minute, desk.VerifyDomains{}), // which of them it is time for, they know
		every(time.Minute, desk.AskRatings{}),
		every(time.Hour, desk.Sweep{}),
		every(time.Hour, desk.ReadMetadata{}),
		every(time.Hour, desk.TellManagers{}),
		every(time.Hour, desk.RenewPolicies{}),
		every(5*time.Minute, desk.TellDelays{}),
		every(10*time.Minute, desk.SumUp{}),
		everyIn(clocks, watchEvery, desk.WatchClocks{}),
		every(time.Minute, desk.Elapse{}),
	}
	if cfg.TLS != nil {
		river.AddWorker(workers, &reportTLS{store: cfg.Store, tickets: cfg.Tickets, domains: cfg.Domains, sender: cfg.Sender, now: cfg.Now, log: cfg.Log})
		periodic = append(periodic, every(time.Hour, desk.ReportTLS{}))
	}
	queue, err := river.NewClient(riverpgxv5.New(cfg.Store.Pool()), &river.Config{
		ID: heart.id,
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: cfg.Workers},
			upkeep:             {MaxWorkers: 1},
			clocks:             {MaxWorkers: 1},
		},
		Workers:                     workers,
		FetchCooldown:               fetchCooldown,
		JobTimeout:                  upkeepTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		CompletedJobRetentionPeriod: keepDone,
		PeriodicJobs:                periodic,
		Logger:                      cfg.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	runner := &Runner{client: queue, answers: newAcknowledger(cfg), reacts: newReactor(cfg), tells: newNotifier(cfg), heart: heart, replies: replies, tls: cfg.TLS, ends: newEnder(cfg)}
	if cfg.Audit != nil {
		runner.chain = newChainer(cfg)
	}
	return runner, nil
}

// addWorkers says who does which job, but for answers to customers, which the runner itself looks after.
func addWorkers(workers *river.Workers, cfg Config) {
	river.AddWorker(workers, &verifyDomains{tickets: cfg.Tickets, domains: cfg.Domains, sender: cfg.Sender, log: cfg.Log})
	river.AddWorker(workers, &renewPolicies{sender: cfg.Sender})
	river.AddWorker(workers, &actOnAlert{audit: cfg.Audit, identity: cfg.Identity})
	river.AddWorker(workers, &sweep{store: cfg.Store, tickets: cfg.Tickets, identity: cfg.Identity, now: cfg.Now})
	river.AddWorker(workers, &readMetadata{identity: cfg.Identity})
	river.AddWorker(workers, &tellManagers{tickets: cfg.Tickets, domains: cfg.Domains, sender: cfg.Sender, log: cfg.Log})
	river.AddWorker(workers, &tellDelays{tickets: cfg.Tickets})
	river.AddWorker(workers, &sumUp{tickets: cfg.Tickets})
	river.AddWorker(workers, &watchClocks{tickets: cfg.Tickets})
	river.AddWorker(workers, &reckonTargets{tickets: cfg.Tickets})
	river.AddWorker(workers, &elapse{tickets: cfg.Tickets})
	post := postman{tickets: cfg.Tickets, domains: cfg.Domains, sender: cfg.Sender, log: cfg.Log}
	river.AddWorker(workers, &tellVisitor{identity: cfg.Identity, post: post})
	river.AddWorker(workers, &tellPerson{identity: cfg.Identity, post: post, now: cfg.Now})
	river.AddWorker(workers, &proveAddress{identity: cfg.Identity, post: post})
	river.AddWorker(workers, &sendBypass{identity: cfg.Identity})
	river.AddWorker(workers, &revertAddresses{identity: cfg.Identity})
	river.AddWorker(workers, &sendFactorCode{identity: cfg.Identity})
	river.AddWorker(workers, &resetPassword{identity: cfg.Identity})
	river.AddWorker(workers, &tellStricter{identity: cfg.Identity})
	river.AddWorker(workers, &askRatings{tickets: cfg.Tickets, domains: cfg.Domains, sender: cfg.Sender, log: cfg.Log})
	river.AddWorker(workers, &tendTokens{identity: cfg.Identity})
	river.AddWorker(workers, &tellImpersonated{identity: cfg.Identity, post: post})
}

// every is a job that one of all processes puts into the queue again and again, first when it begins.
func every(interval time.Duration, job river.JobArgs) *river.PeriodicJob {
	return everyIn(upkeep, interval, job)
}

// everyIn is every, in a queue of that name.
func everyIn(queue string, interval time.Duration, job river.JobArgs) *river.PeriodicJob {
	options := &river.InsertOpts{Queue: queue, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}}
	construct := func() (river.JobArgs, *river.InsertOpts) { return job, options }
	return river.NewPeriodicJob(river.PeriodicInterval(interval), construct, &river.PeriodicJobOpts{RunOnStart: true})
}

// Start begins to work on the queue, until Stop. The context is that of every job.
func (r *Runner) Start(ctx context.Context) error {
	if err := r.heart.start(ctx); err != nil {
		return err
	}
	if err := r.client.Start(ctx); err != nil {
		return errors.Join(fmt.Errorf("jobs: start: %w", err), r.heart.leave(context.WithoutCancel(ctx)))
	}
	r.answers.start(ctx)
	r.reacts.start(ctx)
	r.tells.start(ctx)
	r.ends.start(ctx)
	if r.chain != nil {
		r.chain.start(ctx)
	}
	if r.tls != nil {
		r.tls.start(ctx)
	}
	return nil
}

// Heard is told of all news, so that what somebody stops does not leave.
func (r *Runner) Heard(news store.News) {
	if halt := news.Stopped; halt != nil {
		r.replies.inHand.stop(halt.Message, halt.Recipient)
	}
}

// Unheard is told that news may have passed by.
func (r *Runner) Unheard() { r.replies.inHand.lost() }

// Stop takes no new job and waits for those at work until ctx ends; then it tells them to stop and gives them a moment to write down what they have done.
func (r *Runner) Stop(ctx context.Context) error {
	r.answers.rest()
	err := r.client.Stop(ctx)
	r.answers.stop(ctx)
	r.reacts.stop()
	r.tells.stop()
	r.ends.stop()
	if r.chain != nil {
		r.chain.stop()
	}
	if r.tls != nil {
		r.tls.stop()
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	if err != nil {
		err = r.client.StopAndCancel(grace)
	}
	if err = errors.Join(err, r.heart.leave(grace)); err != nil {
		return fmt.Errorf("jobs: stop: %w", err)
	}
	return nil
}
