package portal

import (
	"strings"

	"postern/desk"
)

// returnedWords is what another system says about a message of ours, in one sentence and its own words after it (T-DSN).
func returnedWords(r desk.Returned) string {
	to := strings.Join(r.Recipients, ", ")
	if to == "" {
		to = "a recipient"
	}
	var words string
	switch r.Kind {
	case "failed":
		words = "Could not be delivered to " + to
		if r.Hard {
			words += ", and trying again is useless"
		}
	case "delayed":
		words = "Not yet delivered to " + to + ", it is still being tried"
	case "delivered":
		words = "Was delivered to " + to
	case "complaint":
		return complaintWords(r.Words)
	case "opened":
		return "The recipient's program says that your reply was displayed."
	case "answer":
		words = "An automatic answer from " + to
	default:
		words = label(r.Kind) + " " + to
	}
	if r.Words == "" {
		return words + "."
	}
	return words + ": " + sentence(strings.TrimPrefix(r.Words, "delayed: "))
}

// complaintWords says what somebody complains of (RFC 5965 §7.3).
func complaintWords(kind string) string {
	switch kind {
	case "", "abuse":
		return "The recipient called your reply spam."
	case "opt-out", "opt-out-list":
		return "The recipient wants no more mail like your reply."
	case "not-spam":
		return "The recipient says that your reply is not spam."
	case "auth-failure":
		return "The recipient's server could not verify that your reply is yours."
	}
	return "The recipient complains about your reply: " + sentence(kind)
}

// tellReplies puts what reports say about a reply at the reply itself, where its deliveries do not say it: complaints, and that it was displayed.
func tellReplies(cards []card) {
	at := map[int64]int{}
	for i, one := range cards {
		if one.Kind == desk.KindReply {
			at[one.ID] = i
		}
	}
	for _, one := range cards {
		r := one.Facts.Returned
		if r == nil || r.Kind != "complaint" && r.Kind != "opened" {
			continue
		}
		if i, here := at[r.Message]; here {
			cards[i].Told = append(cards[i].Told, one.Returned)
		}
	}
}
