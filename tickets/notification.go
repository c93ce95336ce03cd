package tickets

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/desk"
	"postern/language"
	"postern/store"
)

const (
	keepNotifications = 90 * 24 * time.Hour
	longestDetail     = 200 // bytes
)

// always is what those say who have something to do for any happening.
func always(*Service, context.Context) (bool, error) { return true, nil }

// notify tells our people of what happened, each at most once, as they wish.
func (s *Service) notify(ctx context.Context, h desk.Happening) error {
	var detail desk.HappeningDetail
	if err := json.Unmarshal(h.Detail, &detail); err != nil {
		return fmt.Errorf("tickets: happening %d: %w", h.ID, err)
	}
	ties, err := s.store.Ties(ctx, h.Ticket, h.Message)
	if err != nil || len(ties) == 0 {
		return err
	}
	ties = slices.DeleteFunc(ties, func(tie desk.Tie) bool { return !tie.Sees() })
	rows := notificationsOf(h, detail, ties)
	if len(rows) == 0 {
		return nil
	}
	actor, err := s.store.NotifyActor(ctx, h.Actor, h.Message)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].Actor = actor
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		told, err := tx.AddNotifications(ctx, rows)
		if err != nil || len(told) == 0 {
			return err
		}
		return tx.Announce(ctx, store.News{Bell: told})
	})
}

// notificationsOf decides who is told what, and whether by mail.
func notificationsOf(h desk.Happening, detail desk.HappeningDetail, ties []desk.Tie) []store.NotificationRow {
	taken := false
	for _, tie := range ties {
		taken = taken || tie.Assignee
	}
	var rows []store.NotificationRow
	for _, tie := range ties {
		kind := desk.WhyTold(h.Kind, h.Actor, detail, tie, taken)
		by := tie.Wishes.Of(kind)
		if kind == "" || by == desk.NotifyOff {
			continue
		}
		row := store.NotificationRow{User: tie.User, Ticket: h.Ticket, Message: h.Message, Happening: h.ID, Kind: kind, Detail: detailOf(kind, h.Kind, detail), At: h.At}
		if by == desk.NotifyMail {
			row.MailAt = new(tie.Wishes.MailAt(h.At, zoneNamed(tie.TimeZone)))
		}
		rows = append(rows, row)
	}
	return rows
}

// zoneNamed is the zone of that name; UTC for none, or one that nobody knows.
func zoneNamed(name string) *time.Location {
	if zone, err := time.LoadLocation(name); err == nil {
		return zone
	}
	return time.UTC
}

// detailOf is what else a notification says: of one that is followed, what was done; else the new value of what changed.
func detailOf(kind desk.NotificationKind, happened desk.HappeningKind, detail desk.HappeningDetail) string {
	verb := map[desk.NotificationKind]string{desk.NotifyTarget: "missed", desk.NotifyBounced: "bounced"}[kind]
	if _, due := eventOf(detail, "due"); kind == desk.NotifyTarget && due {
		return "due"
	}
	if kind == desk.NotifyFollowed {
		if happened != desk.HappenedChanged {
			return string(happened)
		}
		verb = "status"
	}
	value, _ := eventOf(detail, verb)
	return value[:min(len(value), longestDetail)]
}

// eventOf is the new value of what a verb changed.
func eventOf(detail desk.HappeningDetail, verb string) (to string, found bool) {
	for _, event := range detail.Events {
		if event.Verb == verb {
			return event.To, true
		}
	}
	return "", false
}

// NotificationLine says in a sentence what a notification is about, without the subject of the ticket, which is a stranger's.
func NotificationLine(lang *language.Language, n desk.Notification) string {
	actor := oneLine(n.Actor)
	if actor == "" {
		actor = "Postern"
	}
	switch n.Kind {
	case desk.NotifyAssigned:
		return lang.Say("%s assigned #%d to you", actor, n.Ticket)
	case desk.NotifyMentioned:
		return lang.Say("%s mentioned you in a note on #%d", actor, n.Ticket)
	case desk.NotifyAnswered:
		return lang.Say("%s wrote on #%d, which is yours", actor, n.Ticket)
	case desk.NotifyTeam:
		return lang.Say("#%d from %s waits for your team", n.Ticket, oneLine(n.Customer))
	case desk.NotifyTarget:
		if n.Detail == "due" {
			return lang.Say("A target of #%d is about to be missed", n.Ticket)
		}
		return lang.Say("A target of #%d was missed", n.Ticket)
	case desk.NotifyBounced:
		return lang.Say("An answer on #%d could not be delivered", n.Ticket)
	case desk.NotifyRule:
		return lang.Say("“%s” points you to #%d", oneLine(n.Detail), n.Ticket)
	case desk.NotifyWoken:
		return lang.Say("#%d is back from its snooze", n.Ticket)
	}
	switch desk.HappeningKind(n.Detail) {
	case desk.HappenedReplied:
		return lang.Say("%s answered on #%d", actor, n.Ticket)
	case desk.HappenedNoted:
		return lang.Say("%s wrote a note on #%d", actor, n.Ticket)
	case desk.HappenedBounced:
		return lang.Say("An answer on #%d could not be delivered", n.Ticket)
	case desk.HappenedJoined, desk.HappenedAside:
		return lang.Say("%s wrote on #%d", actor, n.Ticket)
	}
	return lang.Say("%s changed the status of #%d", actor, n.Ticket)
}

