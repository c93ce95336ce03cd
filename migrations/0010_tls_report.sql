-- What our connections to others came to, counted by day for the reports that we send them (RFC 8460).
-- +goose Up

create table tls_session (
    day          date not null,                        -- UTC
    domain       text not null,                        -- whose policy it is: gets the report
    key          bytea not null,                       -- digest of all that follows: equal sessions are one row
    policy       json not null,                        -- type, lines and hosts of desk.TLSPolicy
    mx           text not null default '',
    sending_ip   text not null default '',
    receiving_ip text not null default '',
    result       text not null default '',             -- RFC 8460 §4.3; empty: success
    reason       text not null default '',
    sessions     bigint not null,
    primary key (day, domain, key)
);

create table tls_report (                              -- a report that is due, under way, or over
    day       date not null,
    domain    text not null,
    attempts  int not null default 0,
    taken_at  timestamptz not null,
    done_at   timestamptz,                             -- null: under way, or to be tried again
    outcome   text not null default '',
    primary key (day, domain)
);
