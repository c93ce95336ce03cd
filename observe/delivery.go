package observe

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/desk"
)

// Delivery is told what became of a recipient: after an attempt, or without one where the address is suppressed.
func (m *Metrics) Delivery(d desk.Delivery) {
	if n := len(d.Story); n > 0 && d.Story[n-1].Kind == desk.AttemptSuppressed {
		m.untried.Inc()
		return
	}
	m.deliveries.WithLabelValues(string(d.State)).Inc()
	if d.State != desk.DeliverySent {
		return
	}
	version, proof := d.TLS, string(d.Proof)
	if version == "" {
		version = "none"
	}
	if proof == "" {
		proof = "none"
	}
	m.protected.WithLabelValues(version, proof).Inc()
}

// Waiting shows how much outgoing mail waits, as ask counts it when the figures are fetched. The database knows it for all processes together, so that each of them shows the same.
func (m *Metrics) Waiting(ask func(context.Context) (desk.DeliveryCounts, error)) {
	m.registry.MustRegister(&waiting{ask: ask})
}

const (
	keepCounts = 10 * time.Second // several who fetch the figures cost the database no more than one
	countTime  = 5 * time.Second
)

var (
	waitingNow = prometheus.NewDesc("postern_delivery_waiting", "Recipients of outgoing mail who wait, in all processes together: queued for the first attempt, deferred, and of these held by a broken domain of ours, and in_hand.", []string{"state"}, nil)
	oldest     = prometheus.NewDesc("postern_delivery_oldest_seconds", "For how long the oldest of them waits; 0: nobody does.", nil, nil)
	suppressed = prometheus.NewDesc("postern_suppressed_addresses", "Addresses that get no mail since they bounce.", nil, nil)
)

// waiting is a collector that asks the database. While that does not answer, the figures are missing rather than old.
type waiting struct {
	ask func(context.Context) (desk.DeliveryCounts, error)

	mu     sync.Mutex
	at     time.Time
	counts desk.DeliveryCounts
	known  bool
}

func (w *waiting) Describe(out chan<- *prometheus.Desc) {
	out <- waitingNow
	out <- oldest
	out <- suppressed
}

func (w *waiting) Collect(out chan<- prometheus.Metric) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.at) > keepCounts {
		ctx, cancel := context.WithTimeout(context.Background(), countTime)
		defer cancel()
		counts, err := w.ask(ctx)
		w.at, w.counts, w.known = time.Now(), counts, err == nil
	}
	if !w.known {
		return
	}
	for state, count := range map[string]int64{"queued": w.counts.Queued, "deferred": w.counts.Deferred, "held": w.counts.Held, "in_hand": w.counts.InHand} {
		out <- prometheus.MustNewConstMetric(waitingNow, prometheus.GaugeValue, float64(count), state)
	}
	age := 0.0
	if !w.counts.Oldest.IsZero() {
		age = max(0, time.Since(w.counts.Oldest).Seconds())
	}
	out <- prometheus.MustNewConstMetric(oldest, prometheus.GaugeValue, age)
	out <- prometheus.MustNewConstMetric(suppressed, prometheus.GaugeValue, float64(w.counts.Suppressed))
}
