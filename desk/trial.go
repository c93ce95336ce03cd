package desk

import (
	"strings"
	"time"
)

// Trial is what became of a mail that was made, signed and judged to see whether a domain can be used.
type Trial struct {
	Domain   string       `json:"domain"`
	At       time.Time    `json:"at"`
	Good     bool         `json:"good"`               // everything that sending in the domain's name needs is proved
	Checks   []TrialCheck `json:"checks"`             // in the order in which a person reads them
	To       string       `json:"to,omitempty"`       // where the mail was sent as well
	Delivery *Delivery    `json:"delivery,omitempty"` // what became of it there, at the first attempt
}

// TrialCheck is one thing that was judged.
type TrialCheck struct {
	Name   string `json:"name"` // dkim, dmarc, spf, reverse-name
	Result Result `json:"result"`
	Good   bool   `json:"good"`
	Needed bool   `json:"needed"` // without it the domain is not used
	Text   string `json:"text"`   // the verdict in a sentence, with what to do where it is not good
}

// Settled says whether everything that is needed could be judged. What the DNS did not answer is no verdict on the domain.
func (t Trial) Settled() bool {
	for _, check := range t.Checks {
		if check.Needed && check.Result == ResultTempError {
			return false
		}
	}
	return len(t.Checks) > 0
}

// Problem says what keeps a domain from being used; empty where nothing does.
func (t Trial) Problem() string {
	var words []string
	for _, check := range t.Checks {
		if check.Needed && !check.Good {
			words = append(words, check.Text)
		}
	}
	if len(words) == 0 && !t.Good {
		return "the test mail proved nothing"
	}
	return strings.Join(words, " ")
}
