package desk

import "context"

// Origin is where a request came from: what an entry of the audit log falls back on where whoever acts does not say it, so that no entry of a request is without its address and its number. It belongs to one request
// and is written before the request is answered for; its zero value says nothing.
type Origin struct {
	IP      string
	Request string // as the log of requests names it
	User    int64  // who is signed in; 0: nobody
	Session int64  // by which they are
	Token   int64  // API token in use
}

type originKey struct{}

// WithOrigin makes all that is done under a context known to come from a request.
func WithOrigin(ctx context.Context, origin *Origin) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// OriginOf is the request to which a context belongs; zero for the command line, a job and a mail.
func OriginOf(ctx context.Context) Origin {
	if origin, _ := ctx.Value(originKey{}).(*Origin); origin != nil {
		return *origin
	}
	return Origin{}
}

// From completes what an actor says of where they are: the address and the request, and how they are signed in where the entry is about who is.
func (a Actor) From(origin Origin) Actor {
	if a.IP == "" {
		a.IP = origin.IP
	}
	if a.Request == "" {
		a.Request = origin.Request
	}
	if a.Session == 0 && a.Token == 0 && origin.User != 0 && a.Person().ID == origin.User {
		a.Session, a.Token = origin.Session, origin.Token
	}
	return a
}
