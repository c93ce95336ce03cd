package desk

// How people may sign in, for each population, and what providers may be asked.
var (
	StaffPassword    = &Setting{Key: "signin.staff.password", Kind: SettingSwitch, Default: true, Title: "Staff: password", Doc: "Staff may sign in with a password. It can be switched off once another way has been tested: a provider that is for staff."}
	StaffMode        = &Setting{Key: "signin.staff.mode", Kind: SettingWord, Default: SignInChoose, Words: []string{SignInChoose, SignInRedirect}, Title: "Staff: page for signing in", Doc: "With 'choose' the page shows every way to sign in. With 'redirect' it sends staff to one provider at once, which has to have been tested; owners come in at /access/bypass when it is broken."}
	StaffRedirect    = &Setting{Key: "signin.staff.provider", Kind: SettingNumber, Default: 0, Least: 0, Most: 1 << 40, Title: "Staff: number of the provider", Doc: "The provider to which 'redirect' sends staff, by the number in its address; 0 for none."}
	CustomerPassword = &Setting{Key: "signin.customers.password", Kind: SettingSwitch, Default: true, Title: "Customers: password", Doc: "Customers who have an account with a password may sign in with it. Nobody has to have one: a code by mail is enough."}
	CustomerCode     = &Setting{Key: "signin.customers.code", Kind: SettingSwitch, Default: true, Title: "Customers: code by mail", Doc: "Customers see their conversations after typing a code, or opening a link, that was mailed to them. Switched off, they need an account with a password or a provider."}
	CustomerMode     = &Setting{Key: "signin.customers.mode", Kind: SettingWord, Default: SignInChoose, Words: []string{SignInChoose, SignInRedirect}, Title: "Customers: page for signing in", Doc: "With 'choose' the page shows every way to sign in. With 'redirect' it sends customers to one provider at once, which has to have been tested."}
	CustomerRedirect = &Setting{Key: "signin.customers.provider", Kind: SettingNumber, Default: 0, Least: 0, Most: 1 << 40, Title: "Customers: number of the provider", Doc: "The provider to which 'redirect' sends customers, by the number in its address; 0 for none."}
	SignOnNear       = &Setting{Key: "signin.near", Kind: SettingList, Default: []string{}, Most: 50, OwnerOnly: true, Title: "Servers of your own", Doc: "Hosts (login.example.internal), hosts with a port (10.1.2.3:8443) or networks (10.1.0.0/16) that may be asked for sign-in although they are private, without TLS or at unusual ports. Everything else has to be reachable for everybody, by HTTPS."}

	signonSettings = []*Setting{StaffPassword, StaffMode, StaffRedirect, CustomerPassword, CustomerCode, CustomerMode, CustomerRedirect, SignOnNear}
)

// Words of the pages for signing in.
const (
	SignInChoose   = "choose"   // every way is shown
	SignInRedirect = "redirect" // one provider is asked at once
)
