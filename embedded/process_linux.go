package embedded

import "syscall"

// diesWithParent has the kernel stop the child cleanly (SIGINT is PostgreSQL's fast shutdown) when we die, however we die.
func diesWithParent(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	attr.Pdeathsig = syscall.SIGINT
	return attr
}
