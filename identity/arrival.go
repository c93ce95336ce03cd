package identity

import (
	"context"
	"time"

	"postern/desk"
	"postern/secret"
	"postern/store"
)

// Method is how somebody came in. The words stand in the audit log.
type Method string

const (
	ByPassword Method = "password"
	ByLink     Method = "link"
)

// Pending is what is still to do before a session opens anything but the pages for it. The words are those of the pages below /sign-in.
type Pending string

const (
	NeedsFactor   Pending = "factor"   // show a second factor
	NeedsPassword Pending = "password" // choose a new password
	NeedsEnrol    Pending = "enrol"    // set up a second factor
)

// Arrival is somebody who has proved who they are in one way and is about to come in.
type Arrival struct {
	User     desk.User
	Method   Method
	Provider string    // name of the provider that vouches; empty: we found out ourselves
	Strong   bool      // the way was worth two factors: a passkey that knew its owner, a provider that says so
	Until    time.Time // the session ends then at the latest; zero: as the settings say
	From     Client

	passwordHash string // that was checked; empty unless Method is ByPassword
	passwordMust string // why another one has to be chosen; empty: it has not
}

// Came is what an arrival got.
type Came struct {
	Token   string // of the session, for a cookie
	Device  string // of the browser, for a cookie that lasts
	User    desk.User
	Pending Pending // what is still to do; empty: the session opens everything
}

// standing is what decides whether somebody who arrives has to do something first.
type standing struct {
	factor   bool // has a second factor
	trusted  bool // this browser need not show it
	password bool // has to choose a new password
	enrol    bool // has to set up a second factor
}

// pendingOf is what is to do first. A second factor comes before everything else: until it is shown, a stolen password must not be good for changing anything.
func pendingOf(a Arrival, now standing) Pending {
	switch {
	case now.factor && !a.Strong && !now.trusted:
		return NeedsFactor
	case now.password && a.Method == ByPassword:
		return NeedsPassword
	case now.enrol && !a.Strong:
		return NeedsEnrol
	}
	return ""
}

// limits are how long a session of that person lasts: not used, and in all.
func limits(values desk.Values, role desk.Role) (idle, life time.Duration) {
	if role.Staff() {
		return time.Duration(values.Number(desk.StaffIdle)) * time.Minute, time.Duration(values.Number(desk.StaffLife)) * time.Hour
	}
	return time.Duration(values.Number(desk.CustomerIdle)) * time.Minute, time.Duration(values.Number(desk.CustomerLife)) * time.Hour
}

// arrive is where every way in ends: it opens a session in the transaction, knows the browser again, forgives failed attempts, and writes all that into the audit log.
// Settings are read before the transaction begins, so that it waits for no second connection.
func (s *Service) arrive(ctx context.Context, tx *store.Tx, values desk.Values, a Arrival) (Came, error) {
	if err := s.admitsArrival(ctx, tx.Reader, a); err != nil {
		return Came{}, err
	}
	guest, err := s.admitsPerson(ctx, tx.Reader, a.User)
	if err != nil {
		return Came{}, err
	}
	now := s.now()
	came := Came{User: a.User, Device: a.From.Device}
	if len(came.Device) < leastDevice {
		came.Device, _ = s.newToken()
	}
	device, err := tx.KnowDevice(ctx, store.Device{UserID: a.User.ID, Hash: secret.HashToken(came.Device), UserAgent: a.From.agent(), IP: a.From.IP, At: now})
	if err != nil {
		return Came{}, err
	}
	if a.Method == ByPassword {
		if err := s.notePassword(ctx, tx, a.User.ID, a.passwordMust); err != nil {
			return Came{}, err
		}
	}
	if err := s.askAboutDevice(ctx, tx, values, a, device); err != nil {
		return Came{}, err
	}
	standing, err := s.standing(ctx, tx, values, a, device)
	if err != nil {
		return Came{}, err
	}
	came.Pending = pendingOf(a, standing)
	token, hash := s.newToken()
	came.Token = token
	session := store.Session{
		Hash: hash, UserID: a.User.ID, At: now, ExpiresAt: endOf(values, a, guest, now), IP: a.From.IP, UserAgent: a.From.agent(),
		DeviceID: device.ID, Method: string(a.Method), Provider: a.Provider, Pending: string(came.Pending),
	}
	if !standing.factor || a.Strong {
		session.ProvedAt = now // who is spared the factor, in a browser that is remembered, has proved too little for what is sensitive
	}
	if came.Pending == "" {
		if err := tx.CompleteDevice(ctx, device.ID, now); err != nil {
			return Came{}, err
		}
	}
	made, err := tx.AddSession(ctx, session)
	if err != nil {
		return Came{}, err
	}
	if err := tx.Forgive(ctx, attemptOf(a.User.Email, a.From), s.now()); err != nil {
		return Came{}, err
	}
	return came, s.noteArrival(ctx, tx, a, came.Pending, made)
}

// admitsPerson says whether somebody may arrive at all, and until when at the latest; nil: no end is set. Programs do not arrive, and guests whose time is over do not come back.
func (s *Service) admitsPerson(ctx context.Context, r store.Reader, user desk.User) (until *time.Time, err error) {
	service, err := r.IsService(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	if service {
		return nil, errService
	}
	until, err = r.GuestUntil(ctx, user.ID)
	if err == nil && until != nil && !s.now().Before(*until) {
		err = errGuestOver
	}
	return until, err
}

// endOf is when a session ends at the latest: after the life that is set, when the provider said, or with a guest's stay.
func endOf(values desk.Values, a Arrival, guest *time.Time, now time.Time) time.Time {
	_, life := limits(values, a.User.Role)
	ends := now.Add(life)
	if !a.Until.IsZero() && a.Until.Before(ends) {
		ends = a.Until
	}
	if guest != nil && guest.Before(ends) {
		ends = *guest
	}
	return ends
}

// noteArrival writes a session that was opened into the audit log, with where its person came from and what is still asked of them.
func (s *Service) noteArrival(ctx context.Context, tx *store.Tx, a Arrival, pending Pending, session int64) error {
	detail := map[string]any{"method": a.Method}
	if a.Provider != "" {
		detail["provider"] = a.Provider
	}
	if pending != "" {
		detail["pending"] = pending
	}
	if err := s.journey(ctx, tx, a.User, a.From, detail); err != nil {
		return err
	}
	if pending != NeedsFactor {
		if err := s.seenAt(ctx, tx, a.User, a.From); err != nil {
			return err
		}
	}
	actor := a.From.actor(a.User)
	actor.Session = session
	return tx.Audit(ctx, actor, "user.signin", subjectOf(a.User.ID), detail)
}

// leastDevice is the shortest cookie that is believed to be one of ours.
const leastDevice = 40

// standing looks up what decides whether somebody has to do something first.
func (s *Service) standing(ctx context.Context, tx *store.Tx, values desk.Values, a Arrival, device store.KnownDevice) (now standing, err error) {
	now.trusted = device.TrustedUntil != nil && device.TrustedUntil.After(s.now())
	hold, err := s.holds(ctx, tx, values, a.User, device.ID)
	if err != nil {
		return now, err
	}
	now.factor, now.enrol = factorNeeds(values, a, s.now(), hold)
	password, err := tx.PasswordState(ctx, a.User.ID)
	now.password = password.Must != ""
	return now, err
}
