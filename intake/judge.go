package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"postern/desk"
	"postern/domains"
	"postern/filters"
	"postern/mailauth/authres"
)

// suspendedMail is what is known of a mail that an agent lets in: the verdict of the moment at which it came, since keys and records change.
type suspendedMail struct {
	verdict desk.Verdict
	opinion desk.Opinion
	digest  []byte
	cause   desk.Cause
	into    int64
}

// judge begins to ask who sent the mail and what the filters say of it, and returns the wait for the answers. Nothing in it fails: what could not be found out is part of the answer.
func (in *Intake) judge(ctx context.Context, m *mail, raw *io.SectionReader, was *suspendedMail) (wait func()) {
	if was != nil {
		m.verdict, m.opinion, m.released, m.into = was.verdict, was.opinion, was.cause, was.into
		return func() {}
	}
	var asked sync.WaitGroup
	asked.Go(func() {
		defer func() {
			if caught := recover(); caught != nil { // in a goroutine of its own it would end the program: the mail goes on with what is known of it by then
				in.cfg.Log.Error("asking who sent a mail failed inside the program", "session", m.env.Session, "panic", caught)
				if m.verdict.DMARC.Result == "" {
					m.verdict = desk.Unchecked("the check broke off")
				}
			}
		}()
		m.verdict = in.askWho(ctx, m.env, raw)
		if m.env.Source == desk.FromFile || in.cfg.Filters.Empty() {
			return
		}
		name := "" // of the client, which filters want to know
		if m.verdict.IPRev.Result == desk.ResultPass {
			name = m.verdict.IPRev.Domain
		}
		m.opinion = in.cfg.Filters.Check(ctx, filters.Mail{Envelope: m.env, PTR: name, Raw: whole(raw)})
	})
	return asked.Wait
}

// askWho finds out what proves the sender: the DNS for mail, and for what was written on our pages the code that was mailed to its author.
func (in *Intake) askWho(ctx context.Context, env desk.Envelope, raw *io.SectionReader) desk.Verdict {
	switch env.Source {
	case desk.FromVisitor:
		verdict := desk.Unchecked("it was written on a page of ours")
		verdict.Visitor = desk.Canonical(env.MailFrom)
		if domain, err := domains.ASCII(desk.DomainOf(verdict.Visitor)); err == nil {
			verdict.From = domain
		}
		return verdict
	case desk.FromForm:
		return desk.Unchecked("it was written into a form, and nobody asked for a proof of the address")
	default:
		return in.cfg.Checker.Check(ctx, env, whole(raw))
	}
}

// whole is a reader of its own over all of the mail.
func whole(raw *io.SectionReader) *io.SectionReader { return io.NewSectionReader(raw, 0, raw.Size()) }

// stamped is the copy that is kept: with our verdict on top, and without the fields by which somebody else claims to be us (T-AUTH, RFC 8601 §5).
func (in *Intake) stamped(m *mail, raw *io.SectionReader) (*io.SectionReader, error) {
	if m.env.Source == desk.FromRelease {
		return raw, nil // it was stamped when it came
	}
	forged, err := authres.Strip(whole(raw), in.cfg.Hostname)
	if err != nil {
		return nil, fmt.Errorf("intake: look for forged verdicts: %w", err)
	}
	if len(forged) > 0 && m.parsed != nil {
		m.parsed.Problems = append(m.parsed.Problems, fmt.Sprintf("%d header fields that claimed to be this server's verdict on the sender were removed.", len(forged)))
	}
	return authres.Stamp(raw, authres.Format(in.cfg.Hostname, m.verdict), forged), nil
}

// known reads what was kept of a suspended mail.
func known(held desk.SuspendedMail, digest []byte, into int64) (*suspendedMail, error) {
	was := &suspendedMail{digest: digest, cause: held.Cause, into: into}
	if err := json.Unmarshal(held.Verdict, &was.verdict); err != nil {
		return nil, fmt.Errorf("intake: verdict on suspended mail %d: %w", held.ID, err)
	}
	if err := json.Unmarshal(held.Opinion, &was.opinion); err != nil {
		return nil, fmt.Errorf("intake: opinion on suspended mail %d: %w", held.ID, err)
	}
	return was, nil
}
