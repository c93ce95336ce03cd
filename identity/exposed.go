package identity

import (
	"context"
	"sync"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

const aDay = 24 * time.Hour

// noted remembers what was told when, so that what goes on does not make a line a second. It lives in memory: every machine tells once, and a restart tells again.
type noted struct {
	mu sync.Mutex
	at map[string]time.Time
}

// notedMost is how much is remembered at a time.
const notedMost = 10_000

// fresh says whether this was not told for so long, and that it is told now.
func (n *noted) fresh(what string, now time.Time, again time.Duration) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at, known := n.at[what]; known && now.Sub(at) < again {
		return false
	}
	if n.at == nil || len(n.at) >= notedMost {
		n.at = map[string]time.Time{}
	}
	n.at[what] = now
	return true
}

// Exposure is how a secret came to where others could read it. The words go into the audit log and choose those of the letter.
type Exposure string

const (
	ExposedPlain Exposure = "sent-without-tls"
	ExposedLeak  Exposure = "found-by-scanner"
)

// Exposed ends a token of ours that others may have: one that came without TLS, since whoever was on the way has it (security row 35), or one that a scanner found where everybody can read it (T-42).
// Who keeps it is told by mail. It says whether the text was a secret of ours that still opened something; text that is none is nobody's loss and leaves no trace. Where is the host on which it was found.
//
// Nobody can end a token that way without having it; and who has it could do worse.
func (s *Service) Exposed(ctx context.Context, token string, how Exposure, where string, from Client) (ended bool, err error) {
	prefix, ours := prefixOf(token)
	if !ours {
		return false, nil
	}
	burn := burning{hash: secret.HashToken(token), how: how, where: where, from: from}
	switch prefix {
	case prefixRefresh:
		return s.burnRefresh(ctx, burn)
	case prefixSecret:
		return s.burnSecret(ctx, burn)
	case prefixProvision:
		return s.burnProvision(ctx, burn)
	}
	return s.burnToken(ctx, burn)
}

// burning is a secret that others may have.
type burning struct {
	hash  []byte
	how   Exposure
	where string
	from  Client
}

// detail is what the audit log says of it.
func (b burning) detail(of map[string]any) map[string]any {
	of["why"] = b.how
	if b.where != "" {
		of["where"] = b.where
	}
	return of
}

// letter is what its keeper is told.
func (b burning) letter(name string) desk.TellPerson {
	return desk.TellPerson{About: desk.LetterTokenExposed, IP: b.from.IP, Facts: map[string]string{"token": name, "how": string(b.how), "where": b.where}}
}

// burnToken ends an API token, with the whole family where a client got it.
func (s *Service) burnToken(ctx context.Context, b burning) (ended bool, err error) {
	now := s.now()
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		bearer, found, err := tx.Bearer(ctx, b.hash, now)
		if err != nil || !found {
			return err
		}
		ended = true
		if err = tx.RevokeToken(ctx, bearer.TokenID, now); err == nil && bearer.GrantID != 0 {
			err = tx.RevokeGrant(ctx, bearer.GrantID, "exposed", now)
		}
		if err != nil {
			return err
		}
		actor := desk.Actor{User: bearer.User, Via: "api", IP: b.from.IP}
		if err := tx.Audit(ctx, actor, "token.exposed", tokenSubject(bearer.TokenID), b.detail(map[string]any{"user": bearer.Email, "name": bearer.TokenName})); err != nil {
			return err
		}
		return s.tellKeeper(ctx, tx, bearer.TokenID, b.letter(bearer.TokenName))
	})
	return ended, err
}

// burnRefresh ends what a person has allowed a client, whose refresh token others may have.
func (s *Service) burnRefresh(ctx context.Context, b burning) (ended bool, err error) {
	now := s.now()
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		state, found, err := tx.Refresh(ctx, b.hash)
		if err != nil || !found || state.Dead {
			return err
		}
		ended = true
		client, err := tx.OAuthClientOf(ctx, state.ClientID)
		if err == nil {
			err = tx.RevokeGrant(ctx, state.GrantID, "exposed", now)
		}
		if err != nil {
			return err
		}
		actor := desk.Actor{User: desk.User{ID: state.UserID, Email: state.UserEmail, Role: state.Role}, Via: "api", IP: b.from.IP}
		if err := tx.Audit(ctx, actor, "token.exposed", grantSubject(state.GrantID), b.detail(map[string]any{"user": state.UserEmail, "client": client.Name})); err != nil {
			return err
		}
		letter := b.letter(client.Name)
		letter.User = state.UserID
		return s.tell(ctx, tx, letter, "")
	})
	return ended, err
}

// burnSecret takes a client's secret from it. What people have allowed it stays; it gets new tokens when an admin has given it a new secret.
func (s *Service) burnSecret(ctx context.Context, b burning) (ended bool, err error) {
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		client, found, err := tx.OAuthClientBySecret(ctx, b.hash, s.now())
		if err != nil || !found {
			return err
		}
		ended = true
		_, nobodys := s.newToken()
		if err := tx.SetOAuthSecret(ctx, client.ID, nobodys, nil); err != nil {
			return err
		}
		actor := desk.Actor{Via: "api", IP: b.from.IP}
		if err := tx.Audit(ctx, actor, "token.exposed", clientSubject(client.ID), b.detail(map[string]any{"client": client.Name})); err != nil {
			return err
		}
		return s.tellOwners(ctx, tx, b.letter(client.Name))
	})
	return ended, err
}

// Denials of one token that make an entry in the audit log: a program that is set up wrong makes one an hour, and so does one that looks for what it may.
const (
	denialsNoted = 10
	denialsFor   = 10 * time.Minute
	denialsAgain = time.Hour
)

// denials counts what tokens were refused.
type denials struct {
	mu    sync.Mutex
	since map[int64]time.Time
	seen  map[int64]int
	told  noted
}

// count counts a refusal, and notes a burst of them.
func (d *denials) count(ctx context.Context, s *Service, bearer store.Bearer, from Client, why string) {
	now := s.now()
	d.mu.Lock()
	if d.since == nil || len(d.since) >= notedMost {
		d.since, d.seen = map[int64]time.Time{}, map[int64]int{}
	}
	if now.Sub(d.since[bearer.TokenID]) >= denialsFor {
		d.since[bearer.TokenID], d.seen[bearer.TokenID] = now, 0
	}
	d.seen[bearer.TokenID]++
	burst := d.seen[bearer.TokenID] >= denialsNoted
	d.mu.Unlock()
	if !burst || !d.told.fresh(bearer.Subject(), now, denialsAgain) {
		return
	}
	actor := desk.Actor{User: bearer.User, Via: "api", IP: from.IP}
	_ = s.audited(ctx, func(*store.Tx) (entry, error) { // that it was refused matters more than that it is noted
		return entry{actor: actor, action: "token.denied", subject: tokenSubject(bearer.TokenID), detail: map[string]any{"times": denialsNoted, "why": why}}, nil
	})
}

// Denied is told that a token was refused what its scopes or its person's role do not cover.
func (s *Service) Denied(ctx context.Context, actor desk.Actor, right desk.Right) {
	if actor.Token == 0 {
		return
	}
	s.denials.count(ctx, s, store.Bearer{User: actor.User, TokenID: actor.Token}, Client{IP: actor.IP}, string(right))
}
