-- What other domains ask of those who send to them.
-- +goose Up

-- Policies of MTA-STS (RFC 8461), for all processes: a policy holds until it expires, whatever becomes of its record and its host.
create table sts_policy (
    domain     text primary key,                       -- of recipients
    record_id  text not null,                          -- of the TXT record by which the policy was fetched
    mode       text not null check (mode in ('none', 'testing', 'enforce')),
    mx         text[] not null,
    max_age    bigint not null,                        -- seconds
    fetched_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz not null,                   -- exact to a day: what nobody sends to is not fetched again
    tried_id   text not null default '',               -- of the last fetch that failed
    tried_at   timestamptz,
    result     text not null default '',               -- of that fetch (RFC 8460 §4.3.2.2)
    problem    text not null default ''
);
create index sts_policy_age on sts_policy (fetched_at);
