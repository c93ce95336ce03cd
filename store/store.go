// Package store holds every SQL statement of the product, its transactions, the enqueueing of jobs and the news of changes.
//
// Reading and writing are different types: Reader answers questions and is part of both Store and Tx; what writes exists on Tx only, so that a write outside a transaction
// does not compile. Statements name their columns and return bounded lists. The database keeps the promises (unique indexes, foreign keys, checks); this package names them.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"postern/desk"
)

// querier is what Reader asks: the pool outside of a transaction, the transaction inside.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Reader answers questions.
type Reader struct{ q querier }

// Store is the database.
type Store struct {
	Reader
	pool *pgxpool.Pool
	jobs *river.Client[pgx.Tx] // inserts only; the workers have a client of their own
}

// Tx is a transaction: everything done in it happens, or nothing does.
type Tx struct {
	Reader
	tx   pgx.Tx
	jobs *river.Client[pgx.Tx]
}

// Job is work for after the commit: a value with a name.
type Job = river.JobArgs

// Open connects to PostgreSQL. conns is the largest number of connections; 0 leaves it to the driver.
func Open(ctx context.Context, url string, conns int32) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("store: database URL: %w", err)
	}
	if conns > 0 {
		cfg.MaxConns = conns
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("store: connect: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("store: connect: %w", err)
	}
	jobs, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("store: jobs: %w", err)
	}
	return &Store{Reader: Reader{pool}, pool: pool, jobs: jobs}, nil
}

// Close waits for running statements and closes every connection.
func (s *Store) Close() { s.pool.Close() }

// Pool is for the job workers, whose library brings its own statements.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// Write runs do in one transaction. It commits when do returns nil and undoes everything otherwise.
func (s *Store) Write(ctx context.Context, do func(*Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		return do(&Tx{Reader: Reader{tx}, tx: tx, jobs: s.jobs})
	})
}

// Snapshot runs do on one consistent state of the database, for answers that take several statements.
func (s *Store) Snapshot(ctx context.Context, do func(Reader) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error { return do(Reader{tx}) })
}

// mostAttempts is how often a job that fails by an error of ours is tried: with the pauses of the workers, longer than any outage. A delivery that waits for its time counts as none.
const mostAttempts = 5000

// Enqueue puts jobs into the queue, to run at the given time (zero: at once) if the transaction commits.
func (tx *Tx) Enqueue(ctx context.Context, at time.Time, jobs ...Job) error {
	params := make([]river.InsertManyParams, len(jobs))
	for i, job := range jobs {
		options := river.InsertOpts{MaxAttempts: mostAttempts}
		if time.Until(at) > 0 { // with any time, even one that has come, River leaves the job to its scheduler, which looks every five seconds
			options.ScheduledAt = at
		}
		params[i] = river.InsertManyParams{Args: job, InsertOpts: &options}
	}
	if len(jobs) == 0 {
		return nil
	}
	if _, err := tx.jobs.InsertManyTx(ctx, tx.tx, params); err != nil {
		return fmt.Errorf("store: enqueue %s: %w", jobs[0].Kind(), err)
	}
	return nil
}

// Audit records a change in the transaction that makes it. Detail is any value that JSON can hold; it carries no secrets and no bodies.
func (tx *Tx) Audit(ctx context.Context, actor desk.Actor, action, subject string, detail any) error {
	batch := &pgx.Batch{}
	if err := queueAudit(batch, actor.From(desk.OriginOf(ctx)), AuditRow{Action: action, Subject: subject, Detail: detail}); err != nil {
		return err
	}
	return wrap(tx.tx.SendBatch(ctx, batch).Close(), "audit "+action)
}

// missing turns 'no rows' into the fault that a person reads, and names what was asked for in every other error.
func missing(err error, what string, args ...any) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return desk.Faultf(desk.NotFound, what+" does not exist", args...)
	}
	return fmt.Errorf("store: "+what+": %w", append(args, err)...)
}

// wrap says what was being done when err happened; nil stays nil.
func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store: %s: %w", doing, err)
}

// violates says whether err is the violation of the named constraint.
func violates(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.ConstraintName == constraint
}
