package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"postern/desk"
	"postern/domains"
	"postern/mailout"
	"postern/store"
	"postern/tickets"
)

const (
	// firstPause and longestPause bound the wait after an error of ours (the store is down, the disk is full); servers of recipients have delays of their own.
	firstPause   = 10 * time.Second
	longestPause = 10 * time.Minute
	// hopeless is after how many such errors a message that could not even be composed is given up, where its writer can see it: about four hours.
	hopeless = 30
	// recordTime is what writing down an outcome may take after the job itself was told to stop, and recordPatience how long it is tried while the database is away: a mail that was taken must not leave twice.
	recordTime     = 5 * time.Second
	recordPatience = 15 * time.Minute
	// elsewhere is the wait for recipients whom another job or process has in hand.
	elsewhere = 15 * time.Second
	// most is how many copies leave in one attempt: others have their turn.
	most = 100
)

// sendReply brings one message to its recipients at one destination: composed and signed once, then attempted until every recipient has an answer.
type sendReply struct {
	river.WorkerDefaults[desk.SendReply]
	tickets *tickets.Service
	domains *domains.Service
	sender  *mailout.Sender
	life    time.Duration // of signatures; 0: without end
	random  func() float64
	now     func() time.Time
	heart   *heart
	inHand  inHand

	look   together[desk.SendReply, *tickets.Outgoing]
	take   together[tickets.Letter, tickets.Taken]
	record together[tickets.Outcome, struct{}]
}

func newSendReply(cfg Config, heart *heart) *sendReply {
	w := &sendReply{tickets: cfg.Tickets, domains: cfg.Domains, sender: cfg.Sender, life: cfg.SignatureLife, random: cfg.Random, now: cfg.Now, heart: heart}
	w.look.do = func(ctx context.Context, errands []desk.SendReply) ([]*tickets.Outgoing, error) {
		return w.tickets.Outgoing(ctx, store.WordsIfNeeded, errands...)
	}
	w.take.do = func(ctx context.Context, letters []tickets.Letter) ([]tickets.Taken, error) {
		return w.tickets.TakeInHand(ctx, w.heart.id, letters...)
	}
	w.record.do = func(ctx context.Context, outcomes []tickets.Outcome) ([]struct{}, error) {
		return make([]struct{}, len(outcomes)), w.tickets.Record(ctx, w.heart.id, outcomes...)
	}
	w.look.alone, w.take.alone, w.record.alone = store.IsOne, store.IsOne, store.IsOne
	return w
}

// inHand are the errands of this process: two jobs for the same one keep out of each other's way. It keeps those recipients of each whom somebody wants stopped meanwhile, as far as the news told of them.
type inHand struct {
	mu   sync.Mutex
	held map[desk.SendReply][]string
	deaf time.Time // when news were lost last: what was asked before that is to be asked again
}

func (h *inHand) take(errand desk.SendReply) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, is := h.held[errand]; is {
		return false
	}
	if h.held == nil {
		h.held = map[desk.SendReply][]string{}
	}
	h.held[errand] = nil
	return true
}

// stop notes that a recipient shall not get their copy, if they are in hand here.
func (h *inHand) stop(message int64, recipient string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	errand := desk.SendReply{Message: message, Destination: desk.DomainOf(recipient)}
	if stopped, is := h.held[errand]; is {
		h.held[errand] = append(stopped, recipient)
	}
}

// lost notes that news may have passed by unheard.
func (h *inHand) lost() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deaf = time.Now()
}

// stopped says whether somebody wants a recipient stopped, and whether that is all there is to know since the given time.
func (h *inHand) stopped(errand desk.SendReply, recipient string, since time.Time) (stopped, sure bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.held[errand], recipient), h.deaf.Before(since)
}

func (h *inHand) drop(errand desk.SendReply) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, errand)
}

// Timeout is that of the whole job.
func (w *sendReply) Timeout(*river.Job[desk.SendReply]) time.Duration { return sendTimeout }

// NextRetry is the pause after an error of ours.
func (w *sendReply) NextRetry(job *river.Job[desk.SendReply]) time.Time {
	return w.now().Add(min(time.Duration(len(job.Errors)+1)*firstPause, longestPause))
}

// Work makes one attempt for every recipient that is due, and comes back when the next one is.
func (w *sendReply) Work(ctx context.Context, job *river.Job[desk.SendReply]) error {
	errand := job.Args
	if errand.Destination == "" { // as jobs were once
		return w.tickets.Spread(ctx, errand.Message)
	}
	if !w.inHand.take(errand) {
		return river.JobSnooze(elsewhere)
	}
	defer w.inHand.drop(errand)
	out, err := w.look.ask(ctx, errand)
	if err != nil || out == nil { // nil: its writer took it back
		return err
	}
	if !slices.ContainsFunc(out.Awaited, func(one store.Awaited) bool { return w.due(one) }) {
		return w.comeBack(out, nil)
	}
	mail, err := w.ready(ctx, out)
	if err != nil {
		return w.unready(ctx, job, out, err)
	}
	defer mail.close()
	taken, err := w.take.ask(ctx, mail.letter)
	if err == nil && taken.Late {
		err = mail.replace(ctx, w.tickets)
	}
	if err != nil {
		return w.failed(ctx, errand, err)
	}
	if len(taken.Recipients) == 0 {
		return w.nothing(out)
	}
	outcome, err := w.attempt(ctx, mail, taken.Recipients)
	if err != nil {
		return w.failed(ctx, errand, err)
	}
	return w.comeBack(out, outcome)
}

