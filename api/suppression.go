package api

import (
	"context"
	"time"

	"postern/desk"
)

// Suppression is desk.Suppression as it is sent.
type Suppression struct {
	Address   string      `json:"address"`
	Since     time.Time   `json:"since"`
	CreatedBy string      `json:"created_by" doc:"Who put it there; empty: Postern itself, after bounces, or the command line."`
	Note      string      `json:"note"`
	Reason    desk.Reason `json:"reason" doc:"Of the last bounce, in one word; empty: none."`
	Words     string      `json:"words" doc:"The remote's own, of the last bounce."`
	Message   int64       `json:"message" doc:"That the last bounce was about; 0: none."`
	Ticket    int64       `json:"ticket" doc:"Where that message stands; 0: nowhere any more."`
	Bounces   int         `json:"bounces" doc:"Mails that were refused because of the address; 0: somebody put it there."`
	Why       string      `json:"why" doc:"In a sentence."`
}

func viewSuppression(from desk.Suppression) Suppression {
	return Suppression{
		Address: from.Address, Since: from.Since.UTC(), CreatedBy: from.CreatedBy, Note: from.Note, Reason: from.Reason, Words: from.Words,
		Message: from.Message, Ticket: from.Ticket, Bounces: from.Bounces, Why: from.Why(),
	}
}

// hardBounce is desk.HardBounce as it is sent.
type hardBounce struct {
	Message int64            `json:"message"`
	Ticket  int64            `json:"ticket"`
	At      time.Time        `json:"at"`
	Proof   desk.BounceProof `json:"proof" enum:"smtp,report" doc:"smtp: a server said so to ourselves; report: a delivery report did, to the return path of that very copy."`
	Reason  desk.Reason      `json:"reason"`
	Words   string           `json:"words"`
}

func viewHardBounce(from desk.HardBounce) hardBounce {
	return hardBounce{Message: from.Message, Ticket: from.Ticket, At: from.At.UTC(), Proof: from.Proof, Reason: from.Reason, Words: from.Words}
}

// suppressionWhole is a suppression with the evidence behind it.
type suppressionWhole struct {
	Suppression
	Evidence []hardBounce `json:"evidence" nullable:"false" doc:"The newest first, 20 at most."`
}

// suppressionsAsked is the query of the list.
type suppressionsAsked struct {
	Page
	Text string `query:"q" maxLength:"320" doc:"In the address."`
}

func (a *API) listSuppressions(ctx context.Context, actor desk.Actor, in *suppressionsAsked) (list[Suppression], error) {
	found, err := a.cfg.Tickets.Suppressions(ctx, actor, desk.SuppressionQuery{Text: in.Text, Cursor: in.Cursor, Limit: in.Limit})
	return listed(found.Page, viewSuppression), err
}

// suppressedAddress names one in the path.
type suppressedAddress struct {
	Address string `path:"address" maxLength:"320"`
}

func (a *API) showSuppression(ctx context.Context, actor desk.Actor, in *suppressedAddress) (suppressionWhole, error) {
	found, evidence, err := a.cfg.Tickets.Suppression(ctx, actor, in.Address)
	return suppressionWhole{viewSuppression(found), whole(evidence, viewHardBounce).Items}, err
}

// newSuppression is an address that shall get no mail.
type newSuppression struct {
	Body struct {
		Address string `json:"address" minLength:"3" maxLength:"320"`
		Note    string `json:"note,omitempty" maxLength:"500" doc:"Why."`
	}
}

func (a *API) addSuppression(ctx context.Context, actor desk.Actor, in *newSuppression) (Suppression, error) {
	made, err := a.cfg.Tickets.Suppress(ctx, actor, in.Body.Address, in.Body.Note)
	return viewSuppression(made), err
}

func (a *API) liftSuppression(ctx context.Context, actor desk.Actor, in *suppressedAddress) error {
	return a.cfg.Tickets.LiftSuppression(ctx, actor, in.Address)
}
