package observe

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"postern/desk"
)

// Metrics are the figures of one process. Its methods are handed to the rooms that know when something happens; all may be called from many goroutines at once.
//
// Two sums must agree, and an alert should say so when they do not: every mail that SMTP answered 250 (postern_smtp_accepted_total) was counted by intake as
// ticketed, appended, duplicate, suspended or reported (postern_intake_mails_total), which also counts ingested and released mail.
type Metrics struct {
	registry *prometheus.Registry

	connections prometheus.Gauge
	replied     *prometheus.CounterVec
	limited     *prometheus.CounterVec
	listed      *prometheus.CounterVec
	accepted    *prometheus.CounterVec
	octets      prometheus.Histogram
	took        prometheus.Histogram

	mails      *prometheus.CounterVec
	suspended  *prometheus.CounterVec
	failed     prometheus.Counter
	groupMails prometheus.Histogram
	groupTook  prometheus.Histogram
	filtered   *prometheus.CounterVec
	filterTook *prometheus.HistogramVec

	expires *prometheus.GaugeVec
	missed  *prometheus.GaugeVec

	deliveries *prometheus.CounterVec
	protected  *prometheus.CounterVec
	untried    prometheus.Counter

	sinkBehind  *prometheus.GaugeVec
	sinkFailing *prometheus.GaugeVec

	domains *prometheus.GaugeVec
	mu      sync.Mutex
	known   map[[2]string]bool // the domains and states that were told last

	requests *prometheus.CounterVec
	answers  *prometheus.HistogramVec
}

// seconds are the bounds of the histograms of time: from a millisecond, which a page takes, to a minute, after which senders give up.
var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// limits are the names of what POSTERN_SMTP_LIMITS sets.
var limits = []string{
	"sessions", "per-ip", "new-per-minute", "mails-per-minute", "mails-per-session", "recipients", "unknown", "errors", "commands", "rate", "idle", "session-time", "mail-time",
}

// NewMetrics makes the figures of a process, all at zero: a disposition that has not happened yet is visible as 0, so that an alert on it can be written.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry:    prometheus.NewRegistry(),
		connections: gauge("postern_smtp_connections", "SMTP connections that are open now."),
		replied:     counters("postern_smtp_refusals_total", "SMTP answers that refused something, by reply code.", "code"),
		limited:     counters("postern_smtp_limited_total", "SMTP clients that came to a limit, by its name in POSTERN_SMTP_LIMITS.", "limit"),
		listed:      counters("postern_smtp_dnsbl_total", "Questions to DNS block lists about SMTP clients, by list and answer.", "list", "result"),
		accepted:    counters("postern_smtp_accepted_total", "Mails that SMTP answered 250, by what became of them.", "disposition"),
		octets:      histogram("postern_smtp_mail_octets", "Size of mails that SMTP took.", prometheus.ExponentialBuckets(1<<10, 4, 9)),
		took:        histogram("postern_smtp_intake_seconds", "Time from the end of a mail's data to its answer.", seconds),
		mails:       counters("postern_intake_mails_total", "Mails by what became of them, from every source.", "disposition"),
		suspended:   counters("postern_intake_suspended_total", "Mails held back, by cause.", "cause"),
		failed:      counter("postern_intake_failures_total", "Mails that could not be taken for now: their senders try again."),
		groupMails:  histogram("postern_intake_group_mails", "Mails committed in one transaction.", prometheus.ExponentialBuckets(1, 2, 9)),
		groupTook:   histogram("postern_intake_group_seconds", "Time of one such transaction.", seconds),
		filtered:    counters("postern_filter_answers_total", "Questions to mail filters, by filter and what came of it; 'silent' gave no answer.", "filter", "result"),
		filterTook:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "postern_filter_seconds", Help: "Time of one such question.", Buckets: seconds}, []string{"filter"}),
		expires:     gauges("postern_certificate_expires_seconds", "When the certificate of a name ends, in seconds since 1970; 0 where none was obtained.", "name"),
		missed:      gauges("postern_certificate_failures", "How often in a row no certificate could be obtained for a name.", "name"),
		deliveries:  counters("postern_delivery_attempts_total", "Attempts to deliver to a recipient, by the state after it.", "state"),
		protected:   counters("postern_delivery_sent_total", "Copies that a server took, by TLS version and by what proved that server: dane, pkix or none.", "tls", "proof"),
		untried:     counter("postern_delivery_suppressed_total", "Recipients who were not tried, since their address bounces."),
		sinkBehind:  gauges("postern_audit_sink_behind", "Records of the audit log that have not certainly arrived at a sink. Of processes that run jobs.", "sink"),
		sinkFailing: gauges("postern_audit_sink_failing_seconds", "For how long a sink of the audit log takes nothing; 0 while it does.", "sink"),
		domains:     gauges("postern_domain_state", "Mail domains by how far they are: 1 for the state that one is in. Of processes that run jobs.", "domain", "state"),
		requests:    counters("postern_http_requests_total", "HTTP requests, by room, route and status.", "room", "route", "status"),
		answers:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "postern_http_seconds", Help: "Time to answer an HTTP request.", Buckets: seconds}, []string{"room"}),
	}
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "postern_build_info", Help: "Version of the program, always 1.", ConstLabels: prometheus.Labels{"version": version}}, func() float64 { return 1 })
	m.registry.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.connections, m.replied, m.limited, m.listed, m.accepted, m.octets, m.took, m.mails, m.suspended, m.failed, m.groupMails, m.groupTook,
		m.filtered, m.filterTook, m.expires, m.missed, m.deliveries, m.protected, m.untried, m.sinkBehind, m.sinkFailing, m.domains, m.requests, m.answers)
	for _, disposition := range []desk.Disposition{desk.Ticketed, desk.Appended, desk.Duplicate, desk.Suspended, desk.Reported} {
		m.accepted.WithLabelValues(string(disposition))
		m.mails.WithLabelValues(string(disposition))
	}
	m.mails.WithLabelValues(string(desk.Refused))
	for _, limit := range limits {
		m.limited.WithLabelValues(limit)
	}
	for cause := range desk.Causes {
		m.suspended.WithLabelValues(string(cause))
	}
	for _, state := range []desk.DeliveryState{desk.DeliverySent, desk.DeliveryDeferred, desk.DeliveryBounced} {
		m.deliveries.WithLabelValues(string(state))
	}
	return m
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
}

