-- +goose Up

-- Programs that people let in for themselves by OAuth 2 (RFC 6749). A client that can keep a secret has one; others have none and prove each code by PKCE alone.
create table oauth_client (
    id              bigint generated always as identity primary key,
    key             text not null unique,              -- client_id on the wire
    name            text not null,
    about           text not null default '',          -- what people are told of it before they agree
    secret_hash     bytea,                             -- null: it keeps no secret
    old_secret_hash bytea,                             -- the one before, until old_until
    old_until       timestamptz,
    redirects       text[] not null default '{}',      -- exact addresses to which people are sent back; empty: no codes
    scopes          text[] not null,                   -- all that it may ever ask for
    service_id      bigint references "user" on delete cascade, -- for whom it acts by itself (client credentials); null: it cannot
    access_minutes  int not null default 0,            -- life of its access tokens; 0: as set for all
    created_at      timestamptz not null default now(),
    made_by         bigint references "user" on delete set null,
    disabled_at     timestamptz
);
create index oauth_client_service on oauth_client (service_id);

-- What one person has allowed one client at one time: the family of all codes and tokens that come from it.
create table oauth_grant (
    id           bigint generated always as identity primary key,
    client_id    bigint not null references oauth_client on delete cascade,
    user_id      bigint not null references "user" on delete cascade,
    scopes       text[] not null check (cardinality(scopes) > 0),
    created_at   timestamptz not null,
    used_at      timestamptz,                          -- when its code was redeemed; null: not yet
    last_used_at timestamptz,
    revoked_at   timestamptz,
    revoked_for  text not null default ''              -- person, client, reuse, exposed
);
create index oauth_grant_user on oauth_grant (user_id, id);
create index oauth_grant_client on oauth_grant (client_id);

create table oauth_code (
    code_hash    bytea primary key,
    grant_id     bigint not null references oauth_grant on delete cascade,
    redirect_uri text not null,
    challenge    text not null,                        -- S256 (RFC 7636 §4.2)
    expires_at   timestamptz not null,
    used_at      timestamptz
);
create index oauth_code_grant on oauth_code (grant_id);

create table oauth_refresh (
    token_hash bytea primary key,
    grant_id   bigint not null references oauth_grant on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz                             -- it was exchanged; whoever brings it again is not its owner, or not the only one
);
create index oauth_refresh_grant on oauth_refresh (grant_id);

alter table "user"
    add column service boolean not null default false; -- a program's account: it never signs in

alter table api_token
    add column kind        text not null default 'personal' check (kind in ('personal', 'service', 'oauth')),
    add column networks    text[] not null default '{}', -- CIDR; empty: from everywhere
    add column last_ip     text not null default '',
    add column enabled_at  timestamptz,                  -- switched on again; from here it is counted how long it was not used
    add column disabled_at timestamptz,                  -- switched off, since nobody used it
    add column warned_days int not null default 0,       -- so many days before its end its owner was told last
    add column made_by     bigint references "user" on delete set null,
    add column client_id   bigint references oauth_client on delete cascade,
    add column grant_id    bigint references oauth_grant on delete cascade,
    add constraint api_token_narrow check (kind <> 'oauth' or cardinality(scopes) > 0); -- no scopes would be all that the person may
create index api_token_grant on api_token (grant_id) where grant_id is not null;
create index api_token_client on api_token (client_id) where client_id is not null;
create index api_token_ends on api_token (expires_at) where revoked_at is null;

-- From which networks a token was used: the subject is token/1, grant/1 or client/1, since tokens of one grant follow each other every hour.
create table network_seen (
    subject  text not null,
    network  text not null,
    first_at timestamptz not null,
    last_at  timestamptz not null,
    primary key (subject, network)
);

-- How often somebody asked within a minute, over all machines. It is worth nothing after two minutes, and so it is not written to the log of the database: a crash empties it.
create unlogged table rate_count (
    key    text not null,
    minute bigint not null,
    count  int not null,
    primary key (key, minute)
) with (fillfactor = 50);