// Notifications is one page of what the actor was told, the newest first.
func (s *Service) Notifications(ctx context.Context, actor desk.Actor, cursor string, limit int) (desk.Page[desk.Notification], error) {
	if err := need(actor, desk.MayRead); err != nil {
		return desk.Page[desk.Notification]{}, err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return desk.Page[desk.Notification]{}, err
	}
	page, err := s.store.Notifications(ctx, eyes, cursor, limit)
	return page, maskOf(eyes.Masks).notifications(page.Items, err)
}

// UnreadSince lists what the actor was told after a notification and has not read: five at most, the newest first.
func (s *Service) UnreadSince(ctx context.Context, actor desk.Actor, after int64) ([]desk.Notification, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return nil, err
	}
	list, err := s.store.UnreadSince(ctx, eyes, after, 5)
	return list, maskOf(eyes.Masks).notifications(list, err)
}

// Bell is what the actor's bell shows.
func (s *Service) Bell(ctx context.Context, actor desk.Actor) (store.Bell, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return store.Bell{}, err
	}
	eyes, err := s.eyes(ctx, actor)
	if err != nil {
		return store.Bell{}, err
	}
	return s.store.Bell(ctx, eyes)
}

// Saw marks what the actor was told of a ticket as read: they have opened it.
func (s *Service) Saw(ctx context.Context, actor desk.Actor, ticket int64) error {
	if err := need(actor, desk.MayRead); err != nil {
		return err
	}
	unread, err := s.store.UnreadOn(ctx, actor.User.ID, ticket)
	if err != nil || !unread {
		return err
	}
	return s.markRead(ctx, actor, 0, ticket)
}

// ReadNotification marks one notification of the actor as read, or with 0 all of them.
func (s *Service) ReadNotification(ctx context.Context, actor desk.Actor, id int64) error {
	if err := need(actor, desk.MayRead); err != nil {
		return err
	}
	return s.markRead(ctx, actor, id, 0)
}

func (s *Service) markRead(ctx context.Context, actor desk.Actor, id, ticket int64) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.ReadNotifications(ctx, actor.User.ID, id, ticket, s.now()); err != nil {
			return err
		}
		return tx.Announce(ctx, store.News{Bell: []int64{actor.User.ID}})
	})
}

// Wishes are how the actor wants to be told.
func (s *Service) Wishes(ctx context.Context, actor desk.Actor) (desk.Wishes, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return desk.Wishes{}, err
	}
	return s.store.Wishes(ctx, actor.User.ID)
}

// SetWishes changes how the actor is told, from the next notification on.
func (s *Service) SetWishes(ctx context.Context, actor desk.Actor, wishes desk.Wishes) error {
	if err := need(actor, desk.MayRead); err != nil {
		return err
	}
	if err := wishes.Check(); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		before, err := tx.Wishes(ctx, actor.User.ID)
		if err != nil {
			return err
		}
		if err := tx.SetWishes(ctx, actor.User.ID, wishes); err != nil {
			return err
		}
		return tx.Audit(ctx, actor, "user.notify", fmt.Sprintf("user/%d", actor.User.ID), map[string]desk.Wishes{"before": before, "after": wishes})
	})
}

// Watch lets the actor hear of everything that is written on a ticket.
func (s *Service) Watch(ctx context.Context, actor desk.Actor, number int64) error {
	return s.watching(ctx, actor, number, "ticket.watch", (*store.Tx).Watch)
}

// Unwatch ends that.
func (s *Service) Unwatch(ctx context.Context, actor desk.Actor, number int64) error {
	return s.watching(ctx, actor, number, "ticket.unwatch", (*store.Tx).Unwatch)
}

func (s *Service) watching(ctx context.Context, actor desk.Actor, number int64, action string, set func(*store.Tx, context.Context, int64, int64) (bool, error)) error {
	if err := need(actor, desk.MayRead); err != nil {
		return err
	}
	if actor.User.ID == 0 {
		return desk.Faultf(desk.Forbidden, "only a person can watch a ticket")
	}
	if _, err := s.Get(ctx, actor, number); err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		changed, err := set(tx, ctx, number, actor.User.ID)
		if err != nil || !changed {
			return err
		}
		return tx.Audit(ctx, actor, action, ticketName(number), struct{}{})
	})
}

