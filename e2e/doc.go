// Package e2e promises that what the contract says holds for the whole program: the tests build the binary, run it with its own database and store, and speak to it
// only as strangers and operators do, by SMTP, HTTP, DNS, signals and its command line.
//
// It holds tests only. Everything runs on loopback, on ports that the kernel chooses, in a folder that is gone afterwards; every process is ended by its number.
// E2E_ROUNDS multiplies how long the crash test goes on: see `make chaos`.
package e2e