// due says whether a recipient can be tried now.
func (w *sendReply) due(one store.Awaited) bool {
	return !one.NextAt.After(w.now()) && (one.Worker == "" || one.Worker == w.heart.id)
}

// failed lets go of what this process has in hand, so that the next attempt finds it.
func (w *sendReply) failed(ctx context.Context, errand desk.SendReply, reason error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	return errors.Join(reason, w.tickets.LetGo(ctx, w.heart.id, errand))
}

// nothing is when nobody was given who looked due: the message was taken back, somebody stopped it or was faster, or this process counts as dead for the moment.
func (w *sendReply) nothing(out *tickets.Outgoing) error {
	if !out.Kept() && !w.heart.sure() {
		return river.JobSnooze(elsewhere)
	}
	return river.JobSnooze(firstPause)
}

// unready is when the mail cannot leave now: its domain is to be mended first, or it could not be composed, which is given up after a while.
func (w *sendReply) unready(ctx context.Context, job *river.Job[desk.SendReply], out *tickets.Outgoing, reason error) error {
	var held heldError
	switch {
	case errors.As(reason, &held):
		return w.hold(ctx, out, held)
	case len(job.Errors) < hopeless || out.Kept():
		return reason
	}
	if err := w.bounce(ctx, out, "554 5.6.0 this message could not be made into a mail"); err != nil { // RFC 3463 §3.7: other or undefined media error
		return err
	}
	return river.JobCancel(fmt.Errorf("message %d was given up: %w", out.Message.ID, reason))
}

// bounce gives up all recipients at the destination who are due, without having asked anybody.
func (w *sendReply) bounce(ctx context.Context, out *tickets.Outgoing, reply string) error {
	var outcome []desk.Delivery
	for _, one := range out.Awaited {
		if w.due(one) {
			outcome = append(outcome, desk.Delivery{Recipient: one.Recipient, State: desk.DeliveryBounced, Attempts: one.Attempts, UpdatedAt: w.now(), Reply: reply})
		}
	}
	return w.write(ctx, out.Message.ID, outcome)
}

// hold lets a message wait for its domain. After five days it is given up like every other.
func (w *sendReply) hold(ctx context.Context, out *tickets.Outgoing, why heldError) error {
	now := w.now()
	for _, one := range out.Awaited {
		if w.due(one) && mailout.Expired(one.QueuedAt, now) {
			return w.bounce(ctx, out, "550 5.4.7 held for five days and given up: "+why.Error()) // RFC 3463 §3.5: delivery time expired
		}
	}
	if err := w.tickets.Hold(ctx, out, why.Error()); err != nil {
		return err
	}
	wait := time.Duration(float64(lookAgain) * (0.8 + 0.4*w.random()))
	if until := why.until.Sub(now); !why.until.IsZero() && until < wait {
		wait = max(until, time.Second)
	}
	return river.JobSnooze(wait)
}

// lookAgain is how often it is looked whether a domain is mended, more or less.
const lookAgain = 3 * time.Minute

