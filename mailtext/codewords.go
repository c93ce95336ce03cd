package mailtext

import "strings"

// What services write when they send a code or a link, in the languages that they speak. Gathered from their mails; in lower case.

// codePhrases announce a code.
var codePhrases = []string{
	"verification code", "verify code", "confirmation code", "security code", "one-time code", "one time code", "one-time password", "one time password", "one-time passcode", "one-time pin", "passcode", "login code", "log-in code", "log in code", "sign-in code", "sign in code", "signin code", "authentication code", "access code", "authorization code", "2fa code", "two-factor code", "otp", "your code is", "is your code", "account code", "activation code", "temporary code", "single-use code", "recovery code", "password reset code", "enter this code", "enter the code", "use this code", "use the code", "following code", "code to sign in", "code to verify", "code to confirm",
	"bestätigungscode", "verifizierungscode", "sicherheitscode", "einmalcode", "einmal-code", "einmalpasswort", "einmalkennwort", "anmeldecode", "anmelde-code", "login-code", "zugangscode", "aktivierungscode", "prüfcode", "freigabecode", "authentifizierungscode", "ihr code lautet", "dein code lautet", "ist dein code", "ist ihr code", "ihr code:", "dein code:", "mail-tan", "e-mail-tan",
	"code de vérification", "code de confirmation", "code de sécurité", "code à usage unique", "code de connexion", "code d'accès", "code d'authentification", "code d'activation", "mot de passe à usage unique", "code provisoire", "votre code est", "code temporaire",
	"código de verificación", "código de confirmación", "código de seguridad", "código de acceso", "código de un solo uso", "código de inicio de sesión", "código de autenticación", "código de activación", "contraseña de un solo uso", "tu código es", "su código es", "código temporal",
	"código de verificação", "código de confirmação", "código de segurança", "código de acesso", "código de uso único", "código de login", "código de autenticação", "código de ativação", "senha de uso único", "seu código é", "o teu código é", "código temporário",
	"codice di verifica", "codice di conferma", "codice di sicurezza", "codice di accesso", "codice monouso", "codice di autenticazione", "codice di attivazione", "codice temporaneo", "password monouso", "codice otp", "il tuo codice è", "il suo codice è",
	"verificatiecode", "bevestigingscode", "beveiligingscode", "eenmalige code", "inlogcode", "toegangscode", "activeringscode", "activatiecode", "eenmalig wachtwoord", "je code is", "uw code is",
	"kod weryfikacyjny", "kod potwierdzający", "kod bezpieczeństwa", "kod jednorazowy", "jednorazowy kod", "kod logowania", "kod dostępu", "kod aktywacyjny", "hasło jednorazowe", "twój kod to",
	"код подтверждения", "код проверки", "проверочный код", "код безопасности", "одноразовый код", "код для входа", "код доступа", "код активации", "одноразовый пароль", "ваш код", "код підтвердження", "код перевірки", "одноразовий код", "код для входу",
	"doğrulama kodu", "doğrulama kodunuz", "onay kodu", "onay kodunuz", "güvenlik kodu", "güvenlik kodunuz", "giriş kodu", "giriş kodunuz", "tek kullanımlık", "aktivasyon kodu", "etkinleştirme kodu", "erişim kodu",
	"確認コード", "認証コード", "検証コード", "セキュリティコード", "セキュリティ コード", "ワンタイムパスワード", "ワンタイムコード", "ログインコード", "認証番号", "確認番号", "パスコード",
	"验证码", "校验码", "确认码", "安全码", "安全代码", "动态密码", "一次性密码", "登录码", "动态码", "驗證碼", "確認碼", "安全碼", "一次性密碼", "認證碼", "登入碼",
	"인증번호", "인증 번호", "인증코드", "인증 코드", "확인 코드", "보안 코드", "일회용 비밀번호", "로그인 코드",
	"verifieringskod", "bekräftelsekod", "säkerhetskod", "engångskod", "inloggningskod", "bekræftelseskode", "engangskode", "sikkerhedskode", "verifikationskode", "bekreftelseskode", "sikkerhetskode", "vahvistuskoodi", "kertakäyttökoodi", "turvakoodi", "kirjautumiskoodi", "ověřovací kód", "jednorázový kód", "potvrzovací kód", "bezpečnostní kód", "přihlašovací kód", "ellenőrző kód", "megerősítő kód", "biztonsági kód", "egyszer használatos", "cod de verificare", "cod de confirmare", "cod de securitate", "codul de verificare", "κωδικός επαλήθευσης", "κωδικός επιβεβαίωσης", "קוד אימות", "رمز التحقق", "رمز التأكيد", "mã xác minh", "mã xác nhận", "kode verifikasi",
}

