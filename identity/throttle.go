package identity

import (
	"time"

	"postern/desk"
	"postern/store"
)

// Throttling (ASVS 6.1.1, 6.3.1): guesses get slow, people do not get locked out. Whoever owns an account is not kept waiting by others on a browser in which they have signed in before.
const (
	failuresFor   = time.Hour        // for so long a failed attempt counts
	freePlace     = 20               // so many from one place cost nothing: an office behind one address mistypes more often
	stuffingIn    = 10 * time.Minute // somebody tries a list of leaked passwords when so many failed
	stuffingFrom  = 500              // within it, everywhere together
	alarmAttempts = 1                // then so many are free on one account,
	alarmPlace    = 3                // and from one place
)

// brake is how attempts on one account, or from one place, are slowed down.
type brake struct {
	free    int           // so many failed ones cost nothing
	longest time.Duration // between two attempts
	least   time.Duration // after the first that is not free; then it doubles
}

// pause is how long to wait after the last of so many failures: nothing for the free ones, then 1 s, 2 s, 4 s … up to the longest, and never less than the least.
func (b brake) pause(failures int) time.Duration {
	if failures < b.free {
		return 0
	}
	return max(b.least, min(time.Second<<min(failures-b.free, 20), b.longest))
}

// brakes are those of accounts and of places.
type brakes struct{ account, place []brake }

// brakesOf are those that the settings want. Of the rules of staff and of customers the stricter counts for every account: that an address is waited for sooner must not tell whose it is.
func brakesOf(values desk.Values) brakes {
	b := brakes{place: []brake{{free: freePlace, longest: desk.PasswordWait}}}
	for _, settings := range []desk.PasswordSettings{desk.StaffPasswords, desk.CustomerPasswords} {
		rule := settings.RuleOf(values, false)
		one := brake{free: rule.Attempts, longest: desk.PasswordWait}
		if rule.LockAtOnce {
			one.least = rule.Lock
		}
		b.account = append(b.account, one)
	}
	return b
}

// wait is how long an attempt has to wait because of those that failed.
func (b brakes) wait(f store.Failures, now time.Time) time.Duration {
	account, place := b.account, b.place
	if f.Everybody >= stuffingFrom && !f.Known {
		account = append([]brake{{free: alarmAttempts, longest: desk.PasswordWait}}, account...)
		place = append([]brake{{free: alarmPlace, longest: desk.PasswordWait}}, place...)
	}
	left := time.Duration(0)
	for _, one := range account {
		left = max(left, f.AccountLast.Add(one.pause(f.Account)).Sub(now))
	}
	if f.Known {
		return left // only this browser's own attempts are counted then
	}
	for _, one := range place {
		left = max(left, f.PlaceLast.Add(one.pause(f.Place)).Sub(now))
	}
	return left
}
