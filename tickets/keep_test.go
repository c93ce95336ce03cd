package tickets

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/attachments"
	"postern/desk"
)

// §7: a link is a secret of 256 bits, expires, can be revoked, and tells nothing about why it does not work.
func TestLinks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	file, err := h.Upload(t.Context(), h.ann, NewFile{Name: "a.txt", MediaType: "text/plain", Size: 5, R: strings.NewReader("hello")})
	if err != nil {
		t.Fatal(err)
	}
	link := func() string {
		url, err := h.Link(t.Context(), h.ann, file.ID, "Carol@customer.test")
		if err != nil {
			t.Fatal(err)
		}
		token, ok := strings.CutPrefix(url, "https://desk.example.com/a/")
		if !ok || len(token) < 43 {
			t.Fatalf("url is %s", url)
		}
		return token
	}
	token := link()
	object, info, err := h.OpenLink(t.Context(), token, "192.0.2.1", strings.Repeat("agent", 1000))
	if err != nil || info.Name != "a.txt" || object.Size != 5 {
		t.Fatalf("%+v, %v", info, err)
	}
	r, err := h.cfg.Bucket.Get(t.Context(), object, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if body, err := io.ReadAll(r); err != nil || string(body) != "hello" {
		t.Errorf("%q, %v", body, err)
	}
	var logged, plain int
	h.row(t, &logged, `select count(*) from attachment_access where attachment = $1 and ip = '192.0.2.1'`, file.ID)
	h.row(t, &plain, `select count(*) from attachment_link where encode(token_hash, 'escape') like '%' || $1 || '%'`, token)
	if logged != 1 || plain != 0 {
		t.Errorf("logged %d times, token found %d times", logged, plain)
	}
	var reasons []string
	refused := func(token string) {
		t.Helper()
		_, _, err := h.OpenLink(t.Context(), token, "", "")
		wantFault(t, err, desk.NotFound)
		reasons = append(reasons, err.Error())
	}
	refused("wrong")
	if err := h.RevokeLinks(t.Context(), h.ann, file.ID); err != nil {
		t.Fatal(err)
	}
	refused(token)
	token = link()
	h.clock.wait(31 * 24 * time.Hour)
	refused(token)
	if len(slices.Compact(reasons)) != 1 {
		t.Errorf("the reasons can be told apart: %q", reasons)
	}
}

type releaser struct{ released, condemned, learned []int64 }

func (r *releaser) Release(_ context.Context, _ desk.Actor, id, _ int64) (desk.Outcome, error) {
	r.released = append(r.released, id)
	return desk.Outcome{Disposition: desk.Ticketed, Ticket: 7}, nil
}

func (r *releaser) Condemn(_ context.Context, _ desk.Actor, id int64) error {
	r.condemned = append(r.condemned, id)
	return nil
}

func (r *releaser) Learn(_ context.Context, message int64) error {
	r.learned = append(r.learned, message)
	return nil
}

func (*releaser) Would(context.Context, desk.Supposed) (desk.Ruling, error) {
	return desk.Ruling{Disposition: desk.Ticketed}, nil
}

