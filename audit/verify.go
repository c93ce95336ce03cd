package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/desk"
	"postern/store"
)

// mostBreaks is how many breaks a report names: the first matters, and a chain that is broken everywhere need not be listed.
const mostBreaks = 10

// Break is one place where the log is not as it was recorded.
type Break struct {
	Seq    int64  `json:"seq"`    // of the link; 0: none
	Record int64  `json:"record"` // its number in the log; 0: none
	Reason string `json:"reason"`
}

// Report is what verifying found.
type Report struct {
	Records     int64                `json:"records"` // that were checked
	First       int64                `json:"first_seq"`
	Last        int64                `json:"last_seq"`
	Hash        string               `json:"hash"` // of the last link, in hex
	Checkpoints int                  `json:"checkpoints"`
	VouchedTo   int64                `json:"vouched_to"` // the last link that a checkpoint vouches for
	Purged      []desk.Tombstone     `json:"purged"`
	Breaks      []Break              `json:"breaks"`
	Took        time.Duration        `json:"-"`
	hashes      map[int64][]byte     // of links that somebody knows by other ways
	keys        map[int64]signingKey // that sign checkpoints
	due         []desk.Checkpoint    // whose links are still to come
}

// Sound says whether nothing is wrong.
func (r *Report) Sound() bool { return len(r.Breaks) == 0 }

func (r *Report) broken(seq, record int64, format string, args ...any) {
	if len(r.Breaks) < mostBreaks {
		r.Breaks = append(r.Breaks, Break{seq, record, fmt.Sprintf(format, args...)})
	}
}

// Known is a link that is known from elsewhere: from a sink, or from an earlier report.
type Known struct {
	Seq  int64
	Hash []byte
}

// ParseKnown reads what a report prints: a number, a colon and the hash in hex.
func ParseKnown(text string) (Known, error) {
	number, hash, _ := strings.Cut(text, ":")
	seq, err := strconv.ParseInt(number, 10, 64)
	sum, err2 := hex.DecodeString(hash)
	if err != nil || err2 != nil || seq < 1 || len(sum) != 32 {
		return Known{}, desk.Wrong("known", "%q is no link: write its number, a colon and its hash of 64 hex digits, as postern audit verify prints them", text)
	}
	return Known{seq, sum}, nil
}

// Verify computes the whole chain anew, and compares it with the links, the checkpoints and what is known from elsewhere. It reads one state of the database, while others go on writing.
func (s *Service) Verify(ctx context.Context, known ...Known) (*Report, error) {
	began := time.Now()
	report := &Report{hashes: map[int64][]byte{}}
	for _, one := range known {
		report.hashes[one.Seq] = one.Hash
	}
	err := s.store.Snapshot(ctx, func(r store.Reader) (err error) {
		if report.keys, err = s.openKeys(ctx, r); err != nil {
			return err
		}
		head, err := report.graves(ctx, r)
		if err != nil {
			return err
		}
		report.First = head.Seq + 1
		if head, err = report.walk(ctx, r, head); err != nil {
			return err
		}
		report.Last, report.Hash = head.Seq, hex.EncodeToString(head.Hash)
		return report.ends(ctx, r, head)
	})
	report.Took = time.Since(began)
	return report, err
}

// graves checks the tombstones, and returns what the chain stands on.
func (r *Report) graves(ctx context.Context, from store.Reader) (store.Head, error) {
	head := store.Head{Hash: start()}
	var err error
	if r.Purged, err = from.Tombstones(ctx); err != nil {
		return head, err
	}
	for _, t := range r.Purged {
		key, ours := r.keys[t.KeyID]
		if !ours || !ed25519.Verify(key.public, buried(t), t.Signature) {
			r.broken(t.Seq, 0, "the tombstone of links %d to %d is not signed by this installation", t.FirstSeq, t.Seq)
		}
		if t.FirstSeq != head.Seq+1 {
			r.broken(t.Seq, 0, "links %d to %d were purged, and there is no tombstone for those from %d on", t.FirstSeq, t.Seq, head.Seq+1)
		}
		head = store.Head{Seq: t.Seq, Hash: t.Hash}
	}
	return head, nil
}

