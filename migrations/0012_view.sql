-- Lists: views that people keep, what a bulk action did so that it can be taken back, and indexes for what a list can be narrowed to.
-- +goose Up

create table view (
    id         bigint generated always as identity primary key,
    name       text not null check (name <> ''),
    owner_id   bigint not null references "user" on delete cascade,
    audience   text not null check (audience in ('me', 'team', 'all')),
    team_id    bigint references team on delete cascade,
    filter     jsonb not null,                         -- desk.ListFilter
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((audience = 'team') = (team_id is not null))
);
create index view_owner on view (owner_id);
create index view_team on view (team_id) where team_id is not null;
create index view_all on view (id) where audience = 'all';

create table view_place (                              -- where each reader wants it; without a row it comes last
    user_id bigint not null references "user" on delete cascade,
    view_id bigint not null references view on delete cascade,
    place   int not null,
    primary key (user_id, view_id)
);
create index view_place_view on view_place (view_id);

create table bulk (                                    -- kept for a day: what was done to several tickets at once
    id        bigint generated always as identity primary key,
    user_id   bigint not null references "user" on delete cascade,
    kind      text not null check (kind in ('changed', 'merged', 'spam', 'undone')),
    "into"    bigint not null default 0,               -- of a merge
    done      json not null,                           -- [desk.BulkStep]
    kept      json not null,                           -- [desk.BulkLeft]: to which it could not be done, and why
    at        timestamptz not null,
    undone_at timestamptz
);
create index bulk_at on bulk (at);
create index bulk_user on bulk (user_id);

-- The counts of the views, from an index alone: snoozed tickets stand in a view of their own.
drop index ticket_view;
create index ticket_view on ticket (status, assignee_id) where merged_into is null and snoozed_until is null;
create index ticket_view_team on ticket (team_id, status) where merged_into is null and snoozed_until is null and team_id is not null;
-- What leaves few tickets is looked up by itself (store/few.go).
create index ticket_by_mailbox on ticket (mailbox_id);
create index ticket_mailbox_mailbox on ticket_mailbox (mailbox_id);
create index ticket_created on ticket (created_at);
create index ticket_due on ticket ((least(answer_due_at, solve_due_at)), id) where least(answer_due_at, solve_due_at) is not null;
