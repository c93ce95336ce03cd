package certificates

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// quiet is the ACME client's log, which is of another library, led into ours. It tells every step of every look, and every failure of its own that is tried again: for us all of it is detail,
// and what matters is logged once, by Keeper.
type quiet struct {
	log    *slog.Logger
	fields []zapcore.Field
}

func zapLogger(log *slog.Logger) *zap.Logger { return zap.New(quiet{log: log.With("room", "acme")}) }

// Enabled implements zapcore.Core.
func (q quiet) Enabled(zapcore.Level) bool {
	return q.log.Enabled(context.Background(), slog.LevelDebug)
}

// With implements zapcore.Core.
func (q quiet) With(fields []zapcore.Field) zapcore.Core {
	q.fields = append(q.fields[:len(q.fields):len(q.fields)], fields...)
	return q
}

// Check implements zapcore.Core.
func (q quiet) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if q.Enabled(entry.Level) {
		return checked.AddCore(entry, q)
	}
	return checked
}

// Write implements zapcore.Core.
func (q quiet) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	values := zapcore.NewMapObjectEncoder()
	for _, field := range append(q.fields[:len(q.fields):len(q.fields)], fields...) {
		field.AddTo(values)
	}
	attrs := make([]slog.Attr, 0, len(values.Fields))
	for name, value := range values.Fields {
		attrs = append(attrs, slog.Any(name, value))
	}
	q.log.LogAttrs(context.Background(), slog.LevelDebug, entry.Message, attrs...)
	return nil
}

// Sync implements zapcore.Core.
func (q quiet) Sync() error { return nil }
