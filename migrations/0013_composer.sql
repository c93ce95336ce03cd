-- What the composer keeps: forwards and what is answered to them, drafts of every kind, whom a note names, signatures and habits.
-- +goose Up
alter table message
    drop constraint message_kind_check,
    add constraint message_kind_check check (kind in ('inbound', 'reply', 'note', 'event', 'forward')),
    add side bigint;                                   -- the forward that began the conversation beside the ticket's own in which this stands; null: the ticket's own
create index message_side on message (side) where side is not null;

alter table draft
    drop constraint draft_kind_check,
    add constraint draft_kind_check check (kind in ('reply', 'note', 'forward')),
    add mailbox_id bigint not null default 0,          -- that it leaves from; 0: not chosen yet
    add subject    text not null default '',           -- of a forward
    add forwards   bigint not null default 0,          -- the message that a forward passes on; 0: none
    add taken      bigint[] not null default '{}',     -- those of its files that go along
    add original   boolean not null default false;     -- the mail itself goes along as a file

create table mention (                                 -- people whom a note names with @
    message_id bigint not null references message on delete cascade,
    user_id    bigint not null references "user" on delete cascade,
    primary key (message_id, user_id)
);
create index mention_user on mention (user_id, message_id);

alter table mailbox add signature text not null default ''; -- stands below every mail of it, after its writer's own

alter table "user"
    add undo_seconds smallint not null default 10 check (undo_seconds between 0 and 30),      -- how long a message of theirs can be taken back
    add after_send   text not null default 'next' check (after_send in ('next', 'list', 'stay')); -- where the portal goes then

create index contact_address_prefix on contact (address text_pattern_ops); -- suggestions while somebody types
create index contact_name_prefix on contact (lower(name) text_pattern_ops);
