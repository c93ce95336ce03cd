package desk

// How long sessions last (ASVS 7.3), and who is told of new devices.
var (
	StaffIdle       = &Setting{Key: "sessions.staff.idle", Kind: SettingNumber, Default: 60, Least: 5, Most: 1440, Unit: "minutes", Title: "Staff: not used for", Doc: "A session of staff that is not used for so many minutes ends. What pages fetch by themselves in the background is no use."}
	StaffLife       = &Setting{Key: "sessions.staff.life", Kind: SettingNumber, Default: 12, Least: 1, Most: 720, Unit: "hours", Title: "Staff: at most", Doc: "A session of staff ends after so many hours, however much it is used."}
	CustomerIdle    = &Setting{Key: "sessions.customers.idle", Kind: SettingNumber, Default: 480, Least: 5, Most: 1440, Unit: "minutes", Title: "Customers: not used for", Doc: "A session of a customer that is not used for so many minutes ends."}
	CustomerLife    = &Setting{Key: "sessions.customers.life", Kind: SettingNumber, Default: 168, Least: 1, Most: 720, Unit: "hours", Title: "Customers: at most", Doc: "A session of a customer ends after so many hours, however much it is used."}
	DeviceNotify    = &Setting{Key: "devices.notify", Kind: SettingWord, Default: "staff", Words: []string{"staff", "all", "off"}, Title: "Mail about new devices", Doc: "Who gets a mail when they sign in from a device that was not seen before: staff, all, or nobody (off)."}
	sessionSettings = []*Setting{StaffIdle, StaffLife, CustomerIdle, CustomerLife, DeviceNotify}
)
