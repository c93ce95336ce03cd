package audit

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"postern/desk"
	"postern/store"
)

const (
	mostSent     = 500              // records in one go
	lookForSinks = 2 * time.Second  // how soon a sink that was made is served
	holdFor      = 15 * time.Second // how long a process that died keeps others from serving its sinks
	longestPause = 30 * time.Second // between two attempts
	// downFor is after how long people are told that a sink takes nothing.
	downFor = 5 * time.Minute
)

// Stream sends the log to its sinks until ctx ends, each in a line of its own: what one of them does not take keeps nobody waiting. Of several processes, one serves a sink.
func (s *Service) Stream(ctx context.Context) {
	process := rand.Text()
	serving := map[int64]context.CancelFunc{}
	var running sync.WaitGroup
	defer running.Wait()
	for {
		sinks, err := s.store.Sinks(ctx)
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.WarnContext(ctx, "the sinks of the audit log could not be read", "error", err)
		}
		if err == nil {
			wanted := map[int64]bool{}
			for _, sink := range sinks {
				s.observe(sink)
				if wanted[sink.ID] = sink.Enabled; sink.Enabled && serving[sink.ID] == nil {
					one, stop := context.WithCancel(ctx)
					serving[sink.ID] = stop
					running.Go(func() { s.serve(one, sink.ID, process) })
				}
			}
			for id, stop := range serving {
				if !wanted[id] {
					stop()
					delete(serving, id)
				}
			}
		}
		if !pause(ctx, lookForSinks) {
			return
		}
	}
}

// observe tells the metrics how a sink fares.
func (s *Service) observe(sink desk.Sink) {
	if s.cfg.Behind == nil {
		return
	}
	failing := time.Duration(0)
	if sink.FailingSince != nil {
		failing = s.now().Sub(*sink.FailingSince)
	}
	s.cfg.Behind(sink.Name, sink.Behind, failing)
}

// serve sends to one sink until ctx ends.
func (s *Service) serve(ctx context.Context, id int64, process string) {
	wait := time.Second
	for ctx.Err() == nil {
		held, sink, err := s.hold(ctx, id, process)
		if err != nil || !held {
			if !pause(ctx, lookForSinks) {
				return
			}
			continue
		}
		began := time.Now()
		err = s.sendTo(ctx, sink, process)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			problem := problemOf(err)
			s.cfg.Log.WarnContext(ctx, "a sink does not take the audit log; it is tried again", "sink", sink.Name, "error", problem)
			if err := s.store.Write(ctx, func(tx *store.Tx) error { return tx.SinkFailed(ctx, id, problem, s.now()) }); err != nil && ctx.Err() == nil {
				s.cfg.Log.WarnContext(ctx, "the state of a sink could not be kept", "sink", sink.Name, "error", err)
			}
		}
		if time.Since(began) > longestPause {
			wait = time.Second
		}
		if !pause(ctx, wait) {
			return
		}
		wait = min(2*wait, longestPause)
	}
}

// problemOf is an error as it is kept and shown: on one line, and not without end.
func problemOf(err error) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(err.Error(), "?")), " ")
	return text[:min(len(text), 500)]
}

func (s *Service) hold(ctx context.Context, id int64, process string) (held bool, sink desk.Sink, err error) {
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		if held, err = tx.HoldSink(ctx, id, process, holdFor); err != nil || !held {
			return err
		}
		sink, err = tx.Sink(ctx, id)
		return err
	})
	return held, sink, err
}

// sendTo opens a sink and sends all that comes, from where it certainly has everything. It returns when that fails, or when the sink is another's or was changed.
func (s *Service) sendTo(ctx context.Context, sink desk.Sink, process string) error {
	out, err := s.outletOf(ctx, sink)
	if err != nil {
		return err
	}
	closed := false
	finish := func() error {
		if closed {
			return nil
		}
		closed = true
		out.close()
		last, _ := out.certain()
		return s.arrived(context.WithoutCancel(ctx), sink.ID, last)
	}
	defer func() { _ = finish() }()
	sent, told := sink.Place, time.Time{}
	for {
		messages, err := s.messagesAfter(ctx, sent)
		if err != nil {
			return err
		}
		if len(messages) > 0 {
			if err := out.send(ctx, messages); err != nil {
				return err
			}
			sent = messages[len(messages)-1].Seq
		}
		last, err := out.certain()
		if err != nil {
			return err
		}
		if len(messages) > 0 || time.Since(told) > holdFor/3 {
			told = time.Now()
			if err := s.arrived(ctx, sink.ID, last); err != nil {
				return err
			}
			held, now, err := s.hold(ctx, sink.ID, process)
			if err != nil {
				return err
			}
			if !held || now.Address != sink.Address || now.Authority != sink.Authority {
				return finish()
			}
		}
		if len(messages) < mostSent && !pause(ctx, linkPause) {
			return finish()
		}
	}
}

// linkPause is how often the chain is looked at for more.
const linkPause = 250 * time.Millisecond

func (s *Service) arrived(ctx context.Context, id, place int64) error {
	return s.store.Write(ctx, func(tx *store.Tx) error { return tx.SinkArrived(ctx, id, place, s.now()) })
}

// messagesAfter is what comes after a link: records in the order of the chain, and checkpoints behind the records that they vouch for.
func (s *Service) messagesAfter(ctx context.Context, seq int64) ([]Message, error) {
	records, err := s.store.ChainedAfter(ctx, seq, mostSent)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	marks, err := s.store.CheckpointsAfter(ctx, seq)
	if err != nil {
		return nil, err
	}
	var messages []Message
	for _, record := range records {
		m, err := messageOf(record)
		if err != nil {
			return nil, fmt.Errorf("audit: record %d: %w", record.ID, err)
		}
		messages = append(messages, m)
		for len(marks) > 0 && marks[0].Seq <= record.Seq {
			if marks[0].Seq == record.Seq {
				if m, err = messageOfCheckpoint(marks[0]); err != nil {
					return nil, err
				}
				messages = append(messages, m)
			}
			marks = marks[1:]
		}
	}
	return messages, nil
}

// pause waits; it is false when ctx has ended.
func pause(ctx context.Context, during time.Duration) bool {
	timer := time.NewTimer(during)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
