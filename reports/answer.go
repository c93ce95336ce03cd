package reports

import "strings"

// answers are how programs that answer for somebody begin their subject, in lower case.
var answers = []string{
	"automatic reply", "auto reply", "auto-reply", "autoreply", "autorespon", "auto response", "auto-response", "out of office", "out of the office", "vacation", "automatische antwort", "abwesenheit", "réponse automatique", "réponse d'absence", "absence du bureau",
	"respuesta automática", "risposta automatica", "fuori sede", "automatisch antwoord", "afwezig", "automatiskt svar", "automatisk svar", "autosvar", "automaattinen vastaus", "odpowiedź automatyczna", "resposta automática", "自動応答", "自动回复",
}

// answer says whether a mail is an automatic answer (RFC 3834): it says so itself, or, as some programs write no field for it, its subject does and it answers something.
func answer(n *notice) (Report, bool) {
	report := Report{Kind: Answer}
	auto, _, _ := strings.Cut(strings.ToLower(n.mail.AutoSubmitted), ";")
	precedence, _, _ := strings.Cut(strings.ToLower(n.mail.Precedence), " ")
	if strings.HasPrefix(strings.TrimSpace(auto), "auto-replied") || precedence == "auto_reply" {
		return report, true
	}
	for _, name := range []string{"x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply-from", "x-mail-autoreply", "x-vacation"} {
		if value := strings.ToLower(n.header.get(name)); value != "" && value != "no" && value != "false" {
			return report, true
		}
	}
	if strings.EqualFold(n.header.get("x-apple-action"), "vacation") {
		return report, true
	}
	subject := strings.ToLower(strings.TrimSpace(n.mail.Subject))
	for _, words := range answers {
		if strings.HasPrefix(subject, words) && (n.null || n.mail.Automatic != "" || len(n.mail.InReplyTo) > 0) {
			return report, true
		}
	}
	return Report{}, false
}
