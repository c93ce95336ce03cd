package desk

import "fmt"

// Fault is an error that a person can do something about: the edge turns it into an HTTP status or a line on stderr. Everything else is an internal error.
type Fault struct {
	Kind   FaultKind
	Reason string // a sentence for the person who asked
	Field  string // the input that is wrong, if it is one
}

// FaultKind says what sort of fault it is.
type FaultKind int

const (
	NotFound    FaultKind = iota // it does not exist, or may not be seen
	Forbidden                    // it exists, and the actor may not do this
	Invalid                      // the input is wrong
	Conflict                     // it has changed meanwhile, or exists already
	Unsigned                     // nobody is signed in
	TooLarge                     // over a limit
	Unavailable                  // not now; try again
	TooOften                     // asked too often; later
)

// Error is the sentence for the person who asked.
func (f *Fault) Error() string { return f.Reason }

// Faultf makes a fault with a formatted sentence.
func Faultf(kind FaultKind, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Reason: fmt.Sprintf(format, args...)}
}

// Wrong makes the fault of one wrong input.
func Wrong(field, format string, args ...any) *Fault {
	return &Fault{Kind: Invalid, Reason: fmt.Sprintf(format, args...), Field: field}
}
