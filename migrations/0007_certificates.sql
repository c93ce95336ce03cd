-- Certificates of STARTTLS and HTTPS that were obtained by ACME, shared by every machine of the installation.
-- +goose Up

create table certificate_file (                        -- what the ACME client keeps: account, keys, certificates, challenges under way
    key        text primary key,                       -- a path with slashes
    value      bytea not null,                         -- sealed for "certificate_file/" and its key
    updated_at timestamptz not null default now()
);

create table certificate_lock (                        -- who is at the CA for a name; a lease, so that a machine that died holds nobody up
    name       text primary key,
    owner      text not null,                          -- a random word of the holder
    expires_at timestamptz not null
);

create table certificate (                             -- how each name fares
    name       text primary key,
    issuer     text not null default '',
    not_before timestamptz,
    not_after  timestamptz,
    failures   integer not null default 0,             -- in a row
    problem    text not null default '',               -- what the CA, or the way to it, said last; empty after a success
    failed_at  timestamptz,
    next_try   timestamptz,                            -- nobody asks the CA for this name before
    updated_at timestamptz not null default now()
);
