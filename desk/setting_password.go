package desk

// PasswordSettings are the settings of the passwords of staff, or of customers with an account.
type PasswordSettings struct {
	Level                                        *Setting
	Length, Repeat, Sequence, History, Expiry    *Setting // of the level custom, like all that follow
	Attempts, Lock, Lower, Upper, Digit, Special *Setting
}

// The rules for passwords (security row 32).
var (
	StaffPasswords    = passwordSettingsOf("passwords.staff.")
	CustomerPasswords = passwordSettingsOf("passwords.customers.")
	AdminsSetPassword = &Setting{Key: "passwords.admins_can_set", Kind: SettingSwitch, Default: false, OwnerOnly: true, Title: "Admins may set passwords of others", Doc: "Who administers people may choose a password for somebody, who then has to choose another one at their first sign-in with it. Else they send a link by mail, which is better: nobody but its owner ever knows the password."}
	PasswordByMail    = &Setting{Key: "passwords.reset_by_mail", Kind: SettingSwitch, Default: true, Title: "Forgotten passwords are replaced by mail", Doc: "Whoever has forgotten their password can have a link mailed by which they choose a new one. It works once, for 30 minutes, and does not replace a second factor."}
	PasswordWords     = &Setting{Key: "passwords.words", Kind: SettingList, Default: []string{}, Most: 200, Title: "Words that no password is made of", Doc: "Names of your organisation, brands, products and places, one a line. A password made of one of them and little else is refused; the names of mailboxes, mail domains and the person are refused anyhow."}
	NotifySensitive   = &Setting{Key: "security.notify_sensitive_changes", Kind: SettingSwitch, Default: true, Title: "Mail about changes of credentials", Doc: "People get a mail when their password, address or second factor is changed. Turned off, somebody who has taken an account over is noticed later."}
	passwordSettings  = append(append(StaffPasswords.All(), CustomerPasswords.All()...), PasswordByMail, AdminsSetPassword, NotifySensitive, PasswordWords)
)

// passwordSettingsOf makes the settings of those people whose keys begin so.
func passwordSettingsOf(prefix string) PasswordSettings {
	onOff := func(key, title, doc string) *Setting {
		return &Setting{Key: prefix + key, Kind: SettingSwitch, Default: false, Title: title, Doc: doc}
	}
	number := func(key string, least, standard, most int, unit, title, doc string) *Setting {
		return &Setting{Key: prefix + key, Kind: SettingNumber, Default: standard, Least: least, Most: most, Unit: unit, Title: title, Doc: doc}
	}
	const classes = "Only with the level custom; better left out."
	return PasswordSettings{
		Level: &Setting{
			Key: prefix + "level", Kind: SettingWord, Default: string(PasswordRecommended), Title: "Level",
			Words: []string{string(PasswordRecommended), string(PasswordHigh), string(PasswordMedium), string(PasswordLow), string(PasswordCustom)},
			Doc:   "Recommended asks for 15 characters, or 10 where a second factor is required; high for 12, and refuses the last 5 passwords; medium for 10; low for 8. Custom is what is set below. Common, leaked and obvious passwords are refused at every level. A stricter level is applied at the next sign-in of each person, and after five days to everybody who has not signed in.",
		},
		Length:   number("custom.length", PasswordFloor, passwordAlone, PasswordLongest, "characters", "Shortest password", "Only with the level custom."),
		Lower:    onOff("custom.lower", "A small letter", classes),
		Upper:    onOff("custom.upper", "A capital letter", classes),
		Digit:    onOff("custom.digit", "A digit", classes),
		Special:  onOff("custom.special", "A character that is no letter and no digit", classes),
		Repeat:   number("custom.repeat", 0, 0, 20, "characters", "Longest run of one character", "Only with the level custom: aaaa is a run of four. 0 allows any."),
		Sequence: number("custom.sequence", 0, 0, 20, "characters", "Longest sequence", "Only with the level custom: abcd and 4321 are sequences of four. 0 allows any."),
		History:  number("custom.history", 0, 0, PasswordHistoryMost, "passwords", "Earlier passwords that are refused", "Only with the level custom. 0 refuses only the present one."),
		Expiry:   number("custom.expiry", 0, 0, 365, "days", "Change after", "Only with the level custom. 0 is never, which is better; 1 to 29 days count as 30."),
		Attempts: number("custom.attempts", 3, PasswordAttempts, 20, "attempts", "Wrong passwords before waiting", "Only with the level custom. The stricter of staff's and customers' counts for every account, since nobody shall find out from it who is what."),
		Lock:     number("custom.lock", 1, 10, 60, "minutes", "Waiting after too many", "Only with the level custom. A device on which the owner of the account has signed in before does not wait for what others have tried."),
	}
}

// PasswordHistoryMost is how many earlier passwords are kept at most.
const PasswordHistoryMost = 24

// All lists the settings in the order of a page.
func (p PasswordSettings) All() []*Setting {
	return []*Setting{p.Level, p.Length, p.Lower, p.Upper, p.Digit, p.Special, p.Repeat, p.Sequence, p.History, p.Expiry, p.Attempts, p.Lock}
}

// PasswordSettingsOf are those of people with that role.
func PasswordSettingsOf(role Role) PasswordSettings {
	if role.Staff() {
		return StaffPasswords
	}
	return CustomerPasswords
}