// attempt delivers to recipients in hand, one after the other over one connection. Whoever has their copy is recorded before the next one leaves, and the others at the end, so that a crash repeats as
// little as possible.
func (w *sendReply) attempt(ctx context.Context, m *parcel, recipients []store.InHand) ([]desk.Delivery, error) {
	id := m.letter.Message.ID
	outcome, tried := w.suppressed(recipients)
	if len(outcome) > 0 {
		if err := w.write(ctx, id, outcome); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(tried, func(a, b store.InHand) int { return cmp.Compare(a.Recipient, b.Recipient) })
	for part := range slices.Chunk(tried, most) {
		done, err := w.deliver(ctx, m, part)
		if err != nil {
			return nil, err
		}
		outcome = append(outcome, done...)
	}
	return outcome, nil
}

// suppressed gives up those who get no mail, and returns the others.
func (w *sendReply) suppressed(recipients []store.InHand) (outcome []desk.Delivery, others []store.InHand) {
	for _, one := range recipients {
		if one.Suppressed == nil {
			others = append(others, one)
			continue
		}
		now, reply := w.now(), one.Suppressed.Reply()
		outcome = append(outcome, desk.Delivery{Recipient: one.Recipient, State: desk.DeliveryBounced, Attempts: one.Attempts, UpdatedAt: now, Reply: reply,
			Story: []desk.Attempt{{At: now, Kind: desk.AttemptSuppressed, State: desk.DeliveryBounced, Reply: reply}}})
	}
	return outcome, others
}

func (w *sendReply) deliver(ctx context.Context, m *parcel, recipients []store.InHand) ([]desk.Delivery, error) {
	known, names := map[string]store.InHand{}, make([]string, len(recipients))
	for i, one := range recipients {
		known[one.Recipient], names[i] = one, one.Recipient
	}
	id := m.letter.Message.ID
	join := func(one desk.Delivery) desk.Delivery {
		before := known[one.Recipient]
		one.Story = append(m.before(before), one.Story...)
		return mailout.After(desk.Delivery{Attempts: before.Attempts}, one, before.QueuedAt, w.random)
	}
	var lost error
	outcome := w.sender.Deliver(ctx, mailout.Outgoing{
		ID: m.letter.Message.MessageID, ReturnPath: m.returnPath, Recipients: names, Size: m.size, Open: w.guarded(ctx, m), Still: w.still(ctx, m.letter.Errand),
		Sent: func(one desk.Delivery) error {
			lost = w.write(ctx, id, []desk.Delivery{join(one)})
			return lost
		},
	})
	if lost != nil {
		return nil, lost
	}
	var rest, waiting []desk.Delivery
	for i, one := range outcome {
		if one.State == desk.DeliverySent {
			continue
		}
		postponed := mailout.Waiting(one)
		outcome[i] = join(one)
		if postponed && !outcome[i].State.Final() {
			waiting = append(waiting, outcome[i])
		} else {
			rest = append(rest, outcome[i])
		}
	}
	return outcome, errors.Join(w.write(ctx, id, rest), w.tickets.Postpone(context.WithoutCancel(ctx), w.heart.id, id, waiting))
}

// guarded opens the mail's bytes for another copy, unless somebody has taken over from us.
func (w *sendReply) guarded(ctx context.Context, m *parcel) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		if !w.heart.sure() {
			return nil, errLost
		}
		if why, err := w.stale(ctx, m.signature); err != nil || why != "" { // it waited for its turn, and meanwhile its key was revoked
			return nil, errors.Join(err, errStale)
		}
		return m.open()
	}
}

// fresh is how long what was taken in hand counts as just taken. Longer ago somebody may have stopped it, and not been heard.
const fresh = 2 * time.Second

// still says whether a copy may leave, or that somebody stopped it. The news tell within milliseconds; the database is asked where much time has passed, or news were lost.
func (w *sendReply) still(ctx context.Context, errand desk.SendReply) func(recipient string) error {
	asked := time.Now()
	var known []string
	return func(recipient string) error {
		stopped, sure := w.inHand.stopped(errand, recipient, asked)
		if !stopped && (!sure || time.Since(asked) > fresh) {
			now := time.Now()
			var err error
			if known, err = w.tickets.Stopped(ctx, errand); err != nil {
				return err
			}
			asked = now
		}
		if stopped || slices.Contains(known, recipient) {
			return errStopped
		}
		return nil
	}
}

// Why a mail does not leave that was about to.
var (
	errStopped = errors.New("somebody stopped it")
	errStale   = errors.New("it has to be signed anew")
)

// write writes an outcome down, even when the job was told to stop, and again and again while the database is away: what was sent must not be sent again.
func (w *sendReply) write(ctx context.Context, message int64, outcome []desk.Delivery) error {
	if len(outcome) == 0 {
		return nil
	}
	began, pause, bare := time.Now(), 100*time.Millisecond, false
	for {
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), groupTime)
		release := context.AfterFunc(ctx, func() { time.AfterFunc(recordTime, cancel) })
		_, err := w.record.ask(patience, tickets.Outcome{Message: message, Deliveries: outcome})
		release()
		cancel()
		if store.IsData(err) && !bare {
			outcome, bare = plain(outcome), true // what a stranger said must never be why a mail leaves again and again
			continue
		}
		if err == nil || store.IsData(err) || ctx.Err() != nil || time.Since(began) > recordPatience {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// plain is an outcome in nothing but our own words.
func plain(outcome []desk.Delivery) []desk.Delivery {
	bare := slices.Clone(outcome)
	for i := range bare {
		bare[i].Host, bare[i].TLS, bare[i].Story = "", "", nil
		bare[i].Reply = "the server's words cannot be written down"
	}
	return bare
}

// comeBack ends the job when every recipient at the destination has an answer, and else lets it sleep until the next one is due. Waiting counts as no failure.
func (w *sendReply) comeBack(out *tickets.Outgoing, outcome []desk.Delivery) error {
	now, next := w.now(), time.Time{}
	sooner := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for _, one := range out.Awaited {
		if i := slices.IndexFunc(outcome, func(d desk.Delivery) bool { return d.Recipient == one.Recipient }); i >= 0 {
			if !outcome[i].State.Final() { // deferred, or not tried, since the destination gets no more at a time
				sooner(outcome[i].NextAt)
			}
			continue
		}
		if one.NextAt.After(now) {
			sooner(one.NextAt)
		} else {
			sooner(now.Add(elsewhere)) // in hand elsewhere
		}
	}
	if next.IsZero() {
		return nil
	}
	return river.JobSnooze(max(0, next.Sub(now)))
}
