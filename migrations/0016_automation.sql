-- What is written once and used often: canned replies, macros, and automations with what they did.
-- +goose Up

create table canned (                                  -- a canned reply
    id         bigint generated always as identity primary key,
    name       text not null,
    shortcut   text not null default '',               -- what is typed after a slash; lower case
    text       text not null,                          -- with placeholders
    owner_id   bigint references "user" on delete cascade, -- whose own it is; null: the team's, or everybody's
    team_id    bigint references team on delete cascade,
    mailbox_id bigint references mailbox,              -- only for tickets of this mailbox; null: of all
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (owner_id is null or team_id is null)
);
create unique index canned_shortcut on canned (shortcut, coalesce(owner_id, 0), coalesce(team_id, 0)) where shortcut <> '';
create index canned_name on canned (lower(name), id);

create table macro (                                   -- several changes of a ticket, and perhaps an answer to begin with, at one press
    id         bigint generated always as identity primary key,
    name       text not null,
    actions    jsonb not null default '[]',            -- []desk.Action
    text       text not null default '',               -- goes into the composer; with placeholders
    owner_id   bigint references "user" on delete cascade,
    team_id    bigint references team on delete cascade,
    mailbox_id bigint references mailbox,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (owner_id is null or team_id is null)
);
create index macro_name on macro (lower(name), id);

create table automation (
    id         bigint generated always as identity primary key,
    name       text not null,
    position   int not null,                           -- the lower, the earlier
    active     boolean not null default false,
    triggers   text[] not null,                        -- []desk.Trigger
    match      text not null check (match in ('all', 'any')),
    conditions jsonb not null default '[]',            -- []desk.Condition
    actions    jsonb not null,                         -- []desk.Action
    stop       boolean not null default false,         -- none after it looks at the same happening
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    updated_by text not null default '',
    looked_to  bigint not null default 0               -- of a rule for time that has passed: the last ticket that it came to; the next look begins after it
);

create table automation_run (                          -- one time that a rule did something; swept after 90 days
    id            bigint generated always as identity primary key,
    automation_id bigint not null references automation on delete cascade,
    ticket_id     bigint not null,
    cause         text not null,                       -- the happening, or the moment from which time passed: the same cause does not act twice
    trigger       text not null,
    did           jsonb not null default '[]',         -- []desk.Done
    at            timestamptz not null,
    unique (automation_id, ticket_id, cause)
);
create index automation_run_history on automation_run (automation_id, id desc);
create index automation_run_ticket on automation_run (ticket_id, at);
create index automation_run_at on automation_run (at);

-- Answers that no person wrote count for the limits of T-LOOP together with the acknowledgements; swept after 30 days.
create table automatic_reply (
    message_id bigint primary key,                     -- of ours
    mailbox_id bigint not null,
    ticket_id  bigint not null,
    address    text not null check (address = lower(address)),
    domain     text not null,
    at         timestamptz not null
);
create index automatic_reply_at on automatic_reply (at);
create index automatic_reply_address on automatic_reply (address, mailbox_id, at);
create index automatic_reply_domain on automatic_reply (domain, at);
create index automatic_reply_ticket on automatic_reply (ticket_id);

-- What rules for time that has passed walk over.
create index ticket_unfinished on ticket (id) where merged_into is null and status <> 'closed';
