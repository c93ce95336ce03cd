package identity

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"postern/desk"
	"postern/store"
)

// Codes that are sent: six digits, for a short time, in one session only.
const (
	smsLife      = 5 * time.Minute
	mailLife     = 10 * time.Minute
	sentTries    = 5
	sentFor      = time.Hour // in which they are counted
	smsMost      = 3         // each costs somebody money
	mailMost     = 5
	sentMillions = 1_000_000
)

// sentSecret is what a code says and where it goes.
type sentSecret struct {
	Code string `json:"code"`
	To   string `json:"to,omitempty"` // number of a telephone
	Lang string `json:"lang,omitempty"`
}

func sentContext(id int64) string { return "factor code/" + strconv.FormatInt(id, 10) }

// newSentCode is a number of six digits.
func (s *Service) newSentCode() string {
	for {
		var raw [4]byte
		s.fill(raw[:])
		if n := binary.BigEndian.Uint32(raw[:]); n < ^uint32(0)-^uint32(0)%sentMillions { // above, some codes would be likelier than others
			return fmt.Sprintf("%06d", n%sentMillions)
		}
	}
}

// SendCode sends whoever the session belongs to a code, by text message or mail. The error is a desk.Fault: Conflict where there is nothing to send it to, Unavailable after too many.
func (s *Service) SendCode(ctx context.Context, token string, kind desk.FactorKind, from Client) error {
	live, err := s.SignedIn(ctx, token)
	if err != nil {
		return err
	}
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	who := owner{user: live.User, session: live.SessionID, from: from}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if kind == desk.FactorMail {
			return s.sendMailCode(ctx, tx, who)
		}
		factor, found, err := factorOf(ctx, tx, who.user.ID, desk.FactorSMS, isReady)
		if err != nil {
			return err
		}
		if !found || !values.On(desk.TextMessages) {
			return desk.Faultf(desk.Conflict, "No code can be sent to a telephone.")
		}
		number, err := s.openFactor(factor)
		if err != nil {
			return err
		}
		return s.sendSMS(ctx, tx, who, string(number))
	})
}

// keepSent makes a code and keeps it, if not too many were asked for.
func (s *Service) keepSent(ctx context.Context, tx *store.Tx, who owner, row store.FactorCode, most int, what sentSecret) (store.FactorCode, sentSecret, error) {
	if err := tx.LockFactors(ctx, who.user.ID); err != nil {
		return row, what, err
	}
	now := s.now()
	sent, err := tx.CountFactorCodes(ctx, who.user.ID, row.Kind, now.Add(-sentFor))
	if err == nil && sent >= most {
		err = desk.Faultf(desk.Unavailable, "Several codes were sent within the last hour. Use the newest one, or try again later.")
	}
	if err == nil {
		row.ID, err = tx.NextFactorCode(ctx)
	}
	if err != nil {
		return row, what, err
	}
	what.Code = s.newSentCode()
	plain, err := json.Marshal(what)
	if err != nil {
		return row, what, fmt.Errorf("identity: code: %w", err)
	}
	row.UserID, row.SessionID, row.CreatedAt = who.user.ID, who.session, now
	row.Sealed, _ = s.keys.Seal(sentContext(row.ID), plain)
	return row, what, tx.AddFactorCode(ctx, row)
}

// sendMailCode mails a code to somebody who signs in from a browser that is new.
func (s *Service) sendMailCode(ctx context.Context, tx *store.Tx, who owner) error {
	until := s.now().Add(mailLife)
	row, what, err := s.keepSent(ctx, tx, who, store.FactorCode{Kind: desk.FactorMail, ExpiresAt: until}, mailMost, sentSecret{})
	if err != nil {
		return err
	}
	letter := desk.TellPerson{User: who.user.ID, About: desk.LetterSignInCode, IP: who.from.IP, Device: who.from.agent(), Until: row.ExpiresAt}
	return s.tell(ctx, tx, letter, what.Code)
}

// sendSMS puts a text message into the queue.
func (s *Service) sendSMS(ctx context.Context, tx *store.Tx, who owner, number string) error {
	row, _, err := s.keepSent(ctx, tx, who, store.FactorCode{Kind: desk.FactorSMS, ExpiresAt: s.now().Add(smsLife)}, smsMost, sentSecret{To: number})
	if err != nil {
		return err
	}
	return tx.Enqueue(ctx, time.Time{}, desk.SendFactorCode{Code: row.ID})
}

func (s *Service) openSent(row store.FactorCode) (what sentSecret, err error) {
	plain, err := s.keys.Open(sentContext(row.ID), row.Sealed)
	if err == nil {
		err = json.Unmarshal(plain, &what)
	}
	if err != nil {
		return what, fmt.Errorf("identity: code %d: %w", row.ID, err)
	}
	return what, nil
}

// matchesSent checks a code that was sent for this session.
func (s *Service) matchesSent(ctx context.Context, tx *store.Tx, who owner, proof FactorProof) (*desk.Fault, error) {
	sent, fault, err := s.useSent(ctx, tx, who, proof)
	if err != nil || fault != nil || proof.Kind != desk.FactorSMS {
		return fault, err
	}
	// A code that was sent to a telephone which is only being added proves nothing yet.
	row, found, err := factorOf(ctx, tx, who.user.ID, desk.FactorSMS, isReady)
	if err != nil || !found {
		return errFactor, err
	}
	number, err := s.openFactor(row)
	if err == nil && string(number) != sent.To {
		return errFactor, nil
	}
	return nil, err
}

func (s *Service) useSent(ctx context.Context, tx *store.Tx, who owner, proof FactorProof) (sentSecret, *desk.Fault, error) {
	row, found, err := tx.SentFactorCode(ctx, who.session, proof.Kind, s.now(), sentTries)
	if err != nil || !found || row.UserID != who.user.ID {
		return sentSecret{}, errFactor, err
	}
	what, err := s.openSent(row)
	if err != nil {
		return sentSecret{}, nil, err
	}
	if subtle.ConstantTimeCompare([]byte(what.Code), []byte(digits(proof.Code))) != 1 {
		return sentSecret{}, errFactor, tx.MissFactorCode(ctx, row.ID)
	}
	return what, nil, tx.UseFactorCode(ctx, row.ID, s.now())
}

// CodeSent says whether a code of the kind was sent for a session and still works.
func (s *Service) CodeSent(ctx context.Context, session int64, kind desk.FactorKind) (bool, error) {
	return s.store.FactorCodeSent(ctx, session, kind, s.now(), sentTries)
}
