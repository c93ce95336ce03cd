package api

import (
	"context"
	"time"

	"postern/desk"
	"postern/identity"
)

// user is a person who can sign in, as administration sees them.
type user struct {
	desk.User
	CreatedAt  time.Time  `json:"created_at"`
	DisabledAt *time.Time `json:"disabled_at"`
	LastSeenAt *time.Time `json:"last_seen_at" doc:"Null: they have never signed in."`
}

func viewUser(from identity.Person) user {
	return user{User: from.User, CreatedAt: from.CreatedAt.UTC(), DisabledAt: utc(from.DisabledAt), LastSeenAt: utc(from.LastSeenAt)}
}

func (a *API) listUsers(ctx context.Context, actor desk.Actor, in *Page) (list[user], error) {
	found, err := a.cfg.Identity.Users(ctx, actor, in.Cursor, in.Limit)
	return listed(found, viewUser), err
}

// newUser is somebody to be added.
type newUser struct {
	Body struct {
		Email    string    `json:"email" minLength:"3" maxLength:"320"`
		Name     string    `json:"name" minLength:"1" maxLength:"200"`
		Role     desk.Role `json:"role" minLength:"1" maxLength:"60" doc:"A built-in role (owner, admin, agent, light_agent, auditor, customer) or the name of one that was made here."`
		Password string    `json:"password,omitempty" maxLength:"1000" doc:"Absent: they sign in by a one-time link."`
	}
}

func (a *API) addUser(ctx context.Context, actor desk.Actor, in *newUser) (user, error) {
	made, err := a.cfg.Identity.AddUser(ctx, actor, identity.NewUser{Email: in.Body.Email, Name: in.Body.Name, Role: in.Body.Role, Password: in.Body.Password})
	if err != nil {
		return user{}, err
	}
	return a.showUser(ctx, actor, made)
}

// showUser is the person with the dates that a desk.User does not carry.
func (a *API) showUser(ctx context.Context, actor desk.Actor, known desk.User) (user, error) {
	found, err := a.cfg.Identity.Find(ctx, actor, known.Email)
	return viewUser(found), err
}

func (a *API) personOf(ctx context.Context, actor desk.Actor, in *Identified) (user, error) {
	found, err := a.cfg.Identity.PersonOf(ctx, actor, in.ID)
	return viewUser(found), err
}

// resetPassword mails the person a link to a new password; whoever asks never sees it.
func (a *API) resetPassword(ctx context.Context, actor desk.Actor, in *Identified) error {
	return a.cfg.Identity.StartReset(ctx, actor, in.ID)
}

// userPatch is a merge patch (RFC 7396): what is absent stays.
type userPatch struct {
	Identified
	Body struct {
		Name     *string    `json:"name,omitempty" minLength:"1" maxLength:"200"`
		Role     *desk.Role `json:"role,omitempty" minLength:"1" maxLength:"60" doc:"A built-in role or the name of one that was made here. Nobody changes their own."`
		Password *string    `json:"password,omitempty" maxLength:"1000"`
		Disabled *bool      `json:"disabled,omitempty" doc:"True keeps the person from signing in, at once; their tokens stop working."`
	}
}

func (a *API) patchUser(ctx context.Context, actor desk.Actor, in *userPatch) (user, error) {
	// An empty change, too, is asked for: it checks the right, finds the person, and tells who they are.
	changed, err := a.cfg.Identity.UpdateUser(ctx, actor, in.ID, identity.UserChange{Name: in.Body.Name, Role: in.Body.Role, Password: in.Body.Password})
	if err != nil {
		return user{}, err
	}
	if in.Body.Disabled != nil {
		set := a.cfg.Identity.Enable
		if *in.Body.Disabled {
			set = a.cfg.Identity.Disable
		}
		if err := set(ctx, actor, in.ID); err != nil {
			return user{}, err
		}
	}
	return a.showUser(ctx, actor, changed)
}

