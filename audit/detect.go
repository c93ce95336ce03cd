package audit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"postern/desk"
)

// Detector is what looks for one thing that should alarm people. The words are part of the API.
type Detector string

const (
	Guesses  Detector = "guesses"  // many failed sign-ins at one account
	Spray    Detector = "spray"    // many failed sign-ins from one network
	Guessed  Detector = "guessed"  // a sign-in after failures
	Removals Detector = "removals" // one person removes many things
	Mailed   Detector = "mailed"   // many recipients from one ticket
	Views    Detector = "views"    // one person reads many tickets
	Files    Detector = "files"    // one person fetches many files
	Powers   Detector = "powers"   // a role has changed
	Factors  Detector = "factors"  // a second factor is gone
	Exposed  Detector = "exposed"  // a token may be in other hands
	Domains  Detector = "domains"  // a domain of ours breaks
	Log      Detector = "log"      // the log is not what it was, or stops being sent
	Country  Detector = "country"  // a sign-in from a country that is new for the person
	Travel   Detector = "travel"   // two sign-ins of one person too far apart
	Forwards Detector = "forwards" // mail, or the log, begins to go elsewhere
	Tokens   Detector = "tokens"   // somebody tries reply addresses that we did not make
	Spoofed  Detector = "spoofed"  // mail from outside that claims to be ours
	Keys     Detector = "keys"     // the DNS has another DKIM key than we sign with
)

// DetectorWords says in a few words what a detector has found.
var DetectorWords = map[Detector]string{
	Guesses: "Guesses at one account", Spray: "Guesses from one network", Guessed: "A guess that came right", Removals: "Many things removed", Mailed: "Many people mailed",
	Views: "Many tickets read", Files: "Many files fetched", Powers: "More power", Factors: "Weaker sign-in", Exposed: "A token in other hands", Domains: "A domain that breaks", Log: "The log itself",
	Country: "A sign-in from a new country", Travel: "Faster than anybody travels", Forwards: "Mail that goes elsewhere", Tokens: "Guesses at reply addresses", Spoofed: "Mail that claims to be ours", Keys: "A key that the DNS does not have",
}

// Remedy is what is done about a person, or a network, of whom an alert speaks. The words are those of the settings.
type Remedy string

const (
	Notify   Remedy = "notify"   // nothing but telling
	Throttle Remedy = "throttle" // they may ask for little for a while
	SignOut  Remedy = "sign-out" // their sessions end
	Suspend  Remedy = "suspend"  // they are disabled; of an owner only the sessions end
)

// Finding is what a detector has found, before it is known whether it was told of lately.
type Finding struct {
	Detector Detector
	About    string // whom or what: user/3, 192.0.2.0/24
	User     int64  // the person to whom the remedy applies; 0: none
	Network  string // the network to which it applies; empty: none
	Remedy   Remedy
	At       time.Time
	Detail   map[string]any
}

// Rules are the thresholds by which detectors judge; 0 turns one off.
type Rules struct {
	Window                                                  time.Duration
	Guesses, Spray, Guessed, Removals, Mailed, Views, Files int
	Tokens, Spoofed                                         int
	Travel                                                  int // kilometres an hour
	SprayDo, GuessedDo, RemovalsDo, MailedDo                Remedy
	ReadingDo, PlaceDo                                      Remedy
	Powers, Factors, Exposed, Domains, Log                  bool
	Country, Forwards, Keys                                 bool
}

// RulesOf reads the settings.
func RulesOf(v desk.Values) Rules {
	return Rules{
		Window: time.Duration(v.Number(desk.AlertWindow)) * time.Minute, Guesses: v.Number(desk.AlertGuesses), Spray: v.Number(desk.AlertSpray), Guessed: v.Number(desk.AlertGuessed),
		Removals: v.Number(desk.AlertRemovals), Mailed: v.Number(desk.AlertMailed), Views: v.Number(desk.AlertViews), Files: v.Number(desk.AlertFiles), Tokens: v.Number(desk.AlertTokens),
		Spoofed: v.Number(desk.AlertSpoofed), Travel: v.Number(desk.AlertTravel), SprayDo: Remedy(v.Word(desk.AlertSprayDo)), GuessedDo: Remedy(v.Word(desk.AlertGuessedDo)),
		RemovalsDo: Remedy(v.Word(desk.AlertRemoveDo)), MailedDo: Remedy(v.Word(desk.AlertMailedDo)), ReadingDo: Remedy(v.Word(desk.AlertReadDo)), PlaceDo: Remedy(v.Word(desk.AlertPlaceDo)),
		Powers: v.On(desk.AlertPowers), Factors: v.On(desk.AlertFactors), Exposed: v.On(desk.AlertExposed), Domains: v.On(desk.AlertDomains), Log: v.On(desk.AlertLog),
		Country: v.On(desk.AlertCountry), Forwards: v.On(desk.AlertForwards), Keys: v.On(desk.AlertKeys),
	}
}

// removalWindow is within what removals are counted.
const removalWindow = time.Hour

// mostCounted bounds what is remembered: an attacker from ever new addresses must not fill the memory. What is over it is forgotten, the longest unheard of first.
const mostCounted = 50_000

