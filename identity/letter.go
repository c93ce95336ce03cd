package identity

import (
	"context"
	"fmt"
	"time"

	"postern/desk"
	"postern/language"
	"postern/store"
)

// tell puts a letter to one of our people into the queue, to leave if the transaction commits. At is now where it is not said. The secret, a link for example, is sealed for this letter: it stands in the mail and nowhere else; empty: there is none.
func (s *Service) tell(ctx context.Context, tx *store.Tx, letter desk.TellPerson, secret string) error {
	if letter.At.IsZero() {
		letter.At = s.now()
	}
	if secret != "" {
		letter.Sealed, _ = s.keys.Seal(letterContext(letter), []byte(secret))
	}
	return tx.Enqueue(ctx, time.Time{}, letter)
}

// Tell is tell in a transaction of its own, for what happens outside of any change.
func (s *Service) Tell(ctx context.Context, letter desk.TellPerson, secret string) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return s.tell(ctx, tx, letter, secret) })
}

// tellOwners puts the same letter to every owner who is not disabled into the queue.
func (s *Service) tellOwners(ctx context.Context, tx *store.Tx, letter desk.TellPerson) error {
	owners, err := tx.Owners(ctx)
	if err != nil {
		return err
	}
	for _, owner := range owners {
		letter.User = owner
		if err := s.tell(ctx, tx, letter, ""); err != nil {
			return err
		}
	}
	return nil
}

func letterContext(letter desk.TellPerson) string {
	return fmt.Sprintf("letter/%d/%s/%d", letter.User, letter.About, letter.At.Unix())
}

// PersonLetter is a letter as it is to be written.
type PersonLetter struct {
	desk.TellPerson
	Email    string // where it goes
	Name     string // of the person; their own words, which stand in no letter but as who it is for
	From     string // the mailbox in whose name it leaves; empty: there is none
	Secret   string
	Country  string // of the address that it tells of: a code of two letters; empty: not known
	Public   string // the portal as people reach it, without a slash at its end
	Language *language.Language
	Zone     *time.Location // in which the person reads times
}

// PersonLetter reads what is to be mailed. The reason says why nothing is, which is in the audit log then.
func (s *Service) PersonLetter(ctx context.Context, job desk.TellPerson) (letter PersonLetter, reason string, err error) {
	reader, found, err := s.store.LetterReader(ctx, job.User, job.To)
	if err != nil {
		return letter, "", err
	}
	letter = PersonLetter{TellPerson: job, Email: reader.Email, Name: reader.Name, From: reader.From, Public: s.public, Country: s.CountryOf(job.IP), Language: language.Pick(reader.Language, ""), Zone: time.UTC}
	if zone, err := time.LoadLocation(reader.TimeZone); err == nil && validZone(reader.TimeZone) {
		letter.Zone = zone
	}
	switch {
	case !found:
		return letter, "the person is gone", nil
	case reader.Ours:
		return letter, "the address is a mailbox of ours, where others would read it", nil
	case reader.Suppressed:
		return letter, "the address gets no mail, since it bounces", nil
	case !s.now().Before(job.Late()):
		return letter, "it would come too late", nil
	case len(job.Sealed) == 0:
		return letter, "", nil
	case reader.DisabledAt != nil:
		return letter, "the person is disabled", nil
	}
	secret, err := s.keys.Open(letterContext(job), job.Sealed)
	if err != nil {
		return letter, "", fmt.Errorf("open a letter to user %d: %w", job.User, err)
	}
	letter.Secret = string(secret)
	return letter, "", nil
}

// PersonUntold writes into the audit log that a letter was not brought, and why.
func (s *Service) PersonUntold(ctx context.Context, job desk.TellPerson, reason string) error {
	return s.audited(ctx, func(*store.Tx) (entry, error) {
		return entry{actor: desk.System("job"), action: "user.letter-failed", subject: subjectOf(job.User), detail: map[string]any{"letter": job.About, "reason": reason}}, nil
	})
}
