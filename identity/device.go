package identity

import (
	"context"
	"strings"
	"time"

	"github.com/mileusna/useragent"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

const (
	alarmFor     = 7 * 24 * time.Hour // in which the mail about a new device can be answered
	alarmEvery   = time.Hour          // between two such mails about sign-ins from one address: a browser that keeps no cookies is new every time
	longestLabel = 100                // of a device's name, in bytes
)

// DeviceName is what a User-Agent says, for people: Firefox on Linux.
func DeviceName(agent string) string {
	if strings.TrimSpace(agent) == "" {
		return ""
	}
	found := useragent.Parse(agent)
	name, system := printable(found.Name), printable(found.OS)
	switch {
	case name == "":
		return ""
	case system == "" || len(name) > 60:
		return name
	}
	return name + " / " + system
}

// printable is a word that a browser says of itself, fit to stand on a line.
func printable(word string) string {
	word = strings.Map(func(r rune) rune {
		if unprintable(r) {
			return -1
		}
		return r
	}, word)
	return strings.ToValidUTF8(word[:min(len(word), 60)], "")
}

// askAboutDevice mails a person whose account was opened in a browser that was not seen before, if the settings say so and it is not their first one.
func (s *Service) askAboutDevice(ctx context.Context, tx *store.Tx, values desk.Values, a Arrival, device store.KnownDevice) error {
	if !device.Fresh {
		return nil
	}
	now := s.now()
	detail := map[string]any{"device": DeviceName(a.From.agent())}
	if err := tx.Audit(ctx, a.From.actor(a.User), "device.new", subjectOf(a.User.ID), detail); err != nil {
		return err
	}
	notify := values.Word(desk.DeviceNotify)
	if notify == "off" || notify == "staff" && !a.User.Role.Staff() {
		return nil
	}
	all, alarmed, err := tx.DevicesNewAt(ctx, a.User.ID, a.From.IP, now.Add(-alarmEvery))
	if err != nil || all <= 1 || alarmed > 0 {
		return err
	}
	token, hash := s.newToken()
	if err := tx.SetAlarm(ctx, device.ID, hash, now.Add(alarmFor)); err != nil {
		return err
	}
	letter := desk.TellPerson{User: a.User.ID, About: desk.LetterNewDevice, IP: a.From.IP, Device: DeviceName(a.From.agent())}
	return s.tell(ctx, tx, letter, s.public+"/was-it-you/"+token)
}

// Device is a browser of a person, with the sessions in it.
type Device struct {
	ID           int64
	Name         string // that the person gave it, else what its User-Agent says; empty: nothing is known
	IP           string
	Country      string // of that address: a code of two letters; empty: not known
	FirstSeenAt  time.Time
	LastSeenAt   time.Time
	TrustedUntil *time.Time // until then it is not asked for a second factor
	Mine         bool       // the person has said that it is theirs
	Sessions     []DeviceSession
}

// DeviceSession is one session in a browser.
type DeviceSession struct {
	ID        int64
	Method    Method
	Provider  string
	IP        string
	Country   string
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time
}

// Devices lists a person's browsers: one's own for everybody, others' for whoever manages people and outranks them.
func (s *Service) Devices(ctx context.Context, actor desk.Actor, user int64) ([]Device, error) {
	if err := s.mayEnd(ctx, actor, user); err != nil {
		return nil, err
	}
	rows, err := s.store.Devices(ctx, user, s.now())
	if err != nil {
		return nil, err
	}
	var list []Device
	for _, row := range rows {
		if n := len(list); n == 0 || list[n-1].ID != row.ID {
			name := row.Name
			if name == "" {
				name = DeviceName(row.UserAgent)
			}
			list = append(list, Device{ID: row.ID, Name: name, IP: row.IP, Country: s.CountryOf(row.IP), FirstSeenAt: row.FirstSeenAt, LastSeenAt: row.LastSeenAt, TrustedUntil: row.TrustedUntil, Mine: row.Answer == "mine"})
		}
		if row.SessionID != nil {
			last := &list[len(list)-1]
			last.Sessions = append(last.Sessions, DeviceSession{*row.SessionID, Method(*row.Method), *row.Provider, *row.SessionIP, s.CountryOf(*row.SessionIP), *row.CreatedAt, *row.SessionSeen, *row.ExpiresAt})
		}
	}
	return list, nil
}

// mayEnd says whether the actor may see and end sessions of that person.
func (s *Service) mayEnd(ctx context.Context, actor desk.Actor, user int64) error {
	if own(actor, user) {
		return nil
	}
	if !actor.Can(desk.MayManagePeople) {
		return desk.Faultf(desk.Forbidden, "your role does not show other people's devices")
	}
	person, err := s.store.CredentialsOf(ctx, user)
	if err != nil {
		return err
	}
	return outranks(actor, person.User)
}

// gone is the answer to what is no device or session of the person, or not any more.
var gone = &desk.Fault{Kind: desk.NotFound, Reason: "It has ended already."}

// onDevices runs a change of somebody's devices, and audits it.
func (s *Service) onDevices(ctx context.Context, actor desk.Actor, user int64, change func(*store.Tx) (action string, detail map[string]any, found bool, err error)) error {
	if err := s.mayEnd(ctx, actor, user); err != nil {
		return err
	}
	return s.audited(ctx, func(tx *store.Tx) (entry, error) {
		action, detail, found, err := change(tx)
		if err == nil && !found {
			err = gone
		}
		if err == nil {
			err = announce(ctx, tx)
		}
		return entry{actor: actor, action: action, subject: subjectOf(user), detail: detail}, err
	})
}

// RenameDevice gives a browser a name; empty: it is called by what it says of itself again.
func (s *Service) RenameDevice(ctx context.Context, actor desk.Actor, user, device int64, name string) error {
	name = strings.TrimSpace(name)
	if len(name) > longestLabel || strings.ContainsFunc(name, unprintable) {
		return desk.Wrong("name", "the name of a device stands on one line of at most %d bytes", longestLabel)
	}
	return s.onDevices(ctx, actor, user, func(tx *store.Tx) (string, map[string]any, bool, error) {
		found, err := tx.RenameDevice(ctx, user, device, name)
		return "device.rename", map[string]any{"device": device, "name": name}, found, err
	})
}

// ForgetDevice ends every session in a browser, and asks for a second factor again when it comes back.
func (s *Service) ForgetDevice(ctx context.Context, actor desk.Actor, user, device int64) error {
	return s.onDevices(ctx, actor, user, func(tx *store.Tx) (string, map[string]any, bool, error) {
		found, err := tx.ForgetDevice(ctx, user, device)
		return "device.forget", map[string]any{"device": device}, found, err
	})
}

// EndSession ends one session.
func (s *Service) EndSession(ctx context.Context, actor desk.Actor, user, session int64) error {
	return s.onDevices(ctx, actor, user, func(tx *store.Tx) (string, map[string]any, bool, error) {
		found, err := tx.EndSession(ctx, user, session)
		return "session.end", map[string]any{"session": session}, found, err
	})
}

// EndOtherSessions ends every session of a person, but the one that the actor asks by where it is one of them.
func (s *Service) EndOtherSessions(ctx context.Context, actor desk.Actor, user int64) error {
	return s.onDevices(ctx, actor, user, func(tx *store.Tx) (string, map[string]any, bool, error) {
		ended, err := tx.EndOtherSessions(ctx, user, actor.Session)
		return "session.end-others", map[string]any{"ended": ended}, true, err
	})
}

// errAlarm is the answer to a question that is none any more.
var errAlarm = &desk.Fault{Kind: desk.NotFound, Reason: "This link does not work any more: it was answered, or is older than a week. Your devices are listed under Your sign-in."}

// AskedAbout is a sign-in that a mail asks its person about.
type AskedAbout struct {
	Email, Device, IP string
	At                time.Time
}

// AskedAbout is the sign-in that the link in the mail is about. It answers nothing yet: programs that look into mail open links.
func (s *Service) AskedAbout(ctx context.Context, token string) (AskedAbout, error) {
	alarm, found, err := s.store.Alarm(ctx, secret.HashToken(token), s.now())
	if err == nil && !found {
		err = errAlarm
	}
	return AskedAbout{Email: alarm.Email, Device: DeviceName(alarm.UserAgent), IP: alarm.IP, At: alarm.FirstSeenAt}, err
}

// ItWasMe answers the mail: nothing happens but that it is known.
func (s *Service) ItWasMe(ctx context.Context, token string, from Client) error {
	return s.answer(ctx, token, func(tx *store.Tx, alarm store.Alarm) error {
		if err := tx.AnswerAlarm(ctx, alarm.DeviceID); err != nil {
			return err
		}
		return tx.Audit(ctx, from.actor(alarm.User), "device.known", subjectOf(alarm.ID), map[string]any{"device": DeviceName(alarm.UserAgent)})
	})
}

// ItWasNotMe answers the mail: every session, device and API token of the person ends, their password opens nothing any more, and owners are told. They choose a new password by a link to their address.
func (s *Service) ItWasNotMe(ctx context.Context, token string, from Client) error {
	return s.answer(ctx, token, func(tx *store.Tx, alarm store.Alarm) error {
		now, user := s.now(), alarm.ID
		if _, err := tx.EndOtherSessions(ctx, user, 0); err != nil {
			return err
		}
		if err := tx.ForgetDevices(ctx, user); err != nil {
			return err
		}
		if _, err := tx.RevokeTokensOf(ctx, user, now); err != nil {
			return err
		}
		if err := tx.DropLinks(ctx, user); err != nil {
			return err
		}
		if err := tx.DropPassword(ctx, user); err != nil {
			return err
		}
		if err := s.tellOwners(ctx, tx, desk.TellPerson{About: desk.LetterNotMe, IP: alarm.IP, Device: DeviceName(alarm.UserAgent), Who: alarm.Name}); err != nil {
			return err
		}
		if err := announce(ctx, tx); err != nil {
			return err
		}
		return tx.Audit(ctx, from.actor(alarm.User), "device.not-mine", subjectOf(user), map[string]any{"device": DeviceName(alarm.UserAgent), "from": alarm.IP})
	})
}

func (s *Service) answer(ctx context.Context, token string, do func(*store.Tx, store.Alarm) error) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		alarm, found, err := tx.Alarm(ctx, secret.HashToken(token), s.now())
		if err == nil && !found {
			err = errAlarm
		}
		if err != nil {
			return err
		}
		return do(tx, alarm)
	})
}

// Named is a person whom the actor may handle, for a page about them.
func (s *Service) Named(ctx context.Context, actor desk.Actor, user int64) (desk.User, error) {
	if err := s.mayEnd(ctx, actor, user); err != nil {
		return desk.User{}, err
	}
	person, err := s.store.CredentialsOf(ctx, user)
	return person.User, err
}
