package audit

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"postern/desk"
	"postern/store"
)

const (
	mostReadings  = 10_000                 // that wait to be written down; what is over it is counted and dropped, since no reader waits for this log
	readingsEvery = 500 * time.Millisecond // and when they are
)

// readings wait to be written down.
type readings struct {
	mu      sync.Mutex
	list    []desk.AccessEntry
	dropped int
}

// Read notes that somebody has read something. It costs the reader nothing: it is written down a moment later, with others.
func (s *Service) Read(e desk.AccessEntry) {
	if e.At.IsZero() {
		e.At = s.now()
	}
	s.reads.mu.Lock()
	defer s.reads.mu.Unlock()
	if len(s.reads.list) >= mostReadings {
		s.reads.dropped++
		return
	}
	s.reads.list = append(s.reads.list, e)
}

// KeepReadings writes down who read what, until ctx ends and the rest is written.
func (s *Service) KeepReadings(ctx context.Context) {
	for pause(ctx, readingsEvery) {
		s.flushed(ctx)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	s.flushed(last)
}

func (s *Service) flushed(ctx context.Context) {
	if err := s.FlushReadings(ctx); err != nil {
		s.cfg.Log.ErrorContext(ctx, "readings could not be written down", "error", err)
	}
}

// FlushReadings writes down what waits now.
func (s *Service) FlushReadings(ctx context.Context) error {
	s.reads.mu.Lock()
	list, dropped := s.reads.list, s.reads.dropped
	s.reads.list, s.reads.dropped = nil, 0
	s.reads.mu.Unlock()
	if dropped > 0 {
		s.cfg.Log.ErrorContext(ctx, "more was read than could be written down", "dropped", dropped)
	}
	if len(list) == 0 {
		return nil
	}
	return s.store.AddReadings(ctx, list)
}

// Readings is one page of who read what.
func (s *Service) Readings(ctx context.Context, actor desk.Actor, q desk.AccessQuery) (desk.Page[desk.AccessEntry], error) {
	if err := need(actor, mayRead); err != nil {
		return desk.Page[desk.AccessEntry]{}, err
	}
	q.Limit = min(q.Limit, largestPage)
	return s.accessLog(ctx, actor, q)
}

// accessLog is one page of the readings as the actor may see them: in which customer's place somebody read is told by nobody's address to who does not see customers.
func (s *Service) accessLog(ctx context.Context, actor desk.Actor, q desk.AccessQuery) (desk.Page[desk.AccessEntry], error) {
	page, err := s.store.AccessLog(ctx, q)
	for i := range page.Items {
		if page.Items[i].OnBehalf != "" && veiled(actor) {
			page.Items[i].OnBehalf = "customer"
		}
	}
	return page, err
}

// AccessColumns are those of the table of readings.
var AccessColumns = []string{"id", "time", "user_id", "user", "ip", "via", "kind", "subject", "method", "route", "session_id", "token_id", "request", "on_behalf_of"}

// ExportReadings records that the actor takes readings out, and returns what writes them as a table, the newest first.
func (s *Service) ExportReadings(ctx context.Context, actor desk.Actor, q desk.AccessQuery) (func(io.Writer) error, error) {
	if err := need(actor, mayExport); err != nil {
		return nil, err
	}
	q.Limit, q.Cursor = exportRun, ""
	first, err := s.accessLog(ctx, actor, q)
	if err != nil {
		return nil, err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		return tx.Audit(ctx, actor, "access.export", "readings", map[string]any{"user": q.User, "kind": q.Kind, "subject": q.Subject, "ip": q.IP})
	})
	if err != nil {
		return nil, err
	}
	return func(to io.Writer) error {
		out := csv.NewWriter(to)
		out.UseCRLF = true
		if err := out.Write(AccessColumns); err != nil {
			return err
		}
		for page := first; ; {
			for _, e := range page.Items {
				if err := out.Write(readingRow(e)); err != nil {
					return err
				}
			}
			if out.Flush(); out.Error() != nil || page.Next == "" {
				return out.Error()
			}
			q.Cursor = page.Next
			if page, err = s.accessLog(ctx, actor, q); err != nil {
				return err
			}
		}
	}, nil
}

func readingRow(e desk.AccessEntry) []string {
	return desk.Cells(strconv.FormatInt(e.ID, 10), e.At.UTC().Format(timeForm), strconv.FormatInt(e.UserID, 10), e.User, e.IP, e.Via, e.Kind, e.Subject, e.Method,
		e.Route, number(e.Session), number(e.Token), e.Request, e.OnBehalf)
}

// SweepReadings forgets readings whose time is over.
func (s *Service) SweepReadings(ctx context.Context, values desk.Values) error {
	before := s.now().AddDate(0, 0, -values.Number(desk.AccessLogDays))
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.SweepReadings(ctx, before) })
}

// Subject names what was read.
func Subject(kind, id string) string {
	if id == "" {
		return kind
	}
	return fmt.Sprintf("%s/%s", kind, id[:min(len(id), 200)])
}
