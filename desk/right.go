package desk

import "slices"

// Right is one thing that may be allowed. Every route, command and service method names the right that it needs. The words are part of the API.
type Right string

// What roles give. Which of the built-in ones gives what stands in Rights.
const (
	MayRead             Right = "tickets:read"       // see conversations in sight: their messages and files
	MayReadOriginals    Right = "originals:read"     // see mails as they came, with every header
	MayNote             Right = "tickets:note"       // write private notes, and take and bring drafts and files for them
	MayReply            Right = "tickets:reply"      // send mail to customers and others: answers, new conversations, forwards
	MayWrite            Right = "tickets:write"      // change status, priority, subject, tags, fields, snooze, and who has a conversation
	MayAssignAny        Right = "tickets:assign-any" // give conversations to any team and anybody, not only to one's own teams
	MayMerge            Right = "tickets:merge"      // merge and part conversations, move and split messages
	MayManageCopied     Right = "tickets:people"     // say who is requester and who takes part
	MayReadHeld         Right = "held:read"          // see mail that is held back, block and allow lists, and addresses that get no mail
	MayReadCodes        Right = "held:codes"         // see codes that others' services sent here, with which accounts could be taken over
	MayManageHeld       Right = "held:manage"        // release and delete mail that is held back
	MayManageSenders    Right = "senders:manage"     // block and allow senders, stop and allow mail to an address
	MayReadCustomers    Right = "customers:read"     // see who customers are and what else they wrote
	MayEditCustomers    Right = "customers:edit"     // give customers names and further addresses
	MayImpersonate      Right = "customers:act-for"  // look at customers' pages, and through the API, as a customer sees them
	MayExport           Right = "export"             // take lists of mails and customers out as files
	MayShelve           Right = "shelves:own"        // keep canned replies, macros and views of one's own
	MayShelveTeam       Right = "shelves:team"       // keep those of one's teams
	MayShelveAll        Right = "shelves:all"        // keep those of everybody
	MayReadReports      Right = "reports:read"       // see the desk's figures, and one's own
	MayReadAllReports   Right = "reports:all"        // see the figures of each colleague
	MayReadConfig       Right = "configuration:read" // see how the desk is set up: rules, targets, teams, domains, mailboxes, mail policy, deliveries
	MayManageRules      Right = "rules:manage"       // write automations
	MayManageTargets    Right = "targets:manage"     // set targets, business hours and the desk's time zone
	MayManageFields     Right = "fields:manage"      // set up fields
	MayManageTags       Right = "tags:manage"        // rename, merge and remove tags
	MayManageTeams      Right = "teams:manage"       // set up teams
	MayManageMailboxes  Right = "mailboxes:manage"   // add, change and close mailboxes
	MayManageDomains    Right = "domains:manage"     // add domains, rotate and replace their keys
	MayManageDeliveries Right = "deliveries:manage"  // destination rules, trying all waiting mail now
	MayManagePolicy     Right = "policy:manage"      // say how incoming mail is judged
	MayManagePages      Right = "pages:manage"       // customers' pages: forms, ratings, who may open them
	MayManageSystem     Right = "system:manage"      // see how the system fares, ask for certificates again
	MayReadPeople       Right = "people:read"        // see who works here and what their roles are
	MayManagePeople     Right = "people:manage"      // add, change and disable people below one's own rank
	MayManageRoles      Right = "roles:manage"       // make and change roles that give no more than one's own
	MayHoldTokens       Right = "tokens:own"         // make API tokens for oneself
	MayManageTokens     Right = "tokens:manage"      // see and end everybody's API tokens, make them for others
	MayManageClients    Right = "clients:manage"     // register programs that people may connect
	MayReadSecurity     Right = "security:read"      // see the rules of accounts and access
	MayManageSecurity   Right = "security:manage"    // set the rules of accounts and access
	MayReadAudit        Right = "audit:read"         // see what was done by whom, and who read what
	MayExportAudit      Right = "audit:export"       // take the audit log out, and send it on
	MayOwn              Right = "ownership"          // hand the installation over, and what else owners alone may
	MayOwnRead          Right = "own-tickets:read"   // read the conversations in which one is the customer
	MayOwnWrite         Right = "own-tickets:write"  // answer and close those
)

