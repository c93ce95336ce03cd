package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"postern/config"
	"postern/desk"
	"postern/identity"
)

// longestImport bounds a line of people to take in.
const longestImport = 64 << 10

type userImport struct {
	File string `arg:"" help:"File with a person a line, as JSON: email, name, role, and password_hash (bcrypt, PBKDF2 as Django or passlib write it, Argon2id); - for standard input."`
}

// imported is a line of the file.
type imported struct {
	Email string    `json:"email"`
	Name  string    `json:"name"`
	Role  desk.Role `json:"role"`
	Hash  string    `json:"password_hash"`
}

// Run adds each person, and goes on after one who cannot be added. Hashes of other programs are replaced when their person signs in.
func (u userImport) Run(ctx context.Context, settings config.Settings, term terminal) error {
	in := io.NopCloser(term.in)
	if u.File != "-" {
		file, err := os.Open(u.File)
		if err != nil {
			return fmt.Errorf("open the people to take in: %w", err)
		}
		in = file
	}
	defer in.Close()
	added, failed := 0, 0
	err := administer(ctx, settings, func(a *administration) error {
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, longestImport)
		for n := 1; lines.Scan(); n++ {
			if len(lines.Bytes()) == 0 {
				continue
			}
			if err := addImported(ctx, a.identity, lines.Bytes()); err != nil {
				failed++
				fmt.Fprintf(term.err, "line %d: %v\n", n, err)
				continue
			}
			added++
		}
		return lines.Err()
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(term.out, "added %d, left out %d\n", added, failed)
	if failed > 0 {
		return errQuiet
	}
	return nil
}

// addImported adds the person of one line.
func addImported(ctx context.Context, people *identity.Service, line []byte) error {
	var one imported
	if err := json.Unmarshal(line, &one); err != nil {
		return errors.New("this is no JSON with email, name, role and password_hash") // the line may hold a password: it is not repeated
	}
	_, err := people.AddUser(ctx, operator(), identity.NewUser{Email: one.Email, Name: one.Name, Role: one.Role, Hash: one.Hash})
	return err
}

type userReset struct {
	Email string `arg:"" help:"Address of the person."`
}

// Run has the link mailed.
func (u userReset) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		person, err := a.identity.Find(ctx, operator(), u.Email)
		if err != nil {
			return err
		}
		if err := a.identity.StartReset(ctx, operator(), person.ID); err != nil {
			return err
		}
		_, err = fmt.Fprintln(term.out, "a link for a new password goes to "+person.Email)
		return err
	})
}
