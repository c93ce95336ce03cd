package main

import (
	"context"
	"fmt"
	"time"

	"postern/config"
	"postern/secret"
	"postern/store"
)

// keysCommand looks after the master keys: what seals secrets, and what signs reply addresses, return paths and Message-IDs.
type keysCommand struct {
	List keysList `cmd:"" help:"List the keys of the key file, the active one first; never the keys themselves."`
	Add  keysAdd  `cmd:"" help:"Put a new key into the file. It opens only, until it is put to use: bring the file to every machine first."`
	Use  keysUse  `cmd:"" help:"Make a key the one that seals and signs, from the next start of each process on. The others stay, and what they sealed and signed stays good."`
}

type keysList struct{ listing }

// Run lists the keys.
func (k keysList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	list, err := secret.ListKeys(settings.KeyFile)
	if err != nil {
		return err
	}
	if err := administer(ctx, settings, func(*administration) error { return nil }); err != nil { // so that it stands in the audit log
		return err
	}
	var rows [][]string
	for _, key := range list {
		use := "opens"
		if key.Active {
			use = "active: seals and signs"
		}
		rows = append(rows, []string{key.ID, day(&key.Created), use})
	}
	return k.print(term.out, list, []string{"key", "made", "use"}, rows)
}

type keysAdd struct{}

// Run makes a key and says what comes next.
func (keysAdd) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		id, err := secret.AddKey(settings.KeyFile, time.Now())
		if err != nil {
			return err
		}
		if err := a.audited(ctx, "keys.add", id); err != nil {
			return err
		}
		_, err = fmt.Fprintf(term.out, "added %s to %s. Bring the file to every machine and to where its copy is kept, restart postern serve there, then run: postern keys use %s\n", id, settings.KeyFile, id)
		return err
	})
}

type keysUse struct {
	ID string `arg:"" name:"id" help:"The key's id, as postern keys list shows it."`
}

// Run puts a key to use.
func (k keysUse) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		if err := secret.UseKey(settings.KeyFile, k.ID); err != nil {
			return err
		}
		if err := a.audited(ctx, "keys.use", k.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintf(term.out, "%s seals and signs from the next start of postern serve on. Keep the other keys: what they sealed and signed needs them.\n", k.ID)
		return err
	})
}

// audited writes down what was done to the key file, which no transaction reaches.
func (a *administration) audited(ctx context.Context, action, id string) error {
	return a.platform.store.Write(ctx, func(tx *store.Tx) error { return tx.Audit(ctx, operator(), action, "key/"+id, nil) })
}
