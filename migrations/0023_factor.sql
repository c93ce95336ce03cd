-- Second factors: what a person shows besides their password, codes for when it is lost, codes that are sent, and wrong ones.
-- +goose Up

alter table "user"
    add passkey_handle   bytea not null default decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), -- by which passkeys know the person (WebAuthn §4, user handle): random, so that it says nothing about them
    add factor_asked_at  timestamptz;                  -- when they were first asked to add a factor: from here their grace counts; null: they are not asked
create unique index user_passkey_handle on "user" (passkey_handle);

alter table device add completed_at timestamptz;       -- when a sign-in from this browser was first completed: it is known from then on; null: only a password was typed there

create table factor (                                  -- something by which a person proves who they are, besides a password
    id            bigint generated always as identity primary key,
    user_id       bigint not null references "user" on delete cascade,
    kind          text not null check (kind in ('totp', 'passkey', 'sms')),
    name          text not null,                       -- theirs for it; of a telephone, the end of its number
    sealed        bytea,                               -- seed of an authenticator app; number of a telephone
    credential_id bytea unique,                        -- of a passkey
    record        jsonb,                               -- of a passkey: public key, counter, flags (WebAuthn §4, credential record)
    verifies      boolean not null default false,      -- a passkey that asked for PIN, finger or face when it was added: it can sign in alone
    last_step     bigint not null default 0,           -- of an authenticator app: the step of the last code that was right, so that each works once
    ready         boolean not null default false,      -- false: being added; a first code has not been shown yet
    created_at    timestamptz not null,
    last_used_at  timestamptz,
    check ((kind = 'passkey') = (credential_id is not null and record is not null)),
    check ((kind = 'passkey') = (sealed is null))
);
create unique index factor_one on factor (user_id, kind, ready) where kind <> 'passkey';
create index factor_user on factor (user_id, id);

create table recovery_code (                           -- signs in once in place of a factor
    id         bigint generated always as identity primary key,
    user_id    bigint not null references "user" on delete cascade,
    hash       bytea not null unique,                  -- SHA-256
    by_admin   boolean not null default false,         -- made by somebody else for a person who has lost everything
    created_at timestamptz not null,
    expires_at timestamptz,                            -- null: when it is used or replaced
    used_at    timestamptz
);
create index recovery_code_user on recovery_code (user_id);

create table factor_code (                             -- a code that was sent to a telephone or an address
    id         bigint generated always as identity primary key,
    user_id    bigint not null references "user" on delete cascade,
    session_id bigint references session (id) on delete cascade, -- only there it counts
    kind       text not null check (kind in ('sms', 'mail')),
    sealed     bytea not null,                         -- the code, and where it goes
    tries      int not null default 0,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz,
    outcome    text not null default ''                -- of sending: empty until it is sent
);
create index factor_code_user on factor_code (user_id, kind, created_at);
create index factor_code_session on factor_code (session_id);
create index factor_code_created on factor_code (created_at);

create table factor_failure (                          -- wrong codes, by which guessing gets slow
    user_id bigint not null references "user" on delete cascade,
    kind    text not null,
    at      timestamptz not null
);
create index factor_failure_user on factor_failure (user_id, kind, at);
create index factor_failure_at on factor_failure (at);

create table spent_challenge (                         -- challenges that a passkey has answered: each is answered once
    hash       bytea primary key,
    expires_at timestamptz not null
);
create index spent_challenge_expires on spent_challenge (expires_at);

create table sms_gateway (                             -- who carries text messages for us
    one    boolean primary key default true check (one),
    url    text not null,
    secret bytea not null                              -- sealed: signs our requests
);
