package desk

// Settings of tokens, of connected apps, and of how much may be asked.
var (
	TokenDays          = &Setting{Key: "token.days", Kind: SettingNumber, Default: 90, Least: 1, Most: 365, Unit: "days", Title: "API tokens work for", Doc: "How long an API token works for which nothing else is said."}
	TokenLongest       = &Setting{Key: "token.longest_days", Kind: SettingNumber, Default: 365, Least: 1, Most: 365, Unit: "days", Title: "At most", Doc: "How long an API token can work at most."}
	TokenUnused        = &Setting{Key: "token.unused_days", Kind: SettingNumber, Default: 30, Least: 0, Most: 365, Unit: "days", Title: "Switched off when unused for", Doc: "After how many days without use an API token is switched off; 0: never."}
	OAuthAccessMinutes = &Setting{Key: "oauth.access_minutes", Kind: SettingNumber, Default: 60, Least: 5, Most: 2880, Unit: "minutes", Title: "Access tokens of apps work for", Doc: "How long an access token of a connected app works."}
	OAuthRefreshDays   = &Setting{Key: "oauth.refresh_days", Kind: SettingNumber, Default: 30, Least: 1, Most: 365, Unit: "days", Title: "Apps ask again after", Doc: "After how many days a connected app has to ask its person again."}
	LimitToken         = &Setting{Key: "limit.token", Kind: SettingNumber, Default: 700, Least: 0, Most: 1_000_000, Unit: "requests a minute", Title: "Programs, for each token", Doc: "How much a program may ask with one API token; 0: no limit."}
	LimitSession       = &Setting{Key: "limit.session", Kind: SettingNumber, Default: 600, Least: 0, Most: 1_000_000, Unit: "requests a minute", Title: "People, for each session", Doc: "How many pages one session may open; 0: no limit."}
	LimitAnonymous     = &Setting{Key: "limit.anonymous", Kind: SettingNumber, Default: 60, Least: 0, Most: 1_000_000, Unit: "requests a minute", Title: "Who is not known, for each address", Doc: "How much may be asked from one address by programs that nobody knows; 0: no limit."}
	LimitSearch        = &Setting{Key: "limit.search", Kind: SettingNumber, Default: 30, Least: 0, Most: 1_000_000, Unit: "requests a minute", Title: "Searches and lists through the API", Doc: "How often one person or program may search and take lists out through the API; 0: no limit."}
	APIOrigins         = &Setting{Key: "api.origins", Kind: SettingList, Default: []string{}, Most: 50, Title: "Sites that may use the API", Doc: "Sites whose pages may use the API from a browser, like https://app.example.com, one a line. None: no page of another site may."}
)

// AccessSettings are all of them, in the order of their page.
var AccessSettings = []*Setting{TokenDays, TokenLongest, TokenUnused, OAuthAccessMinutes, OAuthRefreshDays, LimitToken, LimitSession, LimitAnonymous, LimitSearch, APIOrigins}
