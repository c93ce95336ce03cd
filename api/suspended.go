package api

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"postern/desk"
)

// Suspended is desk.SuspendedMail as lists send it.
type Suspended struct {
	ID          int64        `json:"id"`
	Cause       desk.Cause   `json:"cause"`
	Explanation string       `json:"explanation" doc:"The cause in words."`
	Evidence    string       `json:"evidence"`
	From        string       `json:"from"`
	Subject     string       `json:"subject"`
	Preview     string       `json:"preview" doc:"Its first words."`
	Mailboxes   []MailboxRef `json:"mailboxes" nullable:"false" doc:"Of ours that it was for, and that still take mail."`
	Size        int64        `json:"size" doc:"Bytes of the original."`
	ReceivedAt  time.Time    `json:"received_at"`
	KeptUntil   time.Time    `json:"kept_until" doc:"Then it is deleted, by the policy as it is now."`
}

// suspendedWhole is a mail held back with all that is known of it.
type suspendedWhole struct {
	Suspended
	Envelope desk.Envelope `json:"envelope" doc:"What the SMTP dialogue said."`
	Auth     *auth         `json:"auth" doc:"What was proved about its sender when it came. Null: nothing was kept."`
	Opinion  *desk.Opinion `json:"opinion" doc:"What the mail filters said. Null: none had anything to say."`
}

// shelf is what every view of a suspended mail needs besides the mail.
type shelf struct {
	mailboxes map[int64]MailboxRef
	keep      time.Duration
}

func (a *API) shelf(ctx context.Context, actor desk.Actor) (shelf, error) {
	policy, err := a.cfg.Tickets.Policy(ctx, actor)
	if err != nil {
		return shelf{}, err
	}
	found, err := a.cfg.Domains.Mailboxes(ctx)
	s := shelf{mailboxes: make(map[int64]MailboxRef, len(found)), keep: policy.Keep()}
	for _, each := range found {
		s.mailboxes[each.ID] = MailboxRef{each.ID, each.Address, each.Name}
	}
	return s, err
}

func (s shelf) view(from desk.SuspendedMail) Suspended {
	to := Suspended{
		ID: from.ID, Cause: from.Cause, Explanation: desk.Causes[from.Cause], Evidence: from.Evidence, From: from.From, Subject: from.Subject, Preview: from.Preview,
		Mailboxes: []MailboxRef{}, Size: from.Size, ReceivedAt: from.ReceivedAt.UTC(), KeptUntil: from.ReceivedAt.UTC().Add(s.keep),
	}
	for _, id := range from.Mailboxes {
		if mailbox, open := s.mailboxes[id]; open {
			to.Mailboxes = append(to.Mailboxes, mailbox)
		}
	}
	return to
}

// suspendedAsked is the query of the list of suspended mail.
type suspendedAsked struct {
	Page
	SuspendedFilter
}

// SuspendedFilter narrows the list.
type SuspendedFilter struct {
	Cause string `query:"cause" maxLength:"50" doc:"One of those of /suspended/causes. Absent: all."`
	Text  string `query:"q" maxLength:"500" doc:"In the sender's address or the subject."`
}

