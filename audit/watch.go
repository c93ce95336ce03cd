package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"postern/desk"
	"postern/store"
)

const (
	watched     = "watched" // the setting that says how far was looked
	mostWatched = 2000      // entries in one round
	lookBack    = time.Hour // what a process that begins to watch takes in first
)

// placeOf is how far was looked.
type placeOf struct {
	Seq    int64 `json:"seq"`
	Access int64 `json:"access"`
}

// Watcher looks through the log for what should alarm people. One process at a time does; each has a Watcher of its own, used by one goroutine.
type Watcher struct {
	s     *Service
	watch *Watch
	seen  placeOf
	begun bool
}

// Watcher makes one.
func (s *Service) Watcher() *Watcher { return &Watcher{s: s, watch: NewWatch()} }

// Round takes in what is new, and raises alerts; what is to be done about them becomes jobs in the same transaction. more says that there is more to take in.
func (w *Watcher) Round(ctx context.Context, values desk.Values) (raised []desk.Alert, more bool, err error) {
	rules, quiet := RulesOf(values), time.Duration(values.Number(desk.AlertQuiet))*time.Minute
	err = w.s.store.Write(ctx, func(tx *store.Tx) error {
		raised, more = nil, false
		alone, err := tx.AloneToWatch(ctx)
		if err != nil || !alone {
			return err
		}
		var at placeOf
		if err := tx.Setting(ctx, watched, &at); err != nil {
			return err
		}
		if !w.begun || at != w.seen { // another process has looked meanwhile
			if err := w.remember(ctx, tx, &at, rules); err != nil {
				return err
			}
		}
		found, n, err := w.look(ctx, tx, &at, rules)
		if err != nil {
			return err
		}
		for _, one := range found {
			alert, err := w.s.raise(ctx, tx, one, raising{quiet: quiet, mail: values.On(desk.AlertMail)})
			if err != nil {
				return err
			}
			if alert.ID != 0 {
				raised = append(raised, alert)
			}
		}
		w.begun, more = true, n >= mostWatched
		if at == w.seen && n == 0 {
			return nil
		}
		w.seen = at
		return tx.SetSetting(ctx, watched, at)
	})
	if err != nil {
		w.begun = false // what was taken in may not have been kept
	}
	return raised, more, err
}

// remember takes in what happened lately without raising anything, so that a process which takes over counts on from where the other stopped. On the first day of an installation it begins now.
func (w *Watcher) remember(ctx context.Context, tx *store.Tx, at *placeOf, rules Rules) error {
	w.watch = NewWatch()
	if at.Seq == 0 {
		head, err := tx.ChainHead(ctx)
		if err != nil {
			return err
		}
		at.Seq = head.Seq
	}
	from, err := tx.SeqOf(ctx, w.s.now().Add(-lookBack))
	if err != nil {
		return err
	}
	for seq := from - 1; seq < at.Seq; {
		records, err := tx.ChainedAfter(ctx, seq, mostWatched)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return nil
		}
		to, err := recipients(ctx, tx, records)
		if err != nil {
			return err
		}
		for _, one := range records {
			if one.Seq <= at.Seq {
				w.watch.See(one.AuditEntry, rules, to[mailOf(one.AuditEntry)]...)
			}
		}
		seq = records[len(records)-1].Seq
	}
	return nil
}

// look takes in what is new in both logs.
func (w *Watcher) look(ctx context.Context, tx *store.Tx, at *placeOf, rules Rules) (found []Finding, n int, err error) {
	records, err := tx.ChainedAfter(ctx, at.Seq, mostWatched)
	if err != nil {
		return nil, 0, err
	}
	to, err := recipients(ctx, tx, records)
	if err != nil {
		return nil, 0, err
	}
	for _, one := range records {
		at.Seq = one.Seq
		found = append(found, w.watch.See(one.AuditEntry, rules, to[mailOf(one.AuditEntry)]...)...)
	}
	readings, err := tx.ReadingsAfter(ctx, at.Access, mostWatched)
	if err != nil {
		return nil, 0, err
	}
	for _, one := range readings {
		at.Access = one.ID
		if f := w.watch.Read(one, rules); f != nil {
			found = append(found, *f)
		}
	}
	return found, max(len(records), len(readings)), nil
}

