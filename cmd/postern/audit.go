package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"postern/audit"
	"postern/config"
	"postern/desk"
	"postern/mailout"
)

// auditCommand reads, writes out and checks the audit log.
type auditCommand struct {
	List   auditList   `cmd:"" help:"List what was done by whom, the newest first."`
	Export auditExport `cmd:"" help:"Write the log out as a table or as JSON lines, the oldest first."`
	Verify auditVerify `cmd:"" help:"Compute the chain of the log anew and say where it was tampered with; exit status 1 if it was."`
}

// newAudit opens the audit log; behind hears how its sinks fare, unless it is nil.
func newAudit(p *platform, behind func(sink string, records int64, failing time.Duration), log *slog.Logger) *audit.Service {
	return audit.New(audit.Config{
		Store: p.store, Keys: p.keys, Hostname: p.settings.Hostname, Version: version, Folder: filepath.Join(p.settings.Data, "audit"),
		Behind: behind, Refuse: mailout.AddressPolicy{Allow: p.settings.OutboundAllow}.Refuse, Log: log,
	})
}

// auditFilter is what is asked of the log.
type auditFilter struct {
	Actor   string    `name:"actor" help:"Only by this person: an address or a part of one, system, or mail."`
	Action  string    `name:"action" help:"Only this action, or with a dot all of a noun: ticket."`
	Subject string    `name:"subject" help:"Only what was done to this, or with a slash to all of a kind: ticket/"`
	IP      string    `name:"ip" help:"Only from this address or range."`
	From    time.Time `name:"from" help:"Not before this time (RFC 3339)."`
	Until   time.Time `name:"until" help:"Before this time (RFC 3339)."`
	Search  string    `name:"search" help:"Only with this in the subject or the detail."`
}

func (f auditFilter) query() desk.AuditQuery {
	return desk.AuditQuery{Actor: f.Actor, Action: f.Action, Subject: f.Subject, IP: f.IP, From: f.From, Until: f.Until, Text: f.Search}
}

type auditList struct {
	auditFilter `embed:""`
	Limit       int `name:"limit" default:"100" help:"At most this many."`
	listing
}

// Validate knows the bounds.
func (l auditList) Validate() error { return atLeastOne(l.Limit) }

// Run lists entries.
func (l auditList) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) error {
		found, more, err := some(l.Limit, func(cursor string, limit int) (desk.Page[desk.AuditEntry], error) {
			q := l.query()
			q.Cursor, q.Limit = cursor, limit
			return a.audit.List(ctx, operator(), q)
		})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, e := range found {
			rows = append(rows, []string{strconv.FormatInt(e.ID, 10), day(&e.At), plain(e.Actor), plain(e.IP), e.Action, string(e.Outcome), plain(e.Subject), short(plain(string(e.Detail)), 80)})
		}
		if err := l.print(term.out, found, []string{"id", "when", "who", "from", "what", "outcome", "to what", "detail"}, rows); err != nil {
			return err
		}
		return more.tell(term, len(found))
	})
}

type auditExport struct {
	auditFilter `embed:""`
	Format      string `name:"format" enum:"csv,jsonl" default:"jsonl" help:"csv or jsonl."`
	Out         string `name:"out" default:"-" placeholder:"FILE" help:"Write to this file; - for standard output."`
}

// Run writes entries out.
func (e auditExport) Run(ctx context.Context, settings config.Settings, term terminal) error {
	return administer(ctx, settings, func(a *administration) (err error) {
		export, err := a.audit.Export(ctx, operator(), e.query(), audit.Form(e.Format))
		if err != nil {
			return err
		}
		to := io.Writer(term.out)
		if e.Out != "-" {
			file, err := os.OpenFile(e.Out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
			if err != nil {
				return err
			}
			defer file.Close()
			if err := export.Write(ctx, file); err != nil {
				return err
			}
			return file.Sync()
		}
		return export.Write(ctx, to)
	})
}

type auditVerify struct {
	Known []string `name:"known" placeholder:"SEQ:HASH" help:"A link that is known from elsewhere, as this command or a sink has told it: that it is still there, and the same."`
	JSON  bool     `name:"json" help:"Print JSON."`
}

// Run verifies the log.
func (v auditVerify) Run(ctx context.Context, settings config.Settings, term terminal) error {
	var known []audit.Known
	for _, text := range v.Known {
		one, err := audit.ParseKnown(text)
		if err != nil {
			return err
		}
		known = append(known, one)
	}
	return administer(ctx, settings, func(a *administration) error {
		report, err := a.audit.Verify(ctx, known...)
		if err != nil {
			return err
		}
		if v.JSON {
			err = listing{JSON: true}.print(term.out, report, nil, nil)
		} else {
			err = printReport(term.out, report)
		}
		if err == nil && !report.Sound() {
			return errQuiet
		}
		return err
	})
}

// printReport says what verifying found.
func printReport(out io.Writer, r *audit.Report) error {
	for _, gone := range r.Purged {
		fmt.Fprintf(out, "links %d to %d were purged on %s, and lie in %s\n", gone.FirstSeq, gone.Seq, day(&gone.At), gone.File)
	}
	for _, broken := range r.Breaks {
		fmt.Fprintf(out, "BROKEN at link %d: %s\n", broken.Seq, broken.Reason)
	}
	sound := "sound"
	if !r.Sound() {
		sound = "NOT SOUND"
	}
	_, err := fmt.Fprintf(out, "%s: %d records, links %d to %d, %d checkpoints, the last of link %d; checked in %s\nknown elsewhere, this proves later that nothing was cut off: %d:%s\n",
		sound, r.Records, r.First, r.Last, r.Checkpoints, r.VouchedTo, r.Took.Round(time.Millisecond), r.Last, r.Hash)
	return err
}
