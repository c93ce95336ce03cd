package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"postern/audit"
	"postern/config"
	"postern/desk"
	"postern/domains"
	"postern/identity"
	"postern/tickets"
)

// administration is what the administrative commands work with.
type administration struct {
	*platform
	identity *identity.Service
	domains  *domains.Service
	audit    *audit.Service
	tickets  *tickets.Service // lets no mail in, but within letIn
}

// administer opens the platform for one command and closes it after.
func administer(ctx context.Context, settings config.Settings, do func(*administration) error) error {
	p, err := openPlatform(ctx, settings, platformOptions{role: visitor, conns: 4})
	if err != nil {
		return err
	}
	defer p.close()
	sender, err := newSender(p, slog.New(slog.DiscardHandler)) // what becomes of a mail is printed by who sent it
	if err != nil {
		return err
	}
	return do(&administration{
		platform: p,
		identity: identity.New(identity.Config{Store: p.store, Keys: p.keys, PublicURL: settings.PublicURL, LeakedPasswords: settings.LeakedPasswords}),
		domains:  newDomains(p, nil, sender),
		audit:    newAudit(p, nil, slog.New(slog.DiscardHandler)),
		tickets:  newTickets(p, nil),
	})
}

func newTickets(p *platform, releaser tickets.Releaser) *tickets.Service {
	return tickets.New(tickets.Config{
		Store: p.store, Keys: p.keys, Bucket: p.bucket, Releaser: releaser, Hostname: p.settings.Hostname, PublicURL: p.settings.PublicURL, Undo: undoTime,
	})
}

type userCommand struct {
	Add          userAdd          `cmd:"" help:"Add somebody who can sign in."`
	List         userList         `cmd:"" help:"List everybody who can sign in."`
	Disable      userDisable      `cmd:"" help:"Take somebody's sign-in away and end their sessions."`
	Enable       userEnable       `cmd:"" help:"Give a disabled person their sign-in back."`
	Link         userLink         `cmd:"" help:"Make a one-time sign-in link for somebody."`
	RecoveryCode userRecoveryCode `cmd:"" help:"Make a code by which somebody who has lost their second factor gets in once within 24 hours."`
	Reset        userReset        `cmd:"" help:"Mail somebody a link by which they choose a new password."`
	Import       userImport       `cmd:"" help:"Add people of another program with the hashes of their passwords."`
}

type userAdd struct {
	Email         string `name:"email" required:"" help:"Address to sign in with."`
	Name          string `name:"name" required:"" help:"Name that others see."`
	Role          string `name:"role" required:"" enum:"owner,admin,agent,customer" help:"owner, admin, agent or customer."`
	PasswordStdin bool   `name:"password-stdin" help:"Read a password from standard input; without one the person signs in by link."`
}

// Run adds the person and says how they sign in.
func (u userAdd) Run(ctx context.Context, settings config.Settings, term terminal) error {
	password := ""
	if u.PasswordStdin {
		line, err := bufio.NewReader(io.LimitReader(term.in, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the password: %w", err)
		}
		if password = strings.TrimRight(line, "\r\n"); password == "" {
			return errors.New("no password on standard input: write it there as one line, or leave --password-stdin out")
		}
	}
	return administer(ctx, settings, func(a *administration) error {
		user, err := a.identity.AddUser(ctx, operator(), identity.NewUser{Email: u.Email, Name: u.Name, Role: desk.Role(u.Role), Password: password})
		if err != nil {
			return err
		}
		fmt.Fprintf(term.out, "added %s (%s)\n", user.Email, user.Role)
		if password != "" {
			return nil
		}
		url, err := a.identity.LoginLink(ctx, operator(), user.Email)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(term.out, "sign-in link, good once: "+url)
		return err
	})
}

type userList struct{ listing }

// Run lists people.
func (u userList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		people, err := all(func(cursor string) (desk.Page[identity.Person], error) {
			return a.identity.Users(ctx, operator(), cursor, 100)
		})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, person := range people {
			state := "active"
			if person.DisabledAt != nil {
				state = "disabled"
			}
			rows = append(rows, []string{strconv.FormatInt(person.ID, 10), person.Email, person.Name, string(person.Role), state, day(person.LastSeenAt)})
		}
		return u.print(term.out, people, []string{"id", "email", "name", "role", "state", "last seen"}, rows)
	})
}

// all collects every page of a list. Commands print whole lists; what they list is an admin's work, not mail.
func all[T any](page func(cursor string) (desk.Page[T], error)) ([]T, error) {
	items := []T{}
	for cursor := ""; ; {
		got, err := page(cursor)
		if err != nil {
			return nil, err
		}
		items = append(items, got.Items...)
		if cursor = got.Next; cursor == "" {
			return items, nil
		}
	}
}

