package store

import (
	"context"

	"postern/desk"
)

// CustomerMailbox is a mailbox and what it offers its customers.
type CustomerMailbox struct {
	desk.CustomerSetting
	Address string `db:"address"`
	Name    string `db:"name"`
}

// Label is what people call the mailbox.
func (m CustomerMailbox) Label() string { return desk.Address{Name: m.Name, Addr: m.Address}.Label() }

// Where a mailbox has no row, it has the values of desk.DefaultCustomerSetting.
const selectCustomerSetting = `
		select b.id as mailbox_id, b.address, b.name, coalesce(s.link, true) as link, coalesce(s.ask, false) as ask, coalesce(s.ask_after, 24) as ask_after,
		       coalesce(s.form, false) as form, coalesce(s.slug, '') as slug, coalesce(s.proof, 'mail') as proof, coalesce(s.intro, '') as intro, coalesce(s.language, '') as language
		from mailbox b
		left join customer_setting s on s.mailbox_id = b.id`

// CustomerMailboxes lists what the open mailboxes offer, by address.
func (r Reader) CustomerMailboxes(ctx context.Context) ([]CustomerMailbox, error) {
	list, err := rowsOf[CustomerMailbox](ctx, r.q, selectCustomerSetting+`
		where b.removed_at is null
		order by b.address
		limit 1000`)
	return list, wrap(err, "customers' settings")
}

// CustomerMailbox is what a mailbox offers, open or not.
func (r Reader) CustomerMailbox(ctx context.Context, mailbox int64) (CustomerMailbox, error) {
	one, err := rowOf[CustomerMailbox](ctx, r.q, selectCustomerSetting+`
		where b.id = $1`, mailbox)
	if err != nil {
		return one, missing(err, "mailbox %d", mailbox)
	}
	return one, nil
}

// FormMailbox is the open mailbox whose form has this address and is switched on. None is no error: found is false.
func (r Reader) FormMailbox(ctx context.Context, slug string) (one CustomerMailbox, found bool, err error) {
	one, found, err = perhapsOne[CustomerMailbox](ctx, r.q, selectCustomerSetting+`
		where s.slug = $1 and s.form and b.removed_at is null`, slug)
	return one, found, wrap(err, "form")
}

// SetCustomerSetting keeps what a mailbox offers.
func (tx *Tx) SetCustomerSetting(ctx context.Context, s desk.CustomerSetting) error {
	_, err := tx.tx.Exec(ctx, `
		insert into customer_setting (mailbox_id, link, ask, ask_after, form, slug, proof, intro, language)
		values ($1, $2, $3, $4, $5, nullif($6, ''), $7, $8, $9)
		on conflict (mailbox_id) do update
		set link = excluded.link, ask = excluded.ask, ask_after = excluded.ask_after, form = excluded.form, slug = excluded.slug, proof = excluded.proof,
		    intro = excluded.intro, language = excluded.language`,
		s.MailboxID, s.Link, s.Ask, s.AskAfter, s.Form, s.Slug, s.Proof, s.Intro, s.Language)
	switch {
	case violates(err, "customer_setting_slug_key"):
		return &desk.Fault{Kind: desk.Conflict, Reason: "another mailbox's form has this address already", Field: "slug"}
	case violates(err, "customer_setting_mailbox_id_fkey"):
		return desk.Faultf(desk.NotFound, "there is no such mailbox")
	}
	return wrap(err, "set customers' setting")
}
