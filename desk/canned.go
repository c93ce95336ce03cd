package desk

import (
	"strings"
	"time"
	"unicode"
)

const (
	// MostCanned bounds how many canned replies one person can choose from; as many macros.
	MostCanned      = 500
	longestShortcut = 30
)

// Shelf is who may use a canned reply or a macro, and for which tickets. The zero value: everybody, for all.
type Shelf struct {
	OwnerID     *int64 `json:"owner_id" db:"owner_id"` // whose own it is; nil: the team's, or everybody's
	OwnerName   string `json:"owner" db:"owner_name"`
	TeamID      *int64 `json:"team_id" db:"team_id"`
	TeamName    string `json:"team" db:"team_name"`
	MailboxID   *int64 `json:"mailbox_id" db:"mailbox_id"` // only for its tickets; nil: for all
	MailboxName string `json:"mailbox" db:"mailbox_name"`
}

// Canned is a reply that is written once and used often. Its text may hold placeholders.
type Canned struct {
	ID        int64     `json:"id" db:"id"`
	Name      string    `json:"name" db:"name"`
	Shortcut  string    `json:"shortcut" db:"shortcut"` // what is typed after a slash; empty: it is chosen by its name
	Text      string    `json:"text" db:"text"`
	UpdatedAt time.Time `json:"updated_at" db:"updated_at"`
	Shelf
}

// Check says what is wrong with a canned reply.
func (c Canned) Check() error {
	if err := CheckName(c.Name); err != nil {
		return err
	}
	word := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' }
	switch {
	case len(c.Shortcut) > longestShortcut || strings.ContainsFunc(c.Shortcut, word) || c.Shortcut != strings.ToLower(c.Shortcut):
		return Wrong("shortcut", "a shortcut is one word of letters and digits, at most %d bytes long", longestShortcut)
	case strings.TrimSpace(c.Text) == "":
		return Wrong("text", "there is nothing in this reply yet")
	case len(c.Text) > longestScript:
		return Wrong("text", "a text is at most %d bytes long", longestScript)
	}
	_, err := PlaceholdersIn(c.Text)
	return err
}

// Macro is several changes of a ticket, and perhaps an answer to begin with, at one press. The answer goes into the composer: a person reads it before it leaves.
type Macro struct {
	ID        int64     `json:"id" db:"id"`
	Name      string    `json:"name" db:"name"`
	Actions   []Action  `json:"actions" db:"actions"`
	Text      string    `json:"text" db:"text"`
	UpdatedAt time.Time `json:"updated_at" db:"updated_at"`
	AuthorID  *int64    `json:"-" db:"author_id"` // who saved it last: it does no more than they may
	Shelf
}

// Check says what is wrong with a macro, as far as that can be seen without looking anything up.
func (m Macro) Check() error {
	if err := CheckName(m.Name); err != nil {
		return err
	}
	if len(m.Actions) == 0 && strings.TrimSpace(m.Text) == "" {
		return Wrong("actions", "a macro changes something, or brings a text")
	}
	for _, one := range m.Actions {
		if one.Do == ActReply {
			return Wrong("actions", "a macro sends nothing by itself: write the text of the answer below")
		}
	}
	if err := CheckActions(m.Actions); err != nil {
		return err
	}
	if len(m.Text) > longestScript {
		return Wrong("text", "a text is at most %d bytes long", longestScript)
	}
	_, err := PlaceholdersIn(m.Text)
	return err
}
