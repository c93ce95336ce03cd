package desk

import "strings"

// DefaultAcknowledgement is what a mailbox without a text of its own says when it acknowledges mail. {number} stands for the ticket's number, as it does in every such text.
const DefaultAcknowledgement = "Thank you. We have received your message and will answer as soon as we can. Your reference is #{number}."

// Local parts that nobody reads as a person, in lower case. Those of RFC 2142 §4 and §5 are for faults, not for conversations; behind the others stands a program (RFC 3834 §2).
// Addresses of a department, such as info@ and sales@, are people's.
const (
	rolesWhole = " postmaster hostmaster webmaster abuse noc security root daemon nobody news usenet uucp www ftp" +
		" mailerdaemon mailsystem listserv listproc majordomo mailman sympa owner request bounce bounces autoreply autoresponder automailer notification notifications notify "
	rolesWithin = "noreply donotreply dontreply mailerdaemon"
	rolesBegin  = "owner- bounce- bounces- srs0= srs1= srs0+ srs1+ prvs= msprvs1="
	rolesEnd    = "-request -owner -bounce -bounces -relay -autoreply"
)

// NoAnswer says why an address gets no automatic answer: it is none that mail can go to, or that of a role or a program (T-LOOP). Empty: nothing speaks against it.
// Whether the address is one of ours is for those to say who know them.
func NoAnswer(addr string) (reason string) {
	addr = Canonical(addr)
	if !ValidAddress(addr) {
		return "it is no address that mail can go to"
	}
	local, _ := SplitAddress(addr)
	for _, start := range strings.Fields(rolesBegin) {
		if strings.HasPrefix(local, start) {
			return "it is the address of a program"
		}
	}
	base, _, _ := strings.Cut(local, "+")
	for _, end := range strings.Fields(rolesEnd) {
		if strings.HasSuffix(base, end) {
			return "it is the address of a program"
		}
	}
	plain := strings.NewReplacer("-", "", "_", "", ".", "").Replace(base)
	if strings.Contains(rolesWhole, " "+plain+" ") {
		return "it is the address of a role, not of a person"
	}
	for _, word := range strings.Fields(rolesWithin) {
		if strings.Contains(plain, word) {
			return "it is an address that wants no answers"
		}
	}
	return ""
}
