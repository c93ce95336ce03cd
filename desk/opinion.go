package desk

// Opinion is what the configured filters (rspamd, clamd, milters) think of a mail. It decides nothing: intake weighs it against the Policy.
// Texts in it are cleaned of control characters and bounded, but written by others: by the filters, and through them by whoever sent the mail.
type Opinion struct {
	Score       float64   `json:"score,omitempty"`       // rspamd's sum; means something only when Action is set
	Required    float64   `json:"required,omitempty"`    // the score from which rspamd itself would reject
	Action      string    `json:"action,omitempty"`      // rspamd's own advice: no action, greylist, add header, rewrite subject, soft reject, reject …; empty: rspamd gave no answer
	Symbols     []Symbol  `json:"symbols,omitempty"`     // what the score is made of, the weightiest first; at most 50
	Malware     []string  `json:"malware,omitempty"`     // names of the signatures that clamd found; at most 10
	Refused     string    `json:"refused,omitempty"`     // a milter refuses the mail for good: its words, without reply code
	Deferred    string    `json:"deferred,omitempty"`    // a milter wants the sender to try again later: its words, without reply code
	Quarantined string    `json:"quarantined,omitempty"` // a milter wants the mail held back or discarded: why
	Notes       []string  `json:"notes,omitempty"`       // what milters wanted changed in the mail, which was not done; at most 20
	Silent      []Silence `json:"silent,omitempty"`      // filters that gave no answer
}

// Symbol is one rule of rspamd that matched.
type Symbol struct {
	Name  string  `json:"name"`
	Score float64 `json:"score"`
	Note  string  `json:"note,omitempty"` // what the rule looks for, and what it found
}

// Silence says that a filter gave no answer about a mail, which is never the same as 'clean'.
type Silence struct {
	Filter string `json:"filter"` // rspamd, clamd, or milter with its address
	Reason string `json:"reason"`
	Unable bool   `json:"unable,omitempty"` // the filter works but cannot judge this mail, for example since it is too large for it: asking again will not help
}