// mailOf is the message that an entry tells of; 0: none.
func mailOf(e desk.AuditEntry) int64 {
	if e.Action != "ticket.reply" && e.Action != "ticket.forward" {
		return 0
	}
	return int64(whole(e.Detail, "message"))
}

// recipients are those of the messages that the records tell of: the log itself names no customers.
func recipients(ctx context.Context, tx *store.Tx, records []desk.Linked) (map[int64][]string, error) {
	var messages []int64
	for _, one := range records {
		if id := mailOf(one.AuditEntry); id != 0 {
			messages = append(messages, id)
		}
	}
	if len(messages) == 0 {
		return nil, nil
	}
	return tx.RecipientsOf(ctx, messages)
}

// raising is how alerts are raised.
type raising struct {
	quiet time.Duration // the same is not raised again for so long
	mail  bool          // owners and admins are told by mail
}

// raise keeps an alert, records it, tells owners and admins, and asks for what is to be done about it; the number is 0 when the same was raised lately.
func (s *Service) raise(ctx context.Context, tx *store.Tx, f Finding, how raising) (desk.Alert, error) {
	remedy, err := s.remedy(ctx, tx, f)
	if err != nil {
		return desk.Alert{}, err
	}
	detail, err := json.Marshal(f.Detail)
	if err != nil {
		return desk.Alert{}, fmt.Errorf("audit: alert: %w", err)
	}
	alert := desk.Alert{At: s.now(), Detector: string(f.Detector), About: f.About, Detail: detail, Done: string(remedy)}
	if alert.ID, err = tx.AddAlert(ctx, alert, f.At.Add(-how.quiet)); err != nil || alert.ID == 0 {
		return alert, err
	}
	said := map[string]any{"detector": f.Detector, "about": f.About, "done": alert.Done}
	maps.Copy(said, f.Detail)
	if remedy != "" {
		if err := tx.Enqueue(ctx, time.Time{}, desk.ActOnAlert{Alert: alert.ID, User: f.User, Network: f.Network, Do: string(remedy)}); err != nil {
			return alert, err
		}
	}
	if err := tx.Audit(ctx, desk.System("job"), "alert.raised", fmt.Sprintf("alert/%d", alert.ID), said); err != nil || !how.mail {
		return alert, err
	}
	managers, err := tx.Managers(ctx)
	if err != nil {
		return alert, err
	}
	letters := make([]store.Job, len(managers))
	for i, user := range managers {
		letters[i] = desk.TellPerson{User: user, About: desk.LetterAlert, At: alert.At, Facts: map[string]string{"detector": string(f.Detector), "about": f.About, "done": alert.Done}}
	}
	return alert, tx.Enqueue(ctx, time.Time{}, letters...)
}

// remedy is what is to be done about a finding; empty: nothing but telling. An owner is never locked out by a machine: a stranger who guesses at their password must not be able to bring that about. Their sessions end.
func (s *Service) remedy(ctx context.Context, tx *store.Tx, f Finding) (Remedy, error) {
	switch {
	case f.Remedy == Notify || f.Remedy == "" || f.User == 0 && f.Network == "":
		return "", nil
	case f.Remedy != Suspend:
		return f.Remedy, nil
	}
	person, err := tx.CredentialsOf(ctx, f.User)
	if err == nil && person.Role == desk.RoleOwner {
		return SignOut, nil
	}
	return Suspend, err
}

