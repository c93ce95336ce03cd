package mailtext

// What mail programs write above and below forwarded mails, in the languages they speak. Gathered from mails; case does not matter.

// How a phrase stands above a forwarded mail.
const (
	phraseNone = iota
	phraseOpen // between dashes or before a colon; nothing says where the mail ends
	phraseEnds // the same, by a program that also writes a line below the mail
)

// forwardPhrases announce a forwarded mail, and never the history of a reply.
var forwardPhrases = func() map[string]int {
	set := map[string]int{}
	for _, phrase := range []string{
		"forwarded message", "forwarded mail", "forwarded email", "forwarded e-mail", "begin forwarded message", "forward message", "forwarded original message",
		"weitergeleitete nachricht", "weitergeleitete mail", "weitergeleitete e-mail", "anfang der weitergeleiteten nachricht", "anfang der weitergeleiteten e-mail", "beginn der weitergeleiteten nachricht",
		"message transféré", "message réexpédié", "mail transféré", "e-mail transféré", "courriel transféré", "début du message réexpédié", "début du message transféré",
		"messaggio inoltrato", "inizio messaggio inoltrato", "messaggio originale inoltrato", "mail inoltrata", "inizio del messaggio inoltrato",
		"mensaje reenviado", "inicio del mensaje reenviado", "correo reenviado", "comienza mensaje reenviado", "missatge reenviat", "inici del missatge reenviat",
		"mensagem encaminhada", "mensagem reencaminhada", "início da mensagem encaminhada", "início da mensagem reencaminhada", "e-mail encaminhado",
		"doorgestuurd bericht", "begin doorgestuurd bericht", "doorgestuurde mail", "doorgestuurde e-mail", "begin van doorgestuurd bericht",
		"wiadomość przekazana dalej", "wiadomość przekazana", "przekazana wiadomość", "treść przekazanej wiadomości", "początek przekazywanej wiadomości", "przesłana dalej wiadomość",
		"vidarebefordrat meddelande", "vidarebefordrat mail", "vidarebefordrat brev", "vidarebefordrat e-postmeddelande", "börja vidarebefordrat meddelande", "start på vidarebefordrat meddelande",
		"videresendt besked", "videresendt meddelelse", "videresendt mail", "start på videresendt besked", "begyndelse på videresendt besked", "start på videresendt meddelelse",
		"videresendt melding", "videresendt e-post", "start på videresendt melding", "begynnelsen på videresendt melding",
		"välitetty viesti", "edelleenlähetetty viesti", "välitetty viesti alkaa", "alkaa välitetty viesti", "lähetetty edelleen",
		"přeposlaná zpráva", "předávaná zpráva", "začátek přeposílané zprávy", "začátek přeposlané zprávy", "preposlaná správa", "začiatok preposlanej správy", "posredovana poruka", "proslijeđena poruka", "posredovano sporočilo",
		"пересланное сообщение", "пересылаемое письмо", "пересланное письмо", "начало переадресованного сообщения", "начало пересылаемого сообщения", "переадресованное сообщение",
		"переслане повідомлення", "початок листа, що пересилається", "початок переадресованого повідомлення", "переадресоване повідомлення", "пересланий лист", "препратено съобщение",
		"転送メッセージ", "転送されたメッセージ", "転送メール", "以下は転送されたメッセージです", "下記のメールを転送します", "転送されたメール",
		"转发的邮件", "转发邮件", "转发邮件信息", "转发的消息", "被转发的邮件", "下面是被转发的邮件", "轉寄的郵件", "轉寄郵件", "已轉寄的郵件", "以下是轉寄的郵件", "開始轉寄郵件", "以下為轉寄的訊息",
		"iletilen mesaj", "iletilmiş mesaj", "iletilen ileti", "yönlendirilen mesaj", "başlangıç: yönlendirilen ileti", "iletilmiş ileti", "yönlendirilmiş ileti başlangıcı",
		"továbbított üzenet", "továbbított levél", "továbbított üzenet kezdete", "továbbított levél kezdete",
		"mesaj redirecționat", "mesaj redirectionat", "mesaj transmis mai departe", "începutul mesajului redirecționat", "mesaj retrimis", "mesaj reexpediat",
		"전달된 메시지", "전달된 메일", "전달 메시지", "전달한 메시지 시작", "προωθημένο μήνυμα", "έναρξη προωθημένου μηνύματος", "έναρξη μηνύματος που προωθήθηκε", "הודעה שהועברה", "הודעה מועברת", "رسالة معاد توجيهها", "الرسالة المعاد توجيهها", "tin nhắn được chuyển tiếp", "pesan terusan", "pesan yang diteruskan", "ข้อความที่ส่งต่อ",
	} {
		set[phrase] = phraseOpen
	}
	for _, phrase := range []string{"start of forwarded message", "forwarded message follows", "пересылаемое сообщение"} {
		set[phrase] = phraseEnds
	}
	return set
}()

