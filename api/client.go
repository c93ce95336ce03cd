package api

import (
	"context"
	"time"

	"postern/desk"
	"postern/identity"
)

// Client is a program that people may let in for themselves, without its secret.
type Client struct {
	ID            int64        `json:"id"`
	Key           string       `json:"client_id"`
	Name          string       `json:"name"`
	About         string       `json:"about"`
	Confidential  bool         `json:"confidential" doc:"It can keep a secret."`
	Redirects     []string     `json:"redirect_uris" nullable:"false"`
	Scopes        []desk.Scope `json:"scopes" nullable:"false" doc:"All that it may ever ask for."`
	Service       string       `json:"service" doc:"The service account for which it acts by itself; empty: it cannot."`
	AccessMinutes int          `json:"access_minutes" doc:"How long its access tokens live; 0: as set for all."`
	CreatedAt     time.Time    `json:"created_at"`
	DisabledAt    *time.Time   `json:"disabled_at"`
	OldUntil      *time.Time   `json:"old_secret_until" doc:"Until then the secret before the present one is taken as well."`
}

func viewClient(from desk.OAuthClient) Client {
	return Client{
		ID: from.ID, Key: from.Key, Name: from.Name, About: from.About, Confidential: from.Confidential, Redirects: some(from.Redirects), Scopes: some(from.Scopes), Service: from.ServiceEmail,
		AccessMinutes: from.AccessMinutes, CreatedAt: from.CreatedAt.UTC(), DisabledAt: utc(from.DisabledAt), OldUntil: utc(from.OldUntil),
	}
}

func (a *API) listClients(ctx context.Context, actor desk.Actor, in *Page) (list[Client], error) {
	found, err := a.cfg.Identity.Clients(ctx, actor, in.Cursor, in.Limit)
	return listed(found, viewClient), err
}

func (a *API) showClient(ctx context.Context, actor desk.Actor, in *Identified) (Client, error) {
	found, err := a.cfg.Identity.Client(ctx, actor, in.ID)
	return viewClient(found), err
}

// clientSecret is a client with its secret, which is shown this once.
type clientSecret struct {
	Client
	Secret string `json:"client_secret" doc:"Empty: it keeps none."`
}

// newClient is a client to be registered.
type newClient struct {
	Body struct {
		Name          string       `json:"name" minLength:"1" maxLength:"200"`
		About         string       `json:"about,omitempty" maxLength:"500"`
		Confidential  bool         `json:"confidential,omitempty" doc:"It runs where it can keep a secret; otherwise it proves itself by PKCE alone."`
		Redirects     []string     `json:"redirect_uris,omitempty" maxItems:"10" doc:"Compared to the letter."`
		Scopes        []desk.Scope `json:"scopes" nullable:"false" minItems:"1" maxItems:"100"`
		Service       string       `json:"service,omitempty" maxLength:"320" doc:"The address of a service account for which it acts by itself."`
		AccessMinutes int          `json:"access_minutes,omitempty" minimum:"5" maximum:"2880"`
	}
}

func (a *API) addClient(ctx context.Context, actor desk.Actor, in *newClient) (clientSecret, error) {
	secret, made, err := a.cfg.Identity.AddClient(ctx, actor, identity.NewClient(in.Body))
	return clientSecret{viewClient(made), secret}, err
}

// clientPatch is a merge patch (RFC 7396): what is absent stays.
type clientPatch struct {
	Identified
	Body struct {
		Name          *string       `json:"name,omitempty" minLength:"1" maxLength:"200"`
		About         *string       `json:"about,omitempty" maxLength:"500"`
		Redirects     *[]string     `json:"redirect_uris,omitempty" maxItems:"10"`
		Scopes        *[]desk.Scope `json:"scopes,omitempty" minItems:"1" maxItems:"100"`
		Service       *string       `json:"service,omitempty" maxLength:"320" doc:"Empty: it acts by itself no more."`
		AccessMinutes *int          `json:"access_minutes,omitempty" minimum:"0" maximum:"2880"`
		Disabled      *bool         `json:"disabled,omitempty" doc:"True ends every token that it has."`
	}
}

func (a *API) patchClient(ctx context.Context, actor desk.Actor, in *clientPatch) (Client, error) {
	known, err := a.cfg.Identity.Client(ctx, actor, in.ID)
	if err != nil {
		return Client{}, err
	}
	change := identity.NewClient{Name: known.Name, About: known.About, Redirects: known.Redirects, Scopes: known.Scopes, Service: known.ServiceEmail, AccessMinutes: known.AccessMinutes}
	set(&change.Name, in.Body.Name)
	set(&change.About, in.Body.About)
	set(&change.Redirects, in.Body.Redirects)
	set(&change.Scopes, in.Body.Scopes)
	set(&change.Service, in.Body.Service)
	set(&change.AccessMinutes, in.Body.AccessMinutes)
	switched := in.Body
	if switched.Disabled = nil; switched != (clientPatch{}).Body {
		if err := a.cfg.Identity.ChangeClient(ctx, actor, in.ID, change); err != nil {
			return Client{}, err
		}
	}
	if in.Body.Disabled != nil {
		use := identity.ClientOn
		if *in.Body.Disabled {
			use = identity.ClientOff
		}
		if err := a.cfg.Identity.SwitchClient(ctx, actor, in.ID, use); err != nil {
			return Client{}, err
		}
	}
	return a.showClient(ctx, actor, &Identified{ID: in.ID})
}

