package api

import (
	"context"
	"time"

	"postern/desk"
)

// trial is desk.Trial as it is sent.
type trial struct {
	Domain   string            `json:"domain"`
	At       time.Time         `json:"at"`
	Good     bool              `json:"good" doc:"Everything that sending in the domain's name needs is proved."`
	Checks   []desk.TrialCheck `json:"checks" nullable:"false"`
	To       string            `json:"to,omitempty"`
	Delivery *Delivery         `json:"delivery,omitempty" doc:"What became of the copy at the first attempt."`
}

// domainTest asks for a test mail.
type domainTest struct {
	DomainNamed
	Body struct {
		To string `json:"to,omitempty" maxLength:"254" doc:"Where to send a copy; none is sent without it."`
	}
}

func (a *API) testDomain(ctx context.Context, actor desk.Actor, in *domainTest) (trial, error) {
	found, err := a.cfg.Domains.Test(ctx, actor, in.Name, in.Body.To)
	if err != nil {
		return trial{}, err
	}
	answer := trial{Domain: found.Domain, At: found.At.UTC(), Good: found.Good, Checks: some(found.Checks), To: found.To}
	if found.Delivery != nil {
		delivery := viewDelivery(*found.Delivery)
		answer.Delivery = &delivery
	}
	return answer, nil
}
