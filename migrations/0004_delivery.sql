-- Deliveries: one job per message and destination, which process has them in hand, why they wait, and the story of each recipient.
-- +goose Up

alter table delivery
    add destination text not null default '',          -- domain of the recipient, in lower case: recipients of one domain travel together
    add sender      text not null default '',          -- domain of From as the mail leaves
    add proof       text not null default '' check (proof in ('', 'pkix', 'dane')),
    add worker      text,                              -- the process that has it in hand; null: none
    add stop        boolean not null default false,    -- somebody wants it stopped: who has it in hand stops if it still can, and what is not sent then is cancelled
    add held_since  timestamptz,                       -- waits until its own domain is mended
    add held_why    text not null default '';
-- What is in hand changes its worker only, which no index holds: the row finds room beside itself.
alter table delivery set (fillfactor = 80);

update delivery d
set destination = lower(substring(d.recipient from '[^@]*$')),
    sender = lower(substring(m.from_address from '[^@]*$')),
    next_at = case when d.state = 'queued' then null else d.next_at end -- until now it said how long a process might have it in hand
from message m
where m.id = d.message_id;

create table delivery_event (                          -- the story of one recipient (desk.Attempt): what each host said, and what one of us did
    id         bigint generated always as identity,
    message_id bigint not null,
    recipient  text not null,
    at         timestamptz not null,
    kind       text not null check (kind in ('tried', 'held', 'retry', 'cancelled', 'redirected', 'suppressed', 'reported', 'signed')),
    state      text not null check (state in ('queued', 'sent', 'deferred', 'bounced', 'cancelled')),
    host       text not null default '',
    addr       text not null default '',
    tls        json,                                   -- desk.TLSFacts; null: clear text, or nobody was reached
    reply      text not null default '',
    actor      text not null default '',
    took_ms    bigint not null default 0,
    primary key (message_id, recipient, id),
    foreign key (message_id, recipient) references delivery on delete cascade
);

create table worker (                                  -- processes that deliver: who has not been heard of for half a minute is dead, and others take up what it had in hand
    id         text primary key,
    host       text not null default '',
    started_at timestamptz not null default now(),
    beat_at    timestamptz not null default now()
);
