package jobs

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	largestGroup = 200              // bounds the memory of one, and what a failure repeats
	groupTime    = 60 * time.Second // for one; a database that takes longer is not there
)

// together makes one call of many that come at the same time: while one is under way, the next gathers. A caller who is alone waits for nobody. Ten mails in one statement cost the database
// little more than one.
type together[Q, A any] struct {
	do    func(context.Context, []Q) ([]A, error) // answers in the order of the questions
	alone func(error) bool                        // whether a group that failed with this error shall be asked one by one, so that one bad question takes no others along

	mu      sync.Mutex
	waiting []*question[Q, A]
	busy    bool
}

type question[Q, A any] struct {
	asked  Q
	answer A
	err    error
	done   chan struct{}
}

// ask waits for the answer or the end of ctx; what is under way is finished all the same.
func (t *together[Q, A]) ask(ctx context.Context, q Q) (A, error) {
	one := &question[Q, A]{asked: q, done: make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, one)
	if !t.busy {
		t.busy = true
		go t.run()
	}
	t.mu.Unlock()
	select {
	case <-one.done:
		return one.answer, one.err
	case <-ctx.Done():
		var none A
		return none, ctx.Err()
	}
}

// run works until nobody waits any more.
func (t *together[Q, A]) run() {
	for {
		t.mu.Lock()
		group := t.waiting[:min(len(t.waiting), largestGroup)]
		t.waiting = t.waiting[len(group):]
		if len(group) == 0 {
			t.waiting, t.busy = nil, false
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()
		if err := t.group(group); err != nil && len(group) > 1 && t.alone(err) {
			for i := range group {
				_ = t.group(group[i : i+1]) // told to who asked
			}
		}
		for _, one := range group {
			close(one.done)
		}
	}
}

func (t *together[Q, A]) group(group []*question[Q, A]) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("jobs: a group failed inside the program: %v", caught)
		}
		for _, one := range group {
			one.err = err
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), groupTime) // no caller's: the others go on
	defer cancel()
	asked := make([]Q, len(group))
	for i, one := range group {
		asked[i] = one.asked
	}
	answers, err := t.do(ctx, asked)
	if err != nil {
		return err
	}
	for i, one := range group {
		one.answer = answers[i]
	}
	return nil
}
