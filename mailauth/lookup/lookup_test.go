package lookup_test

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"postern/mailauth/lookup"
)

func TestNotFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"nothing went wrong":    {nil, false},
		"there is no such name": {fmt.Errorf("asking: %w", &net.DNSError{IsNotFound: true}), true},
		"nobody answered":       {&net.DNSError{IsTimeout: true, IsTemporary: true}, false},
		"something else":        {errors.New("broken"), false},
	} {
		if got := lookup.NotFound(test.err); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
