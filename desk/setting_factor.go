package desk

// Who needs a second factor, and what counts as one.
var (
	RequireFactor   = &Setting{Key: "two_factor.required", Kind: SettingWord, Default: "owners_admins", Words: []string{"off", "owners_admins", "staff", "everyone"}, Title: "A second factor is required of", Doc: "Who has to show more than a password: nobody (off), owners and admins, all staff, or everyone who has an account. Whoever has none yet may go on for the days of grace and then has to add one before anything else."}
	FactorGrace     = &Setting{Key: "two_factor.grace", Kind: SettingNumber, Default: 7, Least: 0, Most: 30, Unit: "days", Title: "Days of grace", Doc: "For so many days after they first sign in under the rule, people can go on without a second factor."}
	FactorRemember  = &Setting{Key: "two_factor.remember", Kind: SettingNumber, Default: 30, Least: 0, Most: 90, Unit: "days", Title: "Remember a browser", Doc: "For so many days a browser is not asked for a second factor again, if its owner ticks the box. With 0 it is asked at every sign-in."}
	MailCode        = &Setting{Key: "two_factor.mail_code", Kind: SettingSwitch, Default: true, Title: "Mail a code to unknown browsers", Doc: "Whoever has no second factor and signs in by password from a browser that is new gets a code by mail and has to type it. The first browser of a person is not asked, and neither is anybody while no mailbox could send the code."}
	FactorProviders = &Setting{Key: "two_factor.with_providers", Kind: SettingSwitch, Default: false, Title: "Ask after single sign-on too", Doc: "People who come by single sign-on show our second factor as well. Otherwise that is the provider's to ask for."}
	TextMessages    = &Setting{Key: "two_factor.sms", Kind: SettingSwitch, Default: false, Title: "Codes by text message", Doc: "People may have codes sent to a telephone, beside another factor. A text message can be read on its way and a number can be taken over: it is the weakest factor. It needs a gateway."}
	GatewayNetworks = &Setting{Key: "two_factor.sms_networks", Kind: SettingList, Default: []string{}, Most: 20, Title: "Private networks of the gateway", Doc: "Networks, like 10.1.2.0/24, in which the gateway for text messages may be although they are not public. All other private addresses are refused."}
	factorSettings  = []*Setting{RequireFactor, FactorGrace, FactorRemember, MailCode, FactorProviders, TextMessages, GatewayNetworks}
)
