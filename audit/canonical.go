package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"postern/desk"
)

// beginning is what the first link stands on: a word of our own, so that no chain of another kind can be passed off as one.
const beginning = "postern audit log, first link"

// canonical is the one form of a record that is hashed. Its fields stand in this order for ever; a field that comes later is left out where it is empty, so that older records keep their hash.
type canonical struct {
	ID       int64  `json:"id"`
	At       string `json:"at"` // UTC, microseconds
	Actor    string `json:"actor"`
	ActorID  *int64 `json:"actor_id,omitempty"`
	Via      string `json:"via"`
	IP       string `json:"ip,omitempty"`
	Session  *int64 `json:"session_id,omitempty"`
	Token    *int64 `json:"token_id,omitempty"`
	Device   *int64 `json:"device_id,omitempty"`
	OnBehalf string `json:"on_behalf_of,omitempty"`
	Request  string `json:"request,omitempty"`
	Action   string `json:"action"`
	Outcome  string `json:"outcome"`
	Subject  string `json:"subject"`
	Detail   string `json:"detail"` // the text as it is kept, byte for byte
}

// timeForm is how times are written.
const timeForm = "2006-01-02T15:04:05.000000Z"

// Canonical is the form of a record over which its link is computed: one line of JSON.
func Canonical(e desk.AuditEntry) []byte {
	line, err := json.Marshal(canonical{
		ID: e.ID, At: e.At.UTC().Format(timeForm), Actor: e.Actor, ActorID: e.ActorID, Via: e.Via, IP: e.IP, Session: e.Session, Token: e.Token, Device: e.Device,
		OnBehalf: e.OnBehalf, Request: e.Request, Action: e.Action, Outcome: string(e.Outcome), Subject: e.Subject, Detail: string(e.Detail),
	})
	if err != nil {
		panic(err) // a struct of numbers and strings
	}
	return line
}

// start is the hash before the first link.
func start() []byte {
	sum := sha256.Sum256([]byte(beginning))
	return sum[:]
}

// link is the hash of a record on top of the one before: SHA-256(before ‖ canonical).
func link(before []byte, e desk.AuditEntry) []byte {
	h := sha256.New()
	h.Write(before)
	h.Write(Canonical(e))
	return h.Sum(nil)
}

// vouched is what the signature of a checkpoint is over.
func vouched(c desk.Checkpoint) []byte {
	return fmt.Appendf(nil, "postern audit checkpoint\n%d\n%s\n%s\n%d\n", c.Seq, hex.EncodeToString(c.Hash), c.At.UTC().Format(time.RFC3339Nano), c.KeyID)
}

// buried is what the signature of a tombstone is over.
func buried(t desk.Tombstone) []byte {
	return fmt.Appendf(nil, "postern audit tombstone\n%d\n%d\n%s\n%s\n%s\n%s\n%s\n%d\n", t.FirstSeq, t.Seq, hex.EncodeToString(t.Hash),
		t.FromAt.UTC().Format(time.RFC3339Nano), t.UntilAt.UTC().Format(time.RFC3339Nano), hex.EncodeToString(t.Digest), t.At.UTC().Format(time.RFC3339Nano), t.KeyID)
}