// What routes ask for that no role gives by itself.
const (
	Public   Right = "public"    // no sign-in needed; the route itself checks what it needs
	SignedIn Right = "signed-in" // any signed-in person
	Proved   Right = "proved"    // any signed-in person who has just shown again that it is them: for one's own factors, devices and accounts, and to let programs in
	Arriving Right = "arriving"  // whoever has begun to sign in and has something left to show
)

// RightRow is one line of the table of rights.
type RightRow struct {
	Right Right
	Group string // under which people find it
	Says  string // what it allows, for people
	Scope Scope  // the broad scope of tokens that covers it
	Held  []Role // the built-in roles that give it
}

// Grantable says whether a custom role can give the right.
func (r RightRow) Grantable() bool {
	return r.Right != MayOwn && r.Right != MayOwnRead && r.Right != MayOwnWrite
}

var (
	byOwner = []Role{RoleOwner}
	byAdmin = []Role{RoleOwner, RoleAdmin}
	byAgent = []Role{RoleOwner, RoleAdmin, RoleAgent}
	byLight = []Role{RoleOwner, RoleAdmin, RoleAgent, RoleLight}
	bySight = []Role{RoleOwner, RoleAdmin, RoleAuditor}
	byAll   = []Role{RoleOwner, RoleAdmin, RoleAgent, RoleLight, RoleCustomer}
)

// Rights is the table of rights: what each allows and which built-in roles give it (security row 36). What stands in no line of it nobody may.
var Rights = []RightRow{
	{MayRead, "Conversations", "See the conversations that the role shows, with their messages and files", ScopeRead, byLight},
	{MayReadOriginals, "Conversations", "See mails as they came, with every header", ScopeRead, byAgent},
	{MayNote, "Conversations", "Write private notes", ScopeWrite, byLight},
	{MayReply, "Conversations", "Send mail: answers, new conversations, forwards", ScopeWrite, byAgent},
	{MayWrite, "Conversations", "Change status, priority, subject, tags, fields and who has a conversation", ScopeWrite, byAgent},
	{MayAssignAny, "Conversations", "Give conversations to any team, not only to their own", ScopeWrite, byAdmin},
	{MayMerge, "Conversations", "Merge conversations, move and split messages", ScopeWrite, byAgent},
	{MayManageCopied, "Conversations", "Say who is the customer and who takes part", ScopeWrite, byAgent},
	{MayReadHeld, "Mail held back", "See mail that is held back, and the lists of senders and addresses", ScopeRead, byAgent},
	{MayReadCodes, "Mail held back", "See and release codes that others' services sent here", ScopeAdmin, byAdmin},
	{MayManageHeld, "Mail held back", "Release and delete mail that is held back", ScopeWrite, byAgent},
	{MayManageSenders, "Mail held back", "Block and allow senders, stop and allow mail to an address", ScopeWrite, byAgent},
	{MayReadCustomers, "Customers", "See who customers are and what else they wrote", ScopeRead, byLight},
	{MayEditCustomers, "Customers", "Give customers further addresses", ScopeWrite, byAgent},
	{MayImpersonate, "Customers", "Look at everything as a customer sees it, in their place", ScopeAdmin, byOwner},
	{MayExport, "Customers", "Take lists of mails and customers out as files", ScopeRead, byAdmin},
	{MayShelve, "Canned replies, macros and views", "Keep their own", ScopeWrite, byLight},
	{MayShelveTeam, "Canned replies, macros and views", "Keep those of their teams", ScopeWrite, byAgent},
	{MayShelveAll, "Canned replies, macros and views", "Keep those of everybody", ScopeAdmin, byAdmin},
	{MayReadReports, "Figures", "See the desk's figures, and their own", ScopeRead, byLight},
	{MayReadAllReports, "Figures", "See the figures of each colleague", ScopeAdmin, byAdmin},
	{MayReadConfig, "How the desk works", "See how the desk is set up", ScopeAdmin, bySight},
	{MayManageRules, "How the desk works", "Write automations", ScopeAdmin, byAdmin},
	{MayManageTargets, "How the desk works", "Set targets, business hours and the desk's time zone", ScopeAdmin, byAdmin},
	{MayManageFields, "How the desk works", "Set up fields", ScopeAdmin, byAdmin},
	{MayManageTags, "How the desk works", "Rename, merge and remove tags", ScopeAdmin, byAdmin},
	{MayManageTeams, "How the desk works", "Set up teams", ScopeAdmin, byAdmin},
	{MayManagePages, "How the desk works", "Set up customers' pages, forms and ratings", ScopeAdmin, byAdmin},
	{MayManageMailboxes, "Mail", "Add, change and close mailboxes", ScopeAdmin, byAdmin},
	{MayManageDomains, "Mail", "Add domains, rotate and replace their keys", ScopeAdmin, byAdmin},
	{MayManageDeliveries, "Mail", "Set rules for destinations, try all waiting mail now", ScopeAdmin, byAdmin},
	{MayManagePolicy, "Mail", "Say how incoming mail is judged", ScopeAdmin, byAdmin},
	{MayManageSystem, "Mail", "See how the system fares, ask for certificates again", ScopeAdmin, byAdmin},
	{MayReadPeople, "People and access", "See who works here and with which role", ScopeAdmin, bySight},
	{MayManagePeople, "People and access", "Add, change and disable people below their own rank", ScopeAdmin, byAdmin},
	{MayManageRoles, "People and access", "Make and change roles that give no more than their own", ScopeAdmin, byAdmin},
	{MayHoldTokens, "People and access", "Make API tokens for themselves", ScopeAdmin, byLight},
	{MayManageTokens, "People and access", "See and end everybody's API tokens, make them for others", ScopeAdmin, byAdmin},
	{MayManageClients, "People and access", "Register programs that people may connect", ScopeAdmin, byAdmin},
	{MayReadSecurity, "People and access", "See the rules of accounts and access", ScopeAdmin, bySight},
	{MayManageSecurity, "People and access", "Set the rules of accounts and access", ScopeAdmin, byAdmin},
	{MayReadAudit, "People and access", "See what was done by whom", ScopeAdmin, bySight},
	{MayExportAudit, "People and access", "Take the audit log out", ScopeAdmin, bySight},
	{MayOwn, "People and access", "Hand the installation over, and what else owners alone may", ScopeAdmin, byOwner},
	{MayOwnRead, "Their own questions", "Read the conversations in which they are the customer", ScopeRead, byAll},
	{MayOwnWrite, "Their own questions", "Answer and close those", ScopeWrite, byAll},
}