func (a *API) removeClient(ctx context.Context, actor desk.Actor, in *Identified) error {
	return a.cfg.Identity.RemoveClient(ctx, actor, in.ID)
}

// renewClient gives a client a new secret; the one before is taken for a day as well.
func (a *API) renewClient(ctx context.Context, actor desk.Actor, in *Identified) (clientSecret, error) {
	secret, err := a.cfg.Identity.NewClientSecret(ctx, actor, in.ID)
	if err != nil {
		return clientSecret{}, err
	}
	client, err := a.showClient(ctx, actor, in)
	return clientSecret{client, secret}, err
}

// app is what a person has allowed a client.
type app struct {
	ID         int64        `json:"id"`
	Client     string       `json:"client"`
	About      string       `json:"about"`
	User       string       `json:"user" doc:"The address of the person."`
	Scopes     []desk.Scope `json:"scopes" nullable:"false"`
	CreatedAt  time.Time    `json:"created_at"`
	LastUsedAt *time.Time   `json:"last_used_at"`
	RevokedAt  *time.Time   `json:"revoked_at"`
}

func viewApp(from desk.OAuthGrant) app {
	return app{from.ID, from.ClientName, from.About, from.UserEmail, some(from.Scopes), from.CreatedAt.UTC(), utc(from.LastUsedAt), utc(from.RevokedAt)}
}

// listApps are the programs that whoever asks has connected.
func (a *API) listApps(ctx context.Context, actor desk.Actor, in *Page) (list[app], error) {
	found, err := a.cfg.Identity.Apps(ctx, actor, in.Cursor, in.Limit)
	return listed(found, viewApp), err
}

// AppsOf asks who has connected a client.
type AppsOf struct {
	Identified
	Page
}

func (a *API) listAppsOf(ctx context.Context, actor desk.Actor, in *AppsOf) (list[app], error) {
	found, err := a.cfg.Identity.AppsOf(ctx, actor, in.ID, in.Cursor, in.Limit)
	return listed(found, viewApp), err
}

func (a *API) disconnectApp(ctx context.Context, actor desk.Actor, in *Identified) error {
	return a.cfg.Identity.DisconnectApp(ctx, actor, in.ID)
}

// newService is the account of a program to be made.
type newService struct {
	Body struct {
		Name string    `json:"name" minLength:"1" maxLength:"200"`
		Role desk.Role `json:"role" minLength:"1" maxLength:"60" doc:"Never owner."`
	}
}

// listServices are the accounts of programs: two hundred at most, so that there is one page.
func (a *API) listServices(ctx context.Context, actor desk.Actor, _ *struct{}) (list[user], error) {
	found, err := a.cfg.Identity.Services(ctx, actor)
	return whole(found, viewUser), err
}

func (a *API) addService(ctx context.Context, actor desk.Actor, in *newService) (user, error) {
	made, err := a.cfg.Identity.AddServiceAccount(ctx, actor, in.Body.Name, in.Body.Role)
	if err != nil {
		return user{}, err
	}
	return a.serviceOf(ctx, actor, made.ID)
}

// serviceOf is one of the accounts of programs.
func (a *API) serviceOf(ctx context.Context, actor desk.Actor, id int64) (user, error) {
	all, err := a.cfg.Identity.Services(ctx, actor)
	if err != nil {
		return user{}, err
	}
	for _, one := range all {
		if one.ID == id {
			return viewUser(one), nil
		}
	}
	return user{}, desk.Faultf(desk.NotFound, "there is no service account %d", id)
}

// servicePatch takes the account of a program out of use, or puts it to use again.
type servicePatch struct {
	Identified
	Body struct {
		Disabled bool `json:"disabled" doc:"True: its tokens open nothing."`
	}
}

func (a *API) patchService(ctx context.Context, actor desk.Actor, in *servicePatch) (user, error) {
	use := identity.ClientOn
	if in.Body.Disabled {
		use = identity.ClientOff
	}
	if err := a.cfg.Identity.SwitchService(ctx, actor, in.ID, use); err != nil {
		return user{}, err
	}
	return a.serviceOf(ctx, actor, in.ID)
}
