package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"postern/attachments"
	"postern/config"
	"postern/embedded"
	"postern/migrations"
	"postern/secret"
	"postern/store"
)

const (
	defaultBucket = "postern"
	stopTime      = 40 * time.Second // for PostgreSQL to end politely
)

// platform is what every command stands on: keys, database and bucket, embedded or external.
type platform struct {
	settings config.Settings
	keys     *secret.Keyset
	store    *store.Store
	bucket   *attachments.Bucket

	access   access
	postgres *embedded.Postgres // nil: external, or another process runs it
	s3       *embedded.S3
}

// access is how to reach the database and the bucket. While serve runs in the embedded mode it keeps a copy in the data folder, readable by its owner only, so that
// other commands use what is running.
type access struct {
	DatabaseURL string `json:"database_url"`
	S3Endpoint  string `json:"s3_endpoint"`
	S3Bucket    string `json:"s3_bucket"`
	S3AccessKey string `json:"s3_access_key"`
	S3SecretKey string `json:"s3_secret_key"`
	S3Region    string `json:"s3_region"`
	S3TLS       bool   `json:"s3_tls"`
}

func accessFile(settings config.Settings) string {
	return filepath.Join(settings.Data, "run", "access.json")
}

// platformOptions says how a command wants its platform.
type platformOptions struct {
	log    *slog.Logger
	notice func(string) // told what takes long, in whole sentences
	conns  int32        // to the database; 0: the driver's default
	role   platformRole
}

// platformRole says whether the process is the one that owns the data folder.
type platformRole int

const (
	visitor platformRole = iota // uses a running embedded database, or starts one while it needs it
	owner                       // serve: starts the embedded parts and lets visitors in
)

