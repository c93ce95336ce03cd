package mailtext

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/desk"
)

// codeServices are how services name themselves and write.
var codeServices = []struct{ name, from string }{
	{"Apple", "Apple <noreply@email.apple.com>"},
	{"Google", "Google <no-reply@accounts.google.com>"},
	{"Slack", "Slack <feedback@slack.com>"},
	{"GitHub", "GitHub <noreply@github.com>"},
	{"Microsoft", "Microsoft account team <account-security-noreply@accountprotection.microsoft.com>"},
	{"Example Bank", "Example Bank <do-not-reply@bank.example>"},
}

// codeTemplates are subject and text of mails with a code, for each language; {s} is the service, {c} the code.
var codeTemplates = map[string][][2]string{
	"en": {{"{s} verification code", "Hello,\n\nYour verification code is:\n\n{c}\n\nIt expires in 10 minutes. If you did not request it, ignore this mail."}, {"{c} is your {s} code", "Enter this code to sign in:\n{c}\n\nDo not share it."}, {"Sign in to {s}", "We got a request to sign in.\n\nUse the following code: {c}\n\nThe {s} team"}},
	"de": {{"Ihr Bestätigungscode", "Guten Tag,\n\nIhr Bestätigungscode für {s} lautet:\n\n{c}\n\nEr gilt 10 Minuten."}, {"{s}: Anmeldung", "Dein Einmalcode: {c}\nGib ihn niemandem."}},
	"fr": {{"Votre code de vérification {s}", "Bonjour,\n\nVoici votre code :\n\n{c}\n\nIl expire dans 10 minutes."}, {"Connexion à {s}", "Votre code de connexion est {c}."}},
	"es": {{"Tu código de verificación de {s}", "Hola:\n\n{c}\n\nCaduca en 10 minutos."}, {"Inicio de sesión en {s}", "El código de seguridad es {c}."}},
	"pt": {{"Código de verificação {s}", "Olá,\n\nUse o código abaixo:\n\n{c}\n"}, {"{s}", "Seu código de acesso: {c}"}},
	"it": {{"Codice di verifica {s}", "Ciao,\n\n{c}\n\nScade tra 10 minuti."}, {"Accesso a {s}", "Il codice di sicurezza è {c}"}},
	"nl": {{"Je verificatiecode voor {s}", "Hallo,\n\n{c}\n"}, {"Inloggen bij {s}", "Gebruik deze inlogcode: {c}"}},
	"pl": {{"Kod weryfikacyjny {s}", "Witaj,\n\n{c}\n"}, {"Logowanie do {s}", "Twój kod jednorazowy: {c}"}},
	"ru": {{"Код подтверждения {s}", "Здравствуйте!\n\n{c}\n"}, {"Вход в {s}", "Ваш одноразовый код: {c}. Никому его не сообщайте."}},
	"tr": {{"{s} doğrulama kodunuz", "Merhaba,\n\n{c}\n"}, {"{s} girişi", "Güvenlik kodunuz: {c}"}},
	"ja": {{"【{s}】認証コードのお知らせ", "認証コード：{c}\n\n有効期限は10分です。"}, {"{s} ログイン", "確認コードは次のとおりです。\n\n{c}\n"}},
	"zh": {{"{s} 验证码", "您好，\n\n您的验证码是：{c}，10分钟内有效。"}, {"{s} 登录", "您的一次性密码：{c}"}},
	"ko": {{"[{s}] 인증번호 안내", "인증번호는 {c} 입니다."}, {"{s} 로그인", "확인 코드:\n\n{c}\n"}},
}

// linkTemplates are mails with a link.
var linkTemplates = map[string][2]string{
	"en":  {"Confirm your email address", "Hi,\n\nplease confirm your email address:\n{l}\n"},
	"en2": {"Reset your password", "Someone asked to reset your password. Follow this link:\n\n{l}\n"},
	"de":  {"Bitte bestätigen Sie Ihre E-Mail-Adresse", "Guten Tag,\n\nklicken Sie hier:\n{l}\n"},
	"fr":  {"Confirmez votre adresse e-mail", "Bonjour,\n\n{l}\n"},
	"es":  {"Confirma tu correo electrónico", "Hola:\n\n{l}\n"},
	"pt":  {"Confirme seu e-mail", "Olá,\n\n{l}\n"},
	"it":  {"Conferma il tuo indirizzo email", "Ciao,\n\n{l}\n"},
	"nl":  {"Bevestig je e-mailadres", "Hallo,\n\n{l}\n"},
	"pl":  {"Potwierdź swój adres e-mail", "Witaj,\n\n{l}\n"},
	"ru":  {"Подтвердите адрес электронной почты", "Здравствуйте!\n\n{l}\n"},
	"tr":  {"E-posta adresinizi doğrulayın", "Merhaba,\n\n{l}\n"},
	"ja":  {"メールアドレスの確認", "以下のリンクを開いてください。\n{l}\n"},
	"zh":  {"验证您的邮箱", "请点击链接：\n{l}\n"},
	"ko":  {"이메일 주소를 인증해 주세요", "{l}\n"},
}

func codeMail(t *testing.T, from, subject, text string, asHTML bool) *Mail {
	t.Helper()
	kind := "text/plain"
	if asHTML {
		kind, text = "text/html", "<html><body><p>"+strings.ReplaceAll(strings.ReplaceAll(text, "\n\n", "</p><p>"), "\n", "<br>")+"</p></body></html>"
	}
	return mustRead(t, []byte("From: "+from+"\nTo: support@desk.example\nSubject: "+subject+"\nContent-Type: "+kind+"; charset=utf-8\n\n"+text+"\n"))
}

