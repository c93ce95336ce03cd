package reports

import (
	"strconv"
	"strings"

	"postern/desk"
)

// stage is the command that a server refused.
type stage int

const (
	stageUnknown stage = iota
	stageConnect
	stageSender
	stageRecipient
	stageData
)

// stageWords are how notices name the command, in the order of how much they can be relied on.
var stageWords = []struct {
	words string
	at    stage
}{
	{"after rcpt to", stageRecipient}, {"in reply to rcpt to", stageRecipient}, {"our rcpt to", stageRecipient}, {">>> rcpt to", stageRecipient}, {"after rcpt command", stageRecipient},
	{"after mail from", stageSender}, {"in reply to mail from", stageSender}, {"our mail from", stageSender}, {">>> mail from", stageSender}, {"rejected mail from", stageSender},
	{"after end of data", stageData}, {"end of data command", stageData}, {"our final data", stageData}, {">>> data", stageData}, {"for text command", stageData}, {"in reply to data", stageData},
	{"after initial connection", stageConnect}, {"refused to talk to me", stageConnect}, {"in reply to helo", stageConnect}, {"in reply to ehlo", stageConnect},
}

// stageOf finds the command that words of a notice name.
func stageOf(words string) stage {
	words = strings.ToLower(words[:min(len(words), maxValue)])
	for _, each := range stageWords {
		if strings.Contains(words, each.words) {
			return each.at
		}
	}
	return stageUnknown
}

func firstStage(stages ...stage) stage {
	for _, s := range stages {
		if s != stageUnknown {
			return s
		}
	}
	return stageUnknown
}

// reply is what can be read out of the words of a server.
type reply struct {
	code  int    // SMTP reply code; 0 when there is none
	said  string // enhanced status code in the words
	told  string // Status field of the notice
	stage stage
	named bool // the words begin with the address, as Postfix answers RCPT
}

// readReply finds the codes in a server's words. Where there are several pairs of codes, the last is the remote's own: 554 4.4.7 Message expired <421 4.4.2 Connection timed out>.
func readReply(words string) reply {
	r := reply{stage: stageOf(words)}
	tokens := strings.FieldsFunc(words[:min(len(words), maxValue)], func(c rune) bool { return strings.ContainsRune(" \t\r\n,;<>()[]\"'", c) })
	paired := false
	for i, token := range tokens {
		code, rest, ok := cutCode(token)
		if !ok {
			if said := enhanced(token); said != "" && r.said == "" {
				r.said = said
			}
			continue
		}
		if rest == "" && i+1 < len(tokens) {
			rest = tokens[i+1]
		}
		said := enhanced(rest)
		switch {
		case said != "" && said[0] == byte('0'+code/100):
			r.code, r.said, paired = code, said, true
		case r.code == 0 || r.code < 400 && code >= 400 && !paired:
			r.code = code
		}
	}
	r.named = namesAddress(words)
	return r
}

// cutCode takes 550 off '550', '550-5.1.1' or '550-user'.
func cutCode(token string) (code int, rest string, ok bool) {
	token = strings.TrimSuffix(token, ":")
	if len(token) < 3 || len(token) > 3 && token[3] != '-' && token[3] != ':' {
		return 0, "", false
	}
	code, err := strconv.Atoi(token[:3])
	if err != nil || !strings.ContainsRune("245", rune(token[0])) || token[1] > '5' {
		return 0, "", false
	}
	return code, strings.TrimLeft(token[3:], "-: "), true
}

// enhanced reads an enhanced status code (RFC 3463 §2), which some write as #5.1.1.
func enhanced(token string) string {
	token = strings.Trim(token, "#:.-")
	if !isStatus(token) {
		return ""
	}
	return token
}

// isStatus says whether a token is an enhanced status code.
func isStatus(token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] != "2" && parts[0] != "4" && parts[0] != "5" {
		return false
	}
	for _, part := range parts[1:] {
		if len(part) == 0 || len(part) > 3 {
			return false
		}
		for i := range len(part) {
			if part[i] < '0' || part[i] > '9' {
				return false
			}
		}
	}
	return true
}

// namesAddress says whether a reply names the address and then a colon: 550 5.1.1 <joe@example.org>: Recipient address rejected. Servers answer RCPT like this.
func namesAddress(words string) bool {
	_, after, ok := strings.Cut(words, "<")
	if !ok {
		return false
	}
	addr, after, ok := strings.Cut(after, ">")
	return ok && strings.Contains(addr, "@") && strings.HasPrefix(strings.TrimSpace(after), ":")
}

// class is that of RFC 3463 §3.1: 2, 4, 5; 0 when nothing tells it.
func (r reply) class() int {
	switch status := r.status(); {
	case status != "":
		return int(status[0] - '0')
	case r.code != 0:
		return r.code / 100
	}
	return 0
}

// generic says whether the codes tell no more than the class.
func (r reply) generic() bool {
	status := r.status()
	return status == "" || strings.HasSuffix(status, ".0.0")
}

// status is the enhanced code that says most: what the server said, unless only the notice has details.
func (r reply) status() string {
	switch {
	case r.said != "" && !strings.HasSuffix(r.said, ".0.0"):
		return r.said
	case r.told != "" && (!strings.HasSuffix(r.told, ".0.0") || r.said == ""):
		return r.told
	}
	return r.said
}

// judge fills in what the codes and the words say. context is what else the notice says, for words that say nothing.
func (r reply) judge(one *desk.DeliveryReport, words, context string) {
	one.Diagnostic, one.Code, one.Status = short(words), r.code, r.status()
	if one.Status == "" {
		class := r.class()
		if class == 0 {
			class = 5
			switch one.Action {
			case desk.ActionDelayed:
				class = 4
			case desk.ActionDelivered, desk.ActionRelayed, desk.ActionExpanded:
				class = 2
			}
		}
		one.Status = strconv.Itoa(class) + ".0.0"
	}
	switch one.Action {
	case desk.ActionDelivered, desk.ActionRelayed, desk.ActionExpanded:
		one.Reason = desk.ReasonDelivered
		return
	}
	one.Reason = r.reason(one.Status, words, context)
	if one.Action == desk.ActionFailed && one.Status[0] == '5' {
		switch one.Reason {
		case desk.ReasonUserUnknown, desk.ReasonHostUnknown, desk.ReasonMoved, desk.ReasonNoMail:
			one.Hard = true
		}
	}
}
