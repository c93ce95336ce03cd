-- Roles that people make for themselves, the last owner, and on whose behalf rules act.
-- +goose Up

create table role (
    name       text primary key,
    skeleton   text not null unique,                   -- the name as it looks: two that can be taken for each other are one
    built_in   boolean not null default false,         -- what those give stands in desk.Rights, not here
    says       text not null default '',
    rights     text[] not null default '{}',
    sight      text not null default 'none',
    masks      text[] not null default '{}',
    reads      boolean not null,                       -- sees conversations of customers: can be named in notes, and told of things
    works      boolean not null,                       -- can be given conversations
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    updated_by text not null default ''
);
insert into role (name, skeleton, built_in, reads, works)
values ('owner', 'owner', true, true, true), ('admin', 'admln', true, true, true), ('agent', 'agent', true, true, true),
       ('light_agent', 'llghtagent', true, true, false), ('auditor', 'audltor', true, false, false), ('customer', 'customer', true, false, false);

alter table "user" drop constraint if exists user_role_check;
alter table "user" add constraint user_role foreign key (role) references role on update cascade;
create index user_role on "user" (role);

-- An installation that has had an owner keeps one, whatever program changes its people. The lock makes two owners who demote each other take turns.
-- +goose StatementBegin
create function keep_an_owner() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(28789, 0); -- as store.LockOwners
    if not exists (select from "user" where role = 'owner' and disabled_at is null) then
        raise exception 'the last owner stays one' using errcode = 'check_violation', constraint = 'user_last_owner';
    end if;
    return null;
end
$$;
-- +goose StatementEnd
create constraint trigger user_last_owner after update on "user" deferrable initially deferred
    for each row when (old.role = 'owner' and old.disabled_at is null and (new.role <> 'owner' or new.disabled_at is not null)) execute function keep_an_owner();
create constraint trigger user_last_owner_removed after delete on "user" deferrable initially deferred
    for each row when (old.role = 'owner' and old.disabled_at is null) execute function keep_an_owner();

create table ownership_offer (                         -- an owner hands the installation over to somebody who has not accepted yet
    from_user  bigint primary key references "user" on delete cascade,
    to_user    bigint not null references "user" on delete cascade,
    becomes    text not null check (becomes in ('owner', 'admin')), -- what the owner is afterwards
    created_at timestamptz not null,
    expires_at timestamptz not null,
    check (from_user <> to_user)
);
create index ownership_offer_to on ownership_offer (to_user);

-- An offer ends when either of the two is something else, or disabled: it does not come back with them.
-- +goose StatementBegin
create function end_ownership_offers() returns trigger language plpgsql as $$
begin
    delete from ownership_offer where from_user = new.id or to_user = new.id;
    return null;
end
$$;
-- +goose StatementEnd
create trigger user_ends_offers after update of role, disabled_at on "user"
    for each row when (old.role <> new.role or new.disabled_at is not null) execute function end_ownership_offers();

-- A rule acts with no more than what its author may at that moment; null: the machine's operator, or an author from before this was kept.
alter table automation add author_id bigint references "user";
alter table macro add author_id bigint references "user";
update automation a set author_id = u.id from "user" u where u.email = a.updated_by;
update macro set author_id = owner_id;
