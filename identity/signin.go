package identity

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// touchEvery is how often the use of a session or token is written down.
const touchEvery = time.Minute

// Throttling (ASVS 6.1.1, 6.3.1): guesses get slow, people do not get locked out.
const (
	failuresFor  = time.Hour        // for so long a failed attempt counts
	freeAccount  = 5                // so many on one account cost nothing
	freePlace    = 20               // so many from one place: an office behind one address mistypes more often
	longestPause = 10 * time.Minute // between two attempts
)

// pause is how long to wait after the last of so many failures: nothing for the free ones, then 1 s, 2 s, 4 s … 10 min.
func pause(failures, free int) time.Duration {
	if failures < free {
		return 0
	}
	return min(time.Second<<min(failures-free, 20), longestPause)
}

// wait is how long an attempt has to wait because of those that failed.
func wait(f store.Failures, now time.Time) time.Duration {
	account := f.AccountLast.Add(pause(f.Account, freeAccount)).Sub(now)
	place := f.PlaceLast.Add(pause(f.Place, freePlace)).Sub(now)
	return max(0, account, place)
}

// PlaceOf is what an address is counted under, for limits of others than this package.
func PlaceOf(ip string) string { return place(ip) }

// place is what an address is counted under: IPv6 customers get a /64 at least, and change within it at will (RFC 6177).
func place(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil || addr.Unmap().Is4() {
		return ip
	}
	network, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return ip
	}
	return network.Masked().String()
}

// errWrong is the answer to every sign-in that fails, whatever was wrong.
var errWrong = &desk.Fault{Kind: desk.Unsigned, Reason: "This address and password do not belong together."}

// SignIn opens a session for whoever knows the password, and returns its tokens, which belong into cookies and nowhere else.
// Whether the address is known, has no password or is disabled can be told neither from the answer nor from the time that it takes.
// The error is a desk.Fault: Unsigned when the password is wrong, Unavailable when there were too many attempts.
func (s *Service) SignIn(ctx context.Context, email, password string, from Client) (came Came, err error) {
	account := desk.Canonical(email)
	if !desk.ValidAddress(account) {
		return Came{}, errWrong // it cannot be an account, so there is nothing that this answer's speed could tell
	}
	if err := s.admit(ctx, account, from); err != nil {
		return Came{}, err
	}
	known, err := s.store.Credentials(ctx, account)
	if err != nil {
		return Came{}, err
	}
	outside, err := s.staffOutside(ctx, from)
	if err != nil {
		return Came{}, err
	}
	if outside && known.Role.Staff() {
		known = store.Credentials{} // from there no password of staff is right, and nobody learns whether it was
	}
	right, outdated, err := s.checkPassword(ctx, known, password)
	if err != nil {
		return Came{}, err
	}
	if !right {
		if err := s.refuse(ctx, known, from); err != nil {
			return Came{}, err
		}
		return Came{}, errWrong
	}
	came, err = s.open(ctx, Arrival{User: known.User, Method: ByPassword, From: from, passwordHash: known.PasswordHash})
	if err == nil && outdated {
		err = s.rehash(ctx, known, password)
	}
	return came, err
}

// admit lets an attempt through unless others failed too recently, and counts it as failed until it is proved right.
func (s *Service) admit(ctx context.Context, account string, from Client) error {
	now, who := s.now(), store.Attempt{Account: account, IP: from.IP, Place: place(from.IP)}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		failures, err := tx.Failures(ctx, who, now.Add(-failuresFor))
		if err != nil {
			return err
		}
		if left := wait(failures, now); left > 0 {
			return desk.Faultf(desk.Unavailable, "There were too many attempts. Try again in %s.", left.Round(time.Second)+time.Second)
		}
		return tx.AddFailure(ctx, who, now)
	})
}

// refuse writes a failed attempt into the audit log. The address as typed is left out: people type passwords there.
func (s *Service) refuse(ctx context.Context, known store.Credentials, from Client) error {
	subject := "user"
	if known.ID != 0 {
		subject = subjectOf(known.ID)
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.Audit(ctx, from.actor(desk.User{}), "user.signin-failed", subject, map[string]any{"known": known.ID != 0, "disabled": known.DisabledAt != nil})
	})
}

// rehash keeps the password under the cost of today.
func (s *Service) rehash(ctx context.Context, known store.Credentials, password string) error {
	plain, err := prepare(password)
	if err != nil {
		return err
	}
	phc, err := secret.HashPassword(ctx, plain)
	if err != nil {
		return fmt.Errorf("hash the password of %s anew: %w", known.Email, err)
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.Rehash(ctx, known.ID, known.PasswordHash, s.sealHash(known.ID, phc))
	})
}

// open starts a session for whoever proved to be a person by password.
func (s *Service) open(ctx context.Context, a Arrival) (came Came, err error) {
	values, err := s.Settings(ctx)
	if err != nil {
		return Came{}, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if came, err = s.arrive(ctx, tx, values, a); err != nil {
			return err
		}
		// The session's insert has locked the person's row: if the password was changed, or the person disabled, while this one was being checked, that is seen now.
		now, err := tx.CredentialsOf(ctx, a.User.ID)
		if err != nil {
			return err
		}
		if now.PasswordHash != a.passwordHash || now.DisabledAt != nil || !methodAllowed(values, a.Method, now.Role) {
			return errWrong
		}
		return nil
	})
	if err != nil {
		return Came{}, err
	}
	return came, nil
}
