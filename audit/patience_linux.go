package audit

import (
	"syscall"
	"time"
)

// userTimeout is TCP_USER_TIMEOUT (RFC 5482): how long what was sent may stay unacknowledged before the connection ends.
const userTimeout = 18

// giveUpAfter ends a connection whose other side has not acknowledged anything for so long.
func giveUpAfter(raw syscall.RawConn, patience time.Duration) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout, int(patience.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
