package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"postern/desk"
	"postern/store"
)

// defaults are the rules as they are when nobody has set anything.
func defaults() Rules { return RulesOf(desk.Values{}) }

// trace is a run of entries, a step apart.
func trace(n int, step time.Duration, entry func(i int) desk.AuditEntry) []desk.AuditEntry {
	began := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	list := make([]desk.AuditEntry, n)
	for i := range list {
		list[i] = entry(i)
		list[i].At = began.Add(time.Duration(i) * step)
	}
	return list
}

func by(user int64, action, subject string, detail any) desk.AuditEntry {
	text, err := json.Marshal(detail)
	if err != nil {
		panic(err)
	}
	e := desk.AuditEntry{Action: action, Subject: subject, Detail: text, IP: "192.0.2.7", Actor: "system", Via: "portal"}
	if user != 0 {
		e.ActorID = &user
	}
	return e
}

// mailedTo are the recipients of an entry of a test: those of its detail, of which each has a number.
func mailedTo(e desk.AuditEntry) (to []string) {
	from := whole(e.Detail, "from")
	for i := range whole(e.Detail, "recipients") {
		to = append(to, fmt.Sprintf("customer%d@shop.example", from+i))
	}
	return to
}

// mailed is an entry about mail from outside.
func mailed(action, subject string, i, times int) desk.AuditEntry {
	e := by(0, action, subject, map[string]int{"times": times})
	e.Actor, e.Via, e.IP, e.Outcome = "mail", "mail", fmt.Sprintf("198.51.%d.9", i), desk.EndRefused
	return e
}

// alerts are what a run raises, with the pause that keeps the same from being raised again.
func alerts(list []desk.AuditEntry, r Rules) (raised []Finding) {
	w, last := NewWatch(), map[string]time.Time{}
	for _, e := range list {
		for _, f := range w.See(e, r, mailedTo(e)...) {
			key := string(f.Detector) + " " + f.About
			if at, told := last[key]; told && f.At.Sub(at) < 15*time.Minute {
				continue
			}
			last[key] = f.At
			raised = append(raised, f)
		}
	}
	return raised
}

