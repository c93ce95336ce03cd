// Package compare promises that where we judge a sender otherwise than dkimpy, Mail::DKIM, pyspf and rspamd do, docs/standards.md says so, and why.
//
// It holds tests only. All judges run here, ask one name server of the tests, and get the same mails, most of them made of those in the corpora; every process ends with the test.
// E2E_COMPARE=full compares thousands: see `make compare`.
package compare
