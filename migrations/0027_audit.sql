-- +goose Up

-- What an entry tells of who acted, beyond the name: the session, token or device that proved them, whose place they took, and the request, as the log of requests names it.
alter table audit
    add column session_id bigint,
    add column token_id   bigint,
    add column device_id  bigint,
    add column on_behalf  text not null default '',
    add column request    text not null default '',
    add column outcome    text not null default 'done';
create index audit_action on audit (action, id);
create index audit_actor on audit (actor_id, id) where actor_id is not null;
create index audit_at on audit (at, id);

-- The chain. What is recorded stands in audit_pending in the same transaction, and is linked within a second by one process at a time: so that no change waits for another to be chained.
create table audit_pending (
    audit_id bigint primary key
);
insert into audit_pending select id from audit;

create table audit_link (
    seq      bigint primary key,          -- without gaps: the order in which records were linked
    audit_id bigint not null unique,
    hash     bytea  not null              -- SHA-256 of the hash before and this record
);

-- The keys that sign checkpoints (Ed25519). The private half is sealed with a master key, so that whoever has the database alone can sign nothing.
create table audit_key (
    id      bigint generated always as identity primary key,
    public  bytea not null,
    sealed  bytea not null,
    made_at timestamptz not null default now()
);

create table audit_checkpoint (
    seq       bigint primary key,         -- of the link that it vouches for, and with it for all before
    hash      bytea not null,
    at        timestamptz not null,
    key_id    bigint not null,
    signature bytea not null
);

-- What was purged when its time had come: from where to where, and the hash on which the rest of the chain stands.
create table audit_tombstone (
    seq       bigint primary key,         -- the last link that is gone
    hash      bytea not null,             -- its hash
    first_seq bigint not null,
    from_at   timestamptz not null,
    until_at  timestamptz not null,
    digest    bytea not null,             -- SHA-256 of the records as they were exported (JSON lines, before compression)
    file      text not null,              -- where the export lies, under the data folder
    at        timestamptz not null,
    key_id    bigint not null,
    signature bytea not null
);

-- +goose StatementBegin
create function audit_awaits_link() returns trigger language plpgsql as $$
begin
    insert into audit_pending select id from fresh;
    return null;
end
$$;
-- +goose StatementEnd
create trigger audit_to_link after insert on audit referencing new table as fresh for each statement execute function audit_awaits_link();

-- Nothing changes what was recorded. Only what is older than a year can go, and only for whoever says that it is a purge: by mistake nobody does.
-- +goose StatementBegin
create or replace function audit_is_append_only() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and tg_table_name in ('audit', 'audit_link', 'audit_checkpoint') and current_setting('postern.audit_purge', true) = 'on' then
        return null;
    end if;
    raise exception 'the audit log is append-only' using errcode = 'insufficient_privilege';
end
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create function audit_keeps_a_year() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log keeps every entry for a year at least' using errcode = 'insufficient_privilege';
end
$$;
-- +goose StatementEnd
create trigger audit_year before delete on audit for each row when (old.at > now() - interval '365 days') execute function audit_keeps_a_year();
create trigger audit_link_append_only before update or delete or truncate on audit_link for each statement execute function audit_is_append_only();
create trigger audit_checkpoint_append_only before update or delete or truncate on audit_checkpoint for each statement execute function audit_is_append_only();
create trigger audit_tombstone_append_only before update or delete or truncate on audit_tombstone for each statement execute function audit_is_append_only();
create trigger audit_key_append_only before update or delete or truncate on audit_key for each statement execute function audit_is_append_only();

-- Where the log is sent. A sink is never waited for: it has a place in the chain of its own.
create table audit_sink (
    id            bigint generated always as identity primary key,
    name          text not null unique,
    kind          text not null check (kind in ('syslog', 'webhook', 'file')),
    address       text not null,
    secret        bytea,                          -- sealed: what signs a webhook's requests
    authority     text not null default '',       -- PEM: who may vouch for the other side; empty: the usual authorities
    enabled       boolean not null default true,
    place         bigint not null default 0,      -- the last link that has certainly arrived
    delivered_at  timestamptz,
    failing_since timestamptz,
    problem       text not null default '',
    told_at       timestamptz,                    -- when people were told that it fails
    held_by       text not null default '',       -- the process that sends to it
    held_until    timestamptz not null default '-infinity',
    made_at       timestamptz not null default now()
);

-- What the detectors found.
create table alert (
    id       bigint generated always as identity primary key,
    at       timestamptz not null default now(),
    detector text not null,
    about    text not null,                       -- whom or what: user/3, 192.0.2.0/24
    detail   jsonb not null default '{}',
    done     text not null default '',            -- what was done about it: sessions ended, person disabled
    seen_by  bigint,
    seen_at  timestamptz
);
create index alert_at on alert (at desc, id desc);
create index alert_same on alert (detector, about, at desc);

-- Who read what, where that is asked for.
create table access_entry (
    id         bigint generated always as identity primary key,
    at         timestamptz not null,
    user_id    bigint not null,
    via        text not null,
    ip         text not null default '',
    kind       text not null,                     -- ticket, customer, attachment, original, search, export
    subject    text not null,
    method     text not null,
    route      text not null,
    request    text not null default '',
    session_id bigint,
    token_id   bigint
);
create index access_entry_at on access_entry (at, id);
create index access_entry_user on access_entry (user_id, id);
create index access_entry_subject on access_entry (subject, id);