func TestDetectorsFireOnceOnAttacks(t *testing.T) {
	seen := map[Detector]bool{Views: true, Files: true} // of readings: TestReadingsThatAlarm
	failed := func(user int, ip string) desk.AuditEntry {
		e := by(0, "user.signin-failed", fmt.Sprintf("user/%d", user), nil)
		e.IP, e.Outcome = ip, desk.EndRefused
		return e
	}
	for name, c := range map[string]struct {
		run  []desk.AuditEntry
		want []string
	}{
		"guesses at one account, from many places": {trace(40, 10*time.Second, func(i int) desk.AuditEntry { return failed(3, fmt.Sprintf("198.51.%d.7", i)) }), []string{"guesses user/3"}},
		"nine guesses":              {trace(9, time.Second, func(int) desk.AuditEntry { return failed(3, "192.0.2.1") }), nil},
		"ten guesses, over a day":   {trace(10, 2*time.Hour, func(int) desk.AuditEntry { return failed(3, "192.0.2.1") }), nil},
		"one guess at each of many": {trace(60, 5*time.Second, func(i int) desk.AuditEntry { return failed(i+1, fmt.Sprintf("203.0.113.%d", i)) }), []string{"spray 203.0.113.0/24"}},
		"the same in IPv6":          {trace(60, 5*time.Second, func(i int) desk.AuditEntry { return failed(i+1, fmt.Sprintf("2001:db8::%x", i)) }), []string{"spray 2001:db8::/64"}},
		"a guess that comes right":  {append(trace(6, time.Second, func(int) desk.AuditEntry { return failed(3, "192.0.2.1") }), trace(1, 0, func(int) desk.AuditEntry { return by(3, "user.signin", "user/3", nil) })...), []string{"guessed user/3"}},
		"a password mistyped twice": {append(trace(2, time.Second, func(int) desk.AuditEntry { return failed(3, "192.0.2.1") }), trace(1, 0, func(int) desk.AuditEntry { return by(3, "user.signin", "user/3", nil) })...), nil},
		"everything removed":        {trace(30, time.Minute, func(i int) desk.AuditEntry { return by(3, "suspended.delete", fmt.Sprintf("suspended/%d", i), nil) }), []string{"removals user/3"}},
		"twenty removed":            {trace(20, time.Minute, func(i int) desk.AuditEntry { return by(3, "tag.remove", fmt.Sprintf("tag/%d", i), nil) }), nil},
		"one ticket mails the world": {trace(3, time.Minute, func(i int) desk.AuditEntry {
			return by(3, "ticket.reply", "ticket/7", map[string]int{"recipients": 48, "from": 48 * i})
		}), []string{"mailed ticket/7"}},
		"a hundred and one recipients, by forwarding": {trace(101, 5*time.Second, func(i int) desk.AuditEntry {
			return by(3, "ticket.forward", "ticket/7", map[string]int{"recipients": 1, "from": i})
		}), []string{"mailed ticket/7"}},
		"the same forty people four times": {trace(4, time.Minute, func(int) desk.AuditEntry { return by(3, "ticket.reply", "ticket/7", map[string]int{"recipients": 40}) }), nil},
		"a role is changed": {trace(1, 0, func(int) desk.AuditEntry {
			return by(3, "user.change", "user/4", map[string][]string{"fields": {"role"}})
		}), []string{"powers user/4"}},
		"a name is changed": {trace(1, 0, func(int) desk.AuditEntry {
			return by(3, "user.change", "user/4", map[string][]string{"fields": {"name"}})
		}), nil},
		"a factor removed":      {trace(1, 0, func(int) desk.AuditEntry { return by(3, "user.factor-remove", "user/4", nil) }), []string{"factors user/4"}},
		"a token in clear text": {trace(5, time.Second, func(int) desk.AuditEntry { return by(0, "token.exposed", "token/4", nil) }), []string{"exposed token/4"}},
		"a domain that breaks": {trace(1, 0, func(int) desk.AuditEntry {
			return by(0, "domain.state", "domain/x.example", map[string]any{"before": "active", "after": "degraded", "lost": []string{"mx x.example"}})
		}), []string{"domains domain/x.example"}},
		"keys that do not match the DNS": {trace(2, time.Minute, func(int) desk.AuditEntry {
			return by(0, "domain.state", "domain/x.example", map[string]any{"before": "active", "after": "degraded", "lost": []string{"dkim-rsa s1._domainkey.x.example"}})
		}), []string{"keys domain/x.example"}},
		"guesses at reply addresses": {trace(60, time.Second, func(i int) desk.AuditEntry {
			return mailed("mail.token-guess", "mail", i, 1)
		}), []string{"tokens mail"}},
		"a mail with a hundred of them": {trace(1, 0, func(i int) desk.AuditEntry { return mailed("mail.token-guess", "mail", i, 100) }), []string{"tokens mail"}},
		"twenty guesses, and twenty":    {trace(40, 3*time.Second+time.Millisecond, func(i int) desk.AuditEntry { return mailed("mail.token-guess", "mail", i, 1) }), nil},
		"mail that claims to be ours":   {trace(30, 20*time.Second, func(i int) desk.AuditEntry { return mailed("mail.own-domain", "domain/x.example", i, 1) }), []string{"spoofed domain/x.example"}},
		"a rule that begins to mail": {trace(1, 0, func(int) desk.AuditEntry {
			return by(3, "automation.change", "automation/4", map[string]any{"mails": []string{"notify 9"}})
		}), []string{"forwards automation/4"}},
		"a rule that mails nobody new": {trace(1, 0, func(int) desk.AuditEntry {
			return by(3, "automation.change", "automation/4", map[string]any{"to": map[string]any{"name": "mails"}})
		}), nil},
		"an account gets another address": {trace(1, 0, func(int) desk.AuditEntry {
			return by(3, "user.change", "user/4", map[string][]string{"fields": {"email"}})
		}), []string{"forwards user/4"}},
		"the log is sent elsewhere": {trace(1, 0, func(int) desk.AuditEntry {
			return by(3, "audit.sink", "sink/1", map[string]any{"kind": "syslog", "address": "b.example:6514", "enabled": true, "before": map[string]any{"address": "a.example:6514", "enabled": true}})
		}), []string{"forwards sink/1"}},
		"a new country": {trace(2, time.Minute, func(int) desk.AuditEntry {
			return by(3, "user.signin", "user/3", map[string]any{"country": "BR", "new_country": true, "km": 9000, "kmh": 300})
		}), []string{"country user/3"}},
		"faster than a jet, also where the country is new": {trace(1, 0, func(int) desk.AuditEntry {
			return by(3, "user.signin", "user/3", map[string]any{"country": "BR", "new_country": true, "km": 9000, "kmh": 54000})
		}), []string{"travel user/3"}},
		"a telephone beside the office": {trace(1, 0, func(int) desk.AuditEntry {
			return by(3, "user.signin", "user/3", map[string]any{"country": "IT", "km": 400, "kmh": 24000})
		}), nil},
		"an admin is made":  {trace(1, 0, func(int) desk.AuditEntry { return by(3, "user.add", "user/8", map[string]any{"role": "admin"}) }), []string{"powers user/8"}},
		"an agent is added": {trace(1, 0, func(int) desk.AuditEntry { return by(3, "user.add", "user/8", map[string]any{"role": "agent"}) }), nil},
		"nobody needs a second factor any more": {trace(1, 0, func(int) desk.AuditEntry {
			return by(3, "settings.change", "settings", map[string]any{"two_factor.required": map[string]any{"from": "staff", "to": "off"}})
		}), []string{"factors settings"}},
		"everybody needs one now": {trace(1, 0, func(int) desk.AuditEntry {
			return by(3, "settings.change", "settings", map[string]any{"two_factor.required": map[string]any{"from": "off", "to": "everyone"}})
		}), nil},
		"the chain's guard is told again and again": {trace(20, 10*time.Second, func(int) desk.AuditEntry { return by(3, "audit.sink-removed", "sink/1", nil) }), []string{"log sink/1"}},
		"a domain that is well": {trace(1, 0, func(int) desk.AuditEntry {
			return by(0, "domain.state", "domain/x.example", map[string]string{"before": "ready", "after": "active"})
		}), nil},
		"the log is to be sent no more": {trace(1, 0, func(int) desk.AuditEntry { return by(3, "audit.sink-removed", "sink/1", nil) }), []string{"log sink/1"}},
		"a sink is turned off":          {trace(1, 0, func(int) desk.AuditEntry { return by(3, "audit.sink", "sink/1", map[string]any{"enabled": false}) }), []string{"log sink/1"}},
		"a file is kept": {trace(1, 0, func(int) desk.AuditEntry {
			return by(3, "audit.sink", "sink/1", map[string]any{"kind": "file", "enabled": true})
		}), nil},
		"an alert about an alert": {trace(50, time.Second, func(int) desk.AuditEntry {
			return by(0, "alert.raised", "alert/1", map[string]any{"action": "user.signin-failed"})
		}), nil},
	} {
		var got []string
		for _, f := range alerts(c.run, defaults()) {
			got = append(got, string(f.Detector)+" "+f.About)
			seen[f.Detector] = true
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		off := Rules{Window: 10 * time.Minute}
		if found := alerts(c.run, off); len(found) != 0 {
			t.Errorf("%s: turned off, and raised all the same: %v", name, found)
		}
	}
	for detector := range DetectorWords {
		if !seen[detector] {
			t.Errorf("no attack makes %s fire", detector)
		}
	}
}

// TestDetectorsLookForWhatIsRecorded: a word that nobody writes is looked for in vain.
func TestDetectorsLookForWhatIsRecorded(t *testing.T) {
	for _, action := range slices.Concat(failedSignIns, weakening, leaks, empowering, []string{"mail.token-guess", "mail.own-domain", "automation.add", "automation.change", "automation.switch", "audit.sink", "domain.state", "settings.change", "user.signin"}) {
		if desk.Acts[action].Words == "" {
			t.Errorf("nothing is recorded as %q", action)
		}
	}
}

func TestReadingsThatAlarm(t *testing.T) {
	w, r := NewWatch(), defaults()
	at := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	read := func(i int, kind string) *Finding {
		at = at.Add(time.Second)
		return w.Read(desk.AccessEntry{At: at, UserID: 5, Kind: kind, Subject: fmt.Sprintf("%s/%d", kind, i)}, r)
	}
	fired := 0
	for i := range 400 { // the same hundred tickets again and again
		if read(i%100, "ticket") != nil {
			fired++
		}
	}
	if fired > 0 {
		t.Error("a hundred tickets are no alarm, however often they are read")
	}
	for i := range 101 {
		if f := read(1000+i, "ticket"); f != nil {
			if fired++; f.Detector != Views || f.User != 5 {
				t.Errorf("%+v", f)
			}
		}
	}
	if fired == 0 {
		t.Error("two hundred tickets in ten minutes, and no alarm")
	}
	fired = 0
	for i := range 51 {
		if read(i, "attachment") != nil {
			fired++
		}
	}
	if fired != 1 {
		t.Errorf("the 51st file fires once, not %d times", fired)
	}
}

// TestANormalDayIsQuiet is a day of forty agents, with all that goes wrong on such a day.
func TestANormalDayIsQuiet(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	began := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	var list []desk.AuditEntry
	add := func(at time.Duration, e desk.AuditEntry) { e.At = began.Add(at); list = append(list, e) }
	working := func() time.Duration { return 8*time.Hour + time.Duration(random.Int64N(int64(9*time.Hour))) }
	for agent := int64(1); agent <= 40; agent++ {
		ip := fmt.Sprintf("10.0.%d.%d", agent%4, agent)
		came := 8*time.Hour + time.Duration(random.Int64N(int64(time.Hour)))
		for i := range random.IntN(4) { // mistyped, at most three times
			e := by(0, "user.signin-failed", fmt.Sprintf("user/%d", agent), nil)
			e.IP = ip
			add(came+time.Duration(i)*5*time.Second, e)
		}
		home := []string{"IT", "DE", "FR"}[agent%3]
		add(came+20*time.Second, by(agent, "user.signin", fmt.Sprintf("user/%d", agent), map[string]any{"country": home, "km": random.IntN(60), "kmh": random.IntN(40)}))
		add(13*time.Hour+time.Duration(agent)*time.Second, by(agent, "user.signin", fmt.Sprintf("user/%d", agent), map[string]any{"country": home, "km": 480, "kmh": 3000})) // a telephone, whose network comes out elsewhere
		add(18*time.Hour, by(agent, "user.signout", fmt.Sprintf("user/%d", agent), nil))
		for range 60 {
			ticket := fmt.Sprintf("ticket/%d", random.IntN(3000))
			at := working()
			add(at, by(agent, "ticket.reply", ticket, map[string]int{"recipients": 1 + random.IntN(4)}))
			add(at, by(agent, "ticket.status", ticket, map[string]string{"from": "open", "to": "pending"}))
		}
		for range random.IntN(15) {
			add(working(), by(agent, "suspended.delete", "suspended/1", nil))
		}
	}
	for i := range 24 { // marks of a key that is gone, and a rule that an admin changes
		add(time.Duration(i)*time.Hour, mailed("mail.token-guess", "mail", i, 2))
		add(9*time.Hour+time.Duration(i)*time.Minute, by(1, "automation.change", "automation/2", map[string]any{"to": map[string]any{"then": []string{"team"}}}))
		add(time.Duration(i)*time.Hour, by(0, "domain.state", "domain/x.example", map[string]any{"before": "active", "after": "active", "found": []string{"tls-rpt x.example"}}))
	}
	for range 3 { // new colleagues
		add(working(), by(1, "user.add", "user/99", map[string]any{"role": "agent"}))
	}
	for range 2000 { // mail
		add(time.Duration(random.Int64N(int64(24*time.Hour))), by(0, "ticket.reopen", "ticket/9", nil))
	}
	slices.SortStableFunc(list, func(a, b desk.AuditEntry) int { return a.At.Compare(b.At) })
	if raised := alerts(list, defaults()); len(raised) != 0 {
		t.Errorf("%d entries raised %d alerts, the first: %+v", len(list), len(raised), raised[0])
	}
	t.Logf("%d entries", len(list))
}

// TestWhatIsRememberedIsBounded has an attacker come from ever new networks.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	w, r := NewWatch(), defaults()
	at := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	for i := range 200_000 {
		e := by(0, "user.signin-failed", "user", nil)
		e.At, e.IP = at.Add(time.Duration(i)*time.Millisecond), fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff)
		w.See(e, r)
	}
	if len(w.counts) > mostCounted {
		t.Errorf("%d networks are remembered", len(w.counts))
	}
}

