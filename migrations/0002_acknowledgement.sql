-- Automatic answers: what was wished for, what became of it, and who gets none for a while (T-LOOP).
-- +goose Up

alter table mailbox
    add acknowledge      boolean not null default false,
    add acknowledge_text text not null default '';     -- empty: the standard text

create table acknowledgement (                         -- one row a mail that may be acknowledged; swept after 30 days
    id         bigint generated always as identity primary key,
    mailbox_id bigint not null references mailbox,
    ticket_id  bigint not null,
    message_id bigint not null unique,                 -- the mail that it answers: no mail is answered twice
    address    text not null check (address = lower(address)),
    domain     text not null,
    wanted_at  timestamptz not null default now(),
    due_at     timestamptz,                            -- when it is looked at next; null: it is over, or a process has it in hand
    sent_at    timestamptz,                            -- when it was taken in hand for the first time: counted from then, whatever became of it
    attempts   int not null default 0,
    refused    text,                                   -- why it never leaves
    reply      text not null default ''                -- the remote's last words
);
create index acknowledgement_due on acknowledgement (due_at, id) where due_at is not null;
create index acknowledgement_wanted on acknowledgement (wanted_at);
-- The limits count what was sent.
create index acknowledgement_sent on acknowledgement (sent_at) where sent_at is not null;
create index acknowledgement_address on acknowledgement (address, mailbox_id, sent_at) where sent_at is not null;
create index acknowledgement_domain on acknowledgement (domain, sent_at) where sent_at is not null;
create index acknowledgement_ticket on acknowledgement (ticket_id) where sent_at is not null;

create table acknowledgement_pause (                   -- the circuit breaker
    domain text primary key,                           -- empty: all domains together
    until  timestamptz not null
);
