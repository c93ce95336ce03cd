package api

import (
	"context"
	"time"

	"postern/desk"
)

// mailbox is desk.Mailbox as it is sent.
type mailbox struct {
	MailboxRef
	DMARC           desk.DMARCLevel `json:"dmarc" enum:"off,monitor,suspend,reject" doc:"What it does about mail whose From domain says that it is not its own."`
	Acknowledge     bool            `json:"acknowledge" doc:"New tickets are acknowledged by mail."`
	AcknowledgeText string          `json:"acknowledge_text" doc:"Empty: the usual one."`
	CreatedAt       time.Time       `json:"created_at"`
}

func viewMailbox(from desk.Mailbox) mailbox {
	return mailbox{
		MailboxRef: MailboxRef{from.ID, from.Address, from.Name}, DMARC: from.DMARC,
		Acknowledge: from.Acknowledge, AcknowledgeText: from.AcknowledgeText, CreatedAt: from.CreatedAt.UTC(),
	}
}

func (a *API) listMailboxes(ctx context.Context, _ desk.Actor, _ *struct{}) (list[mailbox], error) {
	found, err := a.cfg.Domains.Mailboxes(ctx)
	return whole(found, viewMailbox), err
}

// newMailbox is an address that shall take mail.
type newMailbox struct {
	Body struct {
		Address string `json:"address" minLength:"3" maxLength:"320"`
		Name    string `json:"name,omitempty" maxLength:"200"`
	}
}

func (a *API) addMailbox(ctx context.Context, actor desk.Actor, in *newMailbox) (mailbox, error) {
	made, err := a.cfg.Domains.AddMailbox(ctx, actor, in.Body.Address, in.Body.Name)
	return viewMailbox(made), err
}

// MailboxNamed names a mailbox in the path, by its address.
type MailboxNamed struct {
	Address string `path:"address" maxLength:"320"`
}

func (a *API) removeMailbox(ctx context.Context, actor desk.Actor, in *MailboxNamed) error {
	return a.cfg.Domains.RemoveMailbox(ctx, actor, in.Address)
}

// mailboxPatch is a merge patch (RFC 7396): what is absent stays.
type mailboxPatch struct {
	MailboxNamed
	Body struct {
		Name            *string          `json:"name,omitempty" maxLength:"200"`
		DMARC           *desk.DMARCLevel `json:"dmarc,omitempty" enum:"off,monitor,suspend,reject"`
		Acknowledge     *bool            `json:"acknowledge,omitempty"`
		AcknowledgeText *string          `json:"acknowledge_text,omitempty" maxLength:"4000" doc:"{number} stands for the ticket's number; empty: the usual text."`
	}
}

func (a *API) patchMailbox(ctx context.Context, actor desk.Actor, in *mailboxPatch) (mailbox, error) {
	changed, err := a.cfg.Domains.ChangeMailbox(ctx, actor, in.Address, desk.MailboxChange{
		Name: in.Body.Name, DMARC: in.Body.DMARC, Acknowledge: in.Body.Acknowledge, AcknowledgeText: in.Body.AcknowledgeText,
	})
	return viewMailbox(changed), err
}