// walk goes along the chain and names every link that is not what it was.
func (r *Report) walk(ctx context.Context, from store.Reader, head store.Head) (store.Head, error) {
	const many = 2000
	for {
		links, err := from.LinksAfter(ctx, head.Seq, many)
		if err != nil || len(links) == 0 {
			return head, err
		}
		found, err := from.ChainedAfter(ctx, head.Seq, many)
		if err != nil {
			return head, err
		}
		records := make(map[int64]desk.AuditEntry, len(found))
		for _, one := range found {
			records[one.Seq] = one.AuditEntry
		}
		for _, l := range links {
			if l.Seq != head.Seq+1 {
				r.broken(head.Seq+1, 0, "links %d to %d are gone", head.Seq+1, l.Seq-1)
			}
			record, there := records[l.Seq]
			switch {
			case !there:
				r.broken(l.Seq, l.Audit, "record %d is gone", l.Audit)
			case l.Seq == head.Seq+1 && !bytes.Equal(link(head.Hash, record), l.Hash):
				r.broken(l.Seq, l.Audit, "record %d is not what was recorded, or its link was changed", l.Audit)
			}
			r.Records++
			head = store.Head{Seq: l.Seq, Hash: l.Hash}
			if err := r.compare(ctx, from, head); err != nil {
				return head, err
			}
		}
	}
}

// compare holds a link against the checkpoint of the same number, and against what is known from elsewhere.
func (r *Report) compare(ctx context.Context, from store.Reader, head store.Head) error {
	if known, is := r.hashes[head.Seq]; is {
		delete(r.hashes, head.Seq)
		if !bytes.Equal(known, head.Hash) {
			r.broken(head.Seq, 0, "link %d is %x here, and %x elsewhere", head.Seq, head.Hash, known)
		}
	}
	if len(r.due) == 0 {
		var err error
		if r.due, err = from.CheckpointsAfter(ctx, max(r.VouchedTo, r.First-1)); err != nil {
			return err
		}
		if len(r.due) == 0 {
			r.due = []desk.Checkpoint{{Seq: 1<<63 - 1}} // none is to come: not asked again at every link
		}
	}
	c := r.due[0]
	if c.Seq > head.Seq {
		return nil
	}
	r.due, r.VouchedTo = r.due[1:], c.Seq
	r.Checkpoints++
	key, ours := r.keys[c.KeyID]
	switch {
	case !ours || !ed25519.Verify(key.public, vouched(c), c.Signature):
		r.broken(c.Seq, 0, "the checkpoint of link %d is not signed by this installation", c.Seq)
	case c.Seq != head.Seq || !bytes.Equal(c.Hash, head.Hash):
		r.broken(c.Seq, 0, "link %d is not the one that the checkpoint of %s vouches for: it, or one before it, was computed anew", c.Seq, c.At.UTC().Format(time.RFC3339))
	}
	return nil
}

// ends looks behind the end of the chain, and beside it.
func (r *Report) ends(ctx context.Context, from store.Reader, head store.Head) error {
	after, err := from.CheckpointsAfter(ctx, head.Seq)
	if err != nil {
		return err
	}
	if len(after) > 0 {
		last := after[len(after)-1]
		r.broken(head.Seq+1, 0, "the chain ends at link %d, and a checkpoint vouches for link %d: those between are gone", head.Seq, last.Seq)
	}
	for seq := range r.hashes {
		if seq >= r.First {
			r.broken(seq, 0, "link %d is known from elsewhere, and is gone", seq)
		}
	}
	strays, err := from.Strays(ctx)
	for _, id := range strays {
		r.broken(0, id, "record %d was never recorded by this program, or was taken out before it was linked", id)
	}
	return err
}
