package portal

import (
	"strings"

	"postern/desk"
	"postern/language"
)

// returnedWords is what another system says about a message of ours, in one sentence and its own words after it (T-DSN).
func returnedWords(lang *language.Language, r desk.Returned) string {
	to := strings.Join(r.Recipients, ", ")
	if to == "" {
		to = lang.Say("a recipient")
	}
	var words string
	switch r.Kind {
	case "failed":
		words = lang.Say("Could not be delivered to %s", to)
		if r.Hard {
			words = lang.Say("Could not be delivered to %s, and trying again is useless", to)
		}
	case "delayed":
		words = lang.Say("Not yet delivered to %s, it is still being tried", to)
	case "delivered":
		words = lang.Say("Was delivered to %s", to)
	case "complaint":
		return complaintWords(lang, r.Words)
	case "opened":
		return lang.Say("The recipient's program says that your reply was displayed.")
	case "answer":
		words = lang.Say("An automatic answer from %s", to)
	default:
		words = lang.Say(label(r.Kind)) + " " + to
	}
	if r.Words == "" {
		return words + "."
	}
	return words + ": " + sentence(lang.Sentence(strings.TrimPrefix(r.Words, "delayed: ")))
}

// complaintWords says what somebody complains of (RFC 5965 §7.3).
func complaintWords(lang *language.Language, kind string) string {
	switch kind {
	case "", "abuse":
		return lang.Say("The recipient called your reply spam.")
	case "opt-out", "opt-out-list":
		return lang.Say("The recipient wants no more mail like your reply.")
	case "not-spam":
		return lang.Say("The recipient says that your reply is not spam.")
	case "auth-failure":
		return lang.Say("The recipient's server could not verify that your reply is yours.")
	}
	return lang.Say("The recipient complains about your reply: %s", sentence(lang.Sentence(kind)))
}

// tellReplies puts what reports say about a reply at the reply itself, where its deliveries do not say it: complaints, and that it was displayed.
func tellReplies(cards []card) {
	at := map[int64]int{}
	for i, one := range cards {
		if one.Kind.Leaves() {
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
