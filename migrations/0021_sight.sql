-- Who sees the tickets of their teams is led to those that no team has, too.
-- +goose Up
create index ticket_no_team on ticket (status, id) where team_id is null;