func (a *API) listSuspended(ctx context.Context, actor desk.Actor, in *suspendedAsked) (list[Suspended], error) {
	found, err := a.cfg.Tickets.Suspended(ctx, actor, desk.SuspendedQuery{Cause: desk.Cause(trimmed(in.Cause)), Text: in.Text, Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return list[Suspended]{}, err
	}
	shelf, err := a.shelf(ctx, actor)
	return listed(found, shelf.view), err
}

func (a *API) showSuspended(ctx context.Context, actor desk.Actor, in *Identified) (suspendedWhole, error) {
	found, err := a.cfg.Tickets.SuspendedMail(ctx, actor, in.ID)
	if err != nil {
		return suspendedWhole{}, err
	}
	shelf, err := a.shelf(ctx, actor)
	if err != nil {
		return suspendedWhole{}, err
	}
	whole := suspendedWhole{Suspended: shelf.view(found)}
	if err := json.Unmarshal(found.Envelope, &whole.Envelope); err != nil {
		return whole, fmt.Errorf("api: envelope of suspended mail %d: %w", in.ID, err)
	}
	whole.Envelope.Recipients, whole.Envelope.ReceivedAt = some(whole.Envelope.Recipients), whole.Envelope.ReceivedAt.UTC()
	if whole.Auth, err = keptVerdict(found.Verdict); err != nil {
		return whole, fmt.Errorf("api: verdict on suspended mail %d: %w", in.ID, err)
	}
	whole.Opinion, err = keptOpinion(found.Opinion)
	if err != nil {
		err = fmt.Errorf("api: opinion on suspended mail %d: %w", in.ID, err)
	}
	return whole, err
}

// keptVerdict reads the verdict that was kept with a mail. An entry from before verdicts were kept has an empty document.
func keptVerdict(text json.RawMessage) (*auth, error) {
	var verdict desk.Verdict
	if err := json.Unmarshal(text, &verdict); err != nil || verdict.SPF.Result == "" {
		return nil, err
	}
	return viewAuth(verdict, ""), nil
}

// keptOpinion reads what the filters said; an empty document is that none had anything to say.
func keptOpinion(text json.RawMessage) (*desk.Opinion, error) {
	var opinion desk.Opinion
	if err := json.Unmarshal(text, &opinion); err != nil {
		return nil, err
	}
	return spoken(opinion), nil
}

// causeCount is how many mails are held back for one cause.
type causeCount struct {
	Cause       desk.Cause `json:"cause"`
	Explanation string     `json:"explanation"`
	Count       int64      `json:"count" doc:"None is counted beyond 10,000 of all causes."`
}

// suspendedCauses tells every cause there is, also those for which nothing is held.
func (a *API) suspendedCauses(ctx context.Context, actor desk.Actor, _ *struct{}) (list[causeCount], error) {
	found, err := a.cfg.Tickets.SuspendedCauses(ctx, actor)
	if err != nil {
		return list[causeCount]{}, err
	}
	counts := map[desk.Cause]int64{}
	for _, each := range found {
		counts[each.Cause] = each.Count
	}
	return whole(desk.CauseList, func(cause desk.Cause) causeCount { return causeCount{cause, desk.Causes[cause], counts[cause]} }), nil
}

func (a *API) showSuspendedOriginal(ctx context.Context, actor desk.Actor, in *Identified) (writer, error) {
	original, size, err := a.cfg.Tickets.SuspendedOriginal(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return mailFile(original, size, fmt.Sprintf("suspended-%d.eml", in.ID)), nil
}

// Released is what became of a mail that an agent let through.
type Released struct {
	Disposition desk.Disposition `json:"disposition" enum:"ticketed,appended,duplicate,reported,suspended,refused"`
	Ticket      int64            `json:"ticket,omitempty"`
	Message     int64            `json:"message,omitempty"`
	Suspended   int64            `json:"suspended,omitempty" doc:"It was held back again, as this entry."`
	Cause       desk.Cause       `json:"cause,omitempty"`
	Reason      string           `json:"reason,omitempty"`
}

func viewReleased(from desk.Outcome) Released {
	return Released{Disposition: from.Disposition, Ticket: from.Ticket, Message: from.Message, Suspended: from.Suspended, Cause: from.Cause, Reason: from.Reason}
}

// releaseAsked lets a mail through.
type releaseAsked struct {
	Identified
	Body *struct {
		Ticket int64 `json:"ticket,omitempty" minimum:"1" doc:"Onto this one; absent: by what the mail says, as if it had just arrived."`
	}
}

func (a *API) releaseSuspended(ctx context.Context, actor desk.Actor, in *releaseAsked) (Released, error) {
	var ticket int64
	if in.Body != nil {
		ticket = in.Body.Ticket
	}
	outcome, err := a.cfg.Tickets.Release(ctx, actor, in.ID, ticket)
	return viewReleased(outcome), err
}

func (a *API) condemnSuspended(ctx context.Context, actor desk.Actor, in *Identified) error {
	return a.cfg.Tickets.Spam(ctx, actor, in.ID)
}

func (a *API) deleteSuspended(ctx context.Context, actor desk.Actor, in *Identified) error {
	return a.cfg.Tickets.DeleteSuspended(ctx, actor, in.ID)
}

// bulkAsked does the same to several mails held back.
type bulkAsked struct {
	Body struct {
		Action desk.SuspendedAction `json:"action" enum:"release,delete,spam,block,allow" doc:"block deletes and puts the sender onto the block list; allow releases and puts the sender onto the allow list."`
		IDs    []int64              `json:"ids" minItems:"1" maxItems:"200" nullable:"false"`
	}
}

// bulkResult is what became of one of them.
type bulkResult struct {
	ID      int64     `json:"id"`
	Outcome *Released `json:"outcome" doc:"Of a release. Null: it was none, or it failed."`
	Problem string    `json:"problem,omitempty" doc:"Why nothing was done to it; absent when all went well."`
}

func viewBulkResult(from desk.SuspendedResult) bulkResult {
	to := bulkResult{ID: from.ID, Problem: from.Problem}
	if from.Outcome.Disposition != "" && from.Problem == "" {
		outcome := viewReleased(from.Outcome)
		to.Outcome = &outcome
	}
	return to
}

func (a *API) bulkSuspended(ctx context.Context, actor desk.Actor, in *bulkAsked) (list[bulkResult], error) {
	found, err := a.cfg.Tickets.OnSuspended(ctx, actor, in.Body.Action, in.Body.IDs)
	return whole(found, viewBulkResult), err
}
