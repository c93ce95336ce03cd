package desk

// Settings of the command line (security row 14).
var (
	CommandFactor     = &Setting{Key: "cli.require_2fa", Kind: SettingSwitch, Default: false, OwnerOnly: true, Title: "Commands ask for a code", Doc: "Who gives a command on the server says who they are, and shows a code of their authenticator app; it counts ten minutes for that account of the machine. Their role has to allow what the command does. Commands for emergencies (admin recover, user recovery-code), and those that run the system, ask nothing. It stops slips and borrowed terminals, and nobody who can read the key file and the database."}
	CommandUnattended = &Setting{Key: "cli.unattended", Kind: SettingList, Default: []string{"backup", "ingest", "audit verify"}, Most: 20, OwnerOnly: true, Title: "Commands that run by themselves", Doc: "Commands that need no code, one a line, since a timer gives them: backup, or audit verify."}
	commandSettings   = []*Setting{CommandFactor, CommandUnattended}
)
