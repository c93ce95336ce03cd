package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// rolePortal measures the pages of the portal on a large database, over HTTP, as browsers ask for them.
const rolePortal = "portal"

// portalSettings are its flags.
type portalSettings struct {
	data              string
	tickets, messages int
	requests, flying  int
	only              string
	append            string
	plans             string
	timeout           time.Duration
}

func parsePortal(args []string) (s portalSettings, err error) {
	flags := flag.NewFlagSet("bench portal", flag.ContinueOnError)
	flags.StringVar(&s.data, "data", "/var/tmp/postern-portal", "folder of the database; it is filled if it is empty, and kept for the next time")
	flags.IntVar(&s.tickets, "tickets", 200_000, "tickets of a database that is to be filled")
	flags.IntVar(&s.messages, "messages", 1_000_000, "messages of a database that is to be filled")
	flags.IntVar(&s.requests, "requests", 1000, "requests for each row")
	flags.IntVar(&s.flying, "flying", 20, "requests at a time")
	flags.StringVar(&s.only, "only", "", "rows whose name holds this")
	flags.StringVar(&s.append, "append", "", "append the result to this `file`")
	flags.StringVar(&s.plans, "plans", "", "write the plans of every statement of one request of each row into this `file`")
	flags.DurationVar(&s.timeout, "timeout", time.Hour, "give up after this long")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if s.requests < s.flying || s.flying < 1 {
		return s, errors.New("-requests: at least as many as -flying, which is 1 at least")
	}
	return s, nil
}

// benchPortal fills a database where there is none, starts Postern on it, signs in as an agent, and asks for page after page.
func benchPortal(args []string) error {
	s, err := parsePortal(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	names, err := startNames(nil)
	if err != nil {
		return err
	}
	defer func() { _ = names.stop() }() // nobody asks any more
	d := &deskMailer{binary: filepath.Join(s.data, "postern"), env: []string{
		"POSTERN_DATA=" + filepath.Join(s.data, "data"), "POSTERN_HOSTNAME=mail." + office, "POSTERN_LOG_LEVEL=warn", "POSTERN_DNS=" + names.addr(),
		"POSTERN_SMTP_ADDR=127.0.0.1:0", "POSTERN_HTTP_ADDR=127.0.0.1:0", "POSTERN_ADMIN_ADDR=127.0.0.1:0",
	}, names: names}
	if err := os.MkdirAll(s.data, 0o755); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", d.binary, "postern/cmd/postern").CombinedOutput(); err != nil {
		return fmt.Errorf("build Postern: %w: %s", err, out)
	}
	if err := d.start(ctx, "smtp,web,worker"); err != nil {
		return err
	}
	defer func() { _ = d.process.stop() }() // it is asked nothing any more
	v := &visit{settings: s, desk: d}
	if err := v.open(ctx); err != nil {
		return err
	}
	if s.plans != "" {
		return v.explain(ctx)
	}
	return v.all(ctx)
}

// visit is one agent in many tabs.
type visit struct {
	settings portalSettings
	desk     *deskMailer
	browser  *http.Client
	facts    portalFacts
}

// portalFacts is what the database holds, from which the rows choose.
type portalFacts struct {
	tickets, messages int64
	size              string
	version           string
	long              []int64 // tickets of about 50 messages
	any               []int64 // tickets
	mailboxes         []int64
	orders            []string // words that stand in one conversation
}

