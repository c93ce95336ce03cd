package store

import (
	"context"
	"time"
)

// Certificate is how a name fares for which certificates are obtained by ACME.
type Certificate struct {
	Name      string
	Issuer    string     // the CA's own name
	NotBefore *time.Time // nil: there has never been one
	NotAfter  *time.Time
	Failures  int        // in a row
	Problem   string     // of the last attempt, if that failed
	FailedAt  *time.Time // when the last attempt failed
	NextTry   *time.Time // nobody asks the CA before
}

// Certificates lists the names for which certificates are or were obtained.
func (r Reader) Certificates(ctx context.Context) ([]Certificate, error) {
	list, err := rowsOf[Certificate](ctx, r.q, `
		select name, issuer, not_before, not_after, failures, problem, failed_at, next_try
		from certificate
		order by name
		limit 10000`)
	return list, wrap(err, "certificates")
}

// Certificate is how one name fares. A name that nothing is known of is a zero one.
func (r Reader) Certificate(ctx context.Context, name string) (Certificate, error) {
	row, _, err := perhapsOne[Certificate](ctx, r.q, `
		select name, issuer, not_before, not_after, failures, problem, failed_at, next_try
		from certificate
		where name = $1`, name)
	return row, wrap(err, "certificate")
}

// KeepCertificate notes that a name has this certificate now, which ends what failed before.
func (tx *Tx) KeepCertificate(ctx context.Context, cert Certificate) error {
	_, err := tx.tx.Exec(ctx, `
		insert into certificate (name, issuer, not_before, not_after)
		values ($1, $2, $3, $4)
		on conflict (name) do update
		set issuer = excluded.issuer, not_before = excluded.not_before, not_after = excluded.not_after,
		    failures = 0, problem = '', failed_at = null, next_try = null, updated_at = now()`, cert.Name, cert.Issuer, cert.NotBefore, cert.NotAfter)
	return wrap(err, "keep certificate")
}

// MissCertificate notes that an attempt failed, and before when there is no other.
func (tx *Tx) MissCertificate(ctx context.Context, cert Certificate) error {
	_, err := tx.tx.Exec(ctx, `
		insert into certificate (name, failures, problem, failed_at, next_try)
		values ($1, $2, $3, $4, $5)
		on conflict (name) do update
		set failures = excluded.failures, problem = excluded.problem, failed_at = excluded.failed_at, next_try = excluded.next_try, updated_at = now()`,
		cert.Name, cert.Failures, cert.Problem, cert.FailedAt, cert.NextTry)
	return wrap(err, "note a certificate that was not obtained")
}

// RetryCertificates lifts the pause after failures: an admin has mended something.
func (tx *Tx) RetryCertificates(ctx context.Context) error {
	_, err := tx.tx.Exec(ctx, `update certificate set next_try = null, updated_at = now() where next_try is not null`)
	return wrap(err, "try certificates again")
}

// ForgetCertificates drops what is known of names that are not wanted any more and whose certificate has ended, or that never had one.
func (tx *Tx) ForgetCertificates(ctx context.Context, wanted []string, now time.Time) error {
	_, err := tx.tx.Exec(ctx, `
		delete from certificate
		where not name = any($1) and updated_at < $2::timestamptz - interval '1 day' and (not_after is null or not_after < $2)`, wanted, now)
	return wrap(err, "forget certificates")
}

// CertificateFile is something that the ACME client keeps.
type CertificateFile struct {
	Key       string
	Value     []byte // sealed
	UpdatedAt time.Time
}

// CertificateFile is the file of that key, if there is one.
func (r Reader) CertificateFile(ctx context.Context, key string) (file CertificateFile, found bool, err error) {
	file, found, err = perhapsOne[CertificateFile](ctx, r.q, `
		select key, value, updated_at
		from certificate_file
		where key = $1`, key)
	return file, found, wrap(err, "certificate file")
}

// CertificateKeys lists the keys of the files below a folder, in order; the empty folder is above all.
func (r Reader) CertificateKeys(ctx context.Context, folder string) ([]string, error) {
	rows, err := rowsOf[struct{ Key string }](ctx, r.q, `
		select key
		from certificate_file
		where $1 = '' or starts_with(key, $1 || '/')
		order by key
		limit 100000`, folder)
	keys := make([]string, len(rows))
	for i, row := range rows {
		keys[i] = row.Key
	}
	return keys, wrap(err, "certificate files")
}

// SaveCertificateFile keeps a file, in place of the one of that key if there is one.
func (tx *Tx) SaveCertificateFile(ctx context.Context, key string, sealed []byte) error {
	_, err := tx.tx.Exec(ctx, `
		insert into certificate_file (key, value)
		values ($1, $2)
		on conflict (key) do update
		set value = excluded.value, updated_at = now()`, key, sealed)
	return wrap(err, "save certificate file")
}

// DropCertificateFiles drops the file of that key, and every file below it.
func (tx *Tx) DropCertificateFiles(ctx context.Context, key string) error {
	_, err := tx.tx.Exec(ctx, `delete from certificate_file where key = $1 or starts_with(key, $1 || '/')`, key)
	return wrap(err, "drop certificate files")
}

// CertificateLease is a lock that its owner holds for a while and prolongs for as long as it needs it.
type CertificateLease struct {
	Name  string
	Owner string // a random word
	For   time.Duration
}

// LockCertificate takes a lock that nobody holds, or whose holder did not prolong it in time. The clock is the database's, since machines may disagree.
func (tx *Tx) LockCertificate(ctx context.Context, lease CertificateLease) (taken bool, err error) {
	tag, err := tx.tx.Exec(ctx, `
		insert into certificate_lock as held (name, owner, expires_at)
		values ($1, $2, clock_timestamp() + $3)
		on conflict (name) do update
		set owner = excluded.owner, expires_at = excluded.expires_at
		where held.expires_at < clock_timestamp()`, lease.Name, lease.Owner, lease.For)
	return tag.RowsAffected() == 1, wrap(err, "lock certificate")
}

// ProlongCertificateLock says whether the lock is still the owner's, and keeps it so.
func (tx *Tx) ProlongCertificateLock(ctx context.Context, lease CertificateLease) (held bool, err error) {
	tag, err := tx.tx.Exec(ctx, `
		update certificate_lock
		set expires_at = clock_timestamp() + $3
		where name = $1 and owner = $2`, lease.Name, lease.Owner, lease.For)
	return tag.RowsAffected() == 1, wrap(err, "prolong certificate lock")
}

// UnlockCertificate gives a lock back, if it is still the owner's.
func (tx *Tx) UnlockCertificate(ctx context.Context, name, owner string) error {
	_, err := tx.tx.Exec(ctx, `delete from certificate_lock where name = $1 and owner = $2`, name, owner)
	return wrap(err, "unlock certificate")
}
