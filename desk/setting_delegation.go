package desk

// Settings of who acts in somebody else's place, who is let in for a while, and what being copied shows (security row 36).
var (
	SupportAccess     = &Setting{Key: "support_access.on", Kind: SettingSwitch, Default: false, OwnerOnly: true, Title: "Guests", Doc: "Owners may let somebody in who helps, for an hour up to seven days, with a role of their choice. Switched off, those who are here end at once."}
	ImpersonationTell = &Setting{Key: "impersonation.tell", Kind: SettingSwitch, Default: false, Title: "Customers are told", Doc: "A customer gets a mail when one of your people looks at their pages in their place."}
	CopiedRead        = &Setting{Key: "sight.cc_grants_read", Kind: SettingSwitch, Default: false, Title: "Who is copied may read", Doc: "Staff who are in copy of a conversation or watch it read it, also where their role would not show it, and change nothing. Off: being copied or watching shows nothing more."}
)

// DelegationSettings are all of them, in the order of their page.
var DelegationSettings = []*Setting{SupportAccess, ImpersonationTell, CopiedRead}
