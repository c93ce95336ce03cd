package api

import (
	"net/http"

	"postern/desk"
)

const (
	get    = http.MethodGet
	post   = http.MethodPost
	patch  = http.MethodPatch
	remove = http.MethodDelete

	ok      = http.StatusOK
	created = http.StatusCreated
)

// routes is the map of the API. The right is the least that the call needs: staff hold every right of a customer, and the services narrow a customer to their own tickets, which they may read.
func (a *API) routes() []route {
	return []route{
		{get, "/tickets", desk.MayOwnRead, "listTickets", "List and search tickets", returns(ok, a.listTickets)},
		{post, "/tickets", desk.MayWrite, "startTicket", "Start a conversation from our side", returns(created, a.startTicket)},
		{get, "/tickets/{number}", desk.MayOwnRead, "showTicket", "One ticket", returns(ok, a.showTicket)},
		{patch, "/tickets/{number}", desk.MayWrite, "patchTicket", "Change a ticket", returns(ok, a.patchTicket)},
		{get, "/tickets/{number}/messages", desk.MayOwnRead, "listMessages", "A ticket's conversation, oldest first", returns(ok, a.listMessages)},
		{post, "/tickets/{number}/replies", desk.MayWrite, "postReply", "Answer by mail", returns(created, a.postReply)},
		{post, "/tickets/{number}/notes", desk.MayWrite, "postNote", "Add a private note", returns(created, a.postNote)},
		{post, "/tickets/{number}/merge", desk.MayWrite, "mergeTicket", "Merge a ticket into another", returns(ok, a.mergeTicket)},
		{post, "/tickets/{number}/unmerge", desk.MayWrite, "unmergeTicket", "Undo a merge", returns(ok, a.unmergeTicket)},
		{post, "/tickets/{number}/spam", desk.MayWrite, "condemnTicket", "Close a ticket as spam, and teach it to the spam filter", returns(ok, a.condemnTicket)},
		{get, "/tickets/{number}/agent-addresses", desk.MayWrite, "showAgentAddresses", "Where whoever asks can mail an answer and a note", returns(ok, a.showAgentAddresses)},
		{post, "/tickets/{number}/participants/{contact}/accept", desk.MayWrite, "acceptParticipant", "Accept a new participant", returns(ok, a.acceptParticipant)},
		{remove, "/tickets/{number}/participants/{contact}", desk.MayWrite, "removeParticipant", "Take a person off a ticket", does(a.removeParticipant)},

		{get, "/messages/{id}", desk.MayOwnRead, "showMessage", "One message", returns(ok, a.showMessage)},
		{get, "/messages/{id}/original", desk.MayRead, "showOriginal", "The mail as it was received or sent", streams("message/rfc822", a.showOriginal)},
		{get, "/messages/{id}/deliveries", desk.MayRead, "listStories", "What became of a message, recipient by recipient", returns(ok, a.listStories)},
		{post, "/messages/{id}/undo", desk.MayWrite, "undoReply", "Take a reply back before it leaves", returns(ok, a.undoReply)},
		{post, "/messages/{id}/retry", desk.MayWrite, "retryDelivery", "Try a recipient now who bounced or waits", returns(ok, a.retryDelivery)},
		{post, "/messages/{id}/cancel", desk.MayWrite, "cancelDelivery", "Stop a message to a recipient who waits", returns(ok, a.cancelDelivery)},
		{post, "/messages/{id}/redirect", desk.MayWrite, "redirectDelivery", "Send the same mail to another address instead", returns(ok, a.redirectDelivery)},
		{post, "/messages/{id}/move", desk.MayWrite, "moveMessage", "Move a message to another ticket", returns(ok, a.moveMessage)},
		{post, "/messages/{id}/split", desk.MayWrite, "splitMessage", "Split a message off to a new ticket", returns(created, a.splitMessage)},

		{get, "/attachments/{id}", desk.MayOwnRead, "showAttachment", "The bytes of an attachment", streams("application/octet-stream", a.showAttachment)},
		{post, "/attachments/{id}/links", desk.MayWrite, "makeLink", "Make a link that needs no sign-in", returns(created, a.makeLink)},
		{remove, "/attachments/{id}/links", desk.MayWrite, "revokeLinks", "Revoke every link to an attachment", does(a.revokeLinks)},
		{post, "/uploads", desk.MayWrite, "postUpload", "Upload a file for a later message", binary(returns(created, a.postUpload))},

		{get, "/suspended", desk.MayRead, "listSuspended", "Mail that is held back", returns(ok, a.listSuspended)},
		{get, "/suspended.csv", desk.MayRead, "exportSuspended", "The same as a table for spreadsheets", streams("text/csv", a.exportSuspended)},
		{get, "/suspended/causes", desk.MayRead, "listCauses", "Every cause of suspension, and how much is held for it", returns(ok, a.suspendedCauses)},
		{post, "/suspended/bulk", desk.MayWrite, "bulkSuspended", "Do the same to several held mails", returns(ok, a.bulkSuspended)},
		{get, "/suspended/{id}", desk.MayRead, "showSuspended", "A held mail with all that is known of it", returns(ok, a.showSuspended)},
		{get, "/suspended/{id}/original", desk.MayRead, "showSuspendedOriginal", "A held mail as it was received", streams("message/rfc822", a.showSuspendedOriginal)},
		{post, "/suspended/{id}/release", desk.MayWrite, "releaseSuspended", "Let a held mail through", returns(ok, a.releaseSuspended)},
		{post, "/suspended/{id}/spam", desk.MayWrite, "condemnSuspended", "Delete a held mail, and teach it to the spam filter", does(a.condemnSuspended)},
		{remove, "/suspended/{id}", desk.MayWrite, "deleteSuspended", "Delete a held mail", does(a.deleteSuspended)},

		{get, "/sender-rules", desk.MayRead, "listRules", "The block and allow lists", returns(ok, a.listRules)},
		{post, "/sender-rules", desk.MayWrite, "setRule", "Add a rule, or replace the one with the same pattern", returns(created, a.setRule)},
		{remove, "/sender-rules", desk.MayWrite, "dropRule", "Remove the rule with this pattern", does(a.dropRule)},
		{post, "/sender-rules/test", desk.MayRead, "testRules", "What would happen to a mail like this one", returns(ok, a.testRules)},
		{get, "/policy", desk.MayRead, "showPolicy", "How mail is judged", returns(ok, a.showPolicy)},
		{patch, "/policy", desk.MayAdminister, "patchPolicy", "Change how mail is judged, from the next mail on", returns(ok, a.patchPolicy)},

		{get, "/certificates", desk.MayAdminister, "listCertificates", "Names for which certificates are obtained by ACME, and how each fares", returns(ok, a.listCertificates)},
		{post, "/certificates/retry", desk.MayAdminister, "retryCertificates", "Ask the CA again now", does(a.retryCertificates)},
		{get, "/domains", desk.MayAdminister, "listDomains", "Mail domains", returns(ok, a.listDomains)},
		{post, "/domains", desk.MayAdminister, "addDomain", "Add a mail domain and make its keys", returns(created, a.addDomain)},
		{get, "/domains/{name}", desk.MayAdminister, "showDomain", "A domain and the records it wants", returns(ok, a.showDomain)},
		{post, "/domains/{name}/test", desk.MayAdminister, "testDomain", "Make a mail, judge it, and perhaps send a copy", returns(ok, a.testDomain)},
		{post, "/domains/{name}/verify", desk.MayAdminister, "verifyDomain", "Look a domain's records up now", returns(ok, a.verifyDomain)},
		{patch, "/domains/{name}", desk.MayAdminister, "patchDomain", "Change how a domain is used", returns(ok, a.patchDomain)},
		{post, "/domains/{name}/rotate", desk.MayAdminister, "rotateDomain", "Change a domain's keys in good order", returns(ok, a.rotateDomain)},
		{post, "/domains/{name}/emergency", desk.MayAdminister, "replaceKeys", "Replace a domain's keys, which may be in the wrong hands", returns(ok, a.replaceKeys)},
		{post, "/domains/{name}/keys", desk.MayAdminister, "importKey", "Sign with a key that was made elsewhere, once its record is found", returns(ok, a.importKey)},
		{post, "/domains/{name}/pause", desk.MayAdminister, "pauseDomain", "Do not use a domain until it is resumed", returns(ok, a.pauseDomain)},
		{post, "/domains/{name}/resume", desk.MayAdminister, "resumeDomain", "Use a paused domain again", returns(ok, a.resumeDomain)},
		{remove, "/domains/{name}", desk.MayAdminister, "removeDomain", "Remove a domain and destroy its keys", does(a.removeDomain)},
		{get, "/domain-alerts", desk.MayAdminister, "listDomainAlerts", "What managers should know of domains now", returns(ok, a.listDomainAlerts)},
		{get, "/domains/{name}/reports", desk.MayAdminister, "listReports", "What others report about a domain", returns(ok, a.listReports)},
		{get, "/domains/{name}/reports/summary", desk.MayAdminister, "sumReports", "Who sends as a domain, and how much of it passes", returns(ok, a.sumReports)},
		{get, "/mailboxes", desk.MayRead, "listMailboxes", "Addresses that take mail", returns(ok, a.listMailboxes)},
		{post, "/mailboxes", desk.MayAdminister, "addMailbox", "Add an address that takes mail", returns(created, a.addMailbox)},
		{patch, "/mailboxes/{address}", desk.MayAdminister, "patchMailbox", "Change how a mailbox treats its mail", returns(ok, a.patchMailbox)},
		{remove, "/mailboxes/{address}", desk.MayAdminister, "removeMailbox", "Close an address; its tickets stay", does(a.removeMailbox)},
		{get, "/users", desk.MayAdminister, "listUsers", "People who can sign in", returns(ok, a.listUsers)},
		{post, "/users", desk.MayAdminister, "addUser", "Add a person", returns(created, a.addUser)},
		{patch, "/users/{id}", desk.MayAdminister, "patchUser", "Change or disable a person", returns(ok, a.patchUser)},
		{get, "/tokens", desk.MayAdminister, "listTokens", "API tokens", returns(ok, a.listTokens)},
		{post, "/tokens", desk.MayAdminister, "addToken", "Make an API token", returns(created, a.addToken)},
		{remove, "/tokens/{token}", desk.MayAdminister, "revokeToken", "End an API token", does(a.revokeToken)},
		{get, "/audit", desk.MayReadAudit, "listAudit", "What was done, by whom", returns(ok, a.listAudit)},
		{get, "/audit/export", desk.MayExportAudit, "exportAudit", "The same as a file, the oldest first", streams("text/csv", a.exportAudit)},
		{get, "/destinations", desk.MayAdminister, "listDestinations", "Rules for mail to destinations", returns(ok, a.listDestinations)},
		{post, "/destinations", desk.MayAdminister, "setDestination", "Add a rule, or replace the one for the same destination", returns(created, a.setDestination)},
		{remove, "/destinations", desk.MayAdminister, "dropDestination", "Remove the rule for this destination", does(a.dropDestination)},

		{get, "/suppressions", desk.MayRead, "listSuppressions", "Addresses that get no mail, since they bounce", returns(ok, a.listSuppressions)},
		{post, "/suppressions", desk.MayWrite, "addSuppression", "Stop mail to an address", returns(created, a.addSuppression)},
		{get, "/suppressions/{address}", desk.MayRead, "showSuppression", "One such address, with the evidence", returns(ok, a.showSuppression)},
		{remove, "/suppressions/{address}", desk.MayWrite, "liftSuppression", "Let mail go to an address again", does(a.liftSuppression)},
		{get, "/deliveries", desk.MayAdminister, "listDeliveries", "Outgoing mail, per recipient, the last changed first", returns(ok, a.listDeliveries)},
		{post, "/deliveries/retry", desk.MayAdminister, "retryDeliveries", "Try all recipients now who wait to be tried again", returns(ok, a.retryDeliveries)},
		{get, "/deliveries/counts", desk.MayAdminister, "countDeliveries", "How much mail waits, and what has become of today's", returns(ok, a.countDeliveries)},
		{get, "/deliveries/figures", desk.MayAdminister, "sumDeliveries", "What was sent, deferred and bounced, by day and by domain of ours", returns(ok, a.sumDeliveries)},
	}
}
