package desk

import "time"

// Letters about signing in by somebody else's word.
const (
	LetterAccountConnected    LetterKind = "account-connected"    // an account elsewhere opens theirs from now on
	LetterAccountDisconnected LetterKind = "account-disconnected" // and no more
	LetterBypass              LetterKind = "bypass"               // an owner's way in past a broken provider; Link holds it
	LetterBypassUsed          LetterKind = "bypass-used"          // to owners: Who came in that way
	LetterRecovered           LetterKind = "recovered"            // to owners: a way in for Who was made on the machine
)

// ProveAddress mails a link to the address of an account elsewhere, by which its owner shows that the address is theirs.
type ProveAddress struct {
	Claim  []byte `json:"claim"`  // hash of the link's token
	Sealed []byte `json:"sealed"` // the link
}

// Kind is the job's name in the queue.
func (ProveAddress) Kind() string { return "prove_address" }

// SendBypass mails a way in, if the address under which it was asked for is an owner's: what the page has not looked at.
type SendBypass struct {
	Bypass []byte    `json:"bypass"` // hash of the link's token
	Sealed []byte    `json:"sealed"` // the link
	IP     string    `json:"ip"`
	At     time.Time `json:"at"`
}

// Kind is the job's name in the queue.
func (SendBypass) Kind() string { return "send_bypass" }
