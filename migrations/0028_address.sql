-- Where people may come from (security row 37). Whether it counts is a setting; so is a change that waits for its confirmation.
-- +goose Up

create table address_range (
    id         bigint generated always as identity primary key,
    list       text not null check (list in ('all', 'admin')),
    range      cidr not null,
    name       text not null,
    expires_at timestamptz,                            -- from then on it counts no more; null: never
    created_at timestamptz not null default now(),
    created_by text not null,
    unique (list, range)
);

alter table device
    add alarm_hash  bytea,                             -- SHA-256 of what stands in the mail about the new device: was this you?
    add alarm_until timestamptz,
    add answer      text not null default '' check (answer in ('', 'mine', 'not-mine'));
create unique index device_alarm on device (alarm_hash) where alarm_hash is not null;
