package domains

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postern/desk"
	"postern/store"
)

// What an alert is about.
const (
	alertBroken  = "broken"  // a record that is required has gone or changed
	alertMended  = "mended"  // news: it is back
	alertStandby = "standby" // a CNAME or key is wrong that will be needed at the next rotation
	alertPublish = "publish" // new keys wait for their records
	alertDelete  = "delete"  // records stand in the DNS that shall go
	alertTest    = "test"    // the test mail is not believed
	alertDanger  = "danger"  // strangers can make use of a record
	alertZone    = "zone"    // the operator's zone cannot be changed
)

// ofLook are the kinds of alerts that follow from what a look finds.
var ofLook = []string{alertBroken, alertStandby, alertPublish, alertDelete, alertTest, alertDanger}

// alertsOf says what managers should know of a domain as it is now: at most one text of each kind.
func alertsOf(d desk.Domain, records []desk.Record, keys []store.DomainKey) map[string]string {
	alerts := map[string]string{}
	if d.State == desk.DomainDegraded {
		wait := "Mail in its name waits until it is mended."
		if d.OnBroken == desk.BrokenFallback {
			wait = "Mail in its name waits, and after a while leaves in the name of the system's domain."
		}
		alerts[alertBroken] = fmt.Sprintf("The DNS records of %s are broken: %s. %s", d.Name, d.BrokenWhy, wait)
	}
	inUse := d.State == desk.DomainActive || d.State == desk.DomainDegraded
	var standby, publish, remove []string
	for _, record := range records {
		if record.OK || record.CheckedAt.IsZero() {
			continue
		}
		for _, key := range keys {
			if key.Role == desk.KeyNext && record.Name == key.Selector+"._domainkey."+d.Name && key.Algorithm == string(RSA) && inUse {
				if key.Slot > 0 {
					standby = append(standby, record.Name+" ("+record.Problem+")")
				} else {
					publish = append(publish, record.Name)
				}
			}
		}
		if record.Purpose == PurposeObsolete && len(record.Found) > 0 {
			remove = append(remove, record.Name)
		}
	}
	if len(standby) > 0 {
		alerts[alertStandby] = fmt.Sprintf("The next keys of %s cannot take over: %s. Mail is signed by the keys in use.", d.Name, strings.Join(standby, "; "))
	}
	if len(publish) > 0 {
		alerts[alertPublish] = fmt.Sprintf("New keys of %s wait for their records: publish %s. Until they are found the old keys sign.", d.Name, strings.Join(publish, ", "))
	}
	if len(remove) > 0 {
		alerts[alertDelete] = fmt.Sprintf("Records of %s are used no more and shall go: delete %s.", d.Name, strings.Join(remove, ", "))
	}
	if open := inDanger(records); len(open) > 0 && d.State != desk.DomainRemoved {
		alerts[alertDanger] = fmt.Sprintf("Strangers can make use of the DNS records of %s. %s.", d.Name, strings.Join(open, ". "))
	}
	if d.TestProblem != "" && d.State != desk.DomainRemoved {
		alerts[alertTest] = fmt.Sprintf("A test mail in the name of %s is not believed: %s", d.Name, d.TestProblem)
	}
	return alerts
}

// alert brings the alerts of a domain up to date. What a person has just done or seen needs no mail to tell.
func (s *Service) alert(ctx context.Context, tx *store.Tx, actor desk.Actor, v view, at time.Time) error {
	now := alertsOf(v.domain, v.records, v.keys)
	var told *time.Time
	if actor.User.ID != 0 {
		told = &at
	}
	for _, kind := range ofLook {
		text, so := now[kind]
		if so {
			if err := tx.RaiseAlert(ctx, store.DomainAlert{Domain: v.domain.Name, Kind: kind, Text: text, At: at, ToldAt: told}); err != nil {
				return err
			}
			continue
		}
		wasTold, err := tx.EndAlert(ctx, v.domain.Name, kind, at)
		if err != nil {
			return err
		}
		if kind == alertBroken && wasTold {
			news := store.DomainAlert{Domain: v.domain.Name, Kind: alertMended, Text: fmt.Sprintf("The DNS records of %s are right again. Mail in its name leaves as usual.", v.domain.Name), At: at, ToldAt: told, EndedAt: &at}
			if err := tx.RaiseAlert(ctx, news); err != nil {
				return err
			}
		}
	}
	return nil
}

// inDanger are records that strangers can make use of, with the reasons (T-31, T-32).
func inDanger(records []desk.Record) (words []string) {
	for _, record := range records {
		if record.Danger {
			words = append(words, fmt.Sprintf("%s of %s: %s", record.Purpose, record.Name, join(record.Problem, record.Warning)))
		}
	}
	return words
}

// Alert is something about a domain that managers should know.
type Alert struct {
	Domain string    `json:"domain"`
	Kind   string    `json:"kind"` // broken, mended, standby, publish, delete, test, danger, zone
	Text   string    `json:"text"`
	At     time.Time `json:"at"` // since when
}

func alertOf(row store.DomainAlert) Alert {
	return Alert{Domain: row.Domain, Kind: row.Kind, Text: row.Text, At: row.At}
}

// Alerts lists what is so now about domains, the newest first.
func (s *Service) Alerts(ctx context.Context, actor desk.Actor) ([]Alert, error) {
	if err := may(actor, desk.MayReadConfig); err != nil {
		return nil, err
	}
	rows, err := s.cfg.Store.OpenAlerts(ctx)
	list := make([]Alert, len(rows))
	for i, row := range rows {
		list[i] = alertOf(row)
	}
	return list, err
}

// DueAlerts takes the alerts that managers were not told of by mail. Whoever gets them tells them: a second call does not get them, so that they are rather lost than told twice.
// A domain that breaks and mends all the time is told of once in a while.
func (s *Service) DueAlerts(ctx context.Context) (due []Alert, err error) {
	now := s.cfg.Now()
	err = s.cfg.Store.Write(ctx, func(tx *store.Tx) error {
		rows, err := tx.TakeAlerts(ctx, now, now.Add(-s.cfg.Spans.Quiet))
		for _, row := range rows {
			due = append(due, alertOf(row))
		}
		return err
	})
	return due, err
}
