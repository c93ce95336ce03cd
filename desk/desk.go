// Package desk holds the product's words (ticket, message, contact, user, mailbox, domain, verdict) and the rules that need nothing but those words.
//
// It imports only the standard library, does no I/O and keeps no state, so every other room may speak it.
package desk
