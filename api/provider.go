package api

import (
	"context"
	"time"

	"postern/desk"
	"postern/identity"
)

// provider is somebody whose word about who people are is taken.
type provider struct {
	ID         int64                 `json:"id"`
	Kind       desk.ProviderKind     `json:"kind"`
	Name       string                `json:"name"`
	Population desk.Population       `json:"population" enum:"staff,customers,both"`
	Settings   desk.ProviderSettings `json:"settings"`
	Enabled    bool                  `json:"enabled"`
	HasSecret  bool                  `json:"has_secret"`
	Callback   string                `json:"redirect_uri" doc:"What the provider has to know as the address to come back to."`
	TestedAt   *time.Time            `json:"tested_at" doc:"When a trial worked with the settings as they are; null: none did. A trial is made in the portal."`
	CreatedAt  time.Time             `json:"created_at"`
	UpdatedAt  time.Time             `json:"updated_at"`
}

func (a *API) viewProvider(from desk.Provider) provider {
	return provider{
		ID: from.ID, Kind: from.Kind, Name: from.Name, Population: from.Population, Settings: from.Settings, Enabled: from.Enabled, HasSecret: from.HasSecret,
		Callback: a.cfg.Identity.CallbackURL(from.ID), TestedAt: utc(from.TestedAt), CreatedAt: from.CreatedAt.UTC(), UpdatedAt: from.UpdatedAt.UTC(),
	}
}

// listProviders are all: twenty at most, so that there is one page.
func (a *API) listProviders(ctx context.Context, actor desk.Actor, _ *struct{}) (list[provider], error) {
	found, err := a.cfg.Identity.Providers(ctx, actor)
	return whole(found, a.viewProvider), err
}

func (a *API) showProvider(ctx context.Context, actor desk.Actor, in *Identified) (provider, error) {
	found, err := a.cfg.Identity.Provider(ctx, actor, in.ID)
	return a.viewProvider(found), err
}

// newProvider is a provider to be added. It is off until it is switched on.
type newProvider struct {
	Body struct {
		Kind       desk.ProviderKind     `json:"kind" enum:"oidc,google,microsoft,saml,jwt,facebook,x"`
		Name       string                `json:"name" minLength:"1" maxLength:"100"`
		Population desk.Population       `json:"population" enum:"staff,customers,both"`
		Settings   desk.ProviderSettings `json:"settings"`
		Secret     string                `json:"secret,omitempty" maxLength:"4096" doc:"That the provider gave you. It is never shown again."`
	}
}

func (a *API) addProvider(ctx context.Context, actor desk.Actor, in *newProvider) (provider, error) {
	made, err := a.cfg.Identity.AddProvider(ctx, actor, desk.Provider{Kind: in.Body.Kind, Name: in.Body.Name, Population: in.Body.Population, Settings: in.Body.Settings})
	if err == nil && in.Body.Secret != "" {
		err = a.cfg.Identity.SetProviderSecret(ctx, actor, made.ID, in.Body.Secret)
	}
	if err != nil {
		return provider{}, err
	}
	return a.showProvider(ctx, actor, &Identified{ID: made.ID})
}

// providerPatch is a merge patch (RFC 7396), but that settings are replaced as a whole.
type providerPatch struct {
	Identified
	Body struct {
		Name       *string                `json:"name,omitempty" minLength:"1" maxLength:"100"`
		Population *desk.Population       `json:"population,omitempty" enum:"staff,customers,both"`
		Settings   *desk.ProviderSettings `json:"settings,omitempty" doc:"All of them: what is absent is empty."`
		Secret     *string                `json:"secret,omitempty" minLength:"1" maxLength:"4096"`
		Enabled    *bool                  `json:"enabled,omitempty" doc:"The last way in for staff stays."`
	}
}

func (a *API) patchProvider(ctx context.Context, actor desk.Actor, in *providerPatch) (provider, error) {
	known, err := a.cfg.Identity.Provider(ctx, actor, in.ID)
	if err != nil {
		return provider{}, err
	}
	set(&known.Name, in.Body.Name)
	set(&known.Population, in.Body.Population)
	set(&known.Settings, in.Body.Settings)
	if in.Body.Name != nil || in.Body.Population != nil || in.Body.Settings != nil {
		if _, err := a.cfg.Identity.ChangeProvider(ctx, actor, known); err != nil {
			return provider{}, err
		}
	}
	if in.Body.Secret != nil {
		if err := a.cfg.Identity.SetProviderSecret(ctx, actor, in.ID, *in.Body.Secret); err != nil {
			return provider{}, err
		}
	}
	if in.Body.Enabled != nil {
		if err := a.cfg.Identity.SwitchProvider(ctx, actor, in.ID, identity.Switch(*in.Body.Enabled)); err != nil {
			return provider{}, err
		}
	}
	return a.showProvider(ctx, actor, &Identified{ID: in.ID})
}

// set puts a value where one is given.
func set[T any](target, value *T) {
	if value != nil {
		*target = *value
	}
}

// providerSecret is a secret that was made for a provider, which is shown this once.
type providerSecret struct {
	Secret string `json:"secret"`
}

// makeProviderSecret makes the secret with which a program of the company signs tokens (JWT, HS256).
func (a *API) makeProviderSecret(ctx context.Context, actor desk.Actor, in *Identified) (providerSecret, error) {
	secret, err := a.cfg.Identity.NewProviderSecret(ctx, actor, in.ID)
	return providerSecret{secret}, err
}

func (a *API) removeProvider(ctx context.Context, actor desk.Actor, in *Identified) error {
	return a.cfg.Identity.RemoveProvider(ctx, actor, in.ID)
}

// foreignIdentity is an account at a provider that belongs to a person here.
type foreignIdentity struct {
	ID         int64      `json:"id"`
	Provider   string     `json:"provider"`
	ProviderID int64      `json:"provider_id"`
	Issuer     string     `json:"issuer"`
	Subject    string     `json:"subject"`
	Email      string     `json:"email" doc:"As the provider last said it."`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func (a *API) listIdentities(ctx context.Context, actor desk.Actor, in *Identified) (list[foreignIdentity], error) {
	found, err := a.cfg.Identity.Connected(ctx, actor, in.ID)
	return whole(found, func(f desk.ForeignIdentity) foreignIdentity {
		return foreignIdentity{f.ID, f.Provider, f.ProviderID, f.Issuer, f.Subject, f.Email, f.CreatedAt.UTC(), utc(f.LastUsedAt)}
	}), err
}

// IdentityOf names such an account in the path.
type IdentityOf struct {
	Identified
	Identity int64 `path:"identity" minimum:"1"`
}

func (a *API) disconnectIdentity(ctx context.Context, actor desk.Actor, in *IdentityOf) error {
	return a.cfg.Identity.Disconnect(ctx, actor, in.ID, in.Identity)
}