// Token is an API token without its secret.
type Token struct {
	ID         int64          `json:"id"`
	Kind       desk.TokenKind `json:"kind" enum:"personal,service,oauth"`
	User       string         `json:"user" doc:"The address of the person it speaks for."`
	Name       string         `json:"name"`
	Scopes     []desk.Scope   `json:"scopes" nullable:"false" doc:"Empty: all that the person may."`
	Networks   []string       `json:"networks" nullable:"false" doc:"From where it may be used; empty: from everywhere."`
	CreatedAt  time.Time      `json:"created_at"`
	ExpiresAt  *time.Time     `json:"expires_at"`
	LastUsedAt *time.Time     `json:"last_used_at"`
	LastIP     string         `json:"last_ip" doc:"Where it was used last; empty: nowhere yet."`
	DisabledAt *time.Time     `json:"disabled_at" doc:"Since when it is switched off, because nobody used it."`
	RevokedAt  *time.Time     `json:"revoked_at"`
}

func viewToken(from desk.Token) Token {
	return Token{
		ID: from.ID, Kind: from.Kind, User: from.UserEmail, Name: from.Name, Scopes: some(from.Scopes), Networks: some(from.Networks), LastIP: from.LastIP, DisabledAt: utc(from.DisabledAt),
		CreatedAt: from.CreatedAt.UTC(), ExpiresAt: utc(from.ExpiresAt), LastUsedAt: utc(from.LastUsedAt), RevokedAt: utc(from.RevokedAt),
	}
}

func (a *API) listTokens(ctx context.Context, actor desk.Actor, in *Page) (list[Token], error) {
	found, err := a.cfg.Identity.Tokens(ctx, actor, in.Cursor, in.Limit)
	return listed(found, viewToken), err
}

// newToken is an API token to be made.
type newToken struct {
	Body struct {
		User      string       `json:"user,omitempty" doc:"The address of the person it speaks for; absent: whoever asks."`
		Name      string       `json:"name" minLength:"1" maxLength:"200"`
		Scopes    []desk.Scope `json:"scopes,omitempty" maxItems:"50" doc:"The broad ones are read, write and admin, those of one resource look like tickets:read; absent: all that the person may."`
		Networks  []string     `json:"networks,omitempty" maxItems:"20" doc:"Addresses and CIDR from which alone it may be used; absent: from everywhere."`
		ExpiresAt time.Time    `json:"expires_at,omitzero" required:"false" doc:"Absent: in 90 days."`
	}
}

// newSecret is a new token with its secret, which is shown this once.
type newSecret struct {
	Token
	Secret string `json:"token"`
}

func (a *API) addToken(ctx context.Context, actor desk.Actor, in *newToken) (newSecret, error) {
	owner := in.Body.User
	if owner == "" {
		owner = actor.User.Email
	}
	secret, made, err := a.cfg.Identity.AddToken(ctx, actor, identity.NewToken{UserEmail: owner, Name: in.Body.Name, Scopes: in.Body.Scopes, Networks: in.Body.Networks, Expires: in.Body.ExpiresAt})
	return newSecret{viewToken(made), secret}, err
}

// TokenNamed names a token in the path, by its id or name.
type TokenNamed struct {
	Token string `path:"token" maxLength:"200"`
}

func (a *API) showToken(ctx context.Context, actor desk.Actor, in *TokenNamed) (Token, error) {
	found, err := a.cfg.Identity.TokenOf(ctx, actor, in.Token)
	return viewToken(found), err
}

// tokenPatch switches a token on again.
type tokenPatch struct {
	TokenNamed
	Body struct {
		Disabled bool `json:"disabled" enum:"false" doc:"False switches a token on again that nobody used for a while. To end one, delete it."`
	}
}

func (a *API) reviveToken(ctx context.Context, actor desk.Actor, in *tokenPatch) (Token, error) {
	if in.Body.Disabled {
		return Token{}, desk.Wrong("disabled", "a token that shall open nothing any more is deleted")
	}
	if err := a.cfg.Identity.ReviveToken(ctx, actor, in.Token); err != nil {
		return Token{}, err
	}
	return a.showToken(ctx, actor, &in.TokenNamed)
}

func (a *API) revokeToken(ctx context.Context, actor desk.Actor, in *TokenNamed) error {
	return a.cfg.Identity.RevokeToken(ctx, actor, in.Token)
}
