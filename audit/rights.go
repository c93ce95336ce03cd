package audit

import "postern/desk"

// The rights that this package asks for.
const (
	mayRead   = desk.MayAdminister
	mayExport = desk.MayAdminister
	mayManage = desk.MayAdminister
)
