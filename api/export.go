package api

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"postern/attachments"
	"postern/desk"
)

// exportPage is how many rows of an export are read from the database at a time: an export takes the memory of one page, however long it is.
const exportPage = 100

// exportSuspended is the list of suspended mail as a table (RFC 4180). Its first page is read before anything is sent, so that what is asked wrongly is still a problem document.
func (a *API) exportSuspended(ctx context.Context, actor desk.Actor, in *SuspendedFilter) (writer, error) {
	query := desk.SuspendedQuery{Cause: desk.Cause(trimmed(in.Cause)), Text: in.Text, Limit: exportPage}
	first, err := a.cfg.Tickets.Suspended(ctx, actor, query)
	if err != nil {
		return nil, err
	}
	next := func(cursor string) (desk.Page[desk.SuspendedMail], error) {
		query.Cursor = cursor
		return a.cfg.Tickets.Suspended(ctx, actor, query)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		header.Set("Content-Disposition", attachments.Disposition("suspended.csv", attachments.AsAttachment))
		if err := writeSuspended(csv.NewWriter(w), first, next); err != nil {
			visitOf(r.Context()).err = fmt.Errorf("api: export suspended mail: %w", err)
			panic(http.ErrAbortHandler) // the answer has begun: only a broken connection says that it is not whole
		}
	}, nil
}

// writeSuspended writes the head, the page and those after it.
func writeSuspended(out *csv.Writer, page desk.Page[desk.SuspendedMail], next func(cursor string) (desk.Page[desk.SuspendedMail], error)) (err error) {
	out.UseCRLF = true
	if err := out.Write([]string{"id", "received_at", "cause", "evidence", "from", "subject", "preview", "size"}); err != nil {
		return err
	}
	for {
		for _, mail := range page.Items {
			if err := out.Write(desk.Cells(strconv.FormatInt(mail.ID, 10), mail.ReceivedAt.UTC().Format(time.RFC3339), string(mail.Cause), mail.Evidence, mail.From, mail.Subject, mail.Preview,
				strconv.FormatInt(mail.Size, 10))); err != nil {
				return err
			}
		}
		if out.Flush(); out.Error() != nil || page.Next == "" {
			return out.Error()
		}
		if page, err = next(page.Next); err != nil {
			return err
		}
	}
}
