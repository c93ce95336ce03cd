-- Sign-in by somebody else's word: the providers that are believed, whose accounts there are whose here, and what is under way.
-- +goose Up

create table provider (
    id         bigint generated always as identity primary key,
    kind       text not null check (kind in ('oidc', 'google', 'microsoft', 'saml', 'jwt', 'facebook', 'x')),
    name       text not null check (length(name) between 1 and 100),   -- on the button
    population text not null check (population in ('staff', 'customers', 'both')),
    settings   json not null default '{}',             -- desk.ProviderSettings: nothing secret
    secret     bytea,                                  -- sealed: the client's secret, or the shared one
    enabled    boolean not null default false,
    tested_at  timestamptz,                            -- of the last trial sign-in that worked since the settings changed
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index provider_name on provider (lower(name));

-- Who an account elsewhere is here. The key is what the provider calls it for ever (OpenID Connect Core §5.7), never its address: addresses are given to somebody else.
create table identity (
    id           bigint generated always as identity primary key,
    provider_id  bigint not null references provider on delete cascade,
    issuer       text not null check (length(issuer) between 1 and 1024),
    subject      text not null check (length(subject) between 1 and 1024),
    user_id      bigint not null references "user" on delete cascade,
    email        text not null default '',             -- as the provider last said it; for people to recognise it by
    created_at   timestamptz not null default now(),
    last_used_at timestamptz,
    unique (provider_id, issuer, subject)
);
create index identity_user on identity (user_id, id);
-- One account at each provider a person: a second one with the same address is somebody to ask about.
create unique index identity_one on identity (provider_id, user_id);

-- A dance that has begun: the browser is at the provider.
create table sign_on (
    state_hash   bytea primary key,                    -- SHA-256: the state itself travels
    provider_id  bigint not null references provider on delete cascade,
    browser_hash bytea not null,                       -- of the cookie of the browser that began it
    purpose      text not null check (purpose in ('enter', 'link', 'test')),
    user_id      bigint references "user" on delete cascade, -- who links or tests
    sealed       bytea not null,                       -- PKCE verifier, nonce, and where to go on
    place        text not null,                        -- the network that asked, for bounds
    created_at   timestamptz not null,
    expires_at   timestamptz not null
);
create index sign_on_place on sign_on (place, created_at);
create index sign_on_expires on sign_on (expires_at);

-- An account elsewhere that waits until its owner proves the address by mail, in the same browser.
create table identity_claim (
    token_hash   bytea primary key,
    browser_hash bytea not null,
    provider_id  bigint not null references provider on delete cascade,
    asserted     bytea not null,                       -- sealed: what the provider said
    email        text not null,
    created_at   timestamptz not null,
    expires_at   timestamptz not null
);
create index identity_claim_email on identity_claim (email, created_at);

-- What may be presented once: ids of JWTs and SAML assertions, until they could not be presented any more anyway.
create table used_assertion (
    provider_id bigint not null references provider on delete cascade,
    id_hash     bytea not null,
    expires_at  timestamptz not null,
    primary key (provider_id, id_hash)
);
create index used_assertion_expires on used_assertion (expires_at);

-- The owner's way in when the provider is broken.
create table bypass (
    token_hash bytea primary key,
    user_id    bigint references "user" on delete cascade, -- null: asked for under an address that is no owner's, and opens nothing
    by_mail    boolean not null,                       -- false: by whoever holds the machine
    place      text not null default '',
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index bypass_user on bypass (user_id, created_at);

