package jobs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/identity"
	"postern/language"
	"postern/mailout"
)

// personWords are the words of a letter to one of our people: its subject, without anything that a person chose, and its paragraphs.
type personWords func(l *language.Language, p identity.PersonLetter) (subject string, text []string)

// personLetters is the table of letters. Whoever adds a kind adds its words here.
var personLetters = map[desk.LetterKind]personWords{
	desk.LetterNewDevice:         newDevice,
	desk.LetterNotMe:             notMe,
	desk.LetterPasswordChanged:   passwordChanged,
	desk.LetterPasswordSet:       passwordSet,
	desk.LetterPasswordReset:     passwordReset,
	desk.LetterResetByAdmin:      resetByAdmin,
	desk.LetterAddressChanged:    addressChanged,
	desk.LetterPasswordMust:      passwordMust,
	desk.LetterPasswordLoosened:  passwordLoosened,
	desk.LetterAdminsSetPassword: adminsSetPassword,

	desk.LetterAccountConnected:    accountConnected,
	desk.LetterAccountDisconnected: accountDisconnected,
	desk.LetterBypass:              bypassLetter,
	desk.LetterBypassUsed:          bypassUsed,
	desk.LetterRecovered:           recoveredLetter,
	desk.LetterTokenExposed:        tokenExposed,
	desk.LetterTokenNetwork:        tokenNetwork,
	desk.LetterTokenOff:            tokenOff,
	desk.LetterTokenEnds:           tokenEnds,
	desk.LetterAppReuse:            appReuse,
	desk.LetterAlert:               alertRaised,
	desk.LetterFactorAdded:         factorAdded,
	desk.LetterFactorRemoved:       factorRemoved,
	desk.LetterFactorGuessed:       factorGuessed,
	desk.LetterPasskeyCopied:       passkeyCopied,
	desk.LetterRecoveryMade:        recoveryMade,
	desk.LetterRecoveryUsed:        recoveryUsed,
	desk.LetterRecoveryIssued:      recoveryIssued,
	desk.LetterOwnersRecovery:      ownersRecovery,
	desk.LetterSignInCode:          signInCode,
	desk.LetterOwnershipOffered:    ownershipOffered,
	desk.LetterOwnersOffered:       ownersOffered,
	desk.LetterOwnershipWithdrawn:  ownershipWithdrawn,
	desk.LetterOwnershipDeclined:   ownershipDeclined,
	desk.LetterOwnershipAccepted:   ownershipAccepted,
	desk.LetterGuestComes:          guestComes,
	desk.LetterGuestGone:           guestGone,
}

// tellPerson mails one of our people what has happened to their account. It is tried again, soon at first, until it would come too late; a letter that could not be brought is in the audit log.
type tellPerson struct {
	river.WorkerDefaults[desk.TellPerson]
	identity *identity.Service
	post     postman
	now      func() time.Time
}

func (w *tellPerson) Work(ctx context.Context, job *river.Job[desk.TellPerson]) error {
	words, known := personLetters[job.Args.About]
	if !known {
		return w.identity.PersonUntold(ctx, job.Args, "this version knows no such letter")
	}
	letter, reason, err := w.identity.PersonLetter(ctx, job.Args)
	if err != nil {
		return err
	}
	if reason != "" {
		return w.identity.PersonUntold(ctx, job.Args, reason)
	}
	did, err := w.post.bring(ctx, errand{
		what: "letter to a person", about: []any{"user", letter.User, "letter", letter.About}, id: fmt.Sprintf("person.%d", job.ID), from: desk.Address{Name: "Postern", Addr: letter.From},
		draft: func(from desk.Address, m mark) mailout.Draft { return personDraft(letter, words, from, m) },
	})
	switch {
	case err != nil:
		return err
	case did.waits:
		return w.later(letter)
	case did.taken():
		return nil
	}
	return w.identity.PersonUntold(ctx, job.Args, did.Reply)
}

// later brings a letter back that could not leave just now: people wait for it at first, so soon; then more and more rarely.
func (w *tellPerson) later(letter identity.PersonLetter) error {
	return river.JobSnooze(min(max(20*time.Second, w.now().Sub(letter.At)/4), time.Hour))
}

// personDraft is the letter as it leaves.
func personDraft(letter identity.PersonLetter, words personWords, from desk.Address, m mark) mailout.Draft {
	l := letter.Language
	subject, text := words(l, letter)
	text = append(text, "-- \n"+l.Say("This letter is for %s. It is written by Postern itself: please do not answer it.", letter.Email))
	return mailout.Draft{
		From: from, To: to(letter.Email), Subject: subject, MessageID: m.id, Date: letter.At, Text: strings.Join(text, "\n\n") + "\n", AutoSubmitted: "auto-generated", Loop: m.loop,
	}
}

// circumstances says when it happened, where and with what, a line each.
func circumstances(l *language.Language, p identity.PersonLetter) string {
	lines := []string{l.Say("When: %s", l.Minute(p.At.In(p.Zone)))}
	for _, one := range []struct{ text, value string }{{"From the address: %s", p.IP}, {"In: %s", l.Say(desk.Countries[p.Country])}, {"With: %s", p.Device}, {"By: %s", p.Who}} {
		if one.value != "" {
			lines = append(lines, "    "+l.Say(one.text, one.value))
		}
	}
	lines[0] = "    " + lines[0]
	return strings.Join(lines, "\n")
}
