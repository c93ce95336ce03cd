package identity

import (
	"context"
	"sync"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// exposedAgain is for how long a token that was noted is not noted again: a program that goes on sending one makes a line a day, not one a second.
const exposedAgain = 24 * time.Hour

// noted remembers which tokens were noted when. It holds tokens of ours only, of which there is no large number.
type noted struct {
	mu sync.Mutex
	at map[int64]time.Time
}

// fresh says whether a token is to be noted now.
func (n *noted) fresh(token int64, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at, known := n.at[token]; known && now.Sub(at) < exposedAgain {
		return false
	}
	if n.at == nil {
		n.at = map[int64]time.Time{}
	}
	n.at[token] = now
	return true
}

// Exposed notes in the audit log that an API token came without TLS, so that whoever was on the way may have it. Text that is no token of ours is nobody's loss and leaves no trace.
// The token goes on working over HTTPS: whether to revoke it is its owner's decision, who may have been on a line of their own.
func (s *Service) Exposed(ctx context.Context, token, ip string) error {
	if !whole(token) {
		return nil
	}
	now := s.now()
	bearer, found, err := s.store.Bearer(ctx, secret.HashToken(token), now)
	if err != nil || !found || !s.exposed.fresh(bearer.TokenID, now) {
		return err
	}
	return s.audited(ctx, func(*store.Tx) (entry, error) {
		actor := desk.Actor{User: bearer.User, Via: "api", IP: ip}
		return entry{actor: actor, action: "token.exposed", subject: tokenSubject(bearer.TokenID), detail: map[string]any{"user": bearer.Email, "why": "it was sent without TLS"}}, nil
	})
}