type userDisable struct {
	Email string `arg:"" help:"Address of the person."`
}

// Run disables the person.
func (u userDisable) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		person, err := a.identity.Find(ctx, operator(), u.Email)
		if err != nil {
			return err
		}
		if err := a.identity.Disable(ctx, operator(), person.ID); err != nil {
			return err
		}
		_, err = fmt.Fprintln(term.out, "disabled "+person.Email)
		return err
	})
}

type userEnable struct {
	Email string `arg:"" help:"Address of the person."`
}

// Run enables the person.
func (u userEnable) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		person, err := a.identity.Find(ctx, operator(), u.Email)
		if err != nil {
			return err
		}
		if err := a.identity.Enable(ctx, operator(), person.ID); err != nil {
			return err
		}
		_, err = fmt.Fprintln(term.out, "enabled "+person.Email)
		return err
	})
}

type userRecoveryCode struct {
	Email string `arg:"" help:"Address of the person."`
	Check string `name:"check" required:"" help:"How you made sure that it is really them; kept in the audit log."`
}

// Run prints the code. The person and all owners are told by mail.
func (u userRecoveryCode) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		person, err := a.identity.Find(ctx, operator(), u.Email)
		if err != nil {
			return err
		}
		code, err := a.identity.IssueRecovery(ctx, operator(), person.ID, u.Check)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(term.out, code)
		return err
	})
}

type userLink struct {
	Email string `arg:"" help:"Address of the person."`
}

// Run prints the link alone, for scripts.
func (u userLink) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		url, err := a.identity.LoginLink(ctx, operator(), u.Email)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(term.out, url)
		return err
	})
}

type tokenCommand struct {
	Create tokenCreate `cmd:"" help:"Make an API token and print it, once, alone."`
	List   tokenList   `cmd:"" help:"List tokens."`
	Revoke tokenRevoke `cmd:"" help:"Make a token worthless."`
}

type tokenCreate struct {
	User  string   `name:"user" required:"" help:"Address of the person it speaks for."`
	Name  string   `name:"name" required:"" help:"What it is for."`
	Scope []string `name:"scope" help:"read, write, admin, or parts like tickets:read; all that the person may unless given."`
	From  []string `name:"from" help:"Addresses or networks from which it may be used; from everywhere unless given."`
	Days  int      `name:"days" help:"Days until it ends; as set for all unless given."`
}

// Run prints the token alone on stdout.
func (t tokenCreate) Run(ctx context.Context, settings config.Settings, term terminal) error {
	add := identity.NewToken{UserEmail: t.User, Name: t.Name, Scopes: scopesNamed(t.Scope), Networks: t.From}
	if t.Days > 0 {
		add.Expires = time.Now().AddDate(0, 0, t.Days)
	}
	return administer(ctx, settings, func(a *administration) error {
		secret, made, err := a.identity.AddToken(ctx, operator(), add)
		if err != nil {
			return err
		}
		fmt.Fprintf(term.err, "token %d for %s, good until %s; it is shown this once\n", made.ID, made.UserEmail, day(made.ExpiresAt))
		_, err = fmt.Fprintln(term.out, secret)
		return err
	})
}

type tokenList struct{ listing }

// Run lists tokens without their secrets.
func (t tokenList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		tokens, err := all(func(cursor string) (desk.Page[desk.Token], error) {
			return a.identity.Tokens(ctx, operator(), cursor, 100)
		})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, token := range tokens {
			scopes := "all"
			if len(token.Scopes) > 0 {
				scopes = strings.Trim(fmt.Sprint(token.Scopes), "[]")
			}
			state := "until " + day(token.ExpiresAt)
			if token.DisabledAt != nil {
				state = "off " + day(token.DisabledAt)
			}
			if token.RevokedAt != nil {
				state = "revoked " + day(token.RevokedAt)
			}
			rows = append(rows, []string{strconv.FormatInt(token.ID, 10), token.Name, token.UserEmail, scopes, state, day(token.LastUsedAt)})
		}
		return t.print(term.out, tokens, []string{"id", "name", "user", "scopes", "state", "last used"}, rows)
	})
}

type tokenRevoke struct {
	Token string `arg:"" name:"name-or-id" help:"Name or id of the token."`
}

// Run revokes the token.
func (t tokenRevoke) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		if err := a.identity.RevokeToken(ctx, operator(), t.Token); err != nil {
			return err
		}
		_, err := fmt.Fprintln(term.out, "revoked "+t.Token)
		return err
	})
}
