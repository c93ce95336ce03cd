package desk

// Warning is something about a mail by which people are deceived, in a sentence for whoever reads it (T-15).
type Warning struct {
	Kind string `json:"kind"` // name-address, name-of-ours, look-alike, mixed-script, hidden-characters, reply-to
	Text string `json:"text"`
}
