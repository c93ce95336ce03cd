package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// checkFor is how long one check may take before it counts as failed.
const checkFor = 3 * time.Second

// keepFor is how long a report stands, however many ask: a balancer's questions must not become load.
const keepFor = time.Second

// Check is one thing that must work for the program to do its work.
type Check struct {
	Name string // database, storage, …
	Run  func(context.Context) error
}

// Health knows whether the program can do its work.
type Health struct {
	checks   []Check
	now      func() time.Time
	draining atomic.Bool

	mu     sync.Mutex
	report Report
	at     time.Time
}

// Report is the answer to /readyz.
type Report struct {
	Status string    `json:"status"` // ok, failing or stopping
	Checks []Finding `json:"checks"`
}

// Finding is what one check found.
type Finding struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	Took  int64  `json:"ms"`
}

const (
	statusOK       = "ok"
	statusFailing  = "failing"
	statusStopping = "stopping"
)

// NewHealth makes a health of these checks. now is time.Now, but in tests.
func NewHealth(now func() time.Time, checks ...Check) *Health {
	return &Health{checks: checks, now: now}
}

// Drain says that the program is about to stop, so that balancers send no more work while what is under way is finished.
func (h *Health) Drain() { h.draining.Store(true) }

// Ready runs all checks at the same time, each with a deadline, and says which fail.
func (h *Health) Ready(ctx context.Context) Report {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.at.IsZero() || h.now().Sub(h.at) >= keepFor {
		// The asker may hang up; the report is for the next one as well.
		h.report, h.at = h.look(context.WithoutCancel(ctx)), h.now()
	}
	report := h.report
	if h.draining.Load() {
		report.Status = statusStopping
	}
	return report
}

func (h *Health) look(ctx context.Context) Report {
	report := Report{Status: statusOK, Checks: make([]Finding, len(h.checks))}
	var wg sync.WaitGroup
	for i, check := range h.checks {
		wg.Go(func() { report.Checks[i] = check.find(ctx) })
	}
	wg.Wait()
	for _, finding := range report.Checks {
		if !finding.OK {
			report.Status = statusFailing
		}
	}
	return report
}

// find runs the check. One that does not heed its deadline is left behind: it must not make /readyz hang, which would look like a dead process.
func (c Check) find(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, checkFor)
	began, done := time.Now(), make(chan error, 1)
	go func() {
		defer cancel()
		defer func() {
			if cause := recover(); cause != nil {
				done <- fmt.Errorf("panic: %v", cause)
			}
		}()
		done <- c.Run(ctx)
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done: // it has just answered
		default:
			err = fmt.Errorf("no answer within %s", checkFor)
		}
	}
	finding := Finding{Name: c.Name, OK: err == nil, Took: time.Since(began).Milliseconds()}
	if err != nil {
		finding.Error = err.Error()
	}
	return finding
}

// answer writes a report: 200 when all is well, else 503.
func answer(w http.ResponseWriter, report Report) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if report.Status != statusOK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(report) // the asker has hung up: nobody is left to tell
}
