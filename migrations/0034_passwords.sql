-- Who has shown a code at the command line (security row 14), and how each password was hashed (row 34).
-- +goose Up

create table command_proof (
    operator  text not null,                           -- account of the machine, as uid/name
    host      text not null,                           -- the machine
    user_id   bigint not null references "user" (id) on delete cascade,
    proved_at timestamptz not null,
    primary key (operator, host)
);
