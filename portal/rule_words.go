package portal

import (
	"strconv"
	"strings"

	"postern/desk"
	"postern/language"
)

// The words for the parts of rules. What is missing here would be shown as it is stored; a test makes sure that nothing is.
var (
	triggerWords = map[desk.Trigger]string{
		desk.WhenOpened: "a mail opens a ticket", desk.WhenAnswered: "a customer answers", desk.WhenReplied: "one of us answers", desk.WhenNoted: "one of us writes a note",
		desk.WhenChanged: "one of us changes a ticket", desk.WhenBounced: "a mail of ours cannot be delivered", desk.WhenTime: "time has passed",
	}
	subjectWords = map[desk.Subject]string{
		desk.OfSubject: "Subject", desk.OfText: "Text", desk.OfSender: "Sender's address", desk.OfDomain: "Sender's domain", desk.OfMailbox: "Mailbox", desk.OfTag: "Tag",
		desk.OfStatus: "Status", desk.OfPriority: "Priority", desk.OfAssignee: "Assignee", desk.OfTeam: "Team", desk.OfField: "Field", desk.OfTrust: "Proof of the sender",
		desk.OfAutomatic: "Written by a machine", desk.OfAttachment: "Attachment", desk.OfHeader: "Header of the mail", desk.OfHours: "Business hours",
		desk.OfAge: "Time since it was opened", desk.OfWaiting: "Time that somebody waits for us", desk.OfSinceCustomer: "Time since the customer's last mail",
		desk.OfSinceReply: "Time since our last answer", desk.OfSinceSolved: "Time since it was solved",
	}
	comparisonWords = map[desk.Comparison]string{
		desk.Contains: "contains", desk.Lacks: "does not contain", desk.Is: "is", desk.IsNot: "is not", desk.Begins: "begins with", desk.Ends: "ends with",
		desk.Matches: "matches the expression", desk.MoreThan: "is more than", desk.LessThan: "is less than",
	}
	actionKindWords = map[desk.ActionKind]string{
		desk.ActAssign: "Assign to", desk.ActTake: "Assign to whoever runs it", desk.ActTeam: "Give to the team", desk.ActStatus: "Set the status to", desk.ActPriority: "Set the priority to",
		desk.ActAddTags: "Add the tags", desk.ActDropTags: "Remove the tags", desk.ActField: "Set the field", desk.ActSnooze: "Snooze for", desk.ActReply: "Send the canned reply",
		desk.ActNote: "Write the note", desk.ActNotify: "Notify", desk.ActNotifyTeam: "Notify everybody in the team", desk.ActSpam: "Close as spam",
	}
	trustChoices = map[desk.Trust]string{desk.TrustVerified: "proved", desk.TrustToken: "by a token of ours only", desk.TrustUnverified: "none at all"}
	otherChoices = map[string]string{"yes": "yes", "no": "no", "open": "open", "closed": "outside of them"}
	matchWords   = map[desk.Match]string{desk.MatchAll: "all of these are so", desk.MatchAny: "at least one of these is so"}
	placeWords   = map[desk.Placeholder]string{
		desk.PlaceCustomerName: "the customer's name, or their address", desk.PlaceCustomerFirst: "the customer's first name", desk.PlaceCustomerAddress: "the customer's address",
		desk.PlaceTicketNumber: "the ticket's number", desk.PlaceTicketSubject: "the ticket's subject", desk.PlaceAgentName: "who sends it", desk.PlaceAgentEmail: "the address of who sends it",
		desk.PlaceMailboxName: "the mailbox's name", desk.PlaceMailboxAddress: "the mailbox's address", desk.PlaceTeamName: "the ticket's team",
	}
)

// menuLine is one line of a menu.
type menuLine struct {
	Value, Title string
	Chosen       bool
}

// ruleLists are the names behind the numbers that rules hold.
type ruleLists struct {
	Mailboxes, People, Teams, Canned, Fields []menuLine
}

// titleOf is the name of a value in a list; a value that is in it no more is shown as it is.
func titleOf(list []menuLine, value, none string) string {
	if value == "0" || value == "" {
		return none
	}
	for _, one := range list {
		if one.Value == value {
			return one.Title
		}
	}
	return "#" + value
}

