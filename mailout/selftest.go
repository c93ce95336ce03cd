package mailout

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"postern/desk"
	"postern/domains"
	"postern/mailauth"
)

// SelfTest makes a mail as a domain would send it, signs it, and judges it as a stranger's server does: by our own verifier, against the DNS as the domain's name servers show it now.
type SelfTest struct {
	Authority *domains.Authority
	Hostname  string           // ours: said in EHLO
	Smarthost string           // the host that mail leaves through; empty: it leaves from ours
	Sender    *Sender          // for a copy to somebody; nil: none is sent
	Now       func() time.Time // nil: time.Now
}

// testTime bounds one test, without the copy to somebody.
const testTime = time.Minute

// maxLeaving is from how many of our addresses a mail is judged.
const maxLeaving = 10

// Run tests a domain with the keys that sign for it. With an address, a copy of the mail is sent there at once, in one attempt. What the DNS does not answer is a check that is not good, not an error.
func (s *SelfTest) Run(ctx context.Context, domain string, keys []domains.Key, to string) (desk.Trial, error) {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	trial := desk.Trial{Domain: domain, At: now(), To: to}
	mail, err := testMail(domain, keys, to, trial.At)
	if err != nil {
		return trial, err
	}
	if err := s.judge(ctx, &trial, mail); err != nil {
		return trial, err
	}
	if to != "" && s.Sender != nil {
		trial.Delivery = s.send(ctx, domain, to, mail)
	}
	return trial, nil
}

// judge fills in the checks.
func (s *SelfTest) judge(ctx context.Context, trial *desk.Trial, mail []byte) error {
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	checker := mailauth.Checker{Resolver: s.Authority.Live(trial.Domain), Hostname: s.Hostname, Timeout: testTime, Now: func() time.Time { return trial.At }}
	leaving, err := s.leaving(ctx)
	if err != nil {
		return fmt.Errorf("testing %s: %w", trial.Domain, err)
	}
	var verdicts []desk.Verdict
	for _, addr := range leaving {
		envelope := desk.Envelope{Source: desk.FromSMTP, RemoteIP: addr, Helo: s.Hostname, MailFrom: testSender(trial.Domain), ReceivedAt: trial.At}
		verdicts = append(verdicts, checker.Check(ctx, envelope, io.NewSectionReader(bytes.NewReader(mail), 0, int64(len(mail)))))
	}
	trial.Checks, trial.Good = explain(trial.Domain, leaving, verdicts)
	return ctx.Err()
}

// leaving are the addresses that mail leaves from: those of our host. There is always one; through a smarthost it is no address, since which one that uses only its owner knows.
func (s *SelfTest) leaving(ctx context.Context) ([]netip.Addr, error) {
	if s.Smarthost != "" {
		return []netip.Addr{{}}, nil
	}
	addrs, err := s.Authority.Resolver().LookupAddrs(ctx, s.Hostname)
	if err != nil && !domains.IsNotFound(err) {
		return nil, err
	}
	if len(addrs) == 0 {
		return []netip.Addr{{}}, nil
	}
	return addrs[:min(len(addrs), maxLeaving)], nil
}

// explain says in sentences what the verdicts mean. There is one for each address; what does not depend on that is read from the first.
func explain(domain string, leaving []netip.Addr, verdicts []desk.Verdict) (checks []desk.TrialCheck, good bool) {
	first := verdicts[0]
	for _, signature := range first.DKIM {
		checks = append(checks, explainDKIM(signature))
	}
	if len(first.DKIM) == 0 {
		checks = append(checks, desk.TrialCheck{Name: "dkim", Result: desk.ResultNone, Needed: true, Text: "The mail has no signature."})
	}
	dmarc := explainDMARC(domain, first)
	checks = append(checks, dmarc)
	for i, verdict := range verdicts {
		checks = append(checks, explainSPF(domain, leaving[i], verdict.SPF))
		if leaving[i].IsValid() {
			checks = append(checks, explainReverse(verdict.IPRev))
		}
	}
	good = true
	for _, check := range checks {
		good = good && (check.Good || !check.Needed)
	}
	return checks, good
}

func explainDKIM(signature desk.Method) desk.TrialCheck {
	name := fmt.Sprintf("The signature by %s (selector %s)", signature.Algorithm, signature.Selector)
	check := desk.TrialCheck{Name: "dkim", Result: signature.Result, Needed: true}
	switch {
	case signature.Result == desk.ResultPass && signature.Aligned:
		check.Good, check.Text = true, name+" is valid, and by the domain in From."
	case signature.Result == desk.ResultPass:
		check.Text = name + " is valid, and by another domain than the one in From, so that it proves nothing about the sender."
	case signature.Result == desk.ResultTempError:
		check.Text = fmt.Sprintf("%s could not be checked now: %s. Try again in a minute.", name, signature.Reason)
	default:
		check.Text = fmt.Sprintf("%s does not hold: %s. Publish its record as the page of the domain prints it.", name, signature.Reason)
	}
	return check
}