// Watch remembers what happened lately. It is a pure function of the entries that it has seen, in order, and is used by one goroutine at a time.
type Watch struct {
	counts map[countKey]*count
}

// countKey is what is counted together.
type countKey struct {
	detector Detector
	about    string
}

// count is how much there was, and when.
type count struct {
	at     []time.Time
	many   []int
	things map[string]time.Time // distinct ones, where only those count
	last   time.Time
}

// NewWatch remembers nothing.
func NewWatch() *Watch { return &Watch{counts: map[countKey]*count{}} }

// add counts and says how much there is within the window.
func (w *Watch) add(key countKey, at time.Time, many int, window time.Duration) int {
	c := w.of(key, at)
	c.at, c.many = append(c.at, at), append(c.many, many)
	return c.sum(at, window)
}

// thing is one of several that are counted once each.
type thing struct {
	key  countKey
	name string
}

// different counts a thing and says how many different ones there were within the window.
func (w *Watch) different(t thing, at time.Time, window time.Duration) int {
	c := w.of(t.key, at)
	if c.things == nil {
		c.things = map[string]time.Time{}
	}
	c.things[t.name] = at
	for name, seen := range c.things {
		if at.Sub(seen) > window {
			delete(c.things, name)
		}
	}
	return len(c.things)
}

func (w *Watch) of(key countKey, at time.Time) *count {
	c := w.counts[key]
	if c == nil {
		if len(w.counts) >= mostCounted {
			w.forget(at)
		}
		c = &count{}
		w.counts[key] = c
	}
	c.last = at
	return c
}

// sum is how much there is within the window, and forgets what is older.
func (c *count) sum(at time.Time, window time.Duration) (sum int) {
	old := 0
	for old < len(c.at) && at.Sub(c.at[old]) > window {
		old++
	}
	c.at, c.many = c.at[old:], c.many[old:]
	for _, many := range c.many {
		sum += many
	}
	return sum
}

// forget makes room.
func (w *Watch) forget(at time.Time) {
	for key, c := range w.counts {
		if at.Sub(c.last) > removalWindow {
			delete(w.counts, key)
		}
	}
	for key := range w.counts {
		if len(w.counts) < mostCounted*9/10 {
			return
		}
		delete(w.counts, key)
	}
}

// See takes an entry in, and says what it makes of it. to are the recipients of the message that it tells of, in a form in which the same one is the same.
func (w *Watch) See(e desk.AuditEntry, r Rules, to ...string) []Finding {
	var found []Finding
	for _, look := range []func(desk.AuditEntry, Rules) *Finding{
		w.guesses, w.spray, w.guessed, w.removals, w.tokens, w.spoofed, place, powers, factors, forwards, exposed, keys, domains, logItself,
	} {
		if f := look(e, r); f != nil {
			f.At = e.At
			found = append(found, *f)
		}
	}
	if f := w.mailed(e, r, to); f != nil {
		f.At = e.At
		found = append(found, *f)
	}
	return found
}

// failedSignIns are the acts that count as a failure to come in.
var failedSignIns = []string{"user.signin-failed", "user.factor-failed", "user.proof-failed"}

// account is the account that an attempt was made at; empty where there is none by that name.
func account(e desk.AuditEntry) string {
	if strings.HasPrefix(e.Subject, "user/") {
		return e.Subject
	}
	return ""
}

func (w *Watch) guesses(e desk.AuditEntry, r Rules) *Finding {
	about := account(e)
	if !slices.Contains(failedSignIns, e.Action) || about == "" {
		return nil
	}
	n := w.add(countKey{Guesses, about}, e.At, 1, r.Window)
	if r.Guesses == 0 || n < r.Guesses {
		return nil
	}
	return &Finding{Detector: Guesses, About: about, Detail: map[string]any{"failures": n, "ip": e.IP}}
}

func (w *Watch) spray(e desk.AuditEntry, r Rules) *Finding {
	about := network(e.IP)
	if !slices.Contains(failedSignIns, e.Action) || about == "" {
		return nil
	}
	n := w.add(countKey{Spray, about}, e.At, 1, r.Window)
	if r.Spray == 0 || n < r.Spray {
		return nil
	}
	return &Finding{Detector: Spray, About: about, Network: about, Remedy: r.SprayDo, Detail: map[string]any{"failures": n}}
}

// network is the /24 or /64 of an address; empty for none.
func network(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	address = address.Unmap().WithZone("")
	bits := 24
	if address.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(address, bits).Masked().String()
}

func (w *Watch) guessed(e desk.AuditEntry, r Rules) *Finding {
	if e.Action != "user.signin" {
		return nil
	}
	before := w.counts[countKey{Guesses, e.Subject}]
	if r.Guessed == 0 || before == nil {
		return nil
	}
	n := before.sum(e.At, r.Window)
	delete(w.counts, countKey{Guesses, e.Subject})
	if n < r.Guessed {
		return nil
	}
	return &Finding{Detector: Guessed, About: e.Subject, User: idOf(e.ActorID), Remedy: r.GuessedDo, Detail: map[string]any{"failures": n, "ip": e.IP}}
}

