package desk

import (
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mostText is as much of a message as a condition looks at, in bytes: what comes later decides nothing.
const mostText = 256 << 10

// Situation is a ticket at a moment, as conditions see it.
type Situation struct {
	When         Trigger
	Ticket       Ticket
	Message      *Message            // what has happened, or the customer's last mail where nothing was written; nil: there is none
	Facts        MessageFacts        // of Message
	Header       map[string][]string // of Message as it came, by canonical name; nil where nobody asks or nothing is known
	LastCustomer *time.Time
	LastReply    *time.Time // that one of our people wrote
	Open         bool       // the business hours of the ticket's team
	Now          time.Time
}

// Finding is what became of one condition.
type Finding struct {
	Condition
	Met bool
	Saw string // what it looked at, for people; empty: nothing
}

// Judge looks at a ticket with the eyes of a rule: whether it would act, and what became of each condition. It asks nothing but what it is given.
func (a Automation) Judge(s Situation) (met bool, findings []Finding) {
	met = a.Match == MatchAll
	for _, one := range a.If {
		found := one.judge(s)
		findings = append(findings, found)
		if a.Match == MatchAll {
			met = met && found.Met
		} else {
			met = met || found.Met
		}
	}
	return met && a.Looks(s.When), findings
}

// judge looks at one condition.
func (c Condition) judge(s Situation) Finding {
	switch c.Of.Sort() {
	case SortSpan:
		return c.span(s)
	case SortYes:
		so := c.Of == OfAttachment && s.Ticket.HasAttachment || c.Of == OfAutomatic && s.Facts.Automatic != ""
		return c.choice(map[bool]string{true: "yes", false: "no"}[so])
	case SortText:
		return c.text(s)
	}
	switch c.Of {
	case OfTag:
		saw := strings.Join(s.Ticket.Tags, " ")
		bears := slices.Contains(s.Ticket.Tags, strings.ToLower(strings.TrimSpace(c.Value)))
		return Finding{c, bears == (c.Is == Is), saw}
	case OfMailbox:
		return c.choice(strconv.FormatInt(s.Ticket.MailboxID, 10))
	case OfStatus:
		return c.choice(string(s.Ticket.Status))
	case OfPriority:
		return c.choice(string(s.Ticket.Priority))
	case OfAssignee:
		return c.choice(number(s.Ticket.AssigneeID))
	case OfTeam:
		return c.choice(number(s.Ticket.TeamID))
	case OfTrust:
		return c.choice(string(s.Facts.Trust))
	case OfHours:
		return c.choice(map[bool]string{true: "open", false: "closed"}[s.Open])
	}
	return Finding{Condition: c}
}

func number(id *int64) string {
	if id == nil {
		return "0"
	}
	return strconv.FormatInt(*id, 10)
}

func (c Condition) choice(saw string) Finding {
	return Finding{c, (saw == c.Value) == (c.Is == Is), saw}
}

// span compares time that has passed. Where there is nothing to count from, no comparison is met.
func (c Condition) span(s Situation) Finding {
	since := s.Since(c.Of)
	want, err := ParseSpan(c.Value)
	if since == nil || err != nil {
		return Finding{Condition: c}
	}
	passed := s.Now.Sub(*since)
	return Finding{c, c.Is == MoreThan && passed > want || c.Is == LessThan && passed < want, strconv.FormatInt(int64(passed/time.Minute), 10) + "m"}
}

// Since is from when a subject counts; nil: there is no such moment.
func (s Situation) Since(of Subject) *time.Time {
	switch of {
	case OfAge:
		return &s.Ticket.CreatedAt
	case OfWaiting:
		return s.Ticket.WaitingSince
	case OfSinceCustomer:
		return s.LastCustomer
	case OfSinceReply:
		return s.LastReply
	case OfSinceSolved:
		return s.Ticket.SolvedAt
	}
	return nil
}

// text compares a text. Of several values, as a header may have, one has to be met, and of those that forbid, all.
func (c Condition) text(s Situation) Finding {
	values := c.values(s)
	not := c.Is == Lacks || c.Is == IsNot
	if len(values) == 0 {
		values = []string{""}
	}
	met := not
	for _, value := range values {
		if len(value) > mostText {
			value = strings.ToValidUTF8(value[:mostText], "")
		}
		if not {
			met = met && c.compare(value)
		} else {
			met = met || c.compare(value)
		}
	}
	saw := strings.Join(values, ", ")
	if len(saw) > longestValue {
		saw = strings.ToValidUTF8(saw[:longestValue], "") + "…"
	}
	return Finding{c, met, saw}
}

// values are the texts that a condition looks at.
func (c Condition) values(s Situation) []string {
	switch c.Of {
	case OfSubject:
		return []string{s.Ticket.Subject}
	case OfField:
		return []string{s.Ticket.Fields[c.Name]}
	}
	if s.Message == nil {
		return nil
	}
	switch c.Of {
	case OfText:
		return []string{s.Message.Text}
	case OfSender:
		return []string{s.Message.FromAddress}
	case OfDomain:
		return []string{DomainOf(s.Message.FromAddress)}
	case OfHeader:
		return s.Header[textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(c.Name))]
	}
	return nil
}

func (c Condition) compare(value string) bool {
	if c.Is == Matches {
		pattern, err := expression(c.Value)
		return err == nil && pattern.MatchString(value)
	}
	value, want := strings.ToLower(value), strings.ToLower(strings.TrimSpace(c.Value))
	switch c.Is {
	case Contains:
		return strings.Contains(value, want)
	case Lacks:
		return !strings.Contains(value, want)
	case Is:
		return strings.TrimSpace(value) == want
	case IsNot:
		return strings.TrimSpace(value) != want
	case Begins:
		return strings.HasPrefix(strings.TrimSpace(value), want)
	case Ends:
		return strings.HasSuffix(strings.TrimSpace(value), want)
	}
	return false
}