// Need is the right that one way in asks for: a page, a call of the API, a mail or a command.
type Need struct {
	Way   string // how it is asked: "GET /tickets", "user add"
	Says  string // what it does, where its name does not say it
	Right Right
}

// rightRows finds a line by its right.
var rightRows = func() map[Right]RightRow {
	rows := make(map[Right]RightRow, len(Rights))
	for _, row := range Rights {
		rows[row.Right] = row
	}
	return rows
}()

// Row is the line of the right in the table; false for those that no role gives.
func (r Right) Row() (RightRow, bool) {
	row, known := rightRows[r]
	return row, known
}

// Valid says whether routes may ask for r.
func (r Right) Valid() bool {
	_, given := r.Row()
	return given || r == Public || r == SignedIn || r == Proved || r == Arriving
}

// sensitive are the rights that ask for a fresh proof of who is there (R3): what they do outlives a borrowed screen.
var sensitive = []Right{Proved, MayManageSecurity, MayManageRoles, MayManagePeople, MayHoldTokens, MayManageTokens, MayManageClients, MayExportAudit, MayExport, MayImpersonate, MayOwn}

// Sensitive says whether a route with this right asks whoever is signed in to show again that it is them, unless they did so just now.
func (r Right) Sensitive() bool { return slices.Contains(sensitive, r) }

// Scope is the broad scope that a token needs for the right.
func (r Right) Scope() Scope {
	if row, known := r.Row(); known {
		return row.Scope
	}
	return ScopeAdmin
}
