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
		{post, "/tickets", desk.MayReply, "startTicket", "Start a conversation from our side", returns(created, a.startTicket)},
		{get, "/tickets/{number}", desk.MayOwnRead, "showTicket", "One ticket", returns(ok, a.showTicket)},
		{patch, "/tickets/{number}", desk.MayWrite, "patchTicket", "Change a ticket", returns(ok, a.patchTicket)},
		{get, "/tickets/{number}/messages", desk.MayOwnRead, "listMessages", "A ticket's conversation, oldest first", returns(ok, a.listMessages)},
		{post, "/tickets/{number}/replies", desk.MayReply, "postReply", "Answer by mail", returns(created, a.postReply)},
		{post, "/tickets/{number}/notes", desk.MayNote, "postNote", "Add a private note", returns(created, a.postNote)},
		{post, "/tickets/{number}/merge", desk.MayMerge, "mergeTicket", "Merge a ticket into another", returns(ok, a.mergeTicket)},
		{post, "/tickets/{number}/unmerge", desk.MayMerge, "unmergeTicket", "Undo a merge", returns(ok, a.unmergeTicket)},
		{post, "/tickets/{number}/spam", desk.MayWrite, "condemnTicket", "Close a ticket as spam, and teach it to the spam filter", returns(ok, a.condemnTicket)},
		{get, "/tickets/{number}/agent-addresses", desk.MayNote, "showAgentAddresses", "Where whoever asks can mail an answer and a note", returns(ok, a.showAgentAddresses)},
		{post, "/tickets/{number}/participants/{contact}/accept", desk.MayManageCopied, "acceptParticipant", "Accept a new participant", returns(ok, a.acceptParticipant)},
		{remove, "/tickets/{number}/participants/{contact}", desk.MayManageCopied, "removeParticipant", "Take a person off a ticket", does(a.removeParticipant)},

		{get, "/messages/{id}", desk.MayOwnRead, "showMessage", "One message", returns(ok, a.showMessage)},
		{get, "/messages/{id}/original", desk.MayReadOriginals, "showOriginal", "The mail as it was received or sent", streams("message/rfc822", a.showOriginal)},
		{get, "/messages/{id}/deliveries", desk.MayRead, "listStories", "What became of a message, recipient by recipient", returns(ok, a.listStories)},
		{post, "/messages/{id}/undo", desk.MayReply, "undoReply", "Take a reply back before it leaves", returns(ok, a.undoReply)},
		{post, "/messages/{id}/retry", desk.MayReply, "retryDelivery", "Try a recipient now who bounced or waits", returns(ok, a.retryDelivery)},
		{post, "/messages/{id}/cancel", desk.MayReply, "cancelDelivery", "Stop a message to a recipient who waits", returns(ok, a.cancelDelivery)},
		{post, "/messages/{id}/redirect", desk.MayReply, "redirectDelivery", "Send the same mail to another address instead", returns(ok, a.redirectDelivery)},
		{post, "/messages/{id}/move", desk.MayMerge, "moveMessage", "Move a message to another ticket", returns(ok, a.moveMessage)},
		{post, "/messages/{id}/split", desk.MayMerge, "splitMessage", "Split a message off to a new ticket", returns(created, a.splitMessage)},

		{get, "/attachments/{id}", desk.MayOwnRead, "showAttachment", "The bytes of an attachment", streams("application/octet-stream", a.showAttachment)},
		{post, "/attachments/{id}/links", desk.MayReply, "makeLink", "Make a link that needs no sign-in", returns(created, a.makeLink)},
		{remove, "/attachments/{id}/links", desk.MayReply, "revokeLinks", "Revoke every link to an attachment", does(a.revokeLinks)},
		{post, "/uploads", desk.MayNote, "postUpload", "Upload a file for a later message", binary(returns(created, a.postUpload))},

		{get, "/suspended", desk.MayReadHeld, "listSuspended", "Mail that is held back", returns(ok, a.listSuspended)},
		{get, "/suspended.csv", desk.MayExport, "exportSuspended", "The same as a table for spreadsheets", streams("text/csv", a.exportSuspended)},
		{get, "/suspended/causes", desk.MayReadHeld, "listCauses", "Every cause of suspension, and how much is held for it", returns(ok, a.suspendedCauses)},
		{post, "/suspended/bulk", desk.MayManageHeld, "bulkSuspended", "Do the same to several held mails", returns(ok, a.bulkSuspended)},
		{get, "/suspended/{id}", desk.MayReadHeld, "showSuspended", "A held mail with all that is known of it", returns(ok, a.showSuspended)},
		{get, "/suspended/{id}/original", desk.MayReadHeld, "showSuspendedOriginal", "A held mail as it was received", streams("message/rfc822", a.showSuspendedOriginal)},
		{post, "/suspended/{id}/release", desk.MayManageHeld, "releaseSuspended", "Let a held mail through", returns(ok, a.releaseSuspended)},
		{post, "/suspended/{id}/spam", desk.MayManageHeld, "condemnSuspended", "Delete a held mail, and teach it to the spam filter", does(a.condemnSuspended)},
		{remove, "/suspended/{id}", desk.MayManageHeld, "deleteSuspended", "Delete a held mail", does(a.deleteSuspended)},

		{get, "/sender-rules", desk.MayReadHeld, "listRules", "The block and allow lists", returns(ok, a.listRules)},
		{post, "/sender-rules", desk.MayManageSenders, "setRule", "Add a rule, or replace the one with the same pattern", returns(created, a.setRule)},
		{remove, "/sender-rules", desk.MayManageSenders, "dropRule", "Remove the rule with this pattern", does(a.dropRule)},
		{post, "/sender-rules/test", desk.MayReadHeld, "testRules", "What would happen to a mail like this one", returns(ok, a.testRules)},
		{get, "/policy", desk.MayRead, "showPolicy", "How mail is judged", returns(ok, a.showPolicy)},
		{patch, "/policy", desk.MayManagePolicy, "patchPolicy", "Change how mail is judged, from the next mail on", returns(ok, a.patchPolicy)},

		{get, "/certificates", desk.MayReadConfig, "listCertificates", "Names for which certificates are obtained by ACME, and how each fares", returns(ok, a.listCertificates)},
		{post, "/certificates/retry", desk.MayManageSystem, "retryCertificates", "Ask the CA again now", does(a.retryCertificates)},
		{get, "/domains", desk.MayReadConfig, "listDomains", "Mail domains", returns(ok, a.listDomains)},
		{post, "/domains", desk.MayManageDomains, "addDomain", "Add a mail domain and make its keys", returns(created, a.addDomain)},
		{get, "/domains/{name}", desk.MayReadConfig, "showDomain", "A domain and the records it wants", returns(ok, a.showDomain)},
		{post, "/domains/{name}/test", desk.MayManageDomains, "testDomain", "Make a mail, judge it, and perhaps send a copy", returns(ok, a.testDomain)},
		{post, "/domains/{name}/verify", desk.MayManageDomains, "verifyDomain", "Look a domain's records up now", returns(ok, a.verifyDomain)},
		{patch, "/domains/{name}", desk.MayManageDomains, "patchDomain", "Change how a domain is used", returns(ok, a.patchDomain)},
		{post, "/domains/{name}/rotate", desk.MayManageDomains, "rotateDomain", "Change a domain's keys in good order", returns(ok, a.rotateDomain)},
		{post, "/domains/{name}/emergency", desk.MayManageDomains, "replaceKeys", "Replace a domain's keys, which may be in the wrong hands", returns(ok, a.replaceKeys)},
		{post, "/domains/{name}/keys", desk.MayManageDomains, "importKey", "Sign with a key that was made elsewhere, once its record is found", returns(ok, a.importKey)},
		{post, "/domains/{name}/pause", desk.MayManageDomains, "pauseDomain", "Do not use a domain until it is resumed", returns(ok, a.pauseDomain)},
		{post, "/domains/{name}/resume", desk.MayManageDomains, "resumeDomain", "Use a paused domain again", returns(ok, a.resumeDomain)},
		{remove, "/domains/{name}", desk.MayManageDomains, "removeDomain", "Remove a domain and destroy its keys", does(a.removeDomain)},
		{get, "/domain-alerts", desk.MayReadConfig, "listDomainAlerts", "What managers should know of domains now", returns(ok, a.listDomainAlerts)},
		{get, "/domains/{name}/reports", desk.MayReadConfig, "listReports", "What others report about a domain", returns(ok, a.listReports)},
		{get, "/domains/{name}/reports/summary", desk.MayReadConfig, "sumReports", "Who sends as a domain, and how much of it passes", returns(ok, a.sumReports)},
		{get, "/mailboxes", desk.MayRead, "listMailboxes", "Addresses that take mail", returns(ok, a.listMailboxes)},
		{post, "/mailboxes", desk.MayManageMailboxes, "addMailbox", "Add an address that takes mail", returns(created, a.addMailbox)},
		{patch, "/mailboxes/{address}", desk.MayManageMailboxes, "patchMailbox", "Change how a mailbox treats its mail", returns(ok, a.patchMailbox)},
		{remove, "/mailboxes/{address}", desk.MayManageMailboxes, "removeMailbox", "Close an address; its tickets stay", does(a.removeMailbox)},
		{get, "/users", desk.MayReadPeople, "listUsers", "People who can sign in", returns(ok, a.listUsers)},
		{post, "/users", desk.MayManagePeople, "addUser", "Add a person", returns(created, a.addUser)},
		{patch, "/users/{id}", desk.MayManagePeople, "patchUser", "Change or disable a person", returns(ok, a.patchUser)},
		{get, "/tokens", desk.MayHoldTokens, "listTokens", "API tokens", returns(ok, a.listTokens)},
		{post, "/tokens", desk.MayHoldTokens, "addToken", "Make an API token", returns(created, a.addToken)},
		{remove, "/tokens/{token}", desk.MayHoldTokens, "revokeToken", "End an API token", does(a.revokeToken)},
		{get, "/audit", desk.MayReadAudit, "listAudit", "What was done, by whom", returns(ok, a.listAudit)},
		{get, "/audit/export", desk.MayExportAudit, "exportAudit", "The same as a file, the oldest first", streams("text/csv", a.exportAudit)},
		{get, "/destinations", desk.MayReadConfig, "listDestinations", "Rules for mail to destinations", returns(ok, a.listDestinations)},
		{post, "/destinations", desk.MayManageDeliveries, "setDestination", "Add a rule, or replace the one for the same destination", returns(created, a.setDestination)},
		{remove, "/destinations", desk.MayManageDeliveries, "dropDestination", "Remove the rule for this destination", does(a.dropDestination)},
		{get, "/audit/alerts", desk.MayReadAudit, "listAlerts", "What detectors found in the audit log", returns(ok, a.listAlerts)},
		{get, "/audit/readings", desk.MayReadAudit, "listReadings", "Who read what, where that log is kept", returns(ok, a.listReadings)},

		{get, "/suppressions", desk.MayReadHeld, "listSuppressions", "Addresses that get no mail, since they bounce", returns(ok, a.listSuppressions)},
		{post, "/suppressions", desk.MayManageSenders, "addSuppression", "Stop mail to an address", returns(created, a.addSuppression)},
		{get, "/suppressions/{address}", desk.MayReadHeld, "showSuppression", "One such address, with the evidence", returns(ok, a.showSuppression)},
		{remove, "/suppressions/{address}", desk.MayManageSenders, "liftSuppression", "Let mail go to an address again", does(a.liftSuppression)},
		{get, "/deliveries", desk.MayManageDeliveries, "listDeliveries", "Outgoing mail, per recipient, the last changed first", returns(ok, a.listDeliveries)},
		{post, "/deliveries/retry", desk.MayManageDeliveries, "retryDeliveries", "Try all recipients now who wait to be tried again", returns(ok, a.retryDeliveries)},
		{get, "/deliveries/counts", desk.MayManageDeliveries, "countDeliveries", "How much mail waits, and what has become of today's", returns(ok, a.countDeliveries)},
		{get, "/deliveries/figures", desk.MayManageDeliveries, "sumDeliveries", "What was sent, deferred and bounced, by day and by domain of ours", returns(ok, a.sumDeliveries)},
	}
}
