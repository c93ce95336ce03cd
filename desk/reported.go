package desk

import "time"

// Report is a report of others about a domain of ours, as lists show it.
type Report struct {
	ID         int64     `json:"id" db:"id"`
	Kind       string    `json:"kind" db:"kind"` // dmarc, tls
	Domain     string    `json:"domain" db:"domain"`
	Org        string    `json:"org" db:"org"`
	Contact    string    `json:"contact" db:"contact"`
	ReportID   string    `json:"report_id" db:"report_id"`
	BeginsAt   time.Time `json:"begins_at" db:"begins_at"`
	EndsAt     time.Time `json:"ends_at" db:"ends_at"`
	Verified   bool      `json:"verified" db:"verified"` // the mail that brought it proves its sender; only then it counts
	From       string    `json:"from" db:"from_address"`
	ReceivedAt time.Time `json:"received_at" db:"received_at"`
	Total      int64     `json:"total" db:"total"`   // mails (dmarc) or sessions (tls)
	Passed     int64     `json:"passed" db:"passed"` // of these: aligned by DKIM or SPF; or encrypted as the policy asks
}

// ReportDay is what the reports say of one day.
type ReportDay struct {
	Day    time.Time `json:"day" db:"day"` // its beginning, UTC
	Total  int64     `json:"total" db:"total"`
	Passed int64     `json:"passed" db:"passed"`
}

// ReportSource is what one address sent as a domain of ours.
type ReportSource struct {
	IP        string    `json:"source_ip" db:"source_ip"`
	Total     int64     `json:"total" db:"total"`
	DKIM      int64     `json:"dkim" db:"dkim"`           // aligned passes
	SPF       int64     `json:"spf" db:"spf"`             // aligned passes
	Passed    int64     `json:"passed" db:"passed"`       // by either
	Stopped   int64     `json:"stopped" db:"stopped"`     // quarantined or rejected
	Reporters int64     `json:"reporters" db:"reporters"` // who saw it
	LastAt    time.Time `json:"last_at" db:"last_at"`
}

// ReportSummary is what is shown of the reports about one domain.
type ReportSummary struct {
	Domain  string         `json:"domain"`
	Since   time.Time      `json:"since"`
	DMARC   []ReportDay    `json:"dmarc"`
	TLS     []ReportDay    `json:"tls"`
	Sources []ReportSource `json:"sources"`
}
