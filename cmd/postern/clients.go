package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"postern/config"
	"postern/desk"
	"postern/identity"
)

type clientCommand struct {
	Add    clientAdd    `cmd:"" help:"Register a program that people may connect, and print its client_id and its secret, once."`
	List   clientList   `cmd:"" help:"List them."`
	Secret clientSecret `cmd:"" help:"Give one a new secret and print it, once; the old one works for a day as well."`
	Remove clientRemove `cmd:"" help:"Remove one, with all that it was allowed."`
}

type clientAdd struct {
	Name         string   `name:"name" required:"" help:"Name by which people know it."`
	About        string   `name:"about" help:"What they are told of it."`
	Redirect     []string `name:"redirect" help:"Address to which people are sent back; once for each."`
	Scope        []string `name:"scope" required:"" help:"What it may ask for: read, write, admin, offline, or parts like tickets:read."`
	Confidential bool     `name:"confidential" help:"It runs where it can keep a secret."`
	Service      string   `name:"service" help:"Address of the service account for which it acts by itself."`
}

// Run prints key and secret in two lines.
func (c clientAdd) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		secret, client, err := a.identity.AddClient(ctx, operator(), identity.NewClient{
			Name: c.Name, About: c.About, Redirects: c.Redirect, Scopes: scopesNamed(c.Scope), Confidential: c.Confidential, Service: c.Service,
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(term.out, "client_id "+client.Key)
		if secret != "" {
			fmt.Fprintln(term.out, "client_secret "+secret)
		}
		return nil
	})
}

type clientList struct{ listing }

// Run lists clients.
func (c clientList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		clients, err := all(func(cursor string) (desk.Page[desk.OAuthClient], error) {
			return a.identity.Clients(ctx, operator(), cursor, 100)
		})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, client := range clients {
			state := "in use"
			if client.DisabledAt != nil {
				state = "out of use"
			}
			rows = append(rows, []string{strconv.FormatInt(client.ID, 10), client.Key, client.Name, state, strings.Trim(fmt.Sprint(client.Scopes), "[]"), strings.Join(client.Redirects, " ")})
		}
		return c.print(term.out, clients, []string{"id", "client_id", "name", "state", "scopes", "redirects"}, rows)
	})
}

type clientSecret struct {
	Client string `arg:"" name:"client_id-or-id" help:"client_id, or id, of the program."`
}

// Run prints the secret alone.
func (c clientSecret) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		id, err := clientNamed(ctx, a, c.Client)
		if err != nil {
			return err
		}
		secret, err := a.identity.NewClientSecret(ctx, operator(), id)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(term.out, secret)
		return err
	})
}

type clientRemove struct {
	Client string `arg:"" name:"client_id-or-id" help:"client_id, or id, of the program."`
}

// Run removes the client.
func (c clientRemove) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		id, err := clientNamed(ctx, a, c.Client)
		if err != nil {
			return err
		}
		if err := a.identity.RemoveClient(ctx, operator(), id); err != nil {
			return err
		}
		_, err = fmt.Fprintln(term.out, "removed "+c.Client)
		return err
	})
}

// clientNamed finds a client by its client_id or its number.
func clientNamed(ctx context.Context, a *administration, name string) (int64, error) {
	clients, err := all(func(cursor string) (desk.Page[desk.OAuthClient], error) {
		return a.identity.Clients(ctx, operator(), cursor, 100)
	})
	if err != nil {
		return 0, err
	}
	for _, client := range clients {
		if client.Key == name || strconv.FormatInt(client.ID, 10) == name {
			return client.ID, nil
		}
	}
	return 0, errors.New("there is no client " + name + ": see postern client list")
}

type serviceCommand struct {
	Add  serviceAdd  `cmd:"" help:"Add an account for a program: it has tokens, and nobody signs in with it."`
	List serviceList `cmd:"" help:"List them."`
}

type serviceAdd struct {
	Name string `name:"name" required:"" help:"What the program is called."`
	Role string `name:"role" required:"" help:"Its role; never owner."`
}

// Run prints the address of the account.
func (s serviceAdd) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		user, err := a.identity.AddServiceAccount(ctx, operator(), s.Name, desk.Role(s.Role))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(term.out, user.Email)
		return err
	})
}

type serviceList struct{ listing }

// Run lists service accounts.
func (s serviceList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		people, err := a.identity.Services(ctx, operator())
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
		return s.print(term.out, people, []string{"id", "email", "name", "role", "state", "last used"}, rows)
	})
}

// scopesNamed are scopes as they are typed, also several with commas.
func scopesNamed(typed []string) (scopes []desk.Scope) {
	for _, text := range typed {
		scopes = append(scopes, desk.Scope(strings.TrimSpace(text)))
	}
	return scopes
}
