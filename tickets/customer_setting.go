package tickets

import (
	"context"
	"strings"

	"postern/desk"
	"postern/language"
	"postern/store"
)

// CustomerMailboxes lists what each mailbox offers its customers.
func (s *Service) CustomerMailboxes(ctx context.Context, actor desk.Actor) ([]store.CustomerMailbox, error) {
	if err := need(actor, desk.MayReadConfig); err != nil {
		return nil, err
	}
	return s.store.CustomerMailboxes(ctx)
}

// SetCustomerSetting changes what a mailbox offers its customers.
func (s *Service) SetCustomerSetting(ctx context.Context, actor desk.Actor, setting desk.CustomerSetting) error {
	if err := need(actor, desk.MayManagePages); err != nil {
		return err
	}
	setting.Slug, setting.Intro = strings.ToLower(strings.TrimSpace(setting.Slug)), strings.TrimSpace(storable(setting.Intro))
	if err := setting.Check(); err != nil {
		return err
	}
	if setting.Language != "" && language.Of(setting.Language) == nil {
		return desk.Wrong("language", "there is no language %q here", setting.Language)
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		box, err := tx.CustomerMailbox(ctx, setting.MailboxID)
		if err != nil {
			return err
		}
		if err := tx.SetCustomerSetting(ctx, setting); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "mailbox.customers", "mailbox/"+box.Address, map[string]desk.CustomerSetting{"before": box.CustomerSetting, "after": setting})
	})
}

// CustomerMailbox is what the mailbox of a ticket offers. Anybody may know: it says nothing about anybody.
func (s *Service) CustomerMailbox(ctx context.Context, mailbox int64) (store.CustomerMailbox, error) {
	return s.store.CustomerMailbox(ctx, mailbox)
}

// FormMailbox is the mailbox behind a form on the web.
func (s *Service) FormMailbox(ctx context.Context, slug string) (store.CustomerMailbox, error) {
	box, found, err := s.store.FormMailbox(ctx, strings.ToLower(slug))
	if err == nil && !found {
		err = desk.Faultf(desk.NotFound, "There is no form at this address.")
	}
	return box, err
}
