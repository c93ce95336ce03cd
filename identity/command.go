package identity

import (
	"context"
	"errors"
	"slices"

	"postern/desk"
	"postern/store"
)

// Command is what somebody is about to do at the command line of a machine.
type Command struct {
	Verb   string                      // like user add
	Right  desk.Right                  // that a person needs for the same
	Host   string                      // the machine
	Always bool                        // it is given without a code whatever the settings say: it runs the system, or is the way in when nothing else works
	Code   func() (CommandCode, error) // asks whoever sits there
}

// CommandCode is what they say.
type CommandCode struct{ Email, Code string }

// errCommand is the answer to a code at the command line that is not right, whoever was named.
var errCommand = &desk.Fault{Kind: desk.Unsigned, Reason: "This address and code do not belong together, or the code was used. Each code works once."}

// errCommandRight is the answer to somebody who has shown who they are, and may not.
var errCommandRight = &desk.Fault{Kind: desk.Forbidden, Reason: "Your role does not allow what this command does."}

// BeginCommand writes a command into the audit log before it does anything, and lets it begin where the settings ask for no code, or one was shown: now, or within ProofFor for the same account of the same machine.
// Whoever shows it needs the right that they would need in the portal. The actor is the operator, whose account of the machine stands in the log.
func (s *Service) BeginCommand(ctx context.Context, actor desk.Actor, command Command) error {
	values, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	if !values.On(desk.CommandFactor) || command.Always || slices.Contains(values.List(desk.CommandUnattended), command.Verb) {
		return s.store.Write(ctx, func(tx *store.Tx) error { return noteCommand(ctx, tx, actor, command, "") })
	}
	known, found, err := s.provenOperator(ctx, actor, command)
	if err != nil {
		return err
	}
	if found && known.User.Can(command.Right) {
		return s.letCommand(ctx, actor, command, known)
	}
	code, err := command.Code()
	if err != nil {
		return errors.Join(s.refuseCommand(ctx, actor, command, "no code"), err)
	}
	return s.proveCommand(ctx, actor, command, code)
}

// provenOperator is who has shown a code lately on this account of this machine, if they still could.
func (s *Service) provenOperator(ctx context.Context, actor desk.Actor, command Command) (known store.Credentials, found bool, err error) {
	proof, found, err := s.store.CommandProof(ctx, actor.Operator, command.Host)
	if err != nil || !found || !s.now().Before(proof.ProvedAt.Add(ProofFor)) {
		return known, false, err
	}
	known, err = s.store.CredentialsOf(ctx, proof.UserID)
	if err != nil || known.DisabledAt != nil {
		return known, false, err
	}
	rows, err := s.store.Factors(ctx, known.ID)
	has := slices.ContainsFunc(rows, func(one store.Factor) bool { return one.Kind == desk.FactorTOTP && one.Ready })
	return known, has, err
}

// letCommand begins the command of somebody who has shown who they are, if their role allows it.
func (s *Service) letCommand(ctx context.Context, actor desk.Actor, command Command, known store.Credentials) error {
	if !known.User.Can(command.Right) {
		return errors.Join(s.refuseCommand(ctx, actor, command, "not allowed to "+known.Email), errCommandRight)
	}
	return s.store.Write(ctx, func(tx *store.Tx) error { return noteCommand(ctx, tx, actor, command, known.Email) })
}

// proveCommand judges a code, and begins the command if it is right. A wrong one counts as everywhere: after five, codes of the app wait, and its person is told.
func (s *Service) proveCommand(ctx context.Context, actor desk.Actor, command Command, code CommandCode) error {
	known, err := s.store.Credentials(ctx, desk.Canonical(code.Email))
	if err != nil {
		return err
	}
	if known.ID == 0 || known.DisabledAt != nil {
		return errors.Join(s.refuseCommand(ctx, actor, command, "wrong code"), errCommand)
	}
	var fault *desk.Fault
	err = s.store.Write(ctx, func(tx *store.Tx) (err error) {
		who := owner{user: known.User, command: actor}
		if fault, err = s.judge(ctx, tx, who, FactorProof{Kind: desk.FactorTOTP, Code: code.Code}); err != nil || fault != nil {
			return err
		}
		return tx.ProveCommand(ctx, actor.Operator, command.Host, known.ID, s.now())
	})
	switch {
	case err != nil:
		return err
	case fault != nil && fault.Kind == desk.Invalid:
		return errors.Join(s.refuseCommand(ctx, actor, command, "wrong code"), errCommand)
	case fault != nil:
		return errors.Join(s.refuseCommand(ctx, actor, command, "too many wrong codes"), fault)
	}
	return s.letCommand(ctx, actor, command, known)
}

// noteCommand writes a command into the audit log, with who has shown a code for it; empty: none was asked for. What the command was told is left out: there may be secrets in it, and what it changes has entries of its own.
func noteCommand(ctx context.Context, tx *store.Tx, actor desk.Actor, command Command, as string) error {
	detail := map[string]any{"command": command.Verb, "host": command.Host}
	if as != "" {
		detail["as"] = as
	}
	return tx.Audit(ctx, actor, "command.run", "command/"+command.Verb, detail)
}

func (s *Service) refuseCommand(ctx context.Context, actor desk.Actor, command Command, why string) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.Audit(ctx, actor, "command.denied", "command/"+command.Verb, map[string]any{"command": command.Verb, "host": command.Host, "why": why})
	})
}

// commandsStayOpen refuses to ask for codes that no owner could show: then nobody could give a command, nor take that back by one.
func (s *Service) commandsStayOpen(ctx context.Context, r store.Reader) error {
	able, err := r.AppHolderAmong(ctx, []string{string(desk.RoleOwner)})
	if err == nil && !able {
		err = desk.Wrong(desk.CommandFactor.Key, "An owner needs an authenticator app first: otherwise nobody could give a command any more.")
	}
	return err
}
