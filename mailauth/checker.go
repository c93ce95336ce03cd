// Package mailauth says what can be proved about who sent a mail: a desk.Verdict with reasons.
//
// A mail that nobody can vouch for is a result like any other. Nothing in this package refuses a mail, writes to the DNS or to the mail, or keeps anything between two mails; what follows from a
// verdict is decided elsewhere. However a mail is made, checking it costs a bounded number of questions and the time that Timeout allows, and leaves no goroutine of this package behind.
package mailauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"postern/desk"
	"postern/mailauth/arc"
	"postern/mailauth/canon"
	"postern/mailauth/dkim"
	"postern/mailauth/dmarc"
	"postern/mailauth/iprev"
	"postern/mailauth/lookup"
	"postern/mailauth/spf"
)

const defaultTimeout = 15 * time.Second

// Checker checks received mail. The zero value checks nothing: every verdict is 'none'. It is safe for concurrent use.
type Checker struct {
	Resolver lookup.Resolver  // nil: nothing can be asked
	Sealers  func() []string  // domains whose ARC seals are believed (RFC 8617 §7.2), asked for every mail that has any; nil: none
	Timeout  time.Duration    // for one mail; 0: 15 seconds
	Hostname string           // ours, for the macro %{r} of SPF
	Now      func() time.Time // nil: time.Now
}

// Check gives the verdict on one mail. raw is the mail as received, trace fields of ours first; it is only read. What the DNS did not answer in time is a temperror, and proves nothing.
func (c *Checker) Check(ctx context.Context, env desk.Envelope, raw *io.SectionReader) desk.Verdict {
	if c.Resolver == nil {
		return desk.Unchecked("there is no DNS to ask")
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.Timeout, defaultTimeout))
	defer cancel()
	m, err := canon.Read(raw)
	from := readAuthor(m, err)
	found := c.gather(ctx, received{env, m, err}, from)
	verdict := desk.Verdict{From: from.domain, IPRev: found.iprev, Helo: found.helo, SPF: found.mailFrom, DKIM: found.dkim, ARC: found.chain.Method}
	if from.domain == "" {
		verdict.DMARC = desk.Method{Result: desk.ResultNone, Reason: from.why}
		return verdict
	}
	judged := dmarc.Judgement{DMARC: broken(), SPF: found.mailFrom, DKIM: found.dkim}
	judged.DMARC.Domain = from.domain
	guard(&judged.DMARC.Reason, func() { judged = found.walker.Judge(ctx, found.author, found.mailFrom, found.dkim) })
	verdict.Org, verdict.DMARC, verdict.SPF, verdict.DKIM = judged.Organization, judged.DMARC, judged.SPF, judged.DKIM
	if c.Sealers != nil && from.sealed && !verdict.Verified(true) {
		verdict.Rescued = rescuer(found.chain, c.Sealers(), claim{from: from.domain, organization: judged.Organization, strict: judged.Strict})
	}
	return verdict
}

// evidence is what the methods found, each on its own.
type evidence struct {
	iprev, helo, mailFrom desk.Method
	dkim                  []desk.Method
	chain                 arc.Chain
	author                dmarc.Walk
	walker                *dmarc.Walker
}

const brokeOff = "the check broke off"

var errBrokeOff = errors.New(brokeOff)

// broken is the result of a method that did not come to its end: a mistake of ours, and no proof of anything.
func broken() desk.Method { return desk.Method{Result: desk.ResultTempError, Reason: brokeOff} }

// received is a mail as the methods see it.
type received struct {
	env  desk.Envelope
	mail *canon.Mail
	err  error // of reading it; mail is nil then
}

// sealed says whether there is a chain whose keys have to be asked for.
func (r received) sealed() bool { return r.mail != nil && len(r.mail.Named("arc-seal")) > 0 }

// signatures are the results of DKIM.
func (r received) signatures(ctx context.Context, resolver lookup.Resolver, now time.Time) []desk.Method {
	if r.err != nil {
		return dkim.Unread(r.err)
	}
	return dkim.VerifyRead(ctx, resolver, r.mail, now)
}

// chain is the result of ARC.
func (r received) chain(ctx context.Context, resolver lookup.Resolver, now time.Time) arc.Chain {
	if r.err != nil {
		return arc.Unread(r.err)
	}
	return arc.VerifyRead(ctx, resolver, r.mail, now)
}

// gather runs the methods that ask the DNS at the same time and returns when all of them have ended.
func (c *Checker) gather(ctx context.Context, got received, from author) *evidence {
	found := &evidence{
		iprev: broken(), helo: broken(), mailFrom: broken(), dkim: []desk.Method{broken()}, chain: arc.Chain{Method: broken()},
		author: dmarc.Walk{Start: from.domain, Err: errBrokeOff}, walker: dmarc.NewWalker(c.Resolver),
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	client := got.env.RemoteIP.Unmap()
	why := clientless(client)
	checks := []check{
		{&found.dkim[0].Reason, func() { found.dkim = got.signatures(ctx, c.Resolver, now()) }},
		{&found.mailFrom.Reason, func() {
			query := spf.Query{Helo: got.env.Helo, MailFrom: got.env.MailFrom, Receiver: c.Hostname, Now: now()}
			if why == "" {
				query.IP = client
			}
			found.helo, found.mailFrom = spf.Check(ctx, c.Resolver, query)
			if why != "" {
				found.helo.Reason, found.mailFrom.Reason = why, why
			}
		}},
	}
	if why != "" {
		found.iprev = desk.Method{Result: desk.ResultNone, Reason: why}
	} else {
		checks = append(checks, check{&found.iprev.Reason, func() { found.iprev = iprev.Check(ctx, c.Resolver, client) }})
	}
	if from.domain != "" {
		checks = append(checks, check{new(string), func() { found.author = found.walker.Author(ctx, from.domain) }})
	}
	chain := check{&found.chain.Method.Reason, func() { found.chain = got.chain(ctx, c.Resolver, now()) }}
	if got.sealed() {
		checks = append(checks, chain)
	} else {
		guard(chain.reason, chain.work) // it asks nobody
	}
	run(checks)
	return found
}

// check is one method, and where to say that it broke off.
type check struct {
	reason *string
	work   func()
}

// run does the first check itself: a goroutine more, with a stack that has to grow, costs as much as some of the checks.
func run(checks []check) {
	var others sync.WaitGroup
	for _, one := range checks[1:] {
		others.Go(func() { guard(one.reason, one.work) })
	}
	guard(checks[0].reason, checks[0].work)
	others.Wait()
}

// guard keeps a mistake of ours, for which a stranger found the right mail, from costing more than the result of one method.
func guard(reason *string, work func()) {
	defer func() {
		if mistake := recover(); mistake != nil {
			*reason = fmt.Sprintf("%s: %.100s", brokeOff, fmt.Sprint(mistake))
		}
	}()
	work()
}

// clientless says why there is no client whose address could be judged; it is empty where there is one.
func clientless(client netip.Addr) string {
	switch {
	case !client.IsValid():
		return "the mail did not come over the network"
	case client.IsLoopback():
		return "the mail came from this machine"
	}
	return ""
}