// Connections is told that an SMTP connection was taken (1) or has ended (-1).
func (m *Metrics) Connections(delta int) { m.connections.Add(float64(delta)) }

// Replied is told of an SMTP answer that refused something: 4xx or 5xx.
func (m *Metrics) Replied(code int) { m.replied.WithLabelValues(strconv.Itoa(code)).Inc() }

// Limited is told that an SMTP client came to a limit.
func (m *Metrics) Limited(limit string) { m.limited.WithLabelValues(limit).Inc() }

// Listed is told what a DNS block list said of an SMTP client: listed, not-listed, or error when it said nothing.
func (m *Metrics) Listed(list, result string) { m.listed.WithLabelValues(list, result).Inc() }

// Received is told of a mail that intake has judged, its size, and how long that took. One that was refused counts only as intake's.
func (m *Metrics) Received(disposition desk.Disposition, octets int64, took time.Duration) {
	if disposition != desk.Refused {
		m.accepted.WithLabelValues(string(disposition)).Inc()
	}
	m.octets.Observe(float64(octets))
	m.took.Observe(took.Seconds())
}

// Intake is told what became of a mail, from whatever source.
func (m *Metrics) Intake(outcome desk.Outcome, err error) {
	if err != nil {
		m.failed.Inc()
		return
	}
	m.mails.WithLabelValues(string(outcome.Disposition)).Inc()
	if outcome.Disposition == desk.Suspended {
		m.suspended.WithLabelValues(string(outcome.Cause)).Inc()
	}
}

// Group is told of one transaction of intake: how many mails, and how long.
func (m *Metrics) Group(mails int, took time.Duration) {
	m.groupMails.Observe(float64(mails))
	m.groupTook.Observe(took.Seconds())
}

// Filtered is told of a question to a mail filter: what came of it, and how long it took.
func (m *Metrics) Filtered(filter, result string, took time.Duration) {
	m.filtered.WithLabelValues(filter, result).Inc()
	m.filterTook.WithLabelValues(filter).Observe(took.Seconds())
}

// Sink is told how a sink of the audit log fares.
func (m *Metrics) Sink(name string, behind int64, failing time.Duration) {
	m.sinkBehind.WithLabelValues(name).Set(float64(behind))
	m.sinkFailing.WithLabelValues(name).Set(failing.Seconds())
}

// Domains is told how far every mail domain is.
func (m *Metrics) Domains(list []desk.Domain) {
	now := map[[2]string]bool{}
	for _, domain := range list {
		now[[2]string{domain.Name, string(domain.State)}] = true
		m.domains.WithLabelValues(domain.Name, string(domain.State)).Set(1)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for labels := range m.known { // states that were left, and domains that are gone
		if !now[labels] {
			m.domains.DeleteLabelValues(labels[:]...)
		}
	}
	m.known = now
}

// Requests is what a room (portal, api) calls after every request: the route's pattern, never the path, which may hold a token.
func (m *Metrics) Requests(room string) func(route string, status int, took time.Duration) {
	answers := m.answers.WithLabelValues(room)
	return func(route string, status int, took time.Duration) {
		m.requests.WithLabelValues(room, route, strconv.Itoa(status)).Inc()
		answers.Observe(took.Seconds())
	}
}
