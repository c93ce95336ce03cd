package mailtext

import (
	"math/bits"
	"strings"
)

// What mail programs write above quoted history and below mails, in the languages they speak. Gathered from mails; case does not matter.

// wroteVerbs say that somebody wrote.
var wroteVerbs = []string{
	"wrote", "writes", "a écrit", "schrieb", "schreibt", "ha scritto", "escribió", "escribio", "ha escrit", "va escriure", "escreveu", "schreef", "geschreven",
	"napisał", "napisała", "napisał(a)", "napsal", "napsala", "napsal(a)", "napísal", "napísala", "napísal(a)", "je napisao", "je napisala", "je napisal/a", "je napisal",
	"skrev", "skrifaði", "kirjoitti", "kirjutas", "rakstīja", "rašė", "parašė", "írta", "a scris", "yazdı", "şunu yazdı", "έγραψε", "писал", "писала", "пишет", "написал", "написала", "написал(а)", "писав", "написав", "пише", "написа", "је написао",
	"menulis", "đã viết", "viết", "เขียนว่า", "เขียน", "כתב", "כתבה", "כתב/ה", "مؤلف", "كتب", "写道", "寫道", "写入", "已写", "來信", "書きました", "書いた", "のメール", "님이 작성", "작성",
}

// attributionStarts begin the sentence that says who wrote when.
var attributionStarts = []string{
	"On", "Le", "Am", "Il", "El", "Em", "Op", "W dniu", "Dnia", "Dne", "Dňa", "Den", "Die", "På", "Pe", "La", "În data", "Kun", "Pada", "Vào", "Στις", "Την", "В", "На", "Dana", "Dne", "Tarihinde", "At", "Quoting", "Zitat von", "Citando",
	"在", "於", "于", "日期", "ב-", "בתאריך", "في", "Lainaus", "Citerar", "A las", "Il giorno", "Em qua", "Op di", "Schreef",
}

// weekdays begin it in the languages that have no word for 'on' there.
var weekdays = func() map[string]bool {
	set := map[string]bool{}
	for _, day := range []string{
		"mon", "tue", "wed", "thu", "fri", "sat", "sun", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
		"mo", "di", "mi", "do", "fr", "sa", "so", "montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag",
		"lun", "mar", "mer", "mié", "mie", "jeu", "jue", "gio", "ven", "vie", "sam", "sab", "sáb", "dim", "dom", "seg", "ter", "qua", "qui", "sex",
		"ma", "ti", "ke", "to", "pe", "la", "su", "man", "tir", "ons", "tor", "tors", "fre", "fredag", "lør", "lör", "søn", "sön", "mån", "tis", "mandag", "tirsdag", "onsdag", "torsdag", "lørdag", "søndag",
		"pon", "pn", "wt", "śr", "czw", "czwartek", "pt", "pią", "sob", "niedz", "nd", "po", "út", "st", "čt", "pá", "ne", "ut", "št", "pi", "pet", "sri", "čet",
		"пн", "вт", "ср", "чт", "пт", "сб", "вс", "нд", "пон", "понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье",
		"h", "k", "sze", "cs", "p", "szo", "v", "pzt", "sal", "çar", "per", "cum", "cmt", "paz", "δευ", "τρί", "τετ", "πέμ", "παρ", "σάβ", "κυρ",
	} {
		set[day] = true
	}
	return set
}()

// originalPhrases stand between dashes above history or a forwarded mail.
var originalPhrases = func() map[string]bool {
	set := map[string]bool{}
	for _, phrase := range []string{
		"original message", "original appointment", "reply message", "forwarded message", "begin forwarded message", "forwarded by", "mensaje original", "mensaje reenviado", "mensagem original", "mensagem encaminhada", "mensagem reencaminhada",
		"ursprüngliche nachricht", "ursprünglicher termin", "originalnachricht", "original-nachricht", "weitergeleitete nachricht", "urspr. nachricht", "anfang der weitergeleiteten nachricht", "weitergeleitete mail",
		"message d'origine", "message original", "message transféré", "message initial", "e-mail d'origine", "courriel original", "début du message réexpédié", "début du message transféré",
		"messaggio originale", "messaggio inoltrato", "inizio messaggio inoltrato", "oorspronkelijk bericht", "oorspronkelijke bericht", "origineel bericht", "doorgestuurd bericht", "begin doorgestuurd bericht",
		"oryginalna wiadomość", "wiadomość oryginalna", "wiadomość przekazana dalej", "treść przekazanej wiadomości", "původní zpráva", "přeposlaná zpráva", "pôvodná správa", "eredeti üzenet", "továbbított üzenet",
		"oprindelig besked", "oprindelig meddelelse", "original besked", "original meddelelse", "videresendt besked", "opprinnelig melding", "opprinnelig meddelelse", "original melding", "videresendt melding", "ursprungligt meddelande", "originalmeddelande", "vidarebefordrat meddelande", "alkuperäinen viesti", "välitetty viesti",
		"исходное сообщение", "пересылаемое сообщение", "пересланное сообщение", "оригинальное сообщение", "вихідне повідомлення", "переслане повідомлення", "orijinal ileti", "orijinal mesaj", "özgün ileti", "iletilen mesaj", "mesaj original", "mesaj redirecționat", "αρχικό μήνυμα", "izvorna poruka", "izvirno sporočilo",
		"原始邮件", "原始信件", "原邮件", "转发的邮件", "轉寄的郵件", "原始郵件", "元のメッセージ", "転送メッセージ", "원본 메시지", "원본 메일", "전달된 메시지", "הודעה מקורית", "ההודעה המקורית", "رسالة أصلية", "الرسالة الأصلية", "tin nhắn gốc", "pesan asli",
	} {
		set[phrase] = true
	}
	for phrase := range forwardPhrases {
		set[phrase] = true
	}
	return set
}()

