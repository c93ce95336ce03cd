-- SAML 2.0: our keys for each identity provider, what has come from one and waits for its browser, and which sessions end when a provider says so.
-- +goose Up

create table saml_key (
    id          bigint generated always as identity primary key,
    provider_id bigint not null references provider on delete cascade,
    state       text not null check (state in ('next', 'current', 'old')),
    certificate bytea not null,                        -- DER, public
    sealed      bytea not null,                        -- PKCS #1
    created_at  timestamptz not null
);
create unique index saml_key_current on saml_key (provider_id) where state = 'current';
create unique index saml_key_next on saml_key (provider_id) where state = 'next';
create index saml_key_provider on saml_key (provider_id, id);

-- An answer that was POSTed from the provider's page, checked, and waits a moment for the browser to come back with its cookies: those do not travel with a form of another site.
create table saml_answer (
    handle_hash bytea primary key,
    provider_id bigint not null references provider on delete cascade,
    sealed      bytea not null,
    expires_at  timestamptz not null
);
create index saml_answer_expires on saml_answer (expires_at);

-- Whom the provider knows a session by, for single logout.
create table saml_session (
    session_id  bigint primary key references session (id) on delete cascade,
    provider_id bigint not null references provider on delete cascade,
    name_hash   bytea not null,                        -- of the subject's format, qualifier and name
    index_hash  bytea not null,                        -- of the SessionIndex
    sealed      bytea not null                         -- both as they are: we say them when we ask for a logout
);
create index saml_session_name on saml_session (provider_id, name_hash);

-- When the provider's metadata was read, and what was wrong with it since.
create table saml_metadata (
    provider_id bigint primary key references provider on delete cascade,
    read_at     timestamptz,
    failed_at   timestamptz,
    failure     text not null default ''               -- a sentence of ours
);
