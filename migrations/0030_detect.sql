-- +goose Up

-- Who may ask for little, because of an alert, and until when. Lifting one ends its time.
create table throttle (
    alert_id bigint primary key,
    subject  text not null,                    -- user/3, 192.0.2.0/24
    until_at timestamptz not null
);
create index throttle_until on throttle (until_at);

-- From which countries a person has signed in, and where they were last, as the file of places has it.
create table user_country (
    user_id  bigint not null references "user" on delete cascade,
    country  text not null,                    -- ISO 3166-1 alpha-2
    first_at timestamptz not null,
    last_at  timestamptz not null,
    latitude  double precision,                -- null: the file knows countries only
    longitude double precision,
    radius    int not null default 0,          -- kilometres by which the place may be wrong
    primary key (user_id, country)
);
