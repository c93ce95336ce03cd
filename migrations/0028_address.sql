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
