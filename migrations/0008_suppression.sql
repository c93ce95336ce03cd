-- Addresses that bounce are not written to again until somebody lifts it; what was asked of single deliveries; and figures by day.
-- +goose Up

create table hard_bounce (                             -- evidence: refused for good, in words that are about the address
    address    text not null check (address = lower(address)),
    message_id bigint not null,                        -- of ours; one mail is one piece of evidence, however often it is tried or reported
    at         timestamptz not null,
    proof      text not null check (proof in ('smtp', 'report')), -- said to ourselves, or in a report to the return path that only that server knows (T-50)
    reason     text not null,                          -- desk.Reason
    words      text not null,
    primary key (address, message_id)
);
create index hard_bounce_at on hard_bounce (at);

create table suppression (                             -- addresses that get no mail
    address    text primary key check (address = lower(address)),
    since      timestamptz not null default now(),
    created_by text not null default '',               -- empty: by the evidence
    note       text not null default '',               -- why, by whoever put it there
    reason     text not null default '',               -- desk.Reason of the last bounce
    words      text not null default '',               -- the remote's own
    message_id bigint,                                 -- that the last bounce was about
    bounces    int not null default 0                  -- hard ones, of different mails
);
create index suppression_since on suppression (since desc, address);

-- The log is searched by recipient, and so is what an address that bounced has taken since.
create index delivery_recipient on delivery (lower(recipient));

alter table delivery
    add redirected_to text not null default '',        -- somebody sent it there instead
    add delayed_at    timestamptz;                     -- when the ticket was told that it still waits; null: it was not, or it waits no more
create index delivery_delayed on delivery (delayed_at) where delayed_at is not null;

-- What the recipient's state became by a line of the story; empty: another host was asked after it, or nothing changed. The figures count these.
alter table delivery_event add became text not null default '' check (became in ('', 'queued', 'sent', 'deferred', 'bounced', 'cancelled'));
-- Lines come in the order of time: a day is found without an index that every line would have to enter.
create index delivery_event_at on delivery_event using brin (at) with (pages_per_range = 16, autosummarize = on);

create table delivery_day (                            -- figures of days that are over, in UTC: made by the sweep, so that a year is a few hundred rows
    day        date not null,
    sender     text not null,                          -- domain of ours
    sent       bigint not null default 0,              -- recipients whose copy was taken
    deferred   bigint not null default 0,              -- recipients who had to wait
    bounced    bigint not null default 0,              -- recipients who were refused for good, at once or by a report later
    suppressed bigint not null default 0,              -- recipients who were not tried
    primary key (day, sender)
);
