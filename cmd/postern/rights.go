package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"postern/desk"
)

// commandRights says of each command which right a person would need for the same in the portal or the API. The command line itself acts as the system: whoever runs it holds the machine and the keys, and
// may everything. A command without a line here does not run.
var commandRights = map[string]desk.Right{
	"serve": desk.MayOwn, "migrate up": desk.MayOwn, "migrate status": desk.MayManageSystem, "version": desk.Public, "doctor": desk.MayManageSystem,
	"backup": desk.MayOwn, "restore": desk.MayOwn, "keys list": desk.MayOwn, "keys add": desk.MayOwn, "keys use": desk.MayOwn, "admin recover": desk.MayOwn,
	"ingest": desk.MayManageSystem, "certificate list": desk.MayReadConfig, "certificate retry": desk.MayManageSystem,

	"user add": desk.MayManagePeople, "user list": desk.MayReadPeople, "user disable": desk.MayManagePeople, "user enable": desk.MayManagePeople, "user link": desk.MayManagePeople,
	"user recovery-code": desk.MayManagePeople, "user reset": desk.MayManagePeople, "user import": desk.MayManagePeople,
	"token create": desk.MayManageTokens, "token list": desk.MayManageTokens, "token revoke": desk.MayManageTokens,
	"client add": desk.MayManageClients, "client list": desk.MayManageClients, "client secret": desk.MayManageClients, "client remove": desk.MayManageClients,
	"guest add": desk.MayOwn, "guest list": desk.MayOwn, "guest end": desk.MayOwn,
	"service add": desk.MayManageTokens, "service list": desk.MayManageTokens,
	"settings list": desk.MayReadSecurity, "settings get": desk.MayReadSecurity, "settings set": desk.MayManageSecurity,
	"audit list": desk.MayReadAudit, "audit export": desk.MayExportAudit, "audit verify": desk.MayReadAudit,

	"domain add": desk.MayManageDomains, "domain list": desk.MayReadConfig, "domain show": desk.MayReadConfig, "domain verify": desk.MayManageDomains, "domain test": desk.MayManageDomains,
	"domain set": desk.MayManageDomains, "domain rotate": desk.MayManageDomains, "domain import-key": desk.MayManageDomains, "domain pause": desk.MayManageDomains,
	"domain resume": desk.MayManageDomains, "domain alerts": desk.MayReadConfig, "domain zone": desk.MayReadConfig, "domain reports": desk.MayReadConfig, "domain remove": desk.MayManageDomains,
	"mailbox add": desk.MayManageMailboxes, "mailbox set": desk.MayManageMailboxes, "mailbox list": desk.MayRead, "mailbox remove": desk.MayManageMailboxes,
	"policy show": desk.MayRead, "policy set": desk.MayManagePolicy,

	"suspended list": desk.MayReadHeld, "suspended show": desk.MayReadHeld, "suspended release": desk.MayManageHeld, "suspended delete": desk.MayManageHeld, "suspended spam": desk.MayManageHeld,
	"suspended causes": desk.MayReadHeld,
	"sender list":      desk.MayReadHeld, "sender allow": desk.MayManageSenders, "sender suspend": desk.MayManageSenders, "sender reject": desk.MayManageSenders, "sender remove": desk.MayManageSenders,
	"sender test":      desk.MayReadHeld,
	"suppression list": desk.MayReadHeld, "suppression show": desk.MayReadHeld, "suppression lift": desk.MayManageSenders, "suppression add": desk.MayManageSenders,
	"delivery list": desk.MayManageDeliveries, "delivery show": desk.MayRead, "delivery retry": desk.MayReply, "delivery cancel": desk.MayReply, "delivery redirect": desk.MayReply,
	"delivery counts": desk.MayManageDeliveries, "delivery figures": desk.MayManageDeliveries,
	"destination list": desk.MayReadConfig, "destination set": desk.MayManageDeliveries, "destination remove": desk.MayManageDeliveries,
}

// verbOf is the command of a line, without what it is told.
func verbOf(parsed *kong.Context) string {
	var words []string
	for _, step := range parsed.Path {
		if step.Command != nil {
			words = append(words, step.Command.Name)
		}
	}
	return strings.Join(words, " ")
}

// declared says whether a command has its line in commandRights.
func declared(verb string) error {
	if _, known := commandRights[verb]; !known {
		return fmt.Errorf("%q has no right: this is a mistake in the program", verb)
	}
	return nil
}
