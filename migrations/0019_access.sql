-- Who comes in, how, and from which device: roles by name, what a session was opened with, and the browsers of each person.
-- +goose Up

alter table "user" drop constraint user_role_check;    -- roles that people make for themselves are no longer among four

create table device (                                  -- a browser of a person, told by a cookie of its own
    id            bigint generated always as identity primary key,
    user_id       bigint not null references "user" on delete cascade,
    token_hash    bytea not null,                      -- SHA-256 of the cookie; two people at one browser share it, and have a row each
    name          text not null default '',            -- that the person gave it; empty: what its User-Agent says
    user_agent    text not null default '',
    ip            text not null default '',            -- of the last sign-in
    first_seen_at timestamptz not null,
    last_seen_at  timestamptz not null,
    trusted_until timestamptz,                         -- until then it is not asked for a second factor
    unique (user_id, token_hash)
);

alter table session
    add id        bigint generated always as identity unique,
    add device_id bigint references device on delete cascade,
    add method    text not null default 'password',    -- how it was opened: password, link, passkey, or the kind of a provider
    add factor    text not null default '',            -- the second factor that was shown; empty: none was asked for
    add provider  text not null default '',            -- who vouched, for single sign-on
    add pending   text not null default '',            -- what is still to do before it opens anything: factor, password, enrol
    add proved_at timestamptz;                         -- when the person last showed that it is them
create index session_device on session (device_id);
update session set proved_at = created_at;
alter table session alter proved_at set not null;
