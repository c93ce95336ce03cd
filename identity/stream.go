package identity

import (
	"context"

	"postern/desk"
	"postern/secret"
)

// StillIn says of tokens of sessions whose they are, as those people are now; one whose session has ended, or who may not sign in any more, is left out. It is one question to the database however many
// there are, and does not count as use: it is asked for streams that are open, so that they end with what they were opened by.
func (s *Service) StillIn(ctx context.Context, tokens []string) (map[string]desk.User, error) {
	hashes, byHash := make([][]byte, len(tokens)), make(map[string]string, len(tokens))
	for i, token := range tokens {
		hashes[i] = secret.HashToken(token)
		byHash[string(hashes[i])] = token
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	open, err := s.store.OpenSessions(ctx, hashes, now)
	if err != nil {
		return nil, err
	}
	users := make(map[string]desk.User, len(open))
	for _, one := range open {
		idle, life := limits(values, one.Role)
		if one.Pending == "" && now.Sub(one.SeenAt) < idle && now.Sub(one.CreatedAt) < life {
			users[byHash[string(one.Hash)]] = one.User
		}
	}
	return users, nil
}
