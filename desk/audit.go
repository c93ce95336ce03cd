package desk

import (
	"encoding/json"
	"time"
)

// AuditEntry is one change or sign-in, as it stands in the log.
type AuditEntry struct {
	ID       int64           `json:"id" db:"id"`
	At       time.Time       `json:"at" db:"at"`
	Actor    string          `json:"actor" db:"actor"` // an address, 'nobody' (a request of somebody who is not signed in), 'system' (of a command with the account of the machine: 'system (0/root)'), or 'mail'
	ActorID  *int64          `json:"actor_id" db:"actor_id"`
	Via      string          `json:"via" db:"via"`
	IP       string          `json:"ip" db:"ip"`
	Action   string          `json:"action" db:"action"`   // ticket.status, user.add, …: a name of Acts
	Subject  string          `json:"subject" db:"subject"` // what it was done to: ticket/12
	Detail   json.RawMessage `json:"detail" db:"detail"`
	Outcome  Ending          `json:"outcome" db:"outcome"`
	Session  *int64          `json:"session_id" db:"session_id"`
	Token    *int64          `json:"token_id" db:"token_id"`
	Device   *int64          `json:"device_id" db:"device_id"`
	OnBehalf string          `json:"on_behalf_of" db:"on_behalf"` // in whose place the actor acted; empty: their own
	Request  string          `json:"request" db:"request"`        // as the log of requests names it
}

// AuditQuery asks for entries. The zero value asks for all, the newest first.
type AuditQuery struct {
	Actor   string    // an address, or a part of one; 'system', 'mail'
	Action  string    // a name of Acts, or a noun with a dot: 'ticket.'
	Subject string    // what it was done to, or a kind with a slash: 'ticket/'
	IP      string    // an address, or a range: 192.0.2.0/24
	From    time.Time // not before
	Until   time.Time // before
	Text    string    // in the subject or the detail, of the newest entries that AuditTextReach counts
	Outcome Ending    // empty: any
	Cursor  string
	Limit   int
	Oldest  bool // the oldest first
	Veiled  bool // what was done to conversations and customers is told without its words and addresses: its reader does not see every conversation
}

// AuditTextReach is how many entries, the newest of the log, are searched for words: to look for words in all of a long log would take minutes.
const AuditTextReach = 500_000

// Linked is an entry with its place in the chain.
type Linked struct {
	AuditEntry
	Seq  int64  `json:"seq" db:"seq"`
	Hash []byte `json:"hash" db:"hash"`
}

// Checkpoint vouches by a signature for a link of the chain, and with it for all before.
type Checkpoint struct {
	Seq       int64     `json:"seq" db:"seq"`
	Hash      []byte    `json:"hash" db:"hash"`
	At        time.Time `json:"at" db:"at"`
	KeyID     int64     `json:"key_id" db:"key_id"`
	Signature []byte    `json:"signature" db:"signature"`
}

// AuditKey is a key that signs checkpoints.
type AuditKey struct {
	ID     int64     `db:"id"`
	Public []byte    `db:"public"`
	Sealed []byte    `db:"sealed"`
	MadeAt time.Time `db:"made_at"`
}

// Tombstone stands where entries were purged when their time had come.
type Tombstone struct {
	Seq       int64     `json:"seq" db:"seq"`
	Hash      []byte    `json:"hash" db:"hash"`
	FirstSeq  int64     `json:"first_seq" db:"first_seq"`
	FromAt    time.Time `json:"from" db:"from_at"`
	UntilAt   time.Time `json:"until" db:"until_at"`
	Digest    []byte    `json:"digest" db:"digest"`
	File      string    `json:"file" db:"file"`
	At        time.Time `json:"at" db:"at"`
	KeyID     int64     `json:"key_id" db:"key_id"`
	Signature []byte    `json:"signature" db:"signature"`
}

// Sink is where the log is sent.
type Sink struct {
	ID           int64      `json:"id" db:"id"`
	Name         string     `json:"name" db:"name"`
	Kind         SinkKind   `json:"kind" db:"kind"`
	Address      string     `json:"address" db:"address"` // host:port of a syslog server, URL of a webhook, name of a file
	Secret       []byte     `json:"-" db:"secret"`        // sealed
	Authority    string     `json:"authority" db:"authority"`
	Enabled      bool       `json:"enabled" db:"enabled"`
	Place        int64      `json:"place" db:"place"` // the last link that has certainly arrived
	DeliveredAt  *time.Time `json:"delivered_at" db:"delivered_at"`
	FailingSince *time.Time `json:"failing_since" db:"failing_since"`
	Problem      string     `json:"problem" db:"problem"`
	ToldAt       *time.Time `json:"-" db:"told_at"`
	Behind       int64      `json:"behind" db:"behind"` // how many records have not certainly arrived
}

// SinkKind is how a sink takes the log. The words are part of the API.
type SinkKind string

const (
	SinkSyslog  SinkKind = "syslog"  // RFC 5424 messages over TLS (RFC 5425)
	SinkWebhook SinkKind = "webhook" // JSON lines by HTTPS POST, signed
	SinkFile    SinkKind = "file"    // JSON lines, in the data folder
)

// AccessEntry is one reading of what people wrote or are.
type AccessEntry struct {
	ID      int64     `json:"id" db:"id"`
	At      time.Time `json:"at" db:"at"`
	UserID  int64     `json:"user_id" db:"user_id"`
	User    string    `json:"user" db:"user_email"`
	Via     string    `json:"via" db:"via"`
	IP      string    `json:"ip" db:"ip"`
	Kind    string    `json:"kind" db:"kind"`
	Subject string    `json:"subject" db:"subject"`
	Method  string    `json:"method" db:"method"`
	Route   string    `json:"route" db:"route"`
	Request string    `json:"request" db:"request"`
	Session *int64    `json:"session_id" db:"session_id"`
	Token   *int64    `json:"token_id" db:"token_id"`

	OnBehalf string `json:"on_behalf_of" db:"on_behalf"` // address of the customer in whose place it was read; empty: in nobody's
}

// AccessQuery asks for readings, the newest first.
type AccessQuery struct {
	User    string
	Kind    string
	Subject string
	IP      string
	From    time.Time
	Until   time.Time
	Cursor  string
	Limit   int
}

// Alert is what a detector found.
type Alert struct {
	ID       int64           `json:"id" db:"id"`
	At       time.Time       `json:"at" db:"at"`
	Detector string          `json:"detector" db:"detector"`
	About    string          `json:"about" db:"about"` // whom or what: user/3, 192.0.2.0/24
	Detail   json.RawMessage `json:"detail" db:"detail"`
	Done     string          `json:"done" db:"done"`
	SeenBy   *int64          `json:"seen_by" db:"seen_by"`
	SeenAt   *time.Time      `json:"seen_at" db:"seen_at"`
}