func explainDMARC(domain string, verdict desk.Verdict) desk.TrialCheck {
	method := verdict.DMARC
	check := desk.TrialCheck{Name: "dmarc", Result: method.Result, Needed: true, Good: verdict.Verified(true)}
	asks := map[string]string{"none": "deliver such mail all the same", "quarantine": "put such mail into the spam folder", "reject": "refuse such mail"}[method.Policy]
	switch {
	case method.Result == desk.ResultPass:
		check.Text = fmt.Sprintf("DMARC passes: %s. Of mail that does not pass, the domain asks receivers to %s.", method.Reason, asks)
	case method.Result == desk.ResultNone && check.Good:
		check.Text = fmt.Sprintf("%s publishes no DMARC policy. The signature alone proves the sender; large receivers want a policy too, if only p=none.", domain)
	case method.Result == desk.ResultTempError:
		check.Text = fmt.Sprintf("DMARC could not be checked now: %s. Try again in a minute.", method.Reason)
	case asks != "":
		check.Text = fmt.Sprintf("DMARC fails: %s. The domain asks receivers to %s.", method.Reason, asks)
	default:
		check.Text = fmt.Sprintf("Nothing proves that the mail is from %s: %s.", domain, method.Reason)
	}
	return check
}

// explainSPF is about one of our addresses. It is not needed: a valid signature proves the sender without it, and survives forwarding, which SPF does not.
func explainSPF(domain string, addr netip.Addr, method desk.Method) desk.TrialCheck {
	check := desk.TrialCheck{Name: "spf", Result: method.Result}
	switch {
	case !addr.IsValid():
		check.Text = "SPF cannot be judged from here: which address mail leaves from is not known. The server that takes it for us, or the DNS of our own host, has to be asked."
	case method.Result == desk.ResultPass && method.Aligned:
		check.Good, check.Text = true, fmt.Sprintf("SPF permits %s, from where mail leaves, for the domain in From.", addr)
	case method.Result == desk.ResultPass:
		check.Text = fmt.Sprintf("SPF permits %s, but for another domain than the one in From.", addr)
	case method.Result == desk.ResultTempError:
		check.Text = fmt.Sprintf("SPF could not be checked for %s now: %s. Try again in a minute.", addr, method.Reason)
	case method.Result == desk.ResultNone:
		check.Text = fmt.Sprintf("%s says nothing about who may send (%s). Publish the SPF record that is advised.", domain, method.Reason)
	case method.Result == desk.ResultFail:
		check.Text = fmt.Sprintf("SPF of %s forbids %s, from where mail leaves: %s. Some receivers refuse such mail whatever its signature. Publish the SPF record that is advised.", domain, addr, method.Reason)
	default:
		check.Text = fmt.Sprintf("SPF of %s does not vouch for %s, from where mail leaves: %s. Publish the SPF record that is advised.", domain, addr, method.Reason)
	}
	return check
}

func explainReverse(method desk.Method) desk.TrialCheck {
	check := desk.TrialCheck{Name: "reverse-name", Result: method.Result, Good: method.Result == desk.ResultPass, Text: sentence(method.Reason)}
	switch method.Result {
	case desk.ResultPass, desk.ResultTempError, desk.ResultNone:
	default:
		check.Text += " Many receivers refuse mail from such an address: have its owner set the PTR record to our host name."
	}
	return check
}

// sentence is a reason as a sentence of its own.
func sentence(reason string) string {
	if reason == "" {
		return ""
	}
	return strings.ToUpper(reason[:1]) + reason[1:] + "."
}

// testSender is the author of test mails and where their bounces go: every domain here has a postmaster.
func testSender(domain string) string { return "postmaster@" + domain }

// testMail is a signed mail like an agent's.
func testMail(domain string, keys []domains.Key, to string, at time.Time) ([]byte, error) {
	if len(keys) == 0 {
		return nil, errors.New("no key signs for " + domain)
	}
	from := desk.Address{Name: "Postern", Addr: testSender(domain)}
	recipient := from
	if to != "" {
		recipient = desk.Address{Addr: to}
	}
	text := fmt.Sprintf("This mail was sent to see whether mail from %s arrives, and how it is taken. Nobody need answer it.\n\n"+
		"Look at the original of this mail for Authentication-Results: dkim, spf and dmarc should each say 'pass'.\n", domain)
	var composed, signed bytes.Buffer
	err := Compose(&composed, Draft{
		From: from, To: []desk.Address{recipient}, Subject: "Test of mail from " + domain, MessageID: "<test." + rand.Text() + "@" + domain + ">", Date: at,
		Text: text, AutoSubmitted: "auto-generated", Loop: domain,
	})
	if err != nil {
		return nil, err
	}
	if err := Sign(&signed, bytes.NewReader(composed.Bytes()), keys, at.Add(SignatureLife)); err != nil {
		return nil, err
	}
	return signed.Bytes(), nil
}

// send makes one attempt to deliver the copy.
func (s *SelfTest) send(ctx context.Context, domain, to string, mail []byte) *desk.Delivery {
	outcome := s.Sender.Deliver(ctx, Outgoing{
		ID: "test of " + domain, ReturnPath: func(string) string { return testSender(domain) }, Recipients: []string{to}, Size: int64(len(mail)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(mail)), nil },
	})
	if len(outcome) == 0 {
		return nil
	}
	return &outcome[0]
}