// ruleLists gathers the names: five short questions.
func (p *Portal) ruleLists(c *call) (lists ruleLists, err error) {
	ctx := c.r.Context()
	mailboxes, err := p.domains.Mailboxes(ctx)
	if err != nil {
		return lists, err
	}
	for _, one := range mailboxes {
		lists.Mailboxes = append(lists.Mailboxes, menuLine{Value: strconv.FormatInt(one.ID, 10), Title: one.Address})
	}
	staff, err := p.identity.Staff(ctx)
	if err != nil {
		return lists, err
	}
	for _, one := range staff {
		lists.People = append(lists.People, menuLine{Value: strconv.FormatInt(one.ID, 10), Title: one.Name})
	}
	teams, err := p.tickets.Teams(ctx, c.actor)
	if err != nil {
		return lists, err
	}
	for _, one := range teams {
		lists.Teams = append(lists.Teams, menuLine{Value: strconv.FormatInt(one.ID, 10), Title: one.Name})
	}
	var canned []desk.Canned
	if c.actor.Can(desk.MayNote) { // who only sees how the desk is set up is not shown what it writes
		if canned, err = p.tickets.CannedReplies(ctx, c.actor, ""); err != nil {
			return lists, err
		}
	}
	for _, one := range canned {
		if one.OwnerID == nil {
			lists.Canned = append(lists.Canned, menuLine{Value: strconv.FormatInt(one.ID, 10), Title: one.Name})
		}
	}
	fields, err := p.tickets.Fields(ctx, c.actor)
	for _, one := range fields {
		lists.Fields = append(lists.Fields, menuLine{Value: one.Key, Title: one.Name})
	}
	return lists, err
}

// optionsOf are the values that a condition can compare with, where there are only a few.
func (l ruleLists) optionsOf(lang *language.Language, of desk.Subject) []menuLine {
	switch of {
	case desk.OfMailbox:
		return l.Mailboxes
	case desk.OfAssignee:
		return append([]menuLine{{Value: "0", Title: lang.Say("Nobody")}}, l.People...)
	case desk.OfTeam:
		return append([]menuLine{{Value: "0", Title: lang.Say("No team")}}, l.Teams...)
	case desk.OfStatus:
		return statusChoices(lang)
	case desk.OfPriority:
		return priorityChoices(lang)
	case desk.OfTrust:
		return wordChoices(lang, []desk.Trust{desk.TrustVerified, desk.TrustToken, desk.TrustUnverified}, trustChoices)
	case desk.OfHours:
		return wordChoices(lang, []string{"open", "closed"}, otherChoices)
	case desk.OfAutomatic, desk.OfAttachment:
		return wordChoices(lang, []string{"yes", "no"}, otherChoices)
	}
	return nil
}

// optionsFor are the values that an action can have, where there are only a few.
func (l ruleLists) optionsFor(lang *language.Language, kind desk.ActionKind) []menuLine {
	switch kind {
	case desk.ActAssign:
		return l.optionsOf(lang, desk.OfAssignee)
	case desk.ActTeam:
		return l.optionsOf(lang, desk.OfTeam)
	case desk.ActNotify:
		return append([]menuLine{{Value: "0", Title: lang.Say("Whoever has the ticket")}}, l.People...)
	case desk.ActNotifyTeam:
		return append([]menuLine{{Value: "0", Title: lang.Say("The ticket’s own")}}, l.Teams...)
	case desk.ActStatus:
		return statusChoices(lang)
	case desk.ActPriority:
		return priorityChoices(lang)
	case desk.ActReply:
		return l.Canned
	}
	return nil
}

func statusChoices(lang *language.Language) (list []menuLine) {
	for _, one := range desk.Statuses {
		list = append(list, menuLine{Value: string(one), Title: lang.Say(label(one))})
	}
	return list
}

func priorityChoices(lang *language.Language) (list []menuLine) {
	for _, one := range desk.Priorities {
		list = append(list, menuLine{Value: string(one), Title: lang.Say(label(one))})
	}
	return list
}

