package e2e

import (
	"bytes"
	"slices"
	"testing"

	"postern/internal/testkit"
)

// ofAnAccount says whether a mail is a letter to somebody of the desk about accounts: that there is a new owner, or that somebody guesses reply addresses. Such letters come when they come, beside what conversations send.
func ofAnAccount(mail testkit.Mail) bool {
	head, _, _ := bytes.Cut(mail.Bytes, []byte("\r\n\r\n"))
	return bytes.Contains(head, []byte("\r\nMessage-ID: <person."))
}

// nextAnswer takes the next mail of a conversation that came to the sink.
func nextAnswer(t testing.TB, sink *testkit.Sink) testkit.Mail {
	t.Helper()
	for {
		if mail := sink.Next(t); !ofAnAccount(mail) {
			return mail
		}
	}
}

// ofConversations are the mails of conversations that have come to the sink so far.
func ofConversations(sink *testkit.Sink) []testkit.Mail {
	return slices.DeleteFunc(sink.Mails(), ofAnAccount)
}
