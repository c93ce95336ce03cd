-- People whom a provider keeps here by SCIM, and what companies' own programs know about theirs.
-- +goose Up

-- By these a provider's own program speaks (RFC 7644). Each is of one provider, and opens nothing but /scim/v2.
create table scim_token (
    id           bigint generated always as identity primary key,
    provider_id  bigint not null references provider on delete cascade,
    hash         bytea not null unique,                -- SHA-256
    created_by   text not null,
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    last_used_at timestamptz,
    last_ip      text not null default '',
    revoked_at   timestamptz
);
create index scim_token_provider on scim_token (provider_id, id);

-- Whom a provider keeps: one provider at most has the say about a person.
create table scim_user (
    user_id     bigint primary key references "user" on delete cascade,
    provider_id bigint not null references provider on delete cascade,
    user_name   text not null check (length(user_name) between 1 and 255),
    external_id text not null default '' check (length(external_id) <= 255),
    said        json not null,                         -- desk.Provisioned: as the provider last said it
    disabled    boolean not null default false,        -- by its word, so that its word enables them again; a person's word stands above it
    gone_at     timestamptz,                           -- it let go of the person, who stays disabled
    created_at  timestamptz not null,
    updated_at  timestamptz not null
);
create unique index scim_user_name on scim_user (provider_id, lower(user_name)) where gone_at is null;
create index scim_user_page on scim_user (provider_id, user_id) where gone_at is null;
create index scim_user_external on scim_user (provider_id, external_id) where gone_at is null;

-- What is known of a person beside name and address, as a provider last said it. It is shown to who sees their conversations.
create table profile (
    user_id      bigint primary key references "user" on delete cascade,
    organization text not null default '',
    department   text not null default '',
    title        text not null default '',
    phone        text not null default '',
    tags         text[] not null default '{}',
    fields       json not null default '{}',           -- by name; a provider's settings say which are kept
    updated_at   timestamptz not null
);
