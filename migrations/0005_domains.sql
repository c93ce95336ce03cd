-- Mail domains whose owner is proved, whose keys change by themselves, and whose troubles are told.
-- +goose Up

alter table domain
    drop constraint domain_state_check,
    add constraint domain_state_check check (state in ('added', 'owned', 'ready', 'active', 'degraded', 'paused', 'removed')),
    add publication  text not null default 'txt' check (publication in ('txt', 'delegated')),
    add on_broken    text not null default 'hold' check (on_broken in ('hold', 'fallback')),
    add rotate_days  int not null default 90 check (rotate_days = 0 or rotate_days between 30 and 365),
    add sts          text not null default 'off' check (sts in ('off', 'testing', 'enforce')),
    add challenge    text not null default md5(gen_random_uuid()::text || gen_random_uuid()::text), -- 128 bits that only the domain's owner can publish there
    add proven_at    timestamptz,                      -- the challenge was found for the first time; null: mail in its name is impossible
    add broken_since timestamptz,
    add broken_why   text not null default '',         -- in words: shown on mail that waits
    add tested_at    timestamptz,                      -- a mail signed by its keys was last verified
    add test_problem text not null default '',         -- why the last such mail was not
    add removed_at   timestamptz;

-- Whoever sends from a domain already has proved by its keys that it is theirs.
update domain set proven_at = created_at where state in ('active', 'degraded');
update domain set broken_since = coalesce(checked_at, created_at) where state = 'degraded';

alter table domain_key
    alter private drop not null,                       -- a key that signs no more is destroyed; its record stays a while
    add role        text not null default 'next' check (role in ('next', 'signing', 'retired', 'revoked')),
    add slot        smallint not null default 0 check (slot between 0 and 2), -- the pair of CNAMEs that leads to its record; 0: it has a record of its own
    add imported    boolean not null default false,
    add signs_since timestamptz,
    add ends_at     timestamptz,                       -- retired: until then its record stays; revoked: until then its record says so
    add grace       int,                               -- next: it takes over in an emergency, and the one before is revoked after so many seconds
    add constraint domain_key_private check (role in ('retired', 'revoked') or private is not null);

update domain_key k
set role = case
        when retired_at is not null then 'retired'
        when seen_at is not null then 'signing'
        when exists (select from domain_key o where o.domain_id = k.domain_id and o.seen_at is not null and o.retired_at is null) then 'next'
        else 'signing'
    end,
    signs_since = seen_at,
    ends_at = retired_at,
    private = case when retired_at is null then private end;

-- A label in the operator's zone belongs to one domain for ever, also when that is gone: whoever comes later must not inherit a CNAME that somebody forgot (T-31).
create table domain_label (
    label      text primary key,                       -- 128 random bits
    domain     text not null,                          -- its name
    domain_id  bigint references domain on delete set null,
    zone       text not null,                          -- the operator's zone that it is in
    slot       smallint not null check (slot in (1, 2)),
    algorithm  text not null check (algorithm in ('rsa-sha256', 'ed25519-sha256')),
    published  text not null default '',               -- what the zone's server took last; empty: nothing
    created_at timestamptz not null,
    dropped_at timestamptz                             -- the domain gave it up: the zone holds nothing there any more
);
create unique index domain_label_now on domain_label (domain_id, slot, algorithm) where dropped_at is null;

-- What managers are told of domains: in the portal while it is so, by mail once.
create table domain_alert (
    id       bigint generated always as identity primary key,
    domain   text not null,
    kind     text not null,
    text     text not null,
    at       timestamptz not null,
    told_at  timestamptz,                              -- mailed to owners and admins
    ended_at timestamptz                               -- it is so no more; what happened once ends with the next
);
create index domain_alert_open on domain_alert (domain, kind) where ended_at is null;
create index domain_alert_untold on domain_alert (at) where told_at is null;
