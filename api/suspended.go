package api

import (
	"context"
	"fmt"
	"time"

	"postern/desk"
)

// suspended is desk.SuspendedMail as it is sent.
type suspended struct {
	ID          int64      `json:"id"`
	Cause       desk.Cause `json:"cause"`
	Explanation string     `json:"explanation" doc:"The cause in words."`
	Evidence    string     `json:"evidence"`
	From        string     `json:"from"`
	Subject     string     `json:"subject"`
	Size        int64      `json:"size" doc:"Bytes of the original."`
	ReceivedAt  time.Time  `json:"received_at"`
}

func viewSuspended(from desk.SuspendedMail) suspended {
	return suspended{
		ID: from.ID, Cause: from.Cause, Explanation: desk.Causes[from.Cause], Evidence: from.Evidence,
		From: from.From, Subject: from.Subject, Size: from.Size, ReceivedAt: from.ReceivedAt.UTC(),
	}
}

func (a *API) listSuspended(ctx context.Context, actor desk.Actor, in *Page) (list[suspended], error) {
	found, err := a.cfg.Tickets.Suspended(ctx, actor, desk.SuspendedQuery{Cursor: in.Cursor, Limit: in.Limit})
	return listed(found, viewSuspended), err
}

func (a *API) showSuspendedOriginal(ctx context.Context, actor desk.Actor, in *Identified) (writer, error) {
	original, size, err := a.cfg.Tickets.SuspendedOriginal(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return mailFile(original, size, fmt.Sprintf("suspended-%d.eml", in.ID)), nil
}

// released is what became of a mail that an agent let through.
type released struct {
	Disposition desk.Disposition `json:"disposition" enum:"ticketed,appended,duplicate,suspended,refused"`
	Ticket      int64            `json:"ticket,omitempty"`
	Message     int64            `json:"message,omitempty"`
	Suspended   int64            `json:"suspended,omitempty" doc:"It was held back again, as this entry."`
	Cause       desk.Cause       `json:"cause,omitempty"`
	Reason      string           `json:"reason,omitempty"`
}

func (a *API) releaseSuspended(ctx context.Context, actor desk.Actor, in *Identified) (released, error) {
	outcome, err := a.cfg.Tickets.Release(ctx, actor, in.ID, 0)
	return released{
		Disposition: outcome.Disposition, Ticket: outcome.Ticket, Message: outcome.Message,
		Suspended: outcome.Suspended, Cause: outcome.Cause, Reason: outcome.Reason,
	}, err
}

func (a *API) deleteSuspended(ctx context.Context, actor desk.Actor, in *Identified) error {
	return a.cfg.Tickets.DeleteSuspended(ctx, actor, in.ID)
}
