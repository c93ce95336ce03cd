-- Who acts in somebody else's place, and who is let in for a while (security row 36).
-- +goose Up

create table impersonation (                           -- one of our people looks at customers' pages as a customer sees them
    id         bigint generated always as identity primary key,
    user_id    bigint not null references "user" on delete cascade,
    session_id bigint references session (id) on delete set null, -- by which they are signed in; null: it has ended, and so has this
    address    text not null,                          -- of the customer, canonical
    reason     text not null,
    begun_at   timestamptz not null,
    ends_at    timestamptz not null,
    ended_at   timestamptz,                            -- null: not yet; past ends_at it opens nothing all the same
    check (ends_at > begun_at and ends_at <= begun_at + interval '30 minutes')
);
create unique index impersonation_session on impersonation (session_id) where ended_at is null;
create index impersonation_open on impersonation (ends_at) where ended_at is null;

alter table access_entry
    add on_behalf text not null default '';            -- address of the customer in whose place it was read; empty: in nobody's

create table guest (                                   -- somebody whom an owner lets in to help, for hours or days
    id         bigint generated always as identity primary key,
    user_id    bigint not null references "user" on delete cascade,
    role       text not null,
    reason     text not null,
    made_by    text not null,                          -- address of the owner, or the account of the machine
    begun_at   timestamptz not null,
    ends_at    timestamptz not null,
    ended_at   timestamptz,                            -- when all that opened something was taken away; null: not yet
    ended_by   text not null default '',
    ended_how  text not null default '' check (ended_how in ('', 'time', 'owner', 'switched-off')),
    check (ends_at >= begun_at + interval '1 hour' and ends_at <= begun_at + interval '7 days')
);
create unique index guest_user on guest (user_id) where ended_at is null;
create index guest_open on guest (ends_at) where ended_at is null;

alter table "user"
    add ends_at timestamptz;                           -- of a guest: from then on the account opens nothing; null: of everybody else

-- However it was done: nobody who was let in for a while stays, owns the desk, or gets in again after their time.
-- +goose StatementBegin
create function guest_stays_one() returns trigger language plpgsql as $$
begin
    if new.role in ('owner', 'admin') then
        raise exception 'a guest is never an owner or admin' using errcode = '23514', constraint = 'user_guest';
    end if;
    if new.disabled_at is null and not exists (select from guest g where g.user_id = new.id and g.ended_at is null) then
        raise exception 'the time of a guest is over' using errcode = '23514', constraint = 'user_guest';
    end if;
    return new;
end
$$;
-- +goose StatementEnd
create trigger user_guest before insert or update of role, disabled_at, ends_at on "user"
    for each row when (new.ends_at is not null) execute function guest_stays_one();
