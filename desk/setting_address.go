package desk

// Where people may come from. The ranges themselves stand in a table of their own; all of it is changed on its own page, which keeps whoever saves from locking themselves out.
var (
	AddressesOn        = &Setting{Key: "addresses.on", Kind: SettingSwitch, Default: false, Guarded: true, Title: "Only from these addresses", Doc: "People come in from the listed ranges of addresses only, to the portal and to the API. Nobody is asked for a password from anywhere else."}
	AddressesCustomers = &Setting{Key: "addresses.customers_anywhere", Kind: SettingSwitch, Default: true, Guarded: true, Title: "Customers come from anywhere", Doc: "The pages for customers, their files and the forms stay open to everybody."}
	AddressesMail      = &Setting{Key: "addresses.agents_by_mail", Kind: SettingSwitch, Default: false, Guarded: true, Title: "Agents answer by mail all the same", Doc: "A mail comes from anywhere: while only some addresses are allowed, what agents answer by mail is held back unless this is on."}

	addressSettings = []*Setting{AddressesOn, AddressesCustomers, AddressesMail}
)
