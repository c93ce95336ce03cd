//go:build unix && !linux

package embedded

import "syscall"

// diesWithParent does nothing where the kernel has no parent-death signal; the next start stops a server that outlived us.
func diesWithParent(attr *syscall.SysProcAttr) *syscall.SysProcAttr { return attr }