// removes says whether an act takes something away that is not easily had again.
func removes(action string) bool {
	switch action {
	case "suspended.delete", "suspended.spam", "ticket.spam", "user.disable", "attachment.revoke", "audit.sink-removed":
		return true
	}
	return strings.HasSuffix(action, ".remove") || strings.HasSuffix(action, ".delete") || strings.HasSuffix(action, ".redact")
}

func (w *Watch) removals(e desk.AuditEntry, r Rules) *Finding {
	if !removes(e.Action) || e.ActorID == nil {
		return nil
	}
	about := person(e)
	n := w.add(countKey{Removals, about}, e.At, 1, removalWindow)
	if r.Removals == 0 || n <= r.Removals {
		return nil
	}
	return &Finding{Detector: Removals, About: about, User: *e.ActorID, Remedy: r.RemovalsDo, Detail: map[string]any{"removals": n, "last": e.Action}}
}

func (w *Watch) mailed(e desk.AuditEntry, r Rules, to []string) *Finding {
	if e.Action != "ticket.reply" && e.Action != "ticket.forward" {
		return nil
	}
	n := 0
	for _, recipient := range to {
		n = w.different(thing{countKey{Mailed, e.Subject}, recipient}, e.At, r.Window)
	}
	if r.Mailed == 0 || n <= r.Mailed {
		return nil
	}
	return &Finding{Detector: Mailed, About: e.Subject, User: idOf(e.ActorID), Remedy: r.MailedDo, Detail: map[string]any{"recipients": n, "actor": e.Actor}}
}

// empowering are acts after which somebody may do more.
var empowering = []string{"role.add", "role.change", "ownership.accept"}

// powers looks for changes of what people may do.
func powers(e desk.AuditEntry, r Rules) *Finding {
	role := desk.Role(word(e.Detail, "role"))
	changed := slices.Contains(empowering, e.Action) || e.Action == "user.change" && strings.Contains(string(e.Detail), `"role"`) || e.Action == "user.add" && (role == desk.RoleOwner || role == desk.RoleAdmin)
	if !r.Powers || !changed {
		return nil
	}
	return &Finding{Detector: Powers, About: e.Subject, Detail: map[string]any{"action": e.Action, "actor": e.Actor}}
}

// weakening are acts after which somebody comes in more easily.
var weakening = []string{"user.factor-remove", "user.recovery-issued", "user.recovery-used", "user.passkey-copied", "bypass.recover", "bypass.use"}

func factors(e desk.AuditEntry, r Rules) *Finding {
	if !r.Factors || !slices.Contains(weakening, e.Action) && !spared(e) {
		return nil
	}
	return &Finding{Detector: Factors, About: e.Subject, Detail: map[string]any{"action": e.Action, "actor": e.Actor, "ip": e.IP}}
}

// spared says whether by a change of settings fewer people need a second factor.
func spared(e desk.AuditEntry) bool {
	if e.Action != "settings.change" {
		return false
	}
	change, _ := valueOf(e.Detail, desk.RequireFactor.Key).(map[string]any)
	before, was := change["from"].(string)
	after, is := change["to"].(string)
	return was && is && slices.Index(desk.RequireFactor.Words, after) < slices.Index(desk.RequireFactor.Words, before)
}

// leaks are acts by which a token is known to be, or may be, in other hands.
var leaks = []string{"token.exposed", "token.new-network", "app.reuse"}

func exposed(e desk.AuditEntry, r Rules) *Finding {
	if !r.Exposed || !slices.Contains(leaks, e.Action) {
		return nil
	}
	return &Finding{Detector: Exposed, About: e.Subject, Detail: map[string]any{"action": e.Action, "ip": e.IP}}
}

// logItself looks for those who would rather not be seen.
func logItself(e desk.AuditEntry, r Rules) *Finding {
	stopped := e.Action == "audit.sink-removed" || e.Action == "audit.sink" && strings.Contains(string(e.Detail), `"enabled":false`) || e.Action == "audit.purge"
	if !r.Log || !stopped {
		return nil
	}
	return &Finding{Detector: Log, About: e.Subject, Detail: map[string]any{"action": e.Action, "actor": e.Actor}}
}

// Read takes a reading in.
func (w *Watch) Read(a desk.AccessEntry, r Rules) *Finding {
	about := fmt.Sprintf("user/%d", a.UserID)
	detector, most := Views, r.Views
	switch a.Kind {
	case "ticket":
	case "attachment", "original":
		detector, most = Files, r.Files
	default:
		return nil
	}
	n := w.different(thing{countKey{detector, about}, a.Subject}, a.At, r.Window) // the same ticket read twice is one ticket
	if most != 0 && n > most {
		return &Finding{Detector: detector, About: about, User: a.UserID, Remedy: r.ReadingDo, At: a.At, Detail: map[string]any{"things": n, "ip": a.IP}}
	}
	return nil
}

func person(e desk.AuditEntry) string { return fmt.Sprintf("user/%d", idOf(e.ActorID)) }

func idOf(id *int64) int64 {
	if id == nil {
		return 0
	}
	return *id
}
