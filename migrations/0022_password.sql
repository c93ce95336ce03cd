-- Passwords by rules: when each was chosen, why another has to be, the earlier ones, and the links by which forgotten ones are replaced.
-- +goose Up

alter table "user"
    add password_at         timestamptz,                 -- when it was chosen; null: there is none
    add password_checked_at timestamptz,                 -- when it was last seen in clear, at a sign-in, and kept to the rules
    add password_must       text not null default '',    -- why another has to be chosen at the next sign-in: set (by an admin), rules, expired; empty: it has not
    add password_key        text not null default '',    -- id of the master key that its hash is sealed under
    add password_foreign    boolean not null default false; -- the hash is another program's, until the person signs in
update "user" set password_at = now() where password_hash is not null;
create index user_password_foreign on "user" (id) where password_foreign;
create index user_password_key on "user" (password_key) where password_hash is not null;

create table password_past (                           -- earlier passwords, so that rules can refuse them; 24 of a person at most
    id      bigint generated always as identity primary key,
    user_id bigint not null references "user" on delete cascade,
    hash    text not null,                             -- sealed, like the present one
    key     text not null,
    at      timestamptz not null                       -- when it was replaced
);
create index password_past_user on password_past (user_id, id desc);
create index password_past_key on password_past (key);

create table password_reset (                          -- a forgotten password is to be replaced; one row for each request, whoever asked for whatever address
    id         bigint generated always as identity primary key,
    account    text not null check (account = lower(account)), -- canonical address as typed, known or not
    place      text not null,                          -- the network of who asked, under which requests are counted
    ip         text not null default '',
    asked_by   bigint references "user" on delete set null, -- the admin who asked; null: somebody on the sign-in page
    user_id    bigint references "user" on delete cascade, -- whose it is, once the job has looked; null: nobody's
    token_hash bytea unique,                           -- SHA-256 of the link's token
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz                             -- used, or worth nothing since another was made or the password was changed
);
create index password_reset_account on password_reset (account, created_at);
create index password_reset_place on password_reset (place, created_at);
create index password_reset_at on password_reset (created_at);
create index password_reset_user on password_reset (user_id) where used_at is null;

alter table login_failure add device_id bigint references device on delete cascade; -- the browser, where it is one of the account's; such failures count for it alone
create index login_failure_device on login_failure (device_id, at) where device_id is not null;
create index login_failure_at on login_failure (at);
