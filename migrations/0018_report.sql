-- Figures about tickets, day by day, so that a report over years reads some hundred rows; and what finds the tickets and messages of a time.
-- +goose Up

create table ticket_day (                              -- figures of days that are over, in the zone of the reports (setting "reports")
    day    date not null,
    part   text not null check (part in ('all', 'mailbox', 'team', 'agent', 'tag')),
    key    text not null,                              -- id of the mailbox, team or agent, or the tag; empty: of all, or of those without one
    tally  jsonb not null,                             -- desk.Tally
    primary key (part, day, key)
);

-- Messages come in the order of time: a day is found without an index that every mail would have to enter.
create index message_at on message using brin (at) with (pages_per_range = 32, autosummarize = on);
-- Entered once, when a ticket is solved.
create index ticket_solved on ticket (solved_at) where solved_at is not null;
-- What is not solved, snoozed or not: the backlog, and searches by status. What is solved leaves it.
create index ticket_unsolved on ticket (status, updated_at desc) where merged_into is null and status in ('new', 'open', 'pending', 'hold');

-- What the tables have learned since they were looked at last is unknown to the planner until it is told, and it reads whole tables for want of it.
analyze ticket;
