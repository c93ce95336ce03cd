-- What people of ours are told of, who watches which ticket, and which tickets belong together.
-- +goose Up

create table notification (
    id           bigint generated always as identity primary key,
    user_id      bigint not null references "user" on delete cascade,
    ticket_id    bigint not null references ticket on delete cascade,
    message_id   bigint references message on delete set null,   -- that was written; null: none was, or it was taken back
    happening_id bigint,                               -- what told of it, so that nobody is told twice
    kind         text not null,                        -- desk.NotificationKind
    actor        text not null default '',             -- the name of who did it, as it was
    detail       text not null default '',             -- a value of the kind: the new status, the recipient that bounced
    at           timestamptz not null,
    read_at      timestamptz,
    mail_at      timestamptz,                          -- when it is to be mailed, unless it was read; null: it is not, or it was
    mailed_at    timestamptz
);
create unique index notification_once on notification (user_id, happening_id) where happening_id is not null;
create index notification_user on notification (user_id, id desc);
create index notification_unread on notification (user_id, ticket_id) where read_at is null;
create index notification_due on notification (mail_at) where mail_at is not null;
create index notification_at on notification (at);
create index notification_message on notification (message_id) where message_id is not null;

create table watcher (                                 -- people of ours who want to hear of a ticket that is not theirs
    ticket_id bigint not null references ticket on delete cascade,
    user_id   bigint not null references "user" on delete cascade,
    since     timestamptz not null default now(),
    primary key (ticket_id, user_id)
);
create index watcher_user on watcher (user_id);

create table related (                                 -- two tickets that belong together, as an agent said
    ticket_id  bigint not null references ticket on delete cascade,
    other_id   bigint not null references ticket on delete cascade,
    created_at timestamptz not null default now(),
    primary key (ticket_id, other_id),
    check (ticket_id < other_id)
);
create index related_other on related (other_id);
