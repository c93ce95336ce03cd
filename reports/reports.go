// Package reports promises to say what a mail of a machine reports about our own mail: what became of it, who complained of it, and how others saw our domains.
//
// It is pure: it reads a mail that mailtext has read, and decides nothing. Whether a report may be believed (a return path of ours, T-DSN) is for those who act on it.
package reports
