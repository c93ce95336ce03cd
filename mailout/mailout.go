// Package mailout turns an answer, an agent's or an automatic one, into the exact signed bytes that leave, and brings them to the servers of its recipients: what was composed is what is sent, and every recipient's fate is known by the remote's own words.
//
// It decides nothing about who may write or to whom, and stores nothing: drafts, keys and the outcome of each attempt are values that the caller loads and keeps. What a server must show before a mail passes to it follows from the DNS, from the
// policy of the recipients' domain, from our own rules and from the mail (DANE, MTA-STS, REQUIRETLS); all that asks for nothing is delivered with TLS wherever TLS is offered. The copies of one message share connections, different messages do not.
package mailout
