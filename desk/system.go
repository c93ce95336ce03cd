package desk

import "time"

// Installation is how the installation fares, for admins.
type Installation struct {
	Server    string      `json:"server"` // version of PostgreSQL
	Apart     string      `json:"apart"`  // how far its clock is from ours; empty: close enough
	Size      int64       `json:"size"`   // of the database, in bytes
	Tables    []TableSize `json:"tables"` // the largest
	Jobs      []JobState  `json:"jobs"`
	Processes []Process   `json:"processes"`
	Unreacted int64       `json:"unreacted"` // what happened to tickets and nobody reacted to; to 10,000
	Oldest    *time.Time  `json:"oldest"`    // since when
	Figures   Day         `json:"figures"`   // the last day that the reports were added up to; zero: none
}

// TableSize is how large a table is with its indexes.
type TableSize struct {
	Name  string `json:"name" db:"name"`
	Rows  int64  `json:"rows" db:"rows"` // estimated
	Bytes int64  `json:"bytes" db:"bytes"`
}

// JobState is how the jobs of one kind fare.
type JobState struct {
	Kind    string     `json:"kind" db:"kind"`
	Waiting int64      `json:"waiting" db:"waiting"` // due, and in nobody's hands
	Later   int64      `json:"later" db:"later"`
	Working int64      `json:"working" db:"working"`
	Failing int64      `json:"failing" db:"failing"` // tried again, or given up
	Oldest  *time.Time `json:"oldest" db:"oldest"`   // of those that wait: since when
	DoneAt  *time.Time `json:"done_at" db:"done_at"` // the last that was done, within an hour
	Slowest *float64   `json:"slowest" db:"slowest"` // seconds
}

// Process is one that delivers and works.
type Process struct {
	ID        string    `json:"id" db:"id"`
	Host      string    `json:"host" db:"host"`
	StartedAt time.Time `json:"started_at" db:"started_at"`
	BeatAt    time.Time `json:"beat_at" db:"beat_at"`
}

// Silent says that it has not been heard of for longer than a living process is silent.
func (p Process) Silent(now time.Time) bool { return now.Sub(p.BeatAt) > time.Minute }

// KeptPolicy is the MTA-STS policy of a domain that mail goes to.
type KeptPolicy struct {
	Domain    string    `json:"domain" db:"domain"`
	Mode      string    `json:"mode" db:"mode"`
	MX        []string  `json:"mx" db:"mx"`
	FetchedAt time.Time `json:"fetched_at" db:"fetched_at"`
	ExpiresAt time.Time `json:"expires_at" db:"expires_at"`
	UsedAt    time.Time `json:"used_at" db:"used_at"`
	Problem   string    `json:"problem" db:"problem"` // of the last fetch, if that failed
}

// NamedCertificate is how a name fares for which certificates are obtained by ACME.
type NamedCertificate struct {
	Name    string     `json:"name"`
	Issuer  string     `json:"issuer"`
	Ends    *time.Time `json:"ends"` // nil: there is none yet
	Problem string     `json:"problem"`
	NextTry *time.Time `json:"next_try"`
}
