package identity

import (
	"unicode/utf8"

	zxcvbn "github.com/ccojocar/zxcvbn-go"

	"postern/desk"
)

// strengthRunes is how much of a password is looked at: the time grows with more than the square of the length (500 characters took 1.6 s), and what follows makes it only stronger.
const strengthRunes = 72

// estimating holds a place for each estimate under way: it is a help, and no reason to be busy.
var estimating = make(chan struct{}, 2)

// Strength says how hard a password is to guess, from 0 (not at all) to 4 (very), by an estimate that knows what is in the lists, on keyboards and in names. It is a help to whoever chooses one and decides nothing.
// ok is false for an empty password, and while too many others ask.
func (s *Service) Strength(password string, user desk.User) (score int, ok bool) {
	if password == "" || !utf8.ValidString(password) || len(password) > longestPasswordBytes {
		return 0, false
	}
	select {
	case estimating <- struct{}{}:
		defer func() { <-estimating }()
	default:
		return 0, false
	}
	runes := []rune(password)
	return zxcvbn.PasswordStrength(string(runes[:min(len(runes), strengthRunes)]), append(ownWords(user), "postern")).Score, true
}