// alonePhrases announce a forwarded mail without dashes (The Bat!).
var alonePhrases = []string{"this is a forwarded message", "это пересылаемое сообщение", "dies ist eine weitergeleitete nachricht", "ceci est un message transféré"}

// forwardFrom begin announcements that go on with the name of the sender: '----- Forwarded message from Rita <rita@example.com> -----'.
var forwardFrom = []string{
	"forwarded message from", "weitergeleitete nachricht von", "message transféré de", "messaggio inoltrato da", "mensaje reenviado de", "mensagem encaminhada de", "doorgestuurd bericht van", "wiadomość przesłana dalej od", "пересылаемое сообщение от",
}

// forwardBy begin announcements that go on with the name of the one who forwards.
var forwardBy = []string{
	"forwarded by", "weitergeleitet von", "réexpédié par", "transféré par", "inoltrato da", "reenviado por", "encaminhado por", "doorgestuurd door", "przekazane przez", "vidarebefordrat av", "videresendt af", "videresendt av", "välittänyt", "přeposlal", "továbbította", "переслано",
}

// forwardEnds stand below a forwarded mail.
var forwardEnds = map[string]bool{
	"end forwarded message": true, "end of forwarded message": true, "end of original message text": true, "end forwarded mail": true, "конец пересылаемого сообщения": true, "конец исходного текста": true,
	"ende der weitergeleiteten nachricht": true, "ende weitergeleitete nachricht": true, "fin du message transféré": true, "fine messaggio inoltrato": true, "fin del mensaje reenviado": true, "fim da mensagem encaminhada": true, "einde doorgestuurd bericht": true, "koniec przekazanej wiadomości": true,
}

// isForwardEnd says whether a line ends a forwarded mail.
func isForwardEnd(line string) bool {
	if len(line) > 200 {
		return false
	}
	inner, decorated := undecorated(line)
	if decorated && forwardEnds[foldPhrase(cutScissors(inner))] {
		return true
	}
	return false
}

// isForwardFrame says whether a line only frames the text of a forwarded mail: the announcement once more (Zoho), or '===8<====Original message text====' (The Bat!).
func isForwardFrame(line string) bool {
	if len(line) > 200 {
		return false
	}
	inner, decorated := undecorated(line)
	if !decorated {
		return false
	}
	phrase := foldPhrase(cutScissors(inner))
	return forwardPhrases[phrase] != phraseNone || phrase == "original message text" || phrase == "исходный текст"
}

// cutScissors takes the 8< off that The Bat! draws.
func cutScissors(inner string) string {
	for len(inner) > 2 && inner[0] == '8' && inner[1] == '<' {
		inner, _ = undecorated(inner[2:])
	}
	return inner
}

// gluedLabels are the fields of Yahoo's and others' blocks, each language by itself, as they are written: only these are looked for within a line.
var gluedLabels = [][]string{
	{"From", "To", "Cc", "Sent", "Date", "Subject", "Reply-To"},
	{"Von", "An", "CC", "Cc", "Gesendet", "Datum", "Betreff"},
	{"De", "À", "Cc", "Envoyé", "Date", "Objet", "Sujet"},
	{"De", "Para", "Cc", "CC", "Enviado", "Enviadas", "Fecha", "Data", "Asunto", "Assunto"},
	{"Da", "A", "Cc", "Inviato", "Data", "Oggetto"},
}