// wordChoices are values with their words.
func wordChoices[T ~string](lang *language.Language, values []T, words map[T]string) (list []menuLine) {
	for _, one := range values {
		list = append(list, menuLine{Value: string(one), Title: lang.Say(words[one])})
	}
	return list
}

// spanWords is a span of time as rules keep it, in words.
func spanWords(lang *language.Language, span string) string {
	if _, err := desk.ParseSpan(span); err != nil {
		return span
	}
	n, _ := strconv.ParseInt(span[:len(span)-1], 10, 64) // ParseSpan has read it
	switch span[len(span)-1] {
	case 'm':
		return lang.Count(n, "%d minute", "%d minutes")
	case 'h':
		return lang.Count(n, "%d hour", "%d hours")
	}
	return lang.Count(n, "%d day", "%d days")
}

// passedWords is how much time has passed, in the largest unit that still tells it well.
func passedWords(lang *language.Language, span string) string {
	minutes, err := strconv.ParseInt(strings.TrimSuffix(span, "m"), 10, 64)
	switch {
	case err != nil:
		return span
	case minutes < 2*60:
		return lang.Count(minutes, "%d minute", "%d minutes")
	case minutes < 2*24*60:
		return lang.Count(minutes/60, "%d hour", "%d hours")
	}
	return lang.Count(minutes/60/24, "%d day", "%d days")
}

// phrase is a condition or an action in words: what, how, and the value, which may be a stranger's and is shown as such.
type phrase struct{ What, How, Value, Problem string }

// conditionPhrase puts a condition into words.
func (l ruleLists) conditionPhrase(lang *language.Language, c desk.Condition) phrase {
	said := phrase{What: lang.Say(subjectWords[c.Of]), How: lang.Say(comparisonWords[c.Is]), Value: c.Value}
	switch {
	case c.Of == desk.OfField:
		said.What += " " + titleOf(l.Fields, c.Name, "")
	case c.Of == desk.OfHeader:
		said.What += " " + c.Name
	case c.Of.Sort() == desk.SortSpan:
		said.Value = spanWords(lang, c.Value)
	default:
		if options := l.optionsOf(lang, c.Of); options != nil {
			said.Value = titleOf(append([]menuLine{{Value: "0", Title: lang.Say("Nobody")}}, options...), c.Value, lang.Say("none"))
		}
	}
	return said
}

// actionPhrase puts an action into words.
func (l ruleLists) actionPhrase(lang *language.Language, a desk.Action) phrase {
	said := phrase{What: lang.Say(actionKindWords[a.Do]), Value: a.Value}
	switch a.Do {
	case desk.ActAssign, desk.ActTeam, desk.ActReply, desk.ActNotify, desk.ActNotifyTeam:
		none := map[desk.ActionKind]string{desk.ActAssign: lang.Say("Nobody"), desk.ActTeam: lang.Say("No team"), desk.ActNotify: lang.Say("Whoever has the ticket"), desk.ActNotifyTeam: lang.Say("The ticket’s own")}[a.Do]
		said.Value = titleOf(l.optionsFor(lang, a.Do), strconv.FormatInt(a.ID, 10), none)
	case desk.ActStatus, desk.ActPriority:
		said.Value = lang.Say(label(a.Value))
	case desk.ActSnooze:
		said.Value = spanWords(lang, a.Value)
	case desk.ActField:
		said.What += " " + titleOf(l.Fields, a.Name, "")
		said.How = lang.Say("to")
	case desk.ActNote:
		said.Value = clip(a.Value, 80)
	}
	return said
}

// donePhrases puts what became of actions into words.
func (l ruleLists) donePhrases(lang *language.Language, did []desk.Done) []phrase {
	said := make([]phrase, len(did))
	for i, one := range did {
		if one.Do != "" {
			said[i] = l.actionPhrase(lang, one.Action)
		}
		if one.Problem != "" {
			said[i].Problem = sentence(lang.Sentence(one.Problem))
		}
	}
	return said
}

// whenPhrase is when a rule looks, in words.
func whenPhrase(lang *language.Language, when []desk.Trigger) string {
	said := make([]string, len(when))
	for i, one := range when {
		said[i] = lang.Say(triggerWords[one])
	}
	return strings.Join(said, ", ")
}
