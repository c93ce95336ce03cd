package api

import (
	"context"
	"slices"
	"time"

	"postern/desk"
	"postern/identity"
)

// addressRange is a range of addresses from which people may come.
type addressRange struct {
	ID        int64          `json:"id"`
	List      desk.RangeList `json:"list" enum:"all,admin" doc:"all: where people may come from at all; admin: to look after the desk."`
	Range     string         `json:"range"`
	Name      string         `json:"name"`
	ExpiresAt *time.Time     `json:"expires_at" doc:"From then on it counts no more; null: never."`
	CreatedAt time.Time      `json:"created_at"`
	CreatedBy string         `json:"created_by"`
}

// addressRules are the rules of where people may come from.
type addressRules struct {
	On        bool           `json:"on"`
	Customers bool           `json:"customers_anywhere"`
	ByMail    bool           `json:"agents_by_mail" doc:"What agents answer by mail counts all the same."`
	Ranges    []addressRange `json:"ranges" nullable:"false"`
	Waits     *time.Time     `json:"unconfirmed_until" doc:"When the last change goes back by itself unless it is confirmed; null: it stays."`
	Yours     string         `json:"your_address"`
}

func (a *API) showAddresses(ctx context.Context, actor desk.Actor, _ *struct{}) (addressRules, error) {
	rules, waits, err := a.cfg.Identity.ShownAddresses(ctx, actor)
	if err != nil {
		return addressRules{}, err
	}
	view := addressRules{On: rules.On, Customers: rules.Customers, ByMail: rules.ByMail, Yours: actor.IP, Ranges: make([]addressRange, 0, len(rules.Ranges))}
	if !waits.IsZero() {
		view.Waits = utc(&waits)
	}
	for _, one := range rules.Ranges {
		view.Ranges = append(view.Ranges, addressRange{one.ID, one.List, one.Range.String(), one.Name, utc(one.ExpiresAt), one.CreatedAt.UTC(), one.CreatedBy})
	}
	return view, nil
}

// LockOut is how a caller says that they know what they do.
type LockOut struct {
	Address string `query:"lock_out" maxLength:"50" doc:"Where the change keeps whoever asks out: the address that they come from. It then goes back by itself after five minutes unless it is confirmed from an address that is let in."`
}

// change changes the rules and shows them.
func (a *API) changeAddresses(ctx context.Context, actor desk.Actor, typed LockOut, change identity.AddressChange) (addressRules, error) {
	if _, err := a.cfg.Identity.SetAddresses(ctx, actor, typed.Address, change); err != nil {
		return addressRules{}, err
	}
	return a.showAddresses(ctx, actor, nil)
}

// addressesPatch is a merge patch (RFC 7396): what is absent stays.
type addressesPatch struct {
	LockOut
	Body struct {
		On        *bool `json:"on,omitempty"`
		Customers *bool `json:"customers_anywhere,omitempty"`
		ByMail    *bool `json:"agents_by_mail,omitempty"`
	}
}

func (a *API) patchAddresses(ctx context.Context, actor desk.Actor, in *addressesPatch) (addressRules, error) {
	return a.changeAddresses(ctx, actor, in.LockOut, func(rules *identity.Addresses) error {
		set(&rules.On, in.Body.On)
		set(&rules.Customers, in.Body.Customers)
		set(&rules.ByMail, in.Body.ByMail)
		return nil
	})
}

// newRange is a range to be added.
type newRange struct {
	LockOut
	Body struct {
		List      desk.RangeList `json:"list" enum:"all,admin"`
		Range     string         `json:"range" minLength:"1" maxLength:"100" doc:"192.0.2.0/24, 192.168.*.*, 2001:db8::/32 or a single address."`
		Name      string         `json:"name" minLength:"1" maxLength:"100"`
		ExpiresAt *time.Time     `json:"expires_at,omitempty"`
	}
}

func (a *API) addRange(ctx context.Context, actor desk.Actor, in *newRange) (addressRules, error) {
	found, err := desk.ParseRange(in.Body.Range)
	if err != nil {
		return addressRules{}, err
	}
	add := desk.AddressRange{List: in.Body.List, Range: found, Name: in.Body.Name, ExpiresAt: in.Body.ExpiresAt, CreatedAt: a.now(), CreatedBy: actor.User.Email}
	return a.changeAddresses(ctx, actor, in.LockOut, func(rules *identity.Addresses) error {
		if slices.ContainsFunc(rules.Ranges, func(one desk.AddressRange) bool { return one.List == add.List && one.Range == add.Range }) {
			return desk.Faultf(desk.Conflict, "%s is in that list already", add.Range)
		}
		rules.Ranges = append(rules.Ranges, add)
		return nil
	})
}

// RangeOf names a range in the path.
type RangeOf struct {
	Identified
	LockOut
}

func (a *API) removeRange(ctx context.Context, actor desk.Actor, in *RangeOf) error {
	_, err := a.cfg.Identity.SetAddresses(ctx, actor, in.Address, func(rules *identity.Addresses) error {
		before := len(rules.Ranges)
		rules.Ranges = slices.DeleteFunc(rules.Ranges, func(one desk.AddressRange) bool { return one.ID == in.ID })
		if len(rules.Ranges) == before {
			return desk.Faultf(desk.NotFound, "there is no range %d", in.ID)
		}
		return nil
	})
	return err
}

func (a *API) confirmAddresses(ctx context.Context, actor desk.Actor, _ *struct{}) error {
	return a.cfg.Identity.ConfirmAddresses(ctx, actor)
}

func (a *API) takeBackAddresses(ctx context.Context, actor desk.Actor, _ *struct{}) error {
	return a.cfg.Identity.TakeBackAddresses(ctx, actor)
}
