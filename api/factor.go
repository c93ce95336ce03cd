package api

import (
	"context"
	"time"

	"postern/desk"
)

// factors is what somebody shows besides their password.
type factors struct {
	ID         int64      `json:"id" doc:"Of the person."`
	Email      string     `json:"email"`
	Name       string     `json:"name"`
	Role       desk.Role  `json:"role"`
	Protected  bool       `json:"protected" doc:"Signing in as them takes more than a password."`
	Required   bool       `json:"required" doc:"The rules ask them for a second factor."`
	Passkeys   int        `json:"passkeys"`
	TOTP       bool       `json:"totp"`
	SMS        bool       `json:"sms"`
	Codes      int        `json:"recovery_codes" doc:"That still work."`
	LastUsedAt *time.Time `json:"last_used_at" doc:"Of any of them."`
	AskedAt    *time.Time `json:"asked_at" doc:"When they were first asked to add one; null: they are not."`
}

func viewFactors(from desk.FactorHolder) factors {
	return factors{
		ID: from.ID, Email: from.Email, Name: from.Name, Role: from.Role, Protected: from.Protected(), Required: from.Required, Passkeys: from.Passkeys, TOTP: from.TOTP, SMS: from.SMS, Codes: from.Codes,
		LastUsedAt: utc(from.LastUsedAt), AskedAt: utc(from.AskedAt),
	}
}

func (a *API) listFactors(ctx context.Context, actor desk.Actor, in *Page) (list[factors], error) {
	found, err := a.cfg.Identity.FactorReport(ctx, actor, in.Cursor, in.Limit)
	return listed(found, viewFactors), err
}

func (a *API) showFactors(ctx context.Context, actor desk.Actor, in *Identified) (factors, error) {
	found, err := a.cfg.Identity.FactorHolder(ctx, actor, in.ID)
	return viewFactors(found), err
}
