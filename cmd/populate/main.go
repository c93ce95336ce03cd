// Command populate fills a database of Postern with years of believable mail, so that it can be seen how the desk works at that size: conversations in five languages, agents, tags, solved and waiting tickets.
//
// It writes straight into the tables (COPY), in minutes, what the program would have written in the course of years: rows in the order of time, words for search, keys for threading, deliveries.
// What only mail itself would bring is left out: originals, attachments, audit entries. No automation and no notification is set off. It is meant for a database of its own, and may add to one that is in use.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"

	"postern/migrations"
)

// arguments are the flags.
type arguments struct {
	Tickets  int       `default:"200000" help:"Tickets to make."`
	Messages int       `default:"1000000" help:"Mails and notes on them, about; what happened to the tickets comes on top."`
	Years    float64   `default:"2" help:"How far back they go."`
	Until    time.Time `help:"When the last of them was written; now unless given." placeholder:"TIME"`
	Seed     uint64    `default:"1" help:"The same seed writes the same mails."`
	Data     string    `env:"POSTERN_DATA" default:"./data" help:"Data folder of a running Postern, whose database is filled."`
	Database string    `name:"database-url" env:"POSTERN_DATABASE_URL" placeholder:"URL" help:"PostgreSQL to fill instead."`
}

func main() {
	var args arguments
	kong.Parse(&args, kong.Name("populate"), kong.Description("Fills a database with years of believable mail."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, args)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "populate:", err)
		os.Exit(1)
	}
}

// run checks what was asked for, and does it.
func run(ctx context.Context, args arguments) error {
	if args.Tickets < 1 || args.Messages < args.Tickets || args.Messages > 40*args.Tickets || args.Years <= 0 || args.Years > 20 {
		return errors.New("at least one ticket, from one to forty messages for each, and up to 20 years")
	}
	if args.Until.IsZero() {
		args.Until = time.Now()
	}
	url, err := database(args)
	if err != nil {
		return err
	}
	if err := migrations.Up(ctx, url); err != nil {
		return err
	}
	phrases, err := languages(script)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	f := &filler{size: size{args.Tickets, args.Messages, args.Years, args.Until.UTC().Truncate(time.Microsecond), args.Seed}, url: url, conn: conn, languages: phrases}
	start := time.Now()
	if err := f.fill(ctx); err != nil {
		return err
	}
	fmt.Printf("%d tickets, %d messages and %d events of %d contacts, in %s. Ticket #%d has %d messages.\n",
		len(f.talks), f.written, f.events, f.contacts, time.Since(start).Round(time.Second), f.longest, longLength)
	return nil
}

// database is the URL that was given, or that of the Postern which runs on the data folder.
func database(args arguments) (string, error) {
	if args.Database != "" {
		return args.Database, nil
	}
	text, err := os.ReadFile(filepath.Join(args.Data, "run", "access.json"))
	if err != nil {
		return "", fmt.Errorf("no Postern runs on %s: start it (make run), or name a database with --database-url", args.Data)
	}
	var access struct {
		DatabaseURL string `json:"database_url"`
	}
	return access.DatabaseURL, json.Unmarshal(text, &access)
}
