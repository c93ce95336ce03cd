package audit

import "postern/desk"

// The rights that this package asks for.
const (
	mayRead   = desk.MayReadAudit
	mayExport = desk.MayExportAudit
	mayManage = desk.MayManageSecurity
)
