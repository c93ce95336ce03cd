-- Teams at work: business hours, targets and their clocks, turns, custom fields, managed tags, and notes on customers.
-- +goose Up

create table hours (
    id         bigint generated always as identity primary key,
    name       text not null unique,
    zone       text not null,                          -- of the IANA database
    week       jsonb not null,                         -- desk.Week
    holidays   jsonb not null default '[]',            -- desk.Holiday
    is_default boolean not null default false,
    created_at timestamptz not null default now()
);
create unique index hours_default on hours (is_default) where is_default;

alter table team
    add turns     boolean not null default false,      -- new tickets go to its members by turn
    add turn_user_id bigint references "user" on delete set null, -- who got the last one
    add most_open int check (most_open > 0),           -- who has so many open tickets gets no more by turn; null: no limit
    add hours_id  bigint references hours on delete set null;
create table turn_waiting (                            -- tickets for whom nobody of the team was there: tried again until somebody is
    ticket_id bigint primary key references ticket on delete cascade,
    since     timestamptz not null default now()
);
alter table "user" add away_at timestamptz;            -- gets no tickets by turn since then; null: is there

create table target (                                  -- how long an answer and a solution may take, at work
    id             bigint generated always as identity primary key,
    mailbox_id     bigint references mailbox,          -- null: of every mailbox
    priority       text check (priority in ('low', 'normal', 'high', 'urgent')),
    answer_minutes int check (answer_minutes > 0),
    solve_minutes  int check (solve_minutes > 0),
    created_at     timestamptz not null default now(),
    unique nulls not distinct (mailbox_id, priority)
);

create table target_clock (                            -- desk.Clock: how far a ticket is; what was reached and missed stays for the reports
    ticket_id  bigint not null references ticket on delete cascade,
    kind       text not null check (kind in ('answer', 'solve')),
    allowed    interval not null,
    spent      interval not null,
    since      timestamptz,
    due_at     timestamptz,
    reached_at timestamptz,
    missed_at  timestamptz,
    warned_at  timestamptz,                            -- somebody was told that it is due soon
    told_at    timestamptz,                            -- the conversation says that it was missed
    primary key (ticket_id, kind)
);
create index target_clock_due on target_clock (due_at) where due_at is not null and told_at is null;
create index target_clock_missed on target_clock (missed_at) where missed_at is not null;

create table field (                                   -- what a ticket can say beyond its own columns; the values stand in ticket.fields
    id         bigint generated always as identity primary key,
    key        text not null unique check (key ~ '^[a-z][a-z0-9_-]*$'),
    name       text not null,
    kind       text not null check (kind in ('text', 'number', 'choice', 'date', 'checkbox')),
    choices    text[] not null default '{}',
    required   boolean not null default false,         -- before the ticket is solved
    mailbox_id bigint references mailbox,              -- null: on tickets of every mailbox
    position   int not null default 0,
    created_at timestamptz not null default now(),
    removed_at timestamptz                             -- a removed one is asked for no more; its values stay
);
create index ticket_fields on ticket using gin (fields jsonb_path_ops) where fields <> '{}';

create table tag (                                     -- every tag that was ever given, for lists and completion
    name       text primary key check (name = lower(name)),
    created_at timestamptz not null default now()
);
insert into tag (name)
select distinct unnest(tags) from ticket where tags <> '{}'
on conflict (name) do nothing;

alter table contact add note text not null default ''; -- what colleagues should know about this person; nobody else sees it
