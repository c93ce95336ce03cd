package desk

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// Trigger is when an automation looks at a ticket. The words are part of the API.
type Trigger string

const (
	WhenOpened   Trigger = "opened"   // a mail opened the ticket
	WhenAnswered Trigger = "answered" // a customer's mail came onto it
	WhenReplied  Trigger = "replied"  // one of our people answered
	WhenNoted    Trigger = "noted"    // one of our people wrote a note
	WhenChanged  Trigger = "changed"  // its status, assignee, tags or the like became different
	WhenBounced  Trigger = "bounced"  // a mail of ours could not be delivered
	WhenTime     Trigger = "time"     // time has passed: looked at every minute
)

// Triggers lists every trigger in the order in which people meet them.
var Triggers = []Trigger{WhenOpened, WhenAnswered, WhenReplied, WhenNoted, WhenChanged, WhenBounced, WhenTime}

// Match says how many conditions have to be met.
type Match string

const (
	MatchAll Match = "all" // every one; none at all are met always
	MatchAny Match = "any" // at least one
)

// Subject is what a condition looks at. The words are part of the API.
type Subject string

const (
	OfSubject       Subject = "subject"        // the ticket's
	OfText          Subject = "text"           // of the mail or message, without what it quotes
	OfSender        Subject = "sender"         // address in From
	OfDomain        Subject = "domain"         // of that address
	OfMailbox       Subject = "mailbox"        // id
	OfTag           Subject = "tag"            // whether the ticket bears it
	OfStatus        Subject = "status"         //
	OfPriority      Subject = "priority"       //
	OfAssignee      Subject = "assignee"       // id; 0: nobody
	OfTeam          Subject = "team"           // id; 0: none
	OfField         Subject = "field"          // of the condition's Name
	OfTrust         Subject = "trust"          // of the sender: verified, token, unverified
	OfAutomatic     Subject = "automatic"      // whether a machine wrote it (T-OOO)
	OfAttachment    Subject = "attachment"     // whether the ticket has a file
	OfHeader        Subject = "header"         // of the condition's Name, of the mail as it came
	OfHours         Subject = "hours"          // open or closed: the business hours of the ticket's team, at that moment
	OfAge           Subject = "age"            // since the ticket was opened
	OfWaiting       Subject = "waiting"        // since when somebody waits for us; never met while nobody does
	OfSinceCustomer Subject = "since-customer" // since the customer's last mail
	OfSinceReply    Subject = "since-reply"    // since the last answer that one of our people wrote
	OfSinceSolved   Subject = "since-solved"   // since the ticket was solved
)

// Subjects lists every subject in the order in which people meet them.
var Subjects = []Subject{
	OfSubject, OfText, OfSender, OfDomain, OfMailbox, OfTag, OfStatus, OfPriority, OfAssignee, OfTeam, OfField, OfTrust, OfAutomatic, OfAttachment, OfHeader, OfHours,
	OfAge, OfWaiting, OfSinceCustomer, OfSinceReply, OfSinceSolved,
}

// Comparison is how a condition compares. The words are part of the API.
type Comparison string

const (
	Contains Comparison = "contains"  // letter for letter but for case
	Lacks    Comparison = "lacks"     //
	Is       Comparison = "is"        // but for case
	IsNot    Comparison = "is-not"    //
	Begins   Comparison = "begins"    //
	Ends     Comparison = "ends"      //
	Matches  Comparison = "matches"   // a regular expression (RE2), but for case
	MoreThan Comparison = "more-than" // a span
	LessThan Comparison = "less-than" //
)

// Sort is the sort of values that a subject has.
type Sort int

const (
	SortText   Sort = iota // any text
	SortChoice             // one of a few words or ids
	SortYes                // yes or no
	SortSpan               // time that has passed
)

// Sort is the sort of values that s has.
func (s Subject) Sort() Sort {
	switch s {
	case OfSubject, OfText, OfSender, OfDomain, OfHeader, OfField:
		return SortText
	case OfAutomatic, OfAttachment:
		return SortYes
	case OfAge, OfWaiting, OfSinceCustomer, OfSinceReply, OfSinceSolved:
		return SortSpan
	default:
		return SortChoice
	}
}

// Comparisons are those that go with a sort.
func (s Sort) Comparisons() []Comparison {
	switch s {
	case SortText:
		return []Comparison{Contains, Lacks, Is, IsNot, Begins, Ends, Matches}
	case SortSpan:
		return []Comparison{MoreThan, LessThan}
	default:
		return []Comparison{Is, IsNot}
	}
}

// Condition is one thing that has to be so.
type Condition struct {
	Of    Subject    `json:"of"`
	Name  string     `json:"name,omitempty"` // of a field or a header
	Is    Comparison `json:"is"`
	Value string     `json:"value"`
}

