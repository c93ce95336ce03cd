package audit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/desk"
)

// sent is a record as sinks get it: one line of JSON, in which nothing that a stranger wrote can begin a line of its own.
type sent struct {
	desk.AuditEntry
	Activity string `json:"activity"`
	Seq      int64  `json:"seq"`
	Hash     string `json:"hash"`
}

// Message is one thing that a sink gets: a record, or a checkpoint that vouches for those before it.
type Message struct {
	Seq  int64
	Name string // the action, or "checkpoint"
	At   time.Time
	End  desk.Ending
	ID   string // by which a message that comes twice is known
	Line []byte // JSON without a line end
}

// messageOf is a record as a message.
func messageOf(l desk.Linked) (Message, error) {
	l.At = l.At.UTC()
	line, err := lineOf(sent{l.AuditEntry, desk.Acts[l.Action].Words, l.Seq, hex.EncodeToString(l.Hash)})
	return Message{Seq: l.Seq, Name: l.Action, At: l.At, End: l.Outcome, ID: strconv.FormatInt(l.ID, 10), Line: line}, err
}

// messageOfCheckpoint is a checkpoint as a message.
func messageOfCheckpoint(c desk.Checkpoint) (Message, error) {
	line, err := lineOf(struct {
		Checkpoint int64     `json:"checkpoint"`
		Hash       string    `json:"hash"`
		At         time.Time `json:"at"`
		Key        int64     `json:"key_id"`
		Signature  []byte    `json:"signature"`
	}{c.Seq, hex.EncodeToString(c.Hash), c.At.UTC(), c.KeyID, c.Signature})
	return Message{Seq: c.Seq, Name: "checkpoint", At: c.At.UTC(), End: desk.EndDone, ID: fmt.Sprintf("checkpoint-%d", c.Seq), Line: line}, err
}

// lineOf is JSON on one line.
func lineOf(value any) ([]byte, error) {
	text, err := json.Marshal(value) // it writes control characters as escapes, and a document that was kept with line ends without them
	return bytes.TrimSpace(text), err
}

const (
	facility = 13 // log audit (RFC 5424 §6.2.1, table 1)
	notice   = 5
	warning  = 4
	// element is the name of our structured data. 32473 is the number that IANA keeps for examples (RFC 5612): the project has none of its own.
	element = "postern@32473"
)

// syslogLine is a message as RFC 5424 writes it.
func syslogLine(m Message, hostname, process string) []byte {
	severity := notice
	if m.End != desk.EndDone {
		severity = warning
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "<%d>1 %s %s postern %s %s ", facility*8+severity, m.At.Format(timeForm), printable(hostname, 255), printable(process, 128), printable(m.Name, 32))
	fmt.Fprintf(&out, `[%s id="%s" seq="%d"] `, element, parameter(m.ID), m.Seq)
	out.WriteString("\xEF\xBB\xBF") // RFC 5424 §6.4: a text in UTF-8 begins with a BOM
	out.Write(m.Line)
	return out.Bytes()
}

// frame counts the octets of a message in front of it (RFC 5425 §4.3), so that no text can look like the begin of another message.
func frame(line []byte) []byte {
	return append(fmt.Appendf(nil, "%d ", len(line)), line...)
}

// printable is a field of the head: printable ASCII without spaces (RFC 5424 §6), or a hyphen for none.
func printable(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < 33 || r > 126 {
			return -1
		}
		return r
	}, text)
	if text == "" {
		return "-"
	}
	return text[:min(len(text), most)]
}

// parameter escapes the value of a parameter (RFC 5424 §6.3.3).
func parameter(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`, "\n", "", "\r", "").Replace(text)
}