// linkPhrases ask to follow a link.
var linkPhrases = []string{
	"confirm your email", "confirm your e-mail", "verify your email", "verify your e-mail", "verify your account", "confirm your account", "activate your account", "confirm your address", "confirm your sign-in", "confirm your identity", "verify your identity", "reset your password", "password reset", "set your password", "create your password", "choose a new password", "magic link", "sign-in link", "sign in link", "login link", "log in link", "sign in to your account with", "confirm your subscription", "complete your registration", "finish signing up", "complete your sign up", "verify this email", "confirm this email", "verify your new",
	"bestätige deine e-mail", "bestätigen sie ihre e-mail", "e-mail-adresse bestätigen", "e-mail-adresse zu bestätigen", "bestätigen sie ihr konto", "bestätige dein konto", "konto aktivieren", "aktivieren sie ihr", "aktiviere dein", "passwort zurücksetzen", "passwort zurückzusetzen", "kennwort zurücksetzen", "anmeldelink", "anmelde-link", "bestätigungslink", "registrierung abschließen", "registrierung abzuschließen",
	"confirmez votre adresse", "confirmer votre adresse", "vérifiez votre adresse", "vérifier votre adresse", "confirmez votre compte", "activez votre compte", "activer votre compte", "réinitialiser votre mot de passe", "réinitialisation de votre mot de passe", "réinitialisez votre mot de passe", "lien de connexion", "lien magique",
	"confirma tu correo", "confirme su correo", "confirma tu dirección", "confirme su dirección", "verifica tu correo", "verifique su correo", "verifica tu cuenta", "activa tu cuenta", "active su cuenta", "restablecer tu contraseña", "restablecer su contraseña", "restablece tu contraseña", "enlace de acceso", "enlace mágico",
	"confirme seu e-mail", "confirme o seu e-mail", "confirme seu email", "confirme o seu email", "verifique seu e-mail", "verifique o seu e-mail", "ative sua conta", "ative a sua conta", "redefinir sua senha", "redefinir a sua senha", "redefina sua senha", "repor a palavra-passe", "link de acesso",
	"conferma il tuo indirizzo", "conferma la tua email", "conferma la tua e-mail", "verifica il tuo indirizzo", "verifica la tua email", "attiva il tuo account", "reimposta la password", "reimpostare la password", "reimposta la tua password", "link di accesso",
	"bevestig je e-mail", "bevestig uw e-mail", "verifieer je e-mail", "activeer je account", "activeer uw account", "wachtwoord opnieuw in", "wachtwoord resetten", "wachtwoord herstellen", "inloglink",
	"potwierdź swój adres", "potwierdź adres", "zweryfikuj adres", "zweryfikuj swój adres", "aktywuj konto", "aktywuj swoje konto", "zresetuj hasło", "resetowanie hasła", "zresetować hasło", "link do logowania",
	"подтвердите адрес", "подтвердите свой адрес", "подтвердите вашу почту", "подтвердите электронную", "подтвердите email", "подтвердите e-mail", "подтвердите регистрацию", "активируйте", "сброс пароля", "сбросить пароль", "восстановление пароля", "ссылка для входа",
	"e-posta adresinizi doğrulayın", "e-posta adresini doğrula", "e-postanızı doğrulayın", "e-posta adresinizi onaylayın", "hesabınızı doğrulayın", "hesabınızı etkinleştirin", "şifrenizi sıfırlayın", "şifre sıfırlama", "parolanızı sıfırlayın", "giriş bağlantısı",
	"メールアドレスの確認", "メールアドレスを確認", "メールアドレスを認証", "アカウントを有効", "アカウントの確認", "パスワードの再設定", "パスワードをリセット", "パスワードのリセット", "ログインリンク", "本登録",
	"验证您的邮箱", "验证你的邮箱", "验证您的电子邮件", "确认您的邮箱", "确认您的电子邮件", "激活您的帐户", "激活您的账户", "激活账号", "重置密码", "重置您的密码", "登录链接", "驗證您的電子郵件", "確認您的電子郵件", "重設密碼", "重設您的密碼",
	"이메일 주소를 인증", "이메일 인증", "이메일 주소 확인", "이메일을 확인", "계정을 활성화", "비밀번호 재설정", "비밀번호를 재설정", "로그인 링크",
}

// linkWords stand in such links.
var linkWords = []string{"verify", "verif", "confirm", "activat", "reset", "password", "token", "magic", "signin", "sign-in", "login", "auth", "register", "registration", "bestaetig", "aktivier", "invite", "otp", "optin", "opt-in"}

// serviceParts are parts of addresses from which services write.
var serviceParts = func() map[string]bool {
	set := map[string]bool{}
	for _, part := range strings.Fields("noreply reply-no account accounts account-security accountprotection security secure verify verification verifications verifier confirm confirmation auth authentication login signin signup otp notification notifications notify notice alert alerts mailer mailing automated auto automatic system robot bot registration register activation feedback passport id identity appleid service-no antwortenicht noresponda niereply bounce bounces postmaster-no") {
		set[part] = true
	}
	return set
}()
