package api

import (
	"context"
	"slices"
	"time"

	"postern/desk"
	"postern/identity"
)

// me is who asks, and what they may with this token.
type me struct {
	ID     int64        `json:"id"`
	Email  string       `json:"email"`
	Name   string       `json:"name"`
	Role   desk.Role    `json:"role"`
	Rights []desk.Right `json:"rights" nullable:"false" doc:"What their role gives, as far as the broad scopes of this token cover it."`
	Scopes []desk.Scope `json:"scopes" nullable:"false" doc:"Of this token; empty: all that the person may, but for what a token has to name."`
	Token  int64        `json:"token_id" doc:"0: there is no token."`
}

func (a *API) showMe(_ context.Context, actor desk.Actor, _ *struct{}) (me, error) {
	rights := slices.DeleteFunc(slices.Clone(actor.User.Holds().Rights), func(right desk.Right) bool { return !actor.Can(right) })
	return me{ID: actor.User.ID, Email: actor.User.Email, Name: actor.User.Name, Role: actor.User.Role, Rights: some(rights), Scopes: some(actor.Scopes), Token: actor.Token}, nil
}

// session is one sign-in that goes on.
type session struct {
	ID        int64     `json:"id"`
	Method    string    `json:"method" doc:"How they came in: password, passkey, link, or by a provider."`
	Provider  string    `json:"provider" doc:"Its name; empty: none."`
	IP        string    `json:"ip"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// device is a browser of a person, with the sessions in it.
type device struct {
	ID           int64      `json:"id"`
	Name         string     `json:"name" doc:"That the person gave it, or what it says of itself; empty: nothing is known."`
	IP           string     `json:"ip"`
	FirstSeenAt  time.Time  `json:"first_seen_at"`
	LastSeenAt   time.Time  `json:"last_seen_at"`
	TrustedUntil *time.Time `json:"trusted_until" doc:"Until then it is asked for no second factor."`
	Sessions     []session  `json:"sessions" nullable:"false"`
}

func viewDevice(from identity.Device) device {
	view := device{
		ID: from.ID, Name: from.Name, IP: from.IP, FirstSeenAt: from.FirstSeenAt.UTC(), LastSeenAt: from.LastSeenAt.UTC(), TrustedUntil: utc(from.TrustedUntil), Sessions: make([]session, 0, len(from.Sessions)),
	}
	for _, one := range from.Sessions {
		view.Sessions = append(view.Sessions, session{one.ID, string(one.Method), one.Provider, one.IP, one.CreatedAt.UTC(), one.SeenAt.UTC(), one.ExpiresAt.UTC()})
	}
	return view
}

// devicesOf lists the browsers of a person: those of twenty sessions, and some that none is open in, so that there is one page.
func (a *API) devicesOf(ctx context.Context, actor desk.Actor, user int64) (list[device], error) {
	found, err := a.cfg.Identity.Devices(ctx, actor, user)
	return whole(found, viewDevice), err
}

// DeviceOf names a device of a person in the path.
type DeviceOf struct {
	Identified
	Device int64 `path:"device" minimum:"1"`
}

// SessionOf names a session of a person in the path.
type SessionOf struct {
	Identified
	Session int64 `path:"session" minimum:"1"`
}

func (a *API) listDevices(ctx context.Context, actor desk.Actor, in *Identified) (list[device], error) {
	return a.devicesOf(ctx, actor, in.ID)
}

func (a *API) forgetDevice(ctx context.Context, actor desk.Actor, in *DeviceOf) error {
	return a.cfg.Identity.ForgetDevice(ctx, actor, in.ID, in.Device)
}

func (a *API) endSession(ctx context.Context, actor desk.Actor, in *SessionOf) error {
	return a.cfg.Identity.EndSession(ctx, actor, in.ID, in.Session)
}

// endSessions signs a person out everywhere. A token is no session: it stays.
func (a *API) endSessions(ctx context.Context, actor desk.Actor, in *Identified) error {
	return a.cfg.Identity.EndOtherSessions(ctx, actor, in.ID)
}

// ownDevice names a device of whoever asks, ownSession a session.
type ownDevice struct {
	Device int64 `path:"device" minimum:"1"`
}

type ownSession struct {
	Session int64 `path:"session" minimum:"1"`
}

func (a *API) listOwnDevices(ctx context.Context, actor desk.Actor, _ *struct{}) (list[device], error) {
	return a.devicesOf(ctx, actor, actor.User.ID)
}

func (a *API) forgetOwnDevice(ctx context.Context, actor desk.Actor, in *ownDevice) error {
	return a.cfg.Identity.ForgetDevice(ctx, actor, actor.User.ID, in.Device)
}

func (a *API) endOwnSession(ctx context.Context, actor desk.Actor, in *ownSession) error {
	return a.cfg.Identity.EndSession(ctx, actor, actor.User.ID, in.Session)
}

func (a *API) endOwnSessions(ctx context.Context, actor desk.Actor, _ *struct{}) error {
	return a.cfg.Identity.EndOtherSessions(ctx, actor, actor.User.ID)
}