// TestAlertsAreRaisedOnceByAllProcesses has a second process take over in the middle of an attack.
func TestAlertsAreRaisedOnceByAllProcesses(t *testing.T) {
	d := newDesktop(t)
	d.now = time.Now()
	other := New(d.cfg)
	one, two := d.Watcher(), other.Watcher()
	values := desk.Values{}
	round := func(w *Watcher) (n int) {
		d.linkAll(t)
		raised, _, err := w.Round(t.Context(), values)
		if err != nil {
			t.Fatal(err)
		}
		return len(raised)
	}
	fail := func(n int) {
		err := d.store.Write(t.Context(), func(tx *store.Tx) error {
			for range n {
				if err := tx.Audit(t.Context(), desk.Actor{Via: "portal", IP: "192.0.2.7"}, "user.signin-failed", "user/3", nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	fail(30) // before anybody looked: it is no news
	if n := round(one); n != 0 {
		t.Errorf("%d alerts about what was before", n)
	}
	fail(6)
	if n := round(one); n != 1 { // it remembers the thirty
		t.Errorf("%d alerts, with what was before", n)
	}
	fail(6)
	if n := round(two) + round(one) + round(two); n != 0 {
		t.Errorf("%d alerts about the same", n)
	}
	page, err := d.Alerts(t.Context(), ownerOfSinks, false, "", 10)
	if err != nil || len(page.Items) != 1 || page.Items[0].Detector != string(Guesses) {
		t.Fatal(page, err)
	}
	for range 2 { // seen twice is seen
		err = errors.Join(err, d.SeeAlert(t.Context(), ownerOfSinks, page.Items[0].ID))
	}
	if err != nil {
		t.Error(err)
	}
	if left, err := d.Alerts(t.Context(), ownerOfSinks, true, "", 10); err != nil || len(left.Items) != 0 {
		t.Error(left, err)
	}
	for action, want := range map[string]int{"alert.raised": 1, "alert.seen": 1} {
		if log, err := d.store.AuditLog(t.Context(), desk.AuditQuery{Action: action}); err != nil || len(log.Items) != want {
			t.Errorf("%s: %d, %v", action, len(log.Items), err)
		}
	}
}

// TestWhatIsDoneIsAJobOfTheAlertsTransaction has a guess come right, of an agent and of an owner, with people to be suspended: the job is there with the alert, once, and an owner is only signed out.
func TestWhatIsDoneIsAJobOfTheAlertsTransaction(t *testing.T) {
	d := newDesktop(t)
	d.now = time.Now()
	people := map[desk.Role]int64{}
	for _, role := range []desk.Role{desk.RoleOwner, desk.RoleAgent} {
		if err := d.store.Write(t.Context(), func(tx *store.Tx) (err error) {
			person, err := tx.AddPerson(t.Context(), desk.User{Email: string(role) + "@desk.example", Name: string(role), Role: role})
			people[role] = person.ID
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	watcher, values := d.Watcher(), desk.Values{desk.AlertGuessedDo.Key: "suspend", desk.AlertSprayDo.Key: "throttle", desk.AlertSpray.Key: 10}
	round := func() {
		d.linkAll(t)
		if _, _, err := watcher.Round(t.Context(), values); err != nil {
			t.Fatal(err)
		}
	}
	round()
	for _, id := range people {
		if err := d.store.Write(t.Context(), func(tx *store.Tx) (err error) {
			subject := fmt.Sprintf("user/%d", id)
			for range 6 {
				err = errors.Join(err, tx.Audit(t.Context(), desk.Actor{Via: "portal", IP: "192.0.2.7"}, "user.signin-failed", subject, nil))
			}
			return errors.Join(err, tx.Audit(t.Context(), desk.Actor{User: desk.User{ID: id, Email: "x"}, Via: "portal", IP: "192.0.2.7"}, "user.signin", subject, nil))
		}); err != nil {
			t.Fatal(err)
		}
	}
	round()
	round()
	jobs, err := d.store.Pool().Query(t.Context(), `select args->>'do', coalesce(args->>'user', args->>'network') from river_job where kind = 'act_on_alert'`)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for jobs.Next() {
		var do, whom string
		if err := jobs.Scan(&do, &whom); err != nil {
			t.Fatal(err)
		}
		got[do+" "+whom]++
	}
	want := map[string]int{fmt.Sprintf("suspend %d", people[desk.RoleAgent]): 1, fmt.Sprintf("sign-out %d", people[desk.RoleOwner]): 1, "throttle 192.0.2.0/24": 1}
	if !maps.Equal(got, want) {
		t.Errorf("jobs %v, want %v", got, want)
	}
	// What a job does it does once, and it can be taken back once.
	if err := errors.Join(d.Slow(t.Context(), values, 7, "user/3"), d.Slow(t.Context(), values, 7, "user/3")); err != nil {
		t.Fatal(err)
	}
	if list, err := d.store.Throttles(t.Context(), d.now); err != nil || len(list) != 1 || list[0].Subject != "user/3" {
		t.Error(list, err)
	}
	if err := d.Unslow(t.Context(), ownerOfSinks, 7); err != nil {
		t.Error(err)
	}
	if err := d.Unslow(t.Context(), ownerOfSinks, 7); !errors.Is(err, errUndone) {
		t.Error("taken back twice:", err)
	}
	if list, err := d.store.Throttles(t.Context(), time.Now()); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
	for action, want := range map[string]int{"alert.throttle": 1, "alert.undone": 1} {
		if log, err := d.store.AuditLog(t.Context(), desk.AuditQuery{Action: action}); err != nil || len(log.Items) != want {
			t.Errorf("%s: %d, %v", action, len(log.Items), err)
		}
	}
}
