// Package testkit promises that a test talks to the real thing: PostgreSQL, an S3 store, name servers and SMTP servers, each its own, on loopback, gone when the test ends.
//
// It is imported by tests only. What it starts is as in production but for one thing: the test database does not sync, since nobody needs it after a crash.
package testkit
