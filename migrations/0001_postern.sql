-- The first schema. Names are the product's words (docs/decisions/0003-names.md): a word on the page is the table's name.
-- +goose Up

-- People -------------------------------------------------------------------------------------------------------------------

create table "user" (
    id            bigint generated always as identity primary key,
    email         text not null unique check (email = lower(email)),
    name          text not null,
    role          text not null check (role in ('owner', 'admin', 'agent', 'customer')),
    password_hash text,                                -- Argon2id in PHC form, sealed, in base64; null: signs in by link only
    created_at    timestamptz not null default now(),
    last_seen_at  timestamptz,                         -- to the minute; null: has never signed in
    disabled_at   timestamptz
);

create table session (
    token_hash   bytea primary key,                    -- SHA-256: the token itself is only in the cookie
    user_id      bigint not null references "user" on delete cascade,
    created_at   timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    expires_at   timestamptz not null,
    ip           text not null default '',
    user_agent   text not null default ''
);
create index session_user_id on session (user_id);

create table login_link (
    token_hash bytea primary key,
    user_id    bigint not null references "user" on delete cascade,
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index login_link_user on login_link (user_id);

create table login_failure (                           -- throttling: one row a wrong password, swept after an hour
    account text not null,                             -- canonical address as typed, known or not
    ip      text not null,
    at      timestamptz not null default now()
);
create index login_failure_account on login_failure (account, at);
create index login_failure_ip on login_failure (ip, at);

create table api_token (
    id           bigint generated always as identity primary key,
    user_id      bigint not null references "user" on delete cascade,
    name         text not null,
    token_hash   bytea not null unique,
    scopes       text[] not null default '{}',         -- empty: all that the user may
    created_at   timestamptz not null default now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
create index api_token_user on api_token (user_id);

create table idempotency_key (
    user_id    bigint not null references "user" on delete cascade,
    key        text not null,
    request    bytea not null,                         -- SHA-256 of method, path and body
    status     int,                                    -- null while the first request is under way
    body       bytea,
    created_at timestamptz not null default now(),
    primary key (user_id, key)
);

create table contact (
    id         bigint generated always as identity primary key,
    address    text not null unique check (address = lower(address)),
    name       text not null default '',
    created_at timestamptz not null default now()
);

create table contact_address (                         -- further addresses of the same person, added by an agent (T-ALT-ADDR)
    address    text primary key check (address = lower(address)),
    contact_id bigint not null references contact on delete cascade
);
create index contact_address_contact on contact_address (contact_id);

-- Mail domains and mailboxes -----------------------------------------------------------------------------------------------

create table domain (
    id         bigint generated always as identity primary key,
    name       text not null unique check (name = lower(name)),
    state      text not null default 'added' check (state in ('added', 'active', 'degraded')),
    checked_at timestamptz,
    created_at timestamptz not null default now()
);

create table domain_key (
    id         bigint generated always as identity primary key,
    domain_id  bigint not null references domain on delete cascade,
    selector   text not null,
    algorithm  text not null check (algorithm in ('rsa-sha256', 'ed25519-sha256')),
    public_key text not null,                          -- the p= of the DNS record
    private    bytea not null,                         -- PKCS #8, sealed
    created_at timestamptz not null default now(),
    seen_at    timestamptz,                            -- its record was found in the DNS for the first time: signs from then
    retired_at timestamptz,                            -- signs no more; its record shall stay until then
    unique (domain_id, selector)
);

create table domain_record (                           -- what was found at the last look
    domain_id  bigint not null references domain on delete cascade,
    purpose    text not null,
    name       text not null,
    record     jsonb not null,                         -- desk.Record
    primary key (domain_id, purpose, name)             -- while keys are exchanged, one purpose has two names
);

create table mailbox (
    id         bigint generated always as identity primary key,
    address    text not null unique check (address = lower(address)),
    name       text not null default '',
    created_at timestamptz not null default now(),
    removed_at timestamptz                             -- a removed mailbox takes no mail; its tickets stay
);

-- Tickets ------------------------------------------------------------------------------------------------------------------

create table ticket (
    id               bigint generated by default as identity primary key, -- its number
    subject          text not null,
    status           text not null check (status in ('new', 'open', 'pending', 'hold', 'solved', 'closed')),
    priority         text not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
    mailbox_id       bigint not null references mailbox,
    requester_id     bigint not null references contact,
    assignee_id      bigint references "user",
    tags             text[] not null default '{}',
    preview          text not null default '',
    waiting_since    timestamptz,                      -- since when somebody waits for us; null: nobody does
    has_attachment   boolean not null default false,
    unverified       boolean not null default false,
    new_participant  boolean not null default false,
    delivery_problem boolean not null default false,
    suggested        bigint,
    merged_into      bigint references ticket,         -- always the last target: merging that one on moves this along
    before_merge     text,                             -- the status to go back to when a merge is undone
    follows          bigint references ticket,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    solved_at        timestamptz,
    closed_at        timestamptz,
    check ((status = 'closed') = (closed_at is not null))
);
create index ticket_waiting on ticket (waiting_since, id) where waiting_since is not null;
create index ticket_rest on ticket (updated_at desc, id desc) where waiting_since is null;
create index ticket_updated on ticket (updated_at desc, id desc);
create index ticket_view on ticket (status, assignee_id) where merged_into is null; -- the counts of the views, from the index alone
create index ticket_requester on ticket (requester_id, id);
create index ticket_assignee on ticket (assignee_id, updated_at) where assignee_id is not null;
create index ticket_tags on ticket using gin (tags) where tags <> '{}';
create index ticket_merged on ticket (merged_into) where merged_into is not null;
create index ticket_follows on ticket (follows) where follows is not null;

create table ticket_mailbox (                          -- further mailboxes that a ticket is seen in (T-TWO-INBOX)
    ticket_id  bigint not null references ticket on delete cascade,
    mailbox_id bigint not null references mailbox,
    merged_from bigint references ticket,              -- came along with that ticket, and leaves with it
    primary key (ticket_id, mailbox_id)
);

create table participant (                             -- people on a ticket besides the requester
    ticket_id  bigint not null references ticket on delete cascade,
    contact_id bigint not null references contact,
    pending    boolean not null default false,         -- wrote with a token; an agent has not accepted them yet
    added_at   timestamptz not null default now(),
    accepted_at timestamptz,                           -- when an agent accepted them: from then on they are among the recipients of replies
    merged_from bigint references ticket,              -- came along with that ticket, and leaves with it
    primary key (ticket_id, contact_id)
);
create index participant_contact on participant (contact_id);

create table message (
    id           bigint generated by default as identity primary key,
    ticket_id    bigint not null references ticket,
    kind         text not null check (kind in ('inbound', 'reply', 'note', 'event')),
    author_id    bigint references "user",
    contact_id   bigint references contact,
    from_name    text not null default '',
    from_address text not null default '',
    "to"         json not null default '[]',
    cc           json not null default '[]',
    subject      text not null default '',
    message_id   text not null default '',
    at           timestamptz not null,                 -- place in the conversation
    sent_at      timestamptz,
    text         text not null default '',
    quoted       text not null default '',
    html         text not null default '',
    facts        json not null default '{}',           -- desk.MessageFacts
    send_at      timestamptz,                          -- of a reply: when it leaves
    moved_from   bigint,                               -- the ticket it stood on before a merge, so that merging can be undone
    search       tsvector                              -- words of subject, text and people, made by mailtext.Lexemes
);
-- An ordinary mail's row stays whole in one page: packing it and storing it in pieces elsewhere costs more than it saves.
alter table message set (toast_tuple_target = 8160);
-- Long texts are packed by lz4 where the server has it: a fraction of pglz's time on the way of every mail.
-- +goose StatementBegin
do $$
begin
    alter table message alter column text set compression lz4, alter column quoted set compression lz4, alter column html set compression lz4;
exception when feature_not_supported then
    null; -- built without lz4: pglz does it
end
$$;
-- +goose StatementEnd
create index message_ticket on message (ticket_id, at, id);
-- New words wait in front of the index (32 MiB at most) until they are sorted in, every second while mail comes (intake): not by the mail that finds the space full.
create index message_search on message using gin (search) with (gin_pending_list_limit = 32768);

-- Threading: which message bears a Message-ID, and which messages named it before it came (T-LATE). The key is the first 16
-- bytes of the SHA-256 of the id as a uuid: small, of one length, and nobody can make two ids meet.
create table message_key (
    key        uuid not null,
    message    bigint not null references message on delete cascade,
    ticket_id  bigint not null,
    mailbox_id bigint not null,                        -- known within the mailboxes that got it only
    named      boolean not null,                       -- false: it is this message's own id; true: the message only names it
    digest     bytea                                   -- of the message's own bytes, to tell the same mail from another with its id
);
create index message_key_key on message_key (key);
create index message_key_message on message_key (message);

create table original (                                -- the bytes as received or as sent, sealed
    id         bigint generated by default as identity primary key,
    message    bigint references message on delete cascade,
    suspended  bigint,
    size       bigint not null,                        -- of the mail itself
    dek        bytea not null,                         -- key of this original, wrapped by the key file's key
    sealed     bytea,                                  -- small: here
    object_key text,                                   -- large: in S3
    check ((sealed is null) <> (object_key is null))
);
alter table original alter column sealed set storage external; -- sealed bytes do not compress
alter table original set (toast_tuple_target = 8160);
create unique index original_message on original (message) where message is not null;
create unique index original_suspended on original (suspended) where suspended is not null;
create index original_object on original (object_key) where object_key is not null;

create table attachment (
    id          bigint generated by default as identity primary key,
    message     bigint references message on delete cascade, -- null: an upload that waits for its reply
    uploaded_by bigint references "user",
    name        text not null,
    media_type  text not null,
    size        bigint not null,
    inline      boolean not null default false,
    content_id  text not null default '',
    origin      text not null default 'part',
    description text not null default '',
    object_key  text not null,
    dek         bytea not null,
    sha256      bytea not null,
    created_at  timestamptz not null default now()
);
create index attachment_message on attachment (message) where message is not null;
create index attachment_upload on attachment (created_at) where message is null;
create index attachment_object on attachment (object_key);

create table attachment_link (
    token_hash bytea primary key,
    attachment bigint not null references attachment on delete cascade,
    recipient  text not null default '',
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz
);
create index attachment_link_attachment on attachment_link (attachment);

create table attachment_access (
    id         bigint generated always as identity primary key,
    attachment bigint not null references attachment on delete cascade,
    token_hash bytea,                                  -- null: by a signed-in person
    user_id    bigint,
    at         timestamptz not null default now(),
    ip         text not null default '',
    user_agent text not null default ''
);
create index attachment_access_attachment on attachment_access (attachment, at);

create table suspended (
    id           bigint generated by default as identity primary key,
    cause        text not null,
    evidence     text not null default '',
    from_address text not null default '',
    subject      text not null default '',
    envelope     json not null,                        -- desk.Envelope: a release starts from it
    digest       bytea not null,
    received_at  timestamptz not null
);
create index suspended_received on suspended (received_at desc, id desc);
create index suspended_digest on suspended (digest);

create table draft (
    user_id    bigint not null references "user" on delete cascade,
    ticket_id  bigint not null references ticket on delete cascade,
    kind       text not null check (kind in ('reply', 'note')),
    text       text not null,
    "to"       json not null default '[]',
    cc         json not null default '[]',
    bcc        json not null default '[]',
    uploads    bigint[] not null default '{}',
    answers    bigint not null default 0,
    updated_at timestamptz not null default now(),
    primary key (user_id, ticket_id, kind)
);

create table delivery (                                -- one row a recipient of an outgoing message
    message_id bigint not null references message on delete cascade,
    recipient  text not null,
    state      text not null check (state in ('queued', 'sent', 'deferred', 'bounced', 'cancelled')),
    host       text not null default '',
    tls        text not null default '',
    reply      text not null default '',
    attempts   int not null default 0,
    next_at    timestamptz,
    queued_at  timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (message_id, recipient)
);
create index delivery_awaited on delivery (message_id) where state in ('queued', 'deferred');
create index delivery_updated on delivery (updated_at desc, message_id desc, recipient desc);

-- Everything else ----------------------------------------------------------------------------------------------------------

create table audit (
    id       bigint generated always as identity primary key,
    at       timestamptz not null default now(),
    actor    text not null,
    actor_id bigint,
    via      text not null,
    ip       text not null default '',
    action   text not null,
    subject  text not null,
    detail   json not null default '{}'
);
create index audit_subject on audit (subject, id);

-- +goose StatementBegin
create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only';
end
$$;
-- +goose StatementEnd
create trigger audit_append_only before update or delete or truncate on audit for each statement execute function audit_is_append_only();

create table setting (
    key        text primary key,
    value      jsonb not null,
    updated_at timestamptz not null default now()
);
