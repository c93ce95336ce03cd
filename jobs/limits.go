package jobs

import (
	"fmt"
	"time"

	"postern/desk"
	"postern/store"
)

// The limits of automatic answers (T-LOOP, T-02).
const (
	mostToAddress = 1   // within a day, from one mailbox
	mostOnTicket  = 3   // as far back as rows are kept
	mostToDomain  = 20  // within an hour
	mostToAll     = 500 // within an hour
	pauseFor      = time.Hour
	// tooLate is when a customer who has heard nothing would rather wonder about an automatic answer than be glad of it.
	tooLate = time.Hour
)

// limit is what a refusal is due to, as far as somebody should hear of it.
type limit int

const (
	noLimit     limit = iota
	domainLimit       // opens the domain's circuit breaker
	totalLimit        // is reported
)

// unwanted says why a wish is not granted, whatever was sent before; empty: nothing speaks against it.
func unwanted(wish store.Acknowledgement, hostname string, now time.Time) (reason string) {
	switch {
	case !wish.On:
		return "the mailbox acknowledges no mail any more"
	case wish.Ours || wish.Domain == hostname:
		return "the address is ours"
	case wish.Suppressed:
		return "the address gets no mail, since it bounces"
	case now.Sub(wish.WantedAt) > tooLate:
		return "it would come too late"
	case wish.Paused:
		return "acknowledgements to " + wish.Domain + " are paused"
	default:
		return desk.NoAnswer(wish.Address)
	}
}

// beyond says which limit another acknowledgement would break, and what follows from that; empty: none.
func beyond(sent store.AcknowledgementCounts) (reason string, hit limit) {
	switch {
	case sent.Address >= mostToAddress:
		return "the address got one within a day", noLimit
	case sent.Ticket >= mostOnTicket:
		return fmt.Sprintf("the ticket has had %d", sent.Ticket), noLimit
	case sent.Domain >= mostToDomain:
		return fmt.Sprintf("the domain got %d within an hour", sent.Domain), domainLimit
	case sent.All >= mostToAll:
		return fmt.Sprintf("%d left within an hour", sent.All), totalLimit
	default:
		return "", noLimit
	}
}