// Check says what is wrong with a condition, as far as that can be seen without looking anything up.
func (c Condition) Check() error {
	sort := c.Of.Sort()
	switch {
	case !slices.Contains(Subjects, c.Of):
		return Wrong("conditions", "there is no condition on %q", c.Of)
	case !slices.Contains(sort.Comparisons(), c.Is):
		return Wrong("conditions", "a condition on %q cannot compare by %q", c.Of, c.Is)
	case len(c.Value) > longestValue || len(c.Name) > longestValue || strings.ContainsRune(c.Value+c.Name, 0):
		return Wrong("conditions", "a value is too long")
	case (c.Of == OfField || c.Of == OfHeader) && strings.TrimSpace(c.Name) == "":
		return Wrong("conditions", "name the field or header that the condition looks at")
	case sort == SortText && c.Is != Is && c.Is != IsNot && c.Value == "":
		return Wrong("conditions", "a condition needs something to look for")
	}
	switch {
	case sort == SortSpan:
		_, err := ParseSpan(c.Value)
		return err
	case sort == SortYes && c.Value != "yes" && c.Value != "no":
		return Wrong("conditions", "this condition is met by yes or no")
	case c.Of == OfStatus && !Status(c.Value).Valid():
		return Wrong("conditions", "there is no status %q", c.Value)
	case c.Of == OfPriority && !Priority(c.Value).Valid():
		return Wrong("conditions", "there is no priority %q", c.Value)
	case c.Of == OfTrust && c.Value != string(TrustVerified) && c.Value != string(TrustToken) && c.Value != string(TrustUnverified):
		return Wrong("conditions", "a sender is verified, token or unverified")
	case c.Of == OfHours && c.Value != "open" && c.Value != "closed":
		return Wrong("conditions", "business hours are open or closed")
	case c.Of == OfTag && strings.TrimSpace(c.Value) == "":
		return Wrong("conditions", "name the tag")
	case c.Is == Matches:
		if _, err := expression(c.Value); err != nil {
			return Wrong("conditions", "%q is no regular expression: %v", c.Value, err)
		}
	}
	return nil
}

// expression compiles a pattern. RE2 takes time in proportion to the text, whatever the pattern.
func expression(pattern string) (*regexp.Regexp, error) { return regexp.Compile("(?is)" + pattern) }

const (
	// MostAutomations bounds how many rules there are.
	MostAutomations = 200
	// MostConditions is how many conditions one automation has at most.
	MostConditions = 20
	longestName    = 100
)

// Automation is a rule: when something happens, if the ticket is like this, do that.
type Automation struct {
	ID        int64       `json:"id" db:"id"`
	Name      string      `json:"name" db:"name"`
	Position  int         `json:"position" db:"position"` // the lower, the earlier
	On        bool        `json:"on" db:"active"`
	When      []Trigger   `json:"when" db:"triggers"`
	Match     Match       `json:"match" db:"match"`
	If        []Condition `json:"if" db:"conditions"`
	Then      []Action    `json:"then" db:"actions"`
	Stop      bool        `json:"stop" db:"stop"` // none after it looks at the same happening
	CreatedAt time.Time   `json:"created_at" db:"created_at"`
	UpdatedAt time.Time   `json:"updated_at" db:"updated_at"`
	UpdatedBy string      `json:"updated_by" db:"updated_by"`
	AuthorID  *int64      `json:"-" db:"author_id"` // who saved it last: it does no more than they may; nil: the machine's operator
}

// Check says what is wrong with a rule, as far as that can be seen without looking anything up.
func (a Automation) Check() error {
	if err := CheckName(a.Name); err != nil {
		return err
	}
	switch {
	case len(a.When) == 0:
		return Wrong("when", "choose when the rule is to look at a ticket")
	case a.Match != MatchAll && a.Match != MatchAny:
		return Wrong("match", "a rule asks for all of its conditions or for any")
	case len(a.If) > MostConditions:
		return Wrong("conditions", "%d conditions are the most", MostConditions)
	case a.Match == MatchAny && len(a.If) == 0:
		return Wrong("conditions", "a rule that asks for any of its conditions needs one")
	case len(a.Then) == 0:
		return Wrong("actions", "choose what the rule is to do")
	}
	for _, trigger := range a.When {
		if !slices.Contains(Triggers, trigger) {
			return Wrong("when", "there is no trigger %q", trigger)
		}
	}
	for _, one := range a.If {
		if err := one.Check(); err != nil {
			return err
		}
	}
	for _, one := range a.Then {
		if one.Do == ActTake {
			return Wrong("actions", "a rule is nobody who could take a ticket: choose a person")
		}
	}
	if _, ok := a.Span(); a.Looks(WhenTime) && !ok {
		return Wrong("conditions", "a rule for time that has passed needs a condition that says how much, such as waiting for more than 4 hours, and asks for all of its conditions")
	}
	return CheckActions(a.Then)
}

// CheckName says what is wrong with the name of a rule, a macro or a canned reply.
func CheckName(name string) error {
	if name == "" || len(name) > longestName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return Wrong("name", "a name stands on one line of 1 to %d bytes", longestName)
	}
	return nil
}

// Looks says whether the rule looks at a ticket when that happens.
func (a Automation) Looks(when Trigger) bool { return slices.Contains(a.When, when) }

// Passed is the condition by which a rule for time that has passed begins: what it counts from, and how long.
type Passed struct {
	Since Subject
	Span  time.Duration
}

// Span is the first condition of the rule that asks for more than a span; false where there is none that every ticket has to meet.
func (a Automation) Span() (Passed, bool) {
	if a.Match != MatchAll {
		return Passed{}, false
	}
	for _, one := range a.If {
		if one.Of.Sort() == SortSpan && one.Is == MoreThan {
			span, err := ParseSpan(one.Value)
			return Passed{one.Of, span}, err == nil
		}
	}
	return Passed{}, false
}

// Run is one time that a rule did something.
type Run struct {
	ID             int64     `json:"id" db:"id"`
	AutomationID   int64     `json:"automation_id" db:"automation_id"`
	AutomationName string    `json:"automation" db:"automation_name"`
	Ticket         int64     `json:"ticket" db:"ticket_id"`
	Subject        string    `json:"subject" db:"subject"`
	When           Trigger   `json:"when" db:"trigger"`
	Did            []Done    `json:"did" db:"did"`
	At             time.Time `json:"at" db:"at"`
}