// open makes sure that the database is full, and signs in.
func (v *visit) open(ctx context.Context) error {
	conn, err := v.desk.process.database(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := v.fill(ctx, conn); err != nil {
		return err
	}
	if v.facts, err = portalFactsOf(ctx, conn); err != nil {
		return err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	v.browser = &http.Client{Jar: jar, Timeout: replyTime, Transport: &http.Transport{MaxIdleConnsPerHost: v.settings.flying}}
	return v.signIn(ctx)
}

// fill runs the program that makes the mails, once.
func (v *visit) fill(ctx context.Context, conn *pgx.Conn) error {
	var full bool
	if err := conn.QueryRow(ctx, `select exists (select from ticket)`).Scan(&full); err != nil || full {
		return err
	}
	command := exec.CommandContext(ctx, "go", "run", "postern/cmd/populate", fmt.Sprintf("--tickets=%d", v.settings.tickets), fmt.Sprintf("--messages=%d", v.settings.messages),
		"--data="+filepath.Join(v.settings.data, "data"))
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	return command.Run()
}

func portalFactsOf(ctx context.Context, conn *pgx.Conn) (f portalFacts, err error) {
	if err = conn.QueryRow(ctx, `
		select (select count(*) from ticket), (select count(*) from message where kind <> 'event'), pg_size_pretty(pg_database_size(current_database())), current_setting('server_version')`).
		Scan(&f.tickets, &f.messages, &f.size, &f.version); err != nil {
		return f, err
	}
	numbers := func(sql string) (list []int64, err error) {
		rows, err := conn.Query(ctx, sql)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[int64])
	}
	if f.long, err = numbers(`select ticket_id from message where kind <> 'event' group by ticket_id having count(*) between 48 and 60 order by ticket_id desc limit 100`); err != nil {
		return f, err
	}
	if f.any, err = numbers(`select id from ticket where id % 997 = 0 order by id desc limit 200`); err != nil {
		return f, err
	}
	if f.mailboxes, err = numbers(`select id from mailbox where removed_at is null order by id`); err != nil {
		return f, err
	}
	rows, err := conn.Query(ctx, `select distinct substring(subject from '\d\d-\d{7}') from ticket where id % 499 = 0 and subject ~ '\d\d-\d{7}' limit 200`)
	if err != nil {
		return f, err
	}
	f.orders, err = pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && (len(f.long) == 0 || len(f.any) == 0 || len(f.orders) == 0) {
		err = errors.New("the database holds no conversation of 50 messages: fill a larger one")
	}
	return f, err
}

// signIn is a person with a password at the form.
func (v *visit) signIn(ctx context.Context) error {
	const email, password = "bench-agent@lumen.example", "a long road to the lighthouse"
	add := exec.CommandContext(ctx, v.desk.binary, "user", "add", "--email", email, "--name", "Bench Agent", "--role", "admin", "--password-stdin")
	add.Env, add.Stdin = append(os.Environ(), v.desk.env...), strings.NewReader(password+"\n")
	if out, err := add.CombinedOutput(); err != nil && !strings.Contains(string(out), "already") {
		return fmt.Errorf("add the agent: %w: %s", err, out)
	}
	unlimited := exec.CommandContext(ctx, v.desk.binary, "settings", "set", "limit.session", "0") // one session works for twenty people
	if unlimited.Env = add.Env; unlimited.Run() != nil {
		return errors.New("limit.session could not be set")
	}
	answer, err := v.browser.PostForm("http://"+v.desk.web+"/sign-in", url.Values{"email": {email}, "password": {password}, "next": {"/tickets"}})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.Request.URL.Path != "/tickets" {
		return fmt.Errorf("signing in leads to %s", answer.Request.URL.Path)
	}
	return nil
}

// portalRow is one kind of request.
type portalRow struct {
	name  string
	limit int // milliseconds at p95 that it must not take longer than; 0: nobody said
	path  func(i int) string
	part  string // the element that a script asks for; empty: the whole page
}

func through[T any](list []T, path func(T) string) func(int) string {
	return func(i int) string { return path(list[i%len(list)]) }
}

// rows are what is measured. Each asks for something else with every request, so that nothing is answered from what the last one left.
func (v *visit) rows() []portalRow {
	views := []string{"", "?view=mine", "?view=unassigned", "?view=pending", "?view=solved", "?view=all", fmt.Sprintf("?mailbox=%d", v.facts.mailboxes[0])}
	common := []string{"order", "the", "you", "grazie", "bitte", "bonjour", "thank", "order the", "numero", "parcel"}
	operators := []string{"from:martin", "status:open invoice", "tag:billing order", `"new tracking number"`, "subject:invoice status:pending", "order -parcel", "before:2026-03-01 refund", "to:billing the"}
	search := func(q string) string { return "/tickets?q=" + url.QueryEscape(q) }
	return []portalRow{
		{"list", 100, through(views, func(q string) string { return "/tickets" + q }), ""},
		{"ticket of 50 messages", 150, through(v.facts.long, func(n int64) string { return fmt.Sprintf("/tickets/%d", n) }), ""},
		{"ticket of 50 messages, opened from the list", 150, through(v.facts.long, func(n int64) string { return fmt.Sprintf("/tickets/%d", n) }), "work"},
		{"any ticket, opened from the list", 150, through(v.facts.any, func(n int64) string { return fmt.Sprintf("/tickets/%d", n) }), "work"},
		{"counts of the rail", 100, func(int) string { return "/rail" }, "rail-links"},
		{"search, common words", 100, through(common, search), ""},
		{"search, a rare word", 100, through(v.facts.orders, search), ""},
		{"search, a word that nobody wrote", 100, func(i int) string { return search(fmt.Sprintf("zq%dx", i)) }, ""},
		{"search, operators", 100, through(operators, search), ""},
	}
}

// taken is what a row cost.
type taken struct {
	row           portalRow
	waits         []time.Duration
	rate          float64
	cpu, database float64 // milliseconds a request
	bytes         int64   // of an answer, on average
}

func (t taken) at(part float64) float64 {
	return float64(t.waits[min(len(t.waits)-1, int(part*float64(len(t.waits))))].Microseconds()) / 1000
}

// all measures row after row and publishes.
func (v *visit) all(ctx context.Context) error {
	var results []taken
	for _, row := range v.rows() {
		if !strings.Contains(row.name, v.settings.only) {
			continue
		}
		if _, err := v.ask(ctx, row, max(2*v.settings.flying, 60)); err != nil { // statements are prepared, pages are in memory
			return err
		}
		one, err := v.ask(ctx, row, v.settings.requests)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%-46s p50 %6.1f  p95 %6.1f  p99 %6.1f ms  %5.0f/s  %.1f ms CPU (PostgreSQL %.1f)  %d KiB\n",
			row.name, one.at(.5), one.at(.95), one.at(.99), one.rate, one.cpu, one.database, one.bytes>>10)
		results = append(results, one)
	}
	return v.publish(ctx, results)
}

