-- What people at a desk need: teams, what a ticket waits for and until when, what happened to tickets for those who react to it, and how a person likes to read.
-- +goose Up

create table team (
    id         bigint generated always as identity primary key,
    name       text not null,
    created_at timestamptz not null default now(),
    removed_at timestamptz                             -- a removed team gets nothing more; its tickets stay
);
create unique index team_name on team (lower(name)) where removed_at is null;

create table team_member (
    team_id bigint not null references team on delete cascade,
    user_id bigint not null references "user" on delete cascade,
    primary key (team_id, user_id)
);
create index team_member_user on team_member (user_id);

alter table ticket
    add team_id           bigint references team,
    add snoozed_until     timestamptz,                 -- out of the lists until then
    add fields            jsonb not null default '{}', -- name of a field → its value
    add first_answered_at timestamptz,                 -- our first public answer
    add answer_due_at     timestamptz,                 -- by when the next answer is due; null: no target, or it does not run now
    add solve_due_at      timestamptz,
    add rating            smallint check (rating in (-1, 1)), -- the customer's answer to how it was: bad, good
    add rating_note       text not null default '';
create index ticket_team on ticket (team_id, updated_at desc) where team_id is not null;
create index ticket_snoozed on ticket (snoozed_until) where snoozed_until is not null;

alter table mailbox add team_id bigint references team; -- whose new tickets are that team's

alter table "user"
    add language  text not null default '',            -- en, it; empty: what the browser asks for
    add time_zone text not null default '',            -- as in the IANA database; empty: the browser's
    add signature text not null default '',
    add notify    jsonb not null default '{}';

create table happening (                               -- what happened to a ticket and nobody has reacted to yet
    id         bigint generated always as identity primary key,
    ticket_id  bigint not null references ticket on delete cascade,
    message_id bigint,                                 -- the mail, answer or note, if it was one
    kind       text not null,
    actor_id   bigint,                                 -- null: a customer, or Postern itself
    detail     jsonb not null default '{}',
    at         timestamptz not null,
    due_at     timestamptz not null default now(),     -- not before; later, where reacting failed or a process has it in hand
    attempts   int not null default 0
);
create index happening_due on happening (due_at, id);
create index happening_ticket on happening (ticket_id, id);
