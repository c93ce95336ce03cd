//go:build !linux

package audit

import (
	"syscall"
	"time"
)

// giveUpAfter leaves the patience of a connection to the system, where that cannot be asked for.
func giveUpAfter(syscall.RawConn, time.Duration) error { return nil }