// fieldRoles is a set of the fields that programs repeat above history.
type fieldRoles uint16

const (
	roleFrom fieldRoles = 1 << iota
	roleDate
	roleTo
	roleCopy
	roleSubject

	roleNone fieldRoles = 0
)

func (f fieldRoles) count() int { return bits.OnesCount16(uint16(f)) }

// fieldLabels are their names.
var fieldLabels = func() map[string]fieldRoles {
	table := map[string]fieldRoles{}
	for role, labels := range map[fieldRoles][]string{
		roleFrom:    {"from", "von", "de", "da", "van", "od", "fra", "från", "lähettäjä", "от", "от кого", "від", "feladó", "kimden", "gönderen", "από", "de la", "expéditeur", "remitente", "mittente", "afzender", "absender", "expeditor", "avsändare", "afsender", "avsender", "відправник", "отправитель", "nadawca", "odesílatel", "saatja", "发件人", "发信人", "寄件者", "寄件人", "差出人", "送信者", "보낸 사람", "보낸사람", "発信者", "מאת", "من", "từ", "dari"},
		roleDate:    {"sent", "date", "gesendet", "datum", "envoyé", "envoyé le", "date d'envoi", "enviado", "enviado el", "enviada", "enviadas", "enviada em", "enviado em", "fecha", "data", "inviato", "data invio", "verzonden", "wysłano", "data wysłania", "odesláno", "odoslané", "dátum", "sendt", "dato", "skickat", "lähetetty", "päivä", "päivämäärä", "отправлено", "дата", "дата и время", "надіслано", "küldve", "elküldve", "küldés dátuma", "sendt den", "gönderilme tarihi", "gönderildi", "tarih", "ημερομηνία", "στάλθηκε", "trimis", "发送时间", "发送日期", "日期", "时间", "時間", "寄件時間", "寄件日期", "傳送日期", "送信日時", "日時", "日付", "보낸 날짜", "보낸날짜", "날짜", "נשלח", "תאריך", "تاريخ", "التاريخ", "ngày", "tanggal", "sent at"},
		roleTo:      {"to", "an", "à", "a", "para", "aan", "naar", "do", "komu", "til", "till", "vastaanottaja", "кому", "címzett", "kime", "alıcı", "προς", "către", "destinataire", "destinatario", "pour", "adresat", "odbiorca", "收件人", "收件者", "收信人", "mottaker", "modtager", "mottagare", "宛先", "받는 사람", "받는사람", "אל", "إلى", "đến", "kepada"},
		roleCopy:    {"cc", "kopie", "kopio", "копія", "másolatot kap", "másolat", "bilgi", "κοιν", "κοιν.", "kópia", "ブラインドcc", "kopia", "copie", "copia", "dw", "kopi", "копия", "bcc", "抄送", "副本", "참조", "עותק"},
		roleSubject: {"subject", "betreff", "thema", "objet", "sujet", "asunto", "oggetto", "assunto", "onderwerp", "temat", "předmět", "predmet", "emne", "ämne", "aihe", "тема", "tárgy", "konu", "θέμα", "subiect", "主题", "主題", "主旨", "件名", "제목", "נושא", "الموضوع", "chủ đề", "subjek", "re"},
	} {
		for _, label := range labels {
			table[label] = role
		}
	}
	return table
}()

// mobilePhrase is a signature of a telephone or program.
type mobilePhrase struct {
	before, after string
	device        bool // the name of a device stands between them
}

// mobilePhrases are those that are known; … stands for the device.
var mobilePhrases = func() (list []mobilePhrase) {
	for _, phrase := range []string{
		"sent from my…", "sent from mail for…", "sent from outlook…", "sent from yahoo…", "sent from samsung…", "sent from proton…", "sent from gmail…", "sent via…", "sent using…", "sent with…", "get outlook for…",
		"von meinem…gesendet", "gesendet von…", "gesendet mit…", "von unterwegs gesendet", "holen sie sich outlook für…", "outlook für…beziehen", "diese nachricht wurde von meinem…gesendet",
		"envoyé de mon…", "envoyé depuis…", "envoyé à partir de…", "envoyé avec…", "télécharger outlook pour…", "obtenir outlook pour…", "inviato da…", "inviato dal…", "scarica outlook per…", "ottieni outlook per…",
		"enviado desde…", "enviado de…", "enviado do…", "enviado a partir do…", "enviado via…", "obtener outlook para…", "obter o outlook para…", "verzonden vanaf…", "verstuurd vanaf…", "verzonden met…", "verstuurd met…", "download outlook voor…",
		"wysłane z…", "wysłano z…", "pobierz aplikację outlook dla…", "odesláno z…", "odoslané z…", "sendt fra…", "skickat från…", "skickades från…", "hämta outlook för…", "hent outlook til…", "lähetetty…", "küldve…", "iphone-omról küldve", "trimis de pe…", "poslano s…", "poslano z…",
		"отправлено с…", "отправлено из…", "надіслано з…", "στάλθηκε από…", "iphone'umdan gönderildi", "…'ımdan gönderildi", "…'umdan gönderildi", "发自我的…", "從我的…傳送", "来自我的…", "iphoneから送信", "…から送信", "나의…에서 보냄", "내…에서 보냄", "נשלח מה…", "أُرسلت من…", "được gửi từ…", "dikirim dari…",
	} {
		before, after, device := strings.Cut(phrase, "…")
		list = append(list, mobilePhrase{before, after, device})
	}
	return list
}()
