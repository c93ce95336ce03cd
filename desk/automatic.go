package desk

import "fmt"

// The limits of answers that no person wrote: acknowledgements, and what automations send (T-LOOP, T-02).
const (
	// MostAutomaticToDomain is how many go to one domain within an hour.
	MostAutomaticToDomain  = 20
	mostAutomaticToAddress = 1   // within a day, from one mailbox
	mostAutomaticOnTicket  = 3   // as far back as rows are kept
	mostAutomaticToAll     = 500 // within an hour
)

// AutomaticCounts is how many answers that no person wrote have left.
type AutomaticCounts struct {
	Address int // to the address from the mailbox within a day
	Ticket  int // on the ticket
	Domain  int // to the domain within an hour
	All     int // within an hour
}

// AutomaticLimit is the limit that stands in the way, as far as somebody should hear of it.
type AutomaticLimit int

const (
	NoLimit     AutomaticLimit = iota
	DomainLimit                // opens the domain's circuit breaker
	TotalLimit                 // is reported
)

// Beyond says which limit another automatic answer would break, and what follows from that; empty: none.
func (c AutomaticCounts) Beyond() (reason string, hit AutomaticLimit) {
	switch {
	case c.Address >= mostAutomaticToAddress:
		return "the address got one within a day", NoLimit
	case c.Ticket >= mostAutomaticOnTicket:
		return fmt.Sprintf("the ticket has had %d", c.Ticket), NoLimit
	case c.Domain >= MostAutomaticToDomain:
		return fmt.Sprintf("the domain got %d within an hour", c.Domain), DomainLimit
	case c.All >= mostAutomaticToAll:
		return fmt.Sprintf("%d left within an hour", c.All), TotalLimit
	default:
		return "", NoLimit
	}
}

// Switch is on or off.
type Switch bool

const (
	On  Switch = true
	Off Switch = false
)
