package tickets

import (
	"context"
	"fmt"
	"slices"
	"time"

	"postern/desk"
	"postern/store"
)

// digestKey is the setting that says until when managers have been told.
const digestKey = "digest-sent"

// digestSlack lets a job that runs every hour be a little early.
const digestSlack = 5 * time.Minute

// Notice is a letter to owners and admins, but for its words.
type Notice struct {
	To        []Reader
	From      desk.Address // a mailbox of ours
	System    string       // the address in whose name it leaves when the mailbox's domain may not be From; empty while no domain is verified
	MessageID string
	At        time.Time
	URL       string // of the page to look at
	Loop      string // what marks our own automatic mail when it comes back
}

// Reader is somebody to whom Postern writes by itself, and the code of their language; empty: they have not said.
type Reader struct {
	desk.Address
	Language string
}

// Readers are those of one language.
type Readers struct {
	Language  string // code; empty: nobody has said
	To        []desk.Address
	MessageID string // of their letter
}

// ByLanguage sorts the readers of a notice: each language gets a letter of its own.
func (n Notice) ByLanguage() []Readers {
	var all []Readers
	for _, reader := range n.To {
		at := slices.IndexFunc(all, func(r Readers) bool { return r.Language == reader.Language })
		if at < 0 {
			id := n.MessageID
			if reader.Language != "" {
				id = reader.Language + "." + id
			}
			at, all = len(all), append(all, Readers{Language: reader.Language, MessageID: id})
		}
		all[at].To = append(all[at].To, reader.Address)
	}
	return all
}

// Digest is what managers are told by mail about what is held back. It holds no word of the mails themselves: it leaves under our name and signature.
type Digest struct {
	Notice
	Since  time.Time
	Counts []desk.CauseCount
	Keep   time.Duration // after which what nobody looked at is purged
}

// Notice addresses a letter of a kind, about a page, to managers. Without a mailbox or a manager there is nobody to write: sendable is false.
func (s *Service) Notice(ctx context.Context, kind, page string) (notice Notice, sendable bool, err error) {
	notice.At = s.now()
	sendable, err = s.addressNotice(ctx, s.store.Reader, &notice, kind, page)
	return notice, sendable, err
}

// DueDigest takes the next digest in hand if its time has come and there is something to tell. Whoever gets it sends it: a second call finds it taken, so that it is rather lost than sent twice.
func (s *Service) DueDigest(ctx context.Context) (digest Digest, due bool, err error) {
	now := s.now()
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		policy, err := policyOf(ctx, tx.Reader)
		every := map[desk.Digest]time.Duration{desk.DigestHourly: time.Hour, desk.DigestDaily: 24 * time.Hour}[policy.Digest]
		if err != nil || every == 0 {
			return err
		}
		since := now.Add(-every)
		if err := tx.LockSetting(ctx, digestKey, since); err != nil {
			return err
		}
		if err := tx.Setting(ctx, digestKey, &since); err != nil || now.Sub(since) < every-digestSlack {
			return err
		}
		if digest.Counts, err = tx.SuspendedSince(ctx, since); err != nil || len(digest.Counts) == 0 {
			return err
		}
		digest.At, digest.Since, digest.Keep = now, since, policy.Keep()
		if due, err = s.addressNotice(ctx, tx.Reader, &digest.Notice, "digest", "/suspended"); err != nil || !due {
			return err
		}
		return tx.SetSetting(ctx, digestKey, now)
	})
	return digest, due && err == nil, err
}

// addressNotice says who gets it and from whom.
func (s *Service) addressNotice(ctx context.Context, r store.Reader, notice *Notice, kind, page string) (bool, error) {
	mailboxes, err := r.Mailboxes(ctx)
	if err != nil || len(mailboxes) == 0 {
		return false, err
	}
	staff, err := r.Staff(ctx)
	if err != nil {
		return false, err
	}
	for _, person := range staff {
		if person.Can(desk.MayManageSystem) && desk.ValidAddress(person.Email) {
			reading, err := r.ReadingOf(ctx, desk.Canonical(person.Email))
			if err != nil {
				return false, err
			}
			notice.To = append(notice.To, Reader{desk.Address{Name: person.Name, Addr: person.Email}, reading.Language})
		}
	}
	notice.From = desk.Address{Name: "Postern", Addr: mailboxes[0].Address}
	notice.MessageID = fmt.Sprintf("%s.%d@%s", kind, notice.At.UnixMicro(), s.cfg.Hostname)
	notice.URL, notice.Loop = s.cfg.PublicURL+page, s.codec.Hostname()
	notice.System, err = r.SystemSender(ctx, s.cfg.Hostname)
	return len(notice.To) > 0, err
}
