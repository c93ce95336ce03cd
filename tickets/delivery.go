package tickets

import (
	"postern/desk"
	"postern/reports"
)

// hardBounces is what a recipient's refusal says against the address itself: nothing, or one piece of evidence. What we decided ourselves, such as not to try a suppressed address, says nothing.
func hardBounces(message int64, d desk.Delivery) []desk.HardBounce {
	step := ""
	for _, one := range d.Story {
		if one.Kind != desk.AttemptTried {
			return nil
		}
		if one.Reply == d.Reply {
			step = one.Step
		}
	}
	refusal := reports.Refusal(d.Reply, step)
	if !refusal.Hard {
		return nil
	}
	return []desk.HardBounce{{Address: desk.Canonical(d.Recipient), Message: message, At: d.UpdatedAt, Proof: desk.BySMTP, Reason: refusal.Reason, Words: d.Reply}}
}
