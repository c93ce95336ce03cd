package identity

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// touchEvery is how often the use of a session or token is written down.
const touchEvery = time.Minute

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
	began := time.Now() // what the answer's speed could tell is a matter of the real clock
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
		if err := s.pace(ctx, began); err != nil {
			return Came{}, err
		}
		return Came{}, errWrong
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return Came{}, err
	}
	must, err := s.judgePassword(ctx, values, known.User, password)
	if err != nil {
		return Came{}, err
	}
	came, err = s.open(ctx, Arrival{User: known.User, Method: ByPassword, From: from, passwordHash: known.PasswordHash, passwordMust: must})
	if err == nil && outdated {
		err = s.rehash(ctx, known, password)
	}
	return came, err
}

// attemptOf is somebody who tries to prove to be the owner of an account.
func attemptOf(account string, from Client) store.Attempt {
	who := store.Attempt{Account: account, Place: place(from.IP), Session: from.session}
	if len(from.Device) >= leastDevice {
		who.Device = secret.HashToken(from.Device)
	}
	return who
}

// admit lets an attempt through unless others failed too recently, and counts it as failed until it is proved right.
func (s *Service) admit(ctx context.Context, account string, from Client) error {
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	now, who := s.now(), attemptOf(account, from)
	return s.store.Write(ctx, func(tx *store.Tx) error {
		failures, err := tx.Failures(ctx, who, now.Add(-failuresFor), now.Add(-stuffingIn))
		if err != nil {
			return err
		}
		if left := brakesOf(values).wait(failures, now); left > 0 {
			return desk.Faultf(desk.Unavailable, "There were too many attempts. Try again in %s.", left.Round(time.Second)+time.Second)
		}
		return tx.AddFailure(ctx, who, failures.DeviceID, now)
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

// rehash keeps the password under the cost of today, whoever hashed it before.
func (s *Service) rehash(ctx context.Context, known store.Credentials, password string) error {
	plain, err := prepare(password)
	if err != nil {
		return nil // another program took it, and ours could not: it stays as it is until its owner has chosen another
	}
	phc, err := secret.HashPassword(ctx, plain)
	if errors.Is(err, secret.ErrBusy) {
		return nil // at the next sign-in then
	}
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
