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

// Schema is how far a database is: the last of our migrations, and the last of the job queue's.
type Schema struct {
	Postern int64 `db:"postern" json:"postern"`
	Jobs    int64 `db:"jobs" json:"jobs"`
}

// String writes the version as people read it.
func (s Schema) String() string { return fmt.Sprintf("%d.%d", s.Postern, s.Jobs) }

// Up applies what is missing. It is safe to call from several processes at once: one works, the others wait and find nothing to do.
func Up(ctx context.Context, url string) error {
	return up(ctx, url, func(ctx context.Context, ours *goose.Provider) error {
		_, err := ours.Up(ctx)
		return err
	}, 0)
}

// UpTo applies what is missing up to a schema, so that what was copied out of a database of that schema can be copied in. A database that is further already stays as it is,
// and of a schema that this program does not know yet it applies what it knows.
func UpTo(ctx context.Context, url string, schema Schema) error {
	return up(ctx, url, func(ctx context.Context, ours *goose.Provider) error {
		_, err := ours.UpTo(ctx, schema.Postern)
		return err
	}, schema.Jobs)
}

// up runs our migrations, then the job queue's up to a version; 0 is the newest.
func up(ctx context.Context, url string, ours func(context.Context, *goose.Provider) error, jobs int64) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return fmt.Errorf("migrations: connect: %w", err)
	}
	defer pool.Close()
	provider, err := open(pool)
	if err != nil {
		return err
	}
	if err := ours(ctx, provider); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return upJobs(ctx, pool, int(jobs))
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
func upJobs(ctx context.Context, pool *pgxpool.Pool, target int) error {
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
	there, err := migrator.ExistingVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrations: jobs: %w", err)
	}
	var options *rivermigrate.MigrateOpts
	if known := migrator.AllVersions(); target > 0 && target < len(known) {
		if len(there) > 0 && there[len(there)-1].Version >= target { // the library refuses to go to where it is already
			return nil
		}
		options = &rivermigrate.MigrateOpts{TargetVersion: target}
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, options); err != nil {
		return fmt.Errorf("migrations: jobs: %w", err)
	}
	return nil
}
