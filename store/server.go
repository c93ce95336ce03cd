package store

import (
	"context"
	"fmt"
	"time"
)

// Server is what the database says of itself.
type Server struct {
	Version string    `db:"version"`
	Now     time.Time `db:"now"`
	Unicode bool      `db:"unicode"` // its locale knows letters beyond ASCII: without that, search and comparison miss them
}

// Server asks the database for its version, its clock and its locale.
func (r Reader) Server(ctx context.Context) (Server, error) {
	server, err := rowOf[Server](ctx, r.q, `
		select current_setting('server_version') as version,
		       clock_timestamp() as now,
		       lower('É') = 'é' as unicode`)
	if err != nil {
		return server, fmt.Errorf("store: ask the server: %w", err)
	}
	return server, nil
}
