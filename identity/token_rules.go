package identity

import (
	"context"
	"errors"
	"time"

	"postern/desk"
	"postern/store"
)

// tokenRules are the settings of tokens.
type tokenRules struct {
	Life    time.Duration // of a token for which nothing else is said
	Longest time.Duration // of any
	Unused  time.Duration // after which it is switched off; zero: never
	Revive  time.Duration // in which it can be switched on again
	Access  time.Duration // of an access token of OAuth
	Refresh time.Duration // of a grant of OAuth, from its beginning
}

// tokenRules reads them.
func (s *Service) tokenRules(ctx context.Context) (tokenRules, error) {
	values, err := s.Settings(ctx)
	if err != nil {
		return tokenRules{}, err
	}
	days := func(setting *desk.Setting) time.Duration { return time.Duration(values.Number(setting)) * aDay }
	return tokenRules{
		Life: days(desk.TokenDays), Longest: days(desk.TokenLongest), Unused: days(desk.TokenUnused), Revive: reviveFor,
		Access: time.Duration(values.Number(desk.OAuthAccessMinutes)) * time.Minute, Refresh: days(desk.OAuthRefreshDays),
	}, nil
}

const (
	reviveFor = 60 * aDay // how long a token that was switched off can be switched on again
	keepEnded = 7 * aDay  // how long tokens of clients are kept that have ended, for whoever asks what happened
	unseenFor = 180 * aDay
)

// warnDays is how many days before a token ends its keeper is told, the longest first.
var warnDays = []int{14, 3}

// TendTokens does what time brings about for tokens: those that nobody uses are switched off and end for good later, and who keeps one that ends soon is told. It runs once an hour.
func (s *Service) TendTokens(ctx context.Context) error {
	rules, err := s.tokenRules(ctx)
	if err != nil {
		return err
	}
	now := s.now()
	return errors.Join(
		s.store.Write(ctx, func(tx *store.Tx) error { return s.switchOffIdle(ctx, tx, rules, now) }),
		s.store.Write(ctx, func(tx *store.Tx) error { return s.endOff(ctx, tx, rules, now) }),
		s.store.Write(ctx, func(tx *store.Tx) error { return s.warnOfEnd(ctx, tx, now) }),
		s.store.Write(ctx, func(tx *store.Tx) error {
			return errors.Join(tx.SweepTokens(ctx, now.Add(-keepEnded), now.Add(-aDay), now.Add(-unseenFor)), tx.SweepRates(ctx, now.Unix()/60-2))
		}),
	)
}

// switchOffIdle switches off what nobody uses.
func (s *Service) switchOffIdle(ctx context.Context, tx *store.Tx, rules tokenRules, now time.Time) error {
	if rules.Unused == 0 {
		return nil
	}
	idle, err := tx.IdleTokens(ctx, now.Add(-rules.Unused), now)
	if err != nil {
		return err
	}
	for _, token := range idle {
		if err := tx.SetTokenOff(ctx, token.ID, &now, now); err != nil {
			return err
		}
		if err := tx.Audit(ctx, desk.System("job"), "token.off", tokenSubject(token.ID), map[string]any{"user": token.UserEmail, "name": token.Name, "why": "unused"}); err != nil {
			return err
		}
		letter := desk.TellPerson{About: desk.LetterTokenOff, At: now, Facts: map[string]string{"token": token.Name}}
		if err := s.tellKeeper(ctx, tx, token.ID, letter); err != nil {
			return err
		}
	}
	return nil
}

// endOff ends what was switched off long ago.
func (s *Service) endOff(ctx context.Context, tx *store.Tx, rules tokenRules, now time.Time) error {
	off, err := tx.OffTokens(ctx, now.Add(-rules.Revive))
	if err != nil {
		return err
	}
	for _, token := range off {
		if err := tx.RevokeToken(ctx, token.ID, now); err != nil {
			return err
		}
		if err := tx.Audit(ctx, desk.System("job"), "token.revoke", tokenSubject(token.ID), map[string]any{"user": token.UserEmail, "name": token.Name, "why": "unused"}); err != nil {
			return err
		}
	}
	return nil
}

// warnOfEnd tells who keeps a token that it ends soon. The nearest warning goes first, so that a token that is short-lived gets one letter and not two.
func (s *Service) warnOfEnd(ctx context.Context, tx *store.Tx, now time.Time) error {
	for i := range warnDays {
		ending, err := tx.EndingTokens(ctx, warnDays[len(warnDays)-1-i], now)
		if err != nil {
			return err
		}
		for _, token := range ending {
			if now.Sub(token.CreatedAt) < aDay { // whoever made it for some days knows
				continue
			}
			letter := desk.TellPerson{User: token.Tell, About: desk.LetterTokenEnds, At: now, Until: *token.ExpiresAt, Facts: map[string]string{"token": token.Name}}
			if err := s.tellKeeper(ctx, tx, token.ID, letter); err != nil {
				return err
			}
		}
	}
	return nil
}

// Issuer is the name of this installation as a server of OAuth 2 (RFC 8414 §2): the portal as people reach it.
func (s *Service) Issuer() string { return s.public }
