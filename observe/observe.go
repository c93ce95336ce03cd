// Package observe promises that somebody who runs Postern can see what it does: logs, figures and health, without a word of what anybody wrote.
//
// It holds what is written down, not when: the rooms call it, or are handed its methods. Labels of figures are closed lists (dispositions, states, routes by their pattern),
// never addresses, subjects or ids, so that neither people nor the figures' store suffer. The admin listener has no sign-in: it belongs on loopback or a private network.
package observe

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"os"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"postern/config"
)

// NewLog makes the program's log. Without a format it is text on a terminal, for people, and JSON otherwise, for programs.
func NewLog(w io.Writer, format config.LogFormat, level config.LogLevel) *slog.Logger {
	options := &slog.HandlerOptions{Level: levels[level]}
	if format == "text" || format == "" && terminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// levels are the words of the setting; any other word is info, the zero level.
var levels = map[config.LogLevel]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

func terminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Admin is the handler of the admin listener: /metrics for Prometheus, /healthz, /readyz, and Go's profiles under /debug/pprof.
func Admin(metrics *Metrics, health *Health) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics.registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, Report{Status: statusOK, Checks: []Finding{}}) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { answer(w, health.Ready(r.Context())) })
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
