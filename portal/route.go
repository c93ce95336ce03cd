package portal

import "postern/desk"

// route is one line of the map of the portal.
type route struct {
	pattern string // method and path, as the standard library's mux reads them
	right   desk.Right
	handle  func(*Portal, *call) error
}

// routes is the map: method, path, right, handler. A request without the right never reaches the handler.
var routes = []route{
	{"GET /{$}", desk.Public, (*Portal).home},
	{"GET /", desk.Public, (*Portal).nowhere},
	{"GET /sign-in", desk.Public, (*Portal).signInShow},
	{"POST /sign-in", desk.Public, (*Portal).signInPost},
	{"GET /sign-in/{token}", desk.Public, (*Portal).linkShow},
	{"POST /sign-in/{token}", desk.Public, (*Portal).linkPost},
	{"POST /sign-out", desk.SignedIn, (*Portal).signOutPost},
	{"POST /language", desk.Public, (*Portal).languagePost},

	{"GET /tickets", desk.MayRead, (*Portal).ticketList},
	{"GET /tickets/new", desk.MayWrite, (*Portal).ticketNew},
	{"POST /tickets", desk.MayWrite, (*Portal).ticketStart},
	{"GET /tickets/{number}", desk.MayRead, (*Portal).ticketShow},
	{"POST /tickets/{number}", desk.MayWrite, (*Portal).ticketUpdate},
	{"GET /tickets/{number}/news", desk.MayRead, (*Portal).ticketNews},
	{"POST /tickets/{number}/reply", desk.MayWrite, (*Portal).replyPost},
	{"POST /tickets/{number}/note", desk.MayWrite, (*Portal).notePost},
	{"POST /tickets/{number}/draft", desk.MayWrite, (*Portal).draftPost},
	{"POST /tickets/{number}/merge", desk.MayWrite, (*Portal).mergePost},
	{"POST /tickets/{number}/unmerge", desk.MayWrite, (*Portal).unmergePost},
	{"POST /tickets/{number}/requester", desk.MayWrite, (*Portal).requesterPost},
	{"POST /tickets/{number}/spam", desk.MayWrite, (*Portal).spamPost},
	{"POST /tickets/{number}/people", desk.MayWrite, (*Portal).peoplePost},
	{"POST /uploads", desk.MayWrite, (*Portal).uploadPost},

	{"GET /messages/{id}", desk.MayRead, (*Portal).messageShow},
	{"GET /messages/{id}/body", desk.MayRead, (*Portal).messageBody},
	{"GET /messages/{id}/cid/{cid...}", desk.MayRead, (*Portal).messageInline},
	{"GET /messages/{id}/original", desk.MayRead, (*Portal).messageOriginal},
	{"POST /messages/{id}/undo", desk.MayWrite, (*Portal).undoPost},
	{"POST /messages/{id}/move", desk.MayWrite, (*Portal).movePost},
	{"POST /messages/{id}/split", desk.MayWrite, (*Portal).splitPost},
	{"POST /messages/{id}/retry", desk.MayWrite, (*Portal).retryPost},
	{"GET /messages/{id}/deliveries", desk.MayRead, (*Portal).deliveryShow},
	{"POST /messages/{id}/cancel", desk.MayWrite, (*Portal).cancelPost},
	{"POST /messages/{id}/redirect", desk.MayWrite, (*Portal).redirectPost},
	{"GET /attachments/{id}", desk.MayRead, (*Portal).attachmentShow},
	{"GET /events", desk.MayRead, (*Portal).events},
	{"GET /here", desk.MayRead, (*Portal).hereShow},
	{"POST /here", desk.MayRead, (*Portal).herePost},
	{"GET /rail", desk.MayRead, (*Portal).railShow},

	{"GET /suspended", desk.MayRead, (*Portal).suspendedList},
	{"POST /suspended", desk.MayWrite, (*Portal).suspendedBulk},
	{"GET /suspended/{id}", desk.MayRead, (*Portal).suspendedShow},
	{"POST /suspended/{id}", desk.MayWrite, (*Portal).suspendedDo},
	{"GET /suspended/{id}/original", desk.MayRead, (*Portal).suspendedOriginal},
	{"GET /senders", desk.MayRead, (*Portal).senderList},
	{"POST /senders", desk.MayWrite, (*Portal).senderSet},
	{"POST /senders/remove", desk.MayWrite, (*Portal).senderRemove},

	{"GET /suppressions", desk.MayRead, (*Portal).suppressionList},
	{"POST /suppressions", desk.MayWrite, (*Portal).suppressionAdd},
	{"POST /suppressions/lift", desk.MayWrite, (*Portal).suppressionLift},

	{"GET /deliveries", desk.MayAdminister, (*Portal).deliveryList},
	{"GET /destinations", desk.MayAdminister, (*Portal).destinationList},
	{"POST /destinations", desk.MayAdminister, (*Portal).destinationSet},
	{"POST /destinations/remove", desk.MayAdminister, (*Portal).destinationRemove},
	{"GET /audit", desk.MayAdminister, (*Portal).auditList},
	{"GET /domains", desk.MayAdminister, (*Portal).domainList},
	{"POST /domains", desk.MayAdminister, (*Portal).domainAdd},
	{"GET /domains/{name}", desk.MayAdminister, (*Portal).domainShow},
	{"POST /domains/{name}/verify", desk.MayAdminister, (*Portal).domainVerify},
	{"POST /domains/{name}/test", desk.MayAdminister, (*Portal).domainTest},
	{"POST /domains/{name}/settings", desk.MayAdminister, (*Portal).domainSet},
	{"POST /domains/{name}/rotate", desk.MayAdminister, (*Portal).domainRotate},
	{"POST /domains/{name}/emergency", desk.MayAdminister, (*Portal).domainEmergency},
	{"POST /domains/{name}/pause", desk.MayAdminister, (*Portal).domainPause},
	{"POST /domains/{name}/resume", desk.MayAdminister, (*Portal).domainResume},
	{"POST /domains/{name}/remove", desk.MayAdminister, (*Portal).domainRemove},
	{"GET /mailboxes", desk.MayAdminister, (*Portal).mailboxList},
	{"POST /mailboxes", desk.MayAdminister, (*Portal).mailboxAdd},
	{"POST /mailboxes/change", desk.MayAdminister, (*Portal).mailboxChange},
	{"POST /mailboxes/remove", desk.MayAdminister, (*Portal).mailboxRemove},
	{"GET /people", desk.MayAdminister, (*Portal).personList},
	{"POST /people", desk.MayAdminister, (*Portal).personAdd},
	{"POST /people/{id}", desk.MayAdminister, (*Portal).personUpdate},
	{"POST /people/{id}/link", desk.MayAdminister, (*Portal).personLink},
	{"GET /settings/mail", desk.MayAdminister, (*Portal).policyShow},
	{"POST /settings/mail", desk.MayAdminister, (*Portal).policyPost},
	{"GET /setup", desk.MayAdminister, (*Portal).setupShow},

	{"GET /you", desk.SignedIn, (*Portal).youShow},
	{"POST /you", desk.SignedIn, (*Portal).youPost},
	{"POST /you/reading", desk.SignedIn, (*Portal).readingPost},
	{"GET /tokens", desk.SignedIn, (*Portal).tokenList},
	{"POST /tokens", desk.SignedIn, (*Portal).tokenAdd},
	{"POST /tokens/{id}/revoke", desk.SignedIn, (*Portal).tokenRevoke},
}
