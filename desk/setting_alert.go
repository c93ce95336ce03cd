package desk

// What alarms people, and from how much on. Every detector has its number, which at 0 turns it off, and those that speak of a person say what is done about it.
var (
	AlertWindow    = &Setting{Key: "alerts.window", Kind: SettingNumber, Default: 10, Least: 1, Most: 60, Unit: "minutes", Title: "Counted within", Doc: "Whatever is counted below is counted within so many minutes, but for removals, which are counted within an hour."}
	AlertQuiet     = &Setting{Key: "alerts.quiet", Kind: SettingNumber, Default: 15, Least: 1, Most: 1440, Unit: "minutes", Title: "Not again for", Doc: "The same alert about the same person or address is not raised again for so many minutes."}
	AlertMail      = &Setting{Key: "alerts.mail", Kind: SettingSwitch, Default: true, Title: "Mail owners and admins", Doc: "Whether owners and admins get a mail about each alert. The page of alerts shows all of them in any case."}
	AlertGuesses   = &Setting{Key: "alerts.guesses", Kind: SettingNumber, Default: 10, Most: 10000, Unit: "failures", Title: "Guesses at one account", Doc: "So many sign-ins to one account have failed."}
	AlertSpray     = &Setting{Key: "alerts.spray", Kind: SettingNumber, Default: 50, Most: 10000, Unit: "failures", Title: "Guesses from one network", Doc: "So many sign-ins from one network (a /24 of IPv4, a /64 of IPv6) have failed, to whatever accounts."}
	AlertGuessed   = &Setting{Key: "alerts.guessed", Kind: SettingNumber, Default: 5, Most: 10000, Unit: "failures", Title: "A guess that came right", Doc: "Somebody has signed in after so many failures at the same account."}
	AlertGuessedDo = &Setting{Key: "alerts.guessed.do", Kind: SettingWord, Default: "notify", Words: []string{"notify", "sign-out", "suspend"}, Title: "Then", Doc: "What is done about a guess that came right: people are told (notify), the person's sessions end (sign-out), or the person is disabled until an admin enables them (suspend; never an owner)."}
	AlertRemovals  = &Setting{Key: "alerts.removals", Kind: SettingNumber, Default: 20, Most: 10000, Unit: "removals", Title: "Many things removed", Doc: "One person has removed more than so many things within an hour: held mail, rules, people, domains and whatever else can be removed."}
	AlertRemoveDo  = &Setting{Key: "alerts.removals.do", Kind: SettingWord, Default: "notify", Words: []string{"notify", "sign-out", "suspend"}, Title: "Then", Doc: "What is done when one person removes many things: people are told (notify), the person's sessions end (sign-out), or the person is disabled until an admin enables them (suspend; never an owner)."}
	AlertMailed    = &Setting{Key: "alerts.mailed", Kind: SettingNumber, Default: 100, Most: 100000, Unit: "recipients", Title: "Many people mailed", Doc: "More than so many recipients were mailed from one ticket."}
	AlertViews     = &Setting{Key: "alerts.views", Kind: SettingNumber, Default: 200, Most: 100000, Unit: "tickets", Title: "Many tickets read", Doc: "One person has opened more than so many tickets. It takes the log of readings."}
	AlertFiles     = &Setting{Key: "alerts.files", Kind: SettingNumber, Default: 50, Most: 100000, Unit: "files", Title: "Many files fetched", Doc: "One person has fetched more than so many attachments. It takes the log of readings."}
	AlertReadDo    = &Setting{Key: "alerts.reading.do", Kind: SettingWord, Default: "notify", Words: []string{"notify", "sign-out", "suspend"}, Title: "Then", Doc: "What is done when one person reads or fetches that much: people are told (notify), the person's sessions end (sign-out), or the person is disabled until an admin enables them (suspend; never an owner)."}
	AlertPowers    = &Setting{Key: "alerts.powers", Kind: SettingSwitch, Default: true, Title: "More power", Doc: "Somebody's role has changed, or what a role may do."}
	AlertFactors   = &Setting{Key: "alerts.factors", Kind: SettingSwitch, Default: true, Title: "Weaker sign-in", Doc: "A second factor was removed or reset, or somebody came in by a way that is meant for emergencies."}
	AlertExposed   = &Setting{Key: "alerts.exposed", Kind: SettingSwitch, Default: true, Title: "A token in other hands", Doc: "A token was sent without TLS, found in a public place, or used from a network that it never came from."}
	AlertDomains   = &Setting{Key: "alerts.domains", Kind: SettingSwitch, Default: true, Title: "A domain that breaks", Doc: "The records of one of our domains were right and are wrong: its keys do not match what the DNS says."}
	AlertLog       = &Setting{Key: "alerts.log", Kind: SettingSwitch, Default: true, Title: "The log itself", Doc: "The chain of the audit log is broken, a sink takes nothing for five minutes, or somebody stops the log from being sent."}

	alertSettings = []*Setting{AlertWindow, AlertQuiet, AlertMail, AlertGuesses, AlertSpray, AlertGuessed, AlertGuessedDo, AlertRemovals, AlertRemoveDo, AlertMailed, AlertViews, AlertFiles, AlertReadDo,
		AlertPowers, AlertFactors, AlertExposed, AlertDomains, AlertLog}

	AccessLog     = &Setting{Key: "access_log.enabled", Kind: SettingSwitch, Default: false, Title: "Keep a log of readings", Doc: "Whether it is kept who opened which ticket, customer, file or original, who searched, and who took data out."}
	AccessLogDays = &Setting{Key: "access_log.days", Kind: SettingNumber, Default: 90, Least: 7, Most: 3650, Unit: "days", Title: "Readings are kept for", Doc: "After so many days a reading is forgotten."}
	AuditDays     = &Setting{Key: "audit.retention_days", Kind: SettingNumber, Default: 0, Least: 0, Most: 36500, Unit: "days", OwnerOnly: true, Title: "The audit log is kept for", Doc: "After so many days, 365 at least, entries are written to a file in the data folder and purged; a signed mark stays in their place. 0 keeps them for ever."}
	auditSettings = []*Setting{AccessLog, AccessLogDays, AuditDays}
)
