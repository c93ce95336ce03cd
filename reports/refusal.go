package reports

import (
	"strings"

	"postern/desk"
)

// Refusal says what the words of a server mean that we asked ourselves: its reply to an attempt of ours, code first, as desk.Delivery keeps it. step is the command that it answered
// (connect, MAIL, RCPT, DATA); empty where nobody knows, and then 'no such user' with a bare 550 is believed less. Only a reply of class 5 is hard, whatever it quotes; and an answer of ours
// that quotes the server's, such as that five days have passed, means what the server said last.
func Refusal(words, step string) desk.DeliveryReport {
	r := readReply(words)
	if at, known := steps[step]; known {
		r.stage = at
	}
	one := desk.DeliveryReport{Action: desk.ActionFailed}
	r.judge(&one, words, "")
	one.Hard = one.Hard && strings.HasPrefix(words, "5") && !strings.HasPrefix(one.Status, "5.4.") // the way to a domain changes by the hour (RFC 3463 §3.5), mailboxes do not
	return one
}

// steps are the commands of a transaction (RFC 5321 §3.3) as stages.
var steps = map[string]stage{"connect": stageConnect, "MAIL": stageSender, "RCPT": stageRecipient, "DATA": stageData}