// Alarm raises an alert about the log itself: its chain, or a sink.
func (s *Service) Alarm(ctx context.Context, values desk.Values, about string, detail map[string]any) error {
	if !values.On(desk.AlertLog) {
		return nil
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		_, err := s.raise(ctx, tx, Finding{Detector: Log, About: about, At: s.now(), Detail: detail}, raising{quiet: time.Duration(values.Number(desk.AlertQuiet)) * time.Minute, mail: values.On(desk.AlertMail)})
		return err
	})
}

// TellOfSinks raises an alert about each sink that has taken nothing for five minutes, once.
func (s *Service) TellOfSinks(ctx context.Context, values desk.Values) error {
	var failing []desk.Sink
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		now := s.now()
		failing, err = tx.TellOfSinks(ctx, now.Add(-downFor), now)
		return err
	})
	if err != nil {
		return err
	}
	for _, one := range failing {
		if err := s.Alarm(ctx, values, fmt.Sprintf("sink/%d", one.ID), map[string]any{"sink": one.Name, "behind": one.Behind}); err != nil {
			return err
		}
	}
	return nil
}

// Alerts is one page of the alerts.
func (s *Service) Alerts(ctx context.Context, actor desk.Actor, unseen store.Unseen, cursor string, limit int) (desk.Page[desk.Alert], error) {
	if err := need(actor, mayRead); err != nil {
		return desk.Page[desk.Alert]{}, err
	}
	return s.store.Alerts(ctx, unseen, cursor, limit)
}

// SeeAlert notes that the actor has seen an alert and needs no more telling.
func (s *Service) SeeAlert(ctx context.Context, actor desk.Actor, id int64) error {
	if err := need(actor, mayRead); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		fresh, err := tx.SeeAlert(ctx, id, actor.User.ID, s.now())
		if err != nil || !fresh {
			return err
		}
		return tx.Audit(ctx, actor, "alert.seen", fmt.Sprintf("alert/%d", id), nil)
	})
}

// EndSessions signs a person out everywhere, after an alert.
func (s *Service) EndSessions(ctx context.Context, alert, user int64) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.RemoveSessions(ctx, user, nil); err != nil {
			return err
		}
		if err := tx.Audit(ctx, desk.System("job"), "user.signed-out", fmt.Sprintf("user/%d", user), map[string]any{"alert": alert}); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Settings: true})
	})
}

// Slow lets a person, or a network, ask for little until the time has come. A second time for the same alert changes nothing.
func (s *Service) Slow(ctx context.Context, values desk.Values, alert int64, subject string) error {
	until := s.now().Add(time.Duration(values.Number(desk.AlertRateFor)) * time.Minute)
	return s.store.Write(ctx, func(tx *store.Tx) error {
		fresh, err := tx.AddThrottle(ctx, store.Throttle{Subject: subject, Alert: alert, Until: until})
		if err != nil || !fresh {
			return err
		}
		return tx.Audit(ctx, desk.System("job"), "alert.throttle", subject, map[string]any{"alert": alert, "until": until})
	})
}

// errUndone is the answer to an undo of what is over.
var errUndone = &desk.Fault{Kind: desk.NotFound, Reason: "There is nothing left of it to take back."}

// Unslow lets whoever was throttled because of an alert ask as much as everybody again, and says what there was to take back otherwise.
func (s *Service) Unslow(ctx context.Context, actor desk.Actor, id int64) error {
	if err := need(actor, mayManage); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		subject, lifted, err := tx.LiftThrottle(ctx, id)
		if err == nil && !lifted {
			err = errUndone
		}
		if err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "alert.undone", fmt.Sprintf("alert/%d", id), map[string]any{"throttled": subject})
	})
}

// word and whole are values of a detail.
func word(detail json.RawMessage, name string) string {
	text, _ := valueOf(detail, name).(string)
	return text
}

func whole(detail json.RawMessage, name string) int {
	n, _ := valueOf(detail, name).(float64)
	return int(n)
}

func valueOf(detail json.RawMessage, name string) any {
	var fields map[string]any
	if json.Unmarshal(detail, &fields) != nil {
		return nil // no document of names and values: it has none of that name
	}
	return fields[name]
}
