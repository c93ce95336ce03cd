-- What an admin wants of mail to a destination: TLS, and how much of it at a time.
-- +goose Up

create table destination (
    pattern     text primary key,                      -- a domain, *.domain, or * for all without a rule of their own; canonical
    tls         text not null default 'opportunistic' check (tls in ('opportunistic', 'encrypt', 'verify', 'requiretls')),
    connections integer not null default 0 check (connections between 0 and 100),       -- at a time; 0: the default
    per_minute  integer not null default 0 check (per_minute between 0 and 60000),      -- 0: no limit
    note        text not null default '',
    created_by  text not null default '',
    created_at  timestamptz not null default now()
);
