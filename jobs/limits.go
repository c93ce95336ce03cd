package jobs

import (
	"time"

	"postern/desk"
	"postern/store"
)

// The limits themselves are desk.AutomaticCounts's: automations keep to them as well.
const (
	pauseFor = time.Hour
	// tooLate is when a customer who has heard nothing would rather wonder about an automatic answer than be glad of it.
	tooLate = time.Hour
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
