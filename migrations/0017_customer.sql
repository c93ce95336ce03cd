-- Customers on our pages: what each mailbox offers them, how they prove their address, what they wrote into a form, and the question whether they were helped.
-- +goose Up

create table customer_setting (                        -- what a mailbox offers its customers; one without a row has the defaults
    mailbox_id bigint primary key references mailbox,
    link       boolean not null default true,          -- our mails carry a link to the conversation
    ask        boolean not null default false,         -- after solving, the customer is asked whether they were helped
    ask_after  int not null default 24 check (ask_after between 0 and 720), -- hours after solving
    form       boolean not null default false,         -- there is a form on the web
    slug       text unique check (slug ~ '^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$'), -- its address: /form/slug
    proof      text not null default 'mail' check (proof in ('mail', 'none')), -- what a form's address needs before its text becomes a ticket
    intro      text not null default '',               -- above the form; empty: the standard text
    language   text not null default '',               -- of the mails that we write to customers by ourselves; empty: the installation's
    check (not form or slug is not null)
);

create table form_entry (                              -- what was written into a form and waits until its address is proved
    id         bigint generated always as identity primary key,
    mailbox_id bigint not null references mailbox,
    address    text not null check (address = lower(address)),
    size       bigint not null,                        -- of the mail that it will be
    dek        bytea not null,
    sealed     bytea,                                  -- small: here
    object_key text,                                   -- large: in S3
    created_at timestamptz not null,
    expires_at timestamptz not null,
    check ((sealed is null) <> (object_key is null))
);
create index form_entry_expires on form_entry (expires_at);
create index form_entry_object on form_entry (object_key) where object_key is not null;

create table form_sent (                               -- counts what was sent by forms, for their limits; swept after an hour
    place   text not null,                             -- the network that it came from
    address text not null,
    at      timestamptz not null
);
create index form_sent_place on form_sent (place, at);
create index form_sent_address on form_sent (address, at);
create index form_sent_at on form_sent (at);

create table visitor_code (                            -- a code and a link by which somebody proves an address
    id           bigint generated always as identity primary key,
    address      text not null check (address = lower(address)), -- as typed, known or not
    place        text not null,                        -- the network of who asked, under which requests are counted
    browser_hash bytea not null,                       -- SHA-256 of the cookie of the browser that asked: only there the code counts
    token_hash   bytea not null unique,                -- of the link
    sealed       bytea not null,                       -- the code and the link's token; they stand in clear in the mail only
    next         text not null default '',             -- the page that it leads to
    mailbox_id   bigint references mailbox,            -- in whose name the mail leaves; null: the oldest
    form_id      bigint references form_entry on delete set null, -- becomes a ticket when the address is proved
    language     text not null default '',
    tries        int not null default 0,               -- wrong codes
    created_at   timestamptz not null,
    code_until   timestamptz not null,
    link_until   timestamptz not null,
    used_at      timestamptz,
    outcome      text not null default ''              -- of the mail: the remote's words, or why there was none
);
create index visitor_code_address on visitor_code (address, created_at);
create index visitor_code_place on visitor_code (place, created_at);
create index visitor_code_browser on visitor_code (browser_hash);
create index visitor_code_created on visitor_code (created_at);

create table visitor_session (                         -- a browser in which an address was proved
    token_hash   bytea primary key,                    -- SHA-256: the token itself is only in the cookie
    address      text not null check (address = lower(address)),
    created_at   timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at   timestamptz not null,
    ip           text not null default '',
    user_agent   text not null default ''
);
create index visitor_session_address on visitor_session (address, created_at);
create index visitor_session_expires on visitor_session (expires_at);

create table rating_question (                         -- the question whether a customer was helped: one a ticket
    ticket_id bigint primary key references ticket on delete cascade,
    due_at    timestamptz,                             -- null: it was asked, or will not be
    asked_at  timestamptz,
    address   text not null default '',                -- whom
    attempts  int not null default 0,
    outcome   text not null default ''                 -- the remote's words, or why it was not asked
);
create index rating_question_due on rating_question (due_at) where due_at is not null;
create index rating_question_address on rating_question (address, asked_at) where asked_at is not null;