// ask makes so many requests of a row, some at a time.
func (v *visit) ask(ctx context.Context, row portalRow, requests int) (t taken, err error) {
	t = taken{row: row, waits: make([]time.Duration, requests)}
	before, databaseBefore, err := spent(v.desk.process)
	if err != nil {
		return t, err
	}
	var next, size atomic.Int64
	failures := make([]error, v.settings.flying)
	start := time.Now()
	var flying sync.WaitGroup
	for tab := range v.settings.flying {
		flying.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= requests {
					return
				}
				began := time.Now()
				n, err := v.get(ctx, row, i)
				if err != nil {
					failures[tab] = err
					return
				}
				t.waits[i] = time.Since(began)
				size.Add(n)
			}
		})
	}
	flying.Wait()
	took := time.Since(start)
	if err := errors.Join(failures...); err != nil {
		return t, err
	}
	after, databaseAfter, err := spent(v.desk.process)
	t.rate, t.bytes = float64(requests)/took.Seconds(), size.Load()/int64(requests)
	t.cpu, t.database = (after-before)*1000/float64(requests), (databaseAfter-databaseBefore)*1000/float64(requests)
	slices.SortFunc(t.waits, func(a, b time.Duration) int { return cmp.Compare(a, b) })
	return t, err
}

// get asks for one page and reads it to its end.
func (v *visit) get(ctx context.Context, row portalRow, i int) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+v.desk.web+row.path(i), nil)
	if err != nil {
		return 0, err
	}
	if row.part != "" {
		request.Header.Set("HX-Request", "true")
		request.Header.Set("HX-Target", row.part)
	}
	answer, err := v.browser.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || answer.Request.URL.Path == "/sign-in") {
		err = fmt.Errorf("%s: %s at %s", row.path(i), answer.Status, answer.Request.URL.Path)
	}
	return n, err
}

// publish prints the result.
func (v *visit) publish(ctx context.Context, results []taken) error {
	commit := "unknown"
	if out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--exclude=*").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n## Pages of the portal: %s, commit %s\n\n%d CPUs, %s, PostgreSQL %s; %d tickets, %d mails and notes, %s. %d requests a row, %d at a time, by a generator on the same CPUs. Load afterwards: %s.\n\n",
		time.Now().UTC().Format("2006-01-02 15:04 MST"), commit, runtime.NumCPU(), runtime.Version(), v.facts.version, v.facts.tickets, v.facts.messages, v.facts.size,
		v.settings.requests, v.settings.flying, loadAverage())
	fmt.Fprint(&b, "| request | p50 ms | p95 ms | aim | p99 ms | requests/s | CPU ms a request | of it PostgreSQL's | KiB |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, t := range results {
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %d | %.0f | %.0f | %.1f | %.1f | %d |\n", t.row.name, t.at(.5), t.at(.95), t.row.limit, t.at(.99), t.rate, t.cpu, t.database, t.bytes>>10)
	}
	if _, err := io.WriteString(os.Stdout, b.String()); err != nil || v.settings.append == "" {
		return err
	}
	out, err := os.OpenFile(v.settings.append, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, b.String())
	return errors.Join(err, out.Close())
}