// Watchers lists who watches a ticket, by name.
func (s *Service) Watchers(ctx context.Context, actor desk.Actor, number int64) ([]desk.User, error) {
	if err := need(actor, desk.MayRead); err != nil {
		return nil, err
	}
	if err := s.see(ctx, actor, number); err != nil {
		return nil, err
	}
	return s.store.Watchers(ctx, number)
}

const (
	lettersAt = 20  // people whose letters are made together
	linesAt   = 200 // notifications that they hold
)

// NotificationLetter is a mail to one of our people about what they were told and have not read.
type NotificationLetter struct {
	Notice
	To       desk.Address
	Language *language.Language
	Zone     *time.Location
	ReplyTo  string // the personal address by which an answer goes onto the ticket (T-07); empty: nowhere
	Thread   string // Message-ID that all letters to this person about the ticket answer; empty: it is about several
	Lines    []NotificationEntry
	public   string // where our pages are
}

// Settings is the address of the page where the person says what they want to be told.
func (l NotificationLetter) Settings() string { return l.public + "/you/notifications" }

// NotificationEntry is one notification in a letter.
type NotificationEntry struct {
	desk.Notification
	URL    string
	Author string // of the words
	Words  string // that were written, cut; empty: none were, or the letter is about several tickets
}

// DueLetters takes notifications in hand whose mail is due. Whoever gets them sends them: a second call finds them taken, so that a letter is rather lost than sent twice; the bell keeps them.
func (s *Service) DueLetters(ctx context.Context) (letters []NotificationLetter, err error) {
	var due []store.DueMail
	now := s.now()
	err = s.store.Write(ctx, func(tx *store.Tx) (err error) {
		due, err = tx.TakeDueMail(ctx, now, lettersAt, linesAt)
		return err
	})
	if err != nil || len(due) == 0 {
		return nil, err
	}
	var common Notice
	common.At = now
	if sendable, err := s.addressNotice(ctx, s.store.Reader, &common, "notify", ""); err != nil || !sendable {
		return nil, err
	}
	for _, one := range due {
		if !one.Tie().Sees() {
			continue // the ticket has gone to others meanwhile
		}
		if n := len(letters); n > 0 && letters[n-1].takes(one) {
			letters[n-1].add(s, one)
			continue
		}
		letter, err := s.letterTo(ctx, common, one)
		if err != nil {
			return nil, err
		}
		letter.add(s, one)
		letters = append(letters, letter)
	}
	return letters, nil
}

// takes says whether a notification goes into the letter: those that are wanted soon go by ticket, the others all together.
func (l *NotificationLetter) takes(one store.DueMail) bool {
	return l.To.Addr == one.Email && (l.Thread == "" || l.Lines[0].Ticket == one.Ticket)
}

func (l *NotificationLetter) add(s *Service, one store.DueMail) {
	entry := NotificationEntry{Notification: one.Notification, URL: fmt.Sprintf("%s/tickets/%d", s.cfg.PublicURL, one.Ticket)}
	if one.Message != nil {
		entry.URL += fmt.Sprintf("#m-%d", *one.Message)
	}
	if l.Thread != "" && one.MessageKind != desk.KindEvent {
		entry.Author, entry.Words = oneLine(one.Author), strings.TrimSpace(one.Text)
	}
	if m := maskOf(one.Masks); m.any() {
		entry.Author, entry.Words = "", "" // in a mailbox nobody can take it back
		entry.Notification = m.notification(entry.Notification)
	}
	l.Lines = append(l.Lines, entry)
}

// letterTo begins a letter to the person of a notification.
func (s *Service) letterTo(ctx context.Context, common Notice, one store.DueMail) (NotificationLetter, error) {
	letter := NotificationLetter{Notice: common, To: desk.Address{Name: one.Name, Addr: one.Email}, Language: language.Pick(one.Language, ""), Zone: zoneNamed(one.TimeZone), public: s.cfg.PublicURL}
	letter.MessageID = fmt.Sprintf("notify.%d@%s", one.ID, s.cfg.Hostname)
	if one.Wishes.When != "" && one.Wishes.When != desk.NotifySoon {
		letter.URL += "/notifications"
		return letter, nil
	}
	letter.URL = fmt.Sprintf("%s/tickets/%d", s.cfg.PublicURL, one.Ticket)
	letter.Thread = fmt.Sprintf("notify.t%d.u%d@%s", one.Ticket, one.User, s.cfg.Hostname)
	person, err := s.store.PersonByID(ctx, one.User)
	if err != nil || !person.Can(desk.MayNote) {
		return letter, err
	}
	letter.ReplyTo, _, err = s.AgentAddresses(ctx, desk.Actor{User: person.User, Via: "job"}, one.Ticket)
	return letter, err
}