func TestSuspended(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	dek, sealed, err := attachments.SealSmall(h.cfg.Keys, "original/900", []byte("Subject: spam\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		var id int64
		h.row(t, &id, `insert into suspended (cause, evidence, from_address, subject, envelope, digest, received_at) values ('spam', '12.1', 'x@y.test', 'Buy', '{}', $1, $2) returning id`,
			[]byte{byte(i)}, h.clock.now().Add(time.Duration(i)*time.Hour-20*24*time.Hour))
	}
	var original int64
	h.row(t, &original, `insert into original (id, suspended, size, dek, sealed) values (900, 1, 17, $1, $2) returning id`, dek, sealed)
	page, err := h.Suspended(t.Context(), h.ann, desk.SuspendedQuery{Limit: 2})
	if err != nil || len(page.Items) != 2 || page.Items[0].ID != 3 || page.Next == "" {
		t.Fatalf("%+v, %v", page, err)
	}
	page, err = h.Suspended(t.Context(), h.ann, desk.SuspendedQuery{Cursor: page.Next, Limit: 2})
	if err != nil || len(page.Items) != 1 || page.Items[0].Size != 17 || page.Next != "" {
		t.Fatalf("%+v, %v", page, err)
	}
	r, size, err := h.SuspendedOriginal(t.Context(), h.ann, 1)
	if err != nil || size != 17 {
		t.Fatal(size, err)
	}
	_ = r.Close()
	_, err = h.Release(t.Context(), h.ann, 1, 0)
	wantFault(t, err, desk.Unavailable)
	intake := &releaser{}
	h.cfg.Releaser = intake
	if outcome, err := h.Release(t.Context(), h.ann, 2, 0); err != nil || outcome.Ticket != 7 || !slices.Equal(intake.released, []int64{2}) {
		t.Errorf("%+v, %v", outcome, err)
	}
	if err := h.DeleteSuspended(t.Context(), h.ann, 1); err != nil {
		t.Fatal(err)
	}
	wantFault(t, h.DeleteSuspended(t.Context(), h.ann, 1), desk.NotFound)
	var left int
	h.row(t, &left, `select count(*) from original`)
	if left != 0 || h.audited(t, "suspended.delete") != 1 {
		t.Error("the original stays, or nothing was audited")
	}
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.row(t, &left, `select count(*) from suspended`)
	var detail string
	h.row(t, &detail, `select detail ->> 'count' from audit where action = 'suspended.purge'`)
	if left != 0 || detail != "2" {
		t.Errorf("%d entries are left, the audit log says %s", left, detail)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	put := func(name string) desk.FileInfo {
		file, err := h.Upload(t.Context(), h.ann, NewFile{Name: name, Size: 5, R: strings.NewReader("hello")})
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	sent, lost := put("sent"), put("lost")
	m := h.reply(t, desk.ReplyRequest{Ticket: number, Text: "x", Uploads: []int64{sent.ID}})
	var keySent, keyLost string
	h.row(t, &keySent, `select object_key from attachment where id = $1`, sent.ID)
	h.row(t, &keyLost, `select object_key from attachment where id = $1`, lost.ID)
	var gone int
	h.row(t, &gone, `with gone as (delete from river_job returning 1) select count(*) from gone`) // the job was lost
	h.clock.at = time.Now().Add(48 * time.Hour)                                                   // rows and objects bear the real time
	if err := errors.Join(h.Sweep(t.Context()), h.Requeue(t.Context(), time.Hour), h.Requeue(t.Context(), time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Attachment(t.Context(), h.ann, sent.ID); err != nil {
		t.Errorf("a file that was sent is gone: %v", err)
	}
	_, _, err := h.Attachment(t.Context(), h.ann, lost.ID)
	wantFault(t, err, desk.NotFound)
	var stored []string
	if err := h.cfg.Bucket.List(t.Context(), time.Now().Add(time.Hour), func(key string) error { stored = append(stored, key); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(stored, keySent) || slices.Contains(stored, keyLost) {
		t.Errorf("stored are %q, want %s and not %s", stored, keySent, keyLost)
	}
	if gone != 1 || h.jobs(t, m.ID) != 1 {
		t.Error("the message whose job was lost has none again")
	}
}

// The audit log can be read and added to, and nothing else.
func TestAuditIsAppendOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	if _, err := h.Note(t.Context(), h.ann, number, "x", nil); err != nil {
		t.Fatal(err)
	}
	page, err := h.store.AuditLog(t.Context(), desk.AuditQuery{Limit: 10})
	if err != nil || len(page.Items) != 1 || page.Items[0].Actor != "ann@example.com" || page.Items[0].IP != "192.0.2.9" || page.Items[0].Via != "portal" {
		t.Fatalf("%+v, %v", page, err)
	}
	for _, sql := range []string{`update audit set actor = 'x'`, `delete from audit`, `truncate audit`} {
		if _, err := h.store.Pool().Exec(t.Context(), sql); err == nil {
			t.Errorf("%s works", sql)
		}
	}
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx, user := t.Context(), h.ann.User.ID
	begin := func(request string) (int, string, bool, error) {
		status, body, fresh, err := h.store.BeginIdempotent(ctx, user, "key", []byte(request))
		return status, string(body), fresh, err
	}
	if _, _, fresh, err := begin("a"); !fresh || err != nil {
		t.Fatal(fresh, err)
	}
	_, _, _, err := begin("a")
	wantFault(t, err, desk.Conflict)
	if err := h.store.FinishIdempotent(ctx, user, "key", 201, []byte("made")); err != nil {
		t.Fatal(err)
	}
	if status, body, fresh, err := begin("a"); status != 201 || body != "made" || fresh || err != nil {
		t.Error(status, body, fresh, err)
	}
	_, _, _, err = begin("b")
	wantFault(t, err, desk.Invalid)
	if err := h.store.DropIdempotent(ctx, user, "key"); err != nil {
		t.Fatal(err)
	}
	if _, _, fresh, err := begin("b"); !fresh || err != nil {
		t.Error(fresh, err)
	}
}

var errStop = errors.New("stop")

// A change that fails at its end leaves nothing behind: no event, no audit entry, no status.
func TestChangeIsWholeOrNot(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	number, _ := h.ask(t)
	err := h.change(t.Context(), h.ann, number, func(c *change) error {
		c.event("status", "new", "open")
		if err := c.tell(t.Context()); err != nil {
			return err
		}
		return errStop
	})
	if !errors.Is(err, errStop) || len(h.events(t, number)) != 0 || h.audited(t, "ticket.status") != 0 {
		t.Errorf("%v; events %v", err, h.events(t, number))
	}
}
