package intake

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"postern/desk"
)

// Mails of one file are prepared at the same time and filed in order, though those that come first take longest.
func TestMailsInTurnAreFiledInOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const mails = 12
	tickets := make([]int64, mails)
	var all sync.WaitGroup
	var before <-chan struct{}
	for i := range mails {
		raw := fmt.Sprintf("From: c%d@client.example\r\nTo: support@example.com\r\nSubject: %d\r\nMessage-ID: <turn-%d@client.example>\r\n\r\n%s",
			i, i, i, strings.Repeat("Words and more words.\r\n", 300*(mails-i)))
		placed := make(chan struct{})
		turn := Turn{Before: before, Placed: func() { close(placed) }}
		before = placed
		all.Go(func() {
			env := desk.Envelope{Source: desk.FromFile, MailFrom: "c@client.example", Recipients: []string{"support@example.com"}, ReceivedAt: h.now}
			outcome, err := h.in.AcceptInTurn(t.Context(), env, io.NewSectionReader(strings.NewReader(raw), 0, int64(len(raw))), turn)
			if err != nil {
				t.Error(err)
			}
			tickets[i] = outcome.Ticket
		})
	}
	all.Wait()
	for i := 1; i < mails; i++ {
		if tickets[i] <= tickets[i-1] {
			t.Fatalf("tickets in the order of the file: %v", tickets)
		}
	}
}
