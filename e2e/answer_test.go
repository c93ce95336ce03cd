package e2e

import (
	"bytes"
	"testing"

	"postern/internal/testkit"
)

// nextAnswer takes the next mail of a conversation that came to the sink. Letters about accounts, which people of the desk get beside it (that there is a new owner, say), come when they come and are passed over.
func nextAnswer(t testing.TB, sink *testkit.Sink) testkit.Mail {
	t.Helper()
	for {
		if mail := sink.Next(t); !bytes.Contains(mail.Bytes, []byte("\r\nMessage-ID: <person.")) && !bytes.Contains(mail.Bytes, []byte("\nMessage-ID: <person.")) {
			return mail
		}
	}
}
