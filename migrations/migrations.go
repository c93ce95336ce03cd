// Package migrations brings the schema of a database up to date, once, however many processes start at the same time.
//
// The numbered .sql files are forward only: a column is added in one release, and what it replaces is dropped in a later one. After them come the job queue's own tables.
package migrations

import (
	"context"
	"embed"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed *.sql
var files embed.FS

// jobsLock serialises the job queue's own migrations, which bring no lock along: any constant that nothing else in this database uses.
const jobsLock = 0x706f7374

// State is one migration, and whether this database has it.
type State struct {
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
}

// Up applies what is missing. It is safe to call from several processes at once: one works, the others wait and find nothing to do.
func Up(ctx context.Context, url string) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return fmt.Errorf("migrations: connect: %w", err)
	}
	defer pool.Close()
	provider, err := open(pool)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return upJobs(ctx, pool)
}

// Status lists every migration in order.
func Status(ctx context.Context, url string) ([]State, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("migrations: connect: %w", err)
	}
	defer pool.Close()
	provider, err := open(pool)
	if err != nil {
		return nil, err
	}
	found, err := provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrations: status: %w", err)
	}
	states := make([]State, 0, len(found))
	for _, one := range found {
		states = append(states, State{Name: one.Source.Path, Applied: one.State == goose.StateApplied})
	}
	return states, nil
}

func open(pool *pgxpool.Pool) (*goose.Provider, error) {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, fmt.Errorf("migrations: lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, stdlib.OpenDBFromPool(pool), files, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return provider, nil
}

// upJobs runs the job queue's migrations, each in a transaction of its own: one of them uses an enum value that another adds, which PostgreSQL allows only after a commit.
func upJobs(ctx context.Context, pool *pgxpool.Pool) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("migrations: jobs: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `select pg_advisory_lock($1)`, jobsLock); err != nil {
		return fmt.Errorf("migrations: jobs: lock: %w", err)
	}
	defer func() { _, _ = conn.Exec(ctx, `select pg_advisory_unlock($1)`, jobsLock) }() // where it fails, the pool's end frees the lock
	migrator, err := rivermigrate.New[pgx.Tx](riverpgxv5.New(pool), nil)
	if err != nil {
		return fmt.Errorf("migrations: jobs: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrations: jobs: %w", err)
	}
	return nil
}