// openPlatform starts or finds the database and the bucket and opens both. The caller closes it.
func openPlatform(ctx context.Context, settings config.Settings, options platformOptions) (_ *platform, err error) {
	p := &platform{settings: settings}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if options.log == nil {
		options.log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(settings.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	if err := p.openKeys(); err != nil {
		return nil, err
	}
	if err := p.reach(ctx, options); err != nil {
		return nil, err
	}
	if settings.AutoMigrate {
		if err := migrations.Up(ctx, p.access.DatabaseURL); err != nil {
			return nil, err
		}
	}
	if p.store, err = store.Open(ctx, p.access.DatabaseURL, options.conns); err != nil {
		return nil, err
	}
	if err := p.matchKeys(ctx); err != nil {
		return nil, err
	}
	if err := p.witness(ctx); err != nil {
		return nil, err
	}
	if p.bucket, err = attachments.Open(ctx, p.bucketConfig(), p.keys); err != nil {
		return nil, err
	}
	if p.keys.Fresh() && options.notice != nil {
		options.notice("made " + p.settings.KeyFile + ": every secret and attachment is sealed with it, so a backup without this file is worthless")
	}
	return p, nil
}

// firstKey is the setting that names the key with which an installation began. It stays in the key file for ever, since what it sealed is not sealed anew.
const firstKey = "first_key"

// matchKeys refuses a key file that is not the installation's, before anything is sealed that the others could not read: a machine that came later without the file, or a file that got lost.
func (p *platform) matchKeys(ctx context.Context) error {
	var first string
	err := p.store.Setting(ctx, firstKey, &first)
	if err == nil && first == "" {
		err = p.store.Write(ctx, func(tx *store.Tx) error {
			if err := tx.Claim(ctx, firstKey, p.keys.Active()); err != nil {
				return err
			}
			return tx.Setting(ctx, firstKey, &first)
		})
	}
	if err != nil || p.keys.Has(first) {
		return err
	}
	if p.keys.Fresh() {
		if err := os.Remove(p.settings.KeyFile); err != nil {
			return err
		}
	}
	return fmt.Errorf("this installation is sealed with key %s, which is not in %s: bring that key file here, from another machine of the installation or from a backup", first, p.settings.KeyFile)
}

// openKeys reads the key file, or makes one; matchKeys sees later whether that was right.
func (p *platform) openKeys() (err error) {
	if err := os.MkdirAll(filepath.Dir(p.settings.KeyFile), 0o700); err != nil {
		return fmt.Errorf("make the folder of the key file: %w", err)
	}
	p.keys, err = secret.OpenKeyset(p.settings.KeyFile, secret.CreateMissing)
	return err
}

// reach fills in p.access: from the settings, from a running serve, or by starting the embedded parts.
func (p *platform) reach(ctx context.Context, options platformOptions) error {
	s := p.settings
	if options.role == visitor && (s.DatabaseURL == "" || s.S3Endpoint == "") {
		if running, ok := p.running(ctx); ok {
			p.access = running
		}
	}
	if s.DatabaseURL != "" {
		p.access.DatabaseURL = s.DatabaseURL
	}
	if s.S3Endpoint != "" {
		p.access.S3Endpoint, p.access.S3Bucket, p.access.S3Region = s.S3Endpoint, s.S3Bucket, s.S3Region
		p.access.S3AccessKey, p.access.S3SecretKey, p.access.S3TLS = s.S3AccessKey, s.S3SecretKey, bool(s.S3TLS)
	}
	if p.access.DatabaseURL == "" {
		if err := p.startPostgres(ctx, options); err != nil {
			return err
		}
	}
	if p.access.S3Endpoint == "" {
		if err := p.startS3(ctx, options); err != nil {
			return err
		}
	}
	if options.role == owner && (p.postgres != nil || p.s3 != nil) {
		return p.letVisitorsIn()
	}
	return nil
}

// running reads how to reach what a running serve has started, and tries it.
func (p *platform) running(ctx context.Context) (found access, ok bool) {
	text, err := os.ReadFile(accessFile(p.settings))
	if err != nil || json.Unmarshal(text, &found) != nil {
		return access{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, found.DatabaseURL)
	if err != nil {
		return access{}, false // left over from a serve that was killed: nothing listens there
	}
	_ = conn.Close(ctx) // it was only to see whether somebody answers
	store, err := (&net.Dialer{}).DialContext(ctx, "tcp", found.S3Endpoint)
	if err != nil {
		return access{}, false // the database is elsewhere and lives on
	}
	return found, store.Close() == nil
}

func (p *platform) startPostgres(ctx context.Context, options platformOptions) error {
	fetch := embedded.FetchNever
	if p.settings.PGFetch {
		fetch = embedded.FetchIfMissing
	}
	postgres, err := embedded.StartPostgres(ctx, embedded.PostgresOptions{Dir: p.settings.Data, Fetch: fetch, Log: options.log, Notice: options.notice})
	if err != nil {
		return err
	}
	p.postgres, p.access.DatabaseURL = postgres, postgres.URL()
	return nil
}

func (p *platform) startS3(ctx context.Context, options platformOptions) error {
	s3, err := embedded.StartS3(ctx, embedded.S3Options{Dir: p.settings.Data, Bucket: defaultBucket, Log: options.log})
	if err != nil {
		return err
	}
	p.s3 = s3
	p.access.S3Endpoint, p.access.S3Bucket, p.access.S3Region = s3.Endpoint(), s3.Bucket(), p.settings.S3Region
	p.access.S3AccessKey, p.access.S3SecretKey, p.access.S3TLS = s3.AccessKey(), s3.SecretKey(), false
	return nil
}

// letVisitorsIn writes the access file, whole or not at all.
func (p *platform) letVisitorsIn() error {
	path := accessFile(p.settings)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the run folder: %w", err)
	}
	text, err := json.Marshal(p.access)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(path+".new", path)
}

func (p *platform) bucketConfig() attachments.Config {
	tls := attachments.TLSOff
	if p.access.S3TLS {
		tls = attachments.TLSOn
	}
	return attachments.Config{
		Endpoint: p.access.S3Endpoint, Bucket: p.access.S3Bucket, Region: p.access.S3Region,
		AccessKey: p.access.S3AccessKey, SecretKey: p.access.S3SecretKey, TLS: tls,
	}
}

// close ends what openPlatform started, in the opposite order.
func (p *platform) close() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	if p.store != nil {
		p.store.Close()
	}
	var failed error
	if p.s3 != nil {
		failed = errors.Join(failed, p.s3.Stop(ctx))
	}
	if p.postgres != nil {
		failed = errors.Join(failed, p.postgres.Stop(ctx))
	}
	if p.postgres != nil || p.s3 != nil {
		if err := os.Remove(accessFile(p.settings)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	if failed != nil {
		slog.Warn("stopping was not clean", "error", failed)
	}
}