// Fields that programs show of forwarded mails only.
const (
	roleID    fieldRoles = 1 << (iota + 5)
	roleOther            // read over
)

// forwardLabels are their names.
var forwardLabels = map[string]fieldRoles{
	"message-id": roleID, "message id": roleID, "nachrichten-id": roleID,
	"reply-to": roleOther, "antwort an": roleOther, "répondre à": roleOther, "responder a": roleOther, "rispondi a": roleOther, "antwoord aan": roleOther, "odpowiedz do": roleOther, "svara till": roleOther, "svar til": roleOther, "ответить": roleOther, "回复地址": roleOther, "返信先": roleOther,
	"importance": roleOther, "priority": roleOther, "x-priority": roleOther, "wichtigkeit": roleOther, "priorität": roleOther, "importanza": roleOther, "importancia": roleOther, "prioridad": roleOther, "belang": roleOther, "ważność": roleOther, "důležitost": roleOther, "важность": roleOther, "önem": roleOther, "重要性": roleOther, "重要度": roleOther, "sensitivity": roleOther,
	"attachments": roleOther, "attachment": roleOther, "anlagen": roleOther, "anlage": roleOther, "pièces jointes": roleOther, "allegati": roleOther, "datos adjuntos": roleOther, "adjuntos": roleOther, "anexos": roleOther, "bijlagen": roleOther, "załączniki": roleOther, "bilagor": roleOther, "přílohy": roleOther, "вложения": roleOther, "添付ファイル": roleOther, "附件": roleOther, "ekler": roleOther,
	"organization": roleOther, "organisation": roleOther, "user-agent": roleOther, "x-mailer": roleOther, "mime-version": roleOther, "content-type": roleOther, "content-transfer-encoding": roleOther, "return-path": roleOther, "sender": roleOther, "list-id": roleOther, "references": roleOther, "in-reply-to": roleOther, "resent-from": roleOther, "delivered-to": roleOther, "received": roleOther, "thread-topic": roleOther, "categories": roleOther, "kategorien": roleOther, "signed by": roleOther, "mailed-by": roleOther,
}

// behalfWords stand between who sent a mail and who wrote it, where Outlook shows both.
var behalfWords = []string{" on behalf of ", " im auftrag von ", " de la part de ", " per conto di ", " en nombre de ", " em nome de ", " namens ", " w imieniu ", " för ", " på vegne af ", " på vegne av ", " jménem ", " от имени ", " 代表 ", " 代理 "}

// subjectPrefixes are put before subjects.
var subjectPrefixes = func() map[string]prefixKind {
	table := map[string]prefixKind{}
	for kind, words := range map[prefixKind][]string{
		prefixReply:   {"re", "aw", "antw", "antwort", "sv", "odp", "res", "rép", "rép.", "ref", "rif", "r", "ynt", "yanıt", "cevap", "vá", "válasz", "отв", "ответ", "на", "відп", "απ", "σχετ", "回复", "回覆", "答复", "答覆", "返信", "답장", "회신", "תגובה", "השב", "رد", "bls", "trả lời"},
		prefixForward: {"fw", "fwd", "forward", "wg", "weitergeleitet", "tr", "transf", "rv", "reenv", "enc", "i", "inoltro", "doorst", "dv", "pd", "podaj dalej", "vb", "vl", "vl.", "přeposlat", "fwd.", "přep", "tov", "továbbítás", "továbbítva", "пер", "пересл", "пересылка", "пересл.", "переслати", "i̇lt", "ilt", "ilet", "i̇let", "πρθ", "προώθ", "转发", "轉寄", "转寄", "転送", "전달", "הועבר", "إعادة توجيه", "redir", "redirecționat", "chuyển tiếp", "trs", "fs"},
	} {
		for _, word := range words {
			table[word] = kind
		}
	}
	return table
}()