func TestT_11_Samples(t *testing.T) {
	t.Parallel()
	codes := []string{"482917", "482 917", "4829", "G-482917", "A7K2-9QX4", "QXR-TBK"}
	links := []string{"https://example.com/verify?token=9f8e7d6c5b4a39281706f5e4d3c2b1a0", "https://accounts.example.com/u/confirm/48a9be31cd07", "https://example.com/l/eyJhbGciOiJIUzI1NiJ9x1x2x3x4x5x6"}
	found, all := 0, 0
	check := func(service, from, subject, text string) {
		for _, asHTML := range []bool{false, true} {
			all++
			m := codeMail(t, from, strings.ReplaceAll(subject, "{s}", service), strings.ReplaceAll(text, "{s}", service), asHTML)
			evidence, ok := VerificationCode(m)
			if !ok {
				t.Logf("missed: %q\n%s", m.Subject, m.Text)
				continue
			}
			found++
			for _, code := range codes {
				if strings.Contains(evidence, code) {
					t.Errorf("the evidence repeats the code: %s", evidence)
				}
			}
		}
	}
	n := 0
	for _, service := range codeServices {
		for _, templates := range codeTemplates {
			for _, template := range templates {
				n++
				replace := strings.NewReplacer("{c}", codes[n%len(codes)])
				check(service.name, service.from, replace.Replace(template[0]), replace.Replace(template[1]))
			}
		}
		for _, template := range linkTemplates {
			n++
			check(service.name, service.from, template[0], strings.ReplaceAll(template[1], "{l}", links[n%len(links)]))
		}
	}
	t.Logf("%d of %d found", found, all)
	if all < 200 || float64(found) < 0.98*float64(all) {
		t.Errorf("%d of %d found", found, all)
	}
}

func TestT_11_OrdinaryMail(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, from, subject, text string }{
		{"a customer who cannot sign in", "Rita <rita@example.com>", "Verification code 482917 does not work", "I typed the verification code 482917 and nothing happened."},
		{"a customer's question", "Rita <rita@example.com>", "No code", "I never got the confirmation code."},
		{"an invoice", "Shop <noreply@shop.example>", "Invoice 482917", "Your invoice 482917 of 2026-11-22 is attached."},
		{"a discount", "Shop <noreply@shop.example>", "20 % off", "Your discount code: SAVE2026\nhttps://shop.example/sale?utm_source=newsletter-2026-11&id=1"},
		{"an order", "Shop <noreply@shop.example>", "Order confirmed", "We received your order 10482917. Track it: https://shop.example/orders/10482917"},
		{"words about codes, no code", "News <noreply@news.example>", "Security", "Never share your verification code with anybody. Opened in 2026."},
		{"words about passwords, no link", "News <noreply@news.example>", "Tips", "When did you last reset your password? Read on at https://news.example/2026/tips"},
		{"an appointment", "Clinic <noreply@clinic.example>", "Your appointment", "On 22.11.2026 at 10:00, room 1204."},
		{"a reply to such a mail", "Slack <noreply@slack.com>", "Re: Slack confirmation code", "Your confirmation code is 482917"},
		{"a tracking number", "DHL <noreply@dhl.example>", "Parcel", "Your parcel 00340434161094042557 arrives today between 10:00 and 12:00. Security deposit 4000."},
	}
	for _, c := range cases {
		if evidence, ok := VerificationCode(codeMail(t, c.from, c.subject, c.text, false)); ok {
			t.Errorf("%s: %s", c.name, evidence)
		}
	}
}

// Nothing in the corpora of ordinary mail and of replies is held for a code, not even if it came from a sender who takes no answers.
func TestT_11_Corpora(t *testing.T) {
	t.Parallel()
	seen := 0
	for name, raw := range corpus(t) {
		if len(raw) == 0 {
			continue
		}
		m, err := Read(context.Background(), section(raw), Limits{Time: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if evidence, ok := VerificationCode(m); ok {
			t.Errorf("%s: %s", name, evidence)
		}
		m.From = []desk.Address{{Addr: "noreply@example.com"}}
		if evidence, ok := VerificationCode(m); ok {
			t.Errorf("%s, if it came from nobody: %s", name, evidence)
		}
	}
	for _, pattern := range []string{"testdata/reply-*/*.txt"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text := readable(string(raw))
			m := &Mail{From: []desk.Address{{Addr: "noreply@example.com"}}, Subject: "Question", Text: text, QuoteAt: len(text)}
			seen++
			if evidence, ok := VerificationCode(m); ok {
				t.Errorf("%s: %s", path, evidence)
			}
		}
	}
	t.Logf("%d mails", seen)
}

func TestVerificationCodeIsLinear(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"code ", "your code is\n", "https://a/", "https://a/verify ", "123 ", "1-2 ", "验证码", "otp\n"} {
		text := strings.Repeat(piece, (1<<20)/len(piece))
		begin := time.Now()
		VerificationCode(&Mail{From: []desk.Address{{Addr: "noreply@example.com"}}, Subject: "reset your password", Text: text, HTML: text, QuoteAt: len(text)})
		if took := time.Since(begin); took > 2*time.Second {
			t.Error(fmt.Sprintf("%q repeated", piece), took)
		}
	}
}
