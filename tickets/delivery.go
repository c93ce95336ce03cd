package tickets

import (
	"slices"

	"postern/desk"
	"postern/reports"
)

// whole makes stories end in what became of their recipient: where the last host's answer says something else, such as that five days have passed, a line of ours follows.
// That last line is the one that the figures count.
func whole(outcome []desk.Delivery) []desk.Delivery {
	told := slices.Clone(outcome)
	for i := range told {
		d := &told[i]
		if !d.HeldSince.IsZero() { // nobody was asked
			continue
		}
		d.Story = slices.Clone(d.Story)
		if n := len(d.Story); n == 0 || d.Story[n-1].State != d.State {
			d.Story = append(d.Story, desk.Attempt{At: d.UpdatedAt, Kind: desk.AttemptTried, State: d.State, Reply: d.Reply})
		}
		d.Story[len(d.Story)-1].Became = d.State
	}
	return told
}

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
