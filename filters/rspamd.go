package filters

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"postern/desk"
)

const (
	rspamdAnswer = 1 << 20 // octets; an ordinary answer has 2 to 10 KiB
	longMail     = 1 << 20 // octets; a shorter one is never too long for rspamd
	scanPort     = "11333" // of rspamd's scanning worker, as it is installed
	learnPort    = "11334" // of its controller
)

// rspamd asks Rspamd over HTTP (its protocol: POST /checkv2 with the mail as body and the envelope as header fields).
type rspamd struct {
	scan     string // URL without a final slash
	learn    string // URL of the controller
	password string // of the controller
	hostname string
	client   *http.Client
}

func newRspamd(text, hostname string) (*rspamd, error) {
	where, err := url.Parse(text)
	if err != nil || where.Hostname() == "" || (where.Scheme != "http" && where.Scheme != "https") {
		return nil, errors.New("rspamd: its address is not a URL like http://127.0.0.1:11333")
	}
	r := &rspamd{hostname: hostname}
	if where.User != nil {
		r.password, _ = where.User.Password()
	}
	where.User, where.RawQuery, where.Fragment = nil, "", ""
	where.Path = strings.TrimRight(where.Path, "/")
	r.scan = where.String()
	if where.Port() == scanPort { // as rspamc does
		where.Host = net.JoinHostPort(where.Hostname(), learnPort)
	}
	r.learn = where.String()
	r.client = &http.Client{
		// No proxy from the environment: the address is meant as it stands. No connections kept: rspamd closes each, and one that it closed too early would cost a retry.
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r, nil
}

// ask sends the mail for scanning.
func (r *rspamd) ask(ctx context.Context, mail Mail) (desk.Opinion, error) {
	reply, err := r.post(ctx, r.scan+"/checkv2", envelopeFields(mail, r.hostname), mail.Raw)
	tooLong := unable{"the mail is longer than rspamd takes (max_message)"}
	if err != nil && ctx.Err() == nil && mail.Raw.Size() > longMail {
		// Up to 3.4 at least it hangs up without a word on what is too long for it. If it is there all the same, that is what has happened.
		if _, pingErr := r.ping(ctx); pingErr == nil {
			return desk.Opinion{}, tooLong
		}
	}
	if err != nil {
		return desk.Opinion{}, err
	}
	switch reply.status {
	case http.StatusOK:
		return parseRspamd(reply.body)
	case http.StatusRequestEntityTooLarge:
		return desk.Opinion{}, tooLong
	}
	return desk.Opinion{}, reply
}

// envelopeFields says in rspamd's words how the mail came.
func envelopeFields(mail Mail, hostname string) http.Header {
	env := mail.Envelope
	fields := http.Header{}
	set := func(name, value string) {
		if value = cut(value, 1<<10); value != "" {
			fields.Set(name, value)
		}
	}
	if env.RemoteIP.IsValid() {
		set("IP", env.RemoteIP.Unmap().WithZone("").String())
	}
	set("Helo", env.Helo)
	set("Hostname", mail.PTR)
	set("From", "<"+env.MailFrom+">")
	for _, to := range env.Recipients {
		fields.Add("Rcpt", cut("<"+to+">", 1<<10))
	}
	set("Queue-Id", env.Session)
	set("MTA-Name", hostname)
	if version, cipher, _ := strings.Cut(env.TLS, " "); version != "" {
		set("TLS-Version", version)
		set("TLS-Cipher", cmp.Or(cipher, "unknown"))
	}
	return fields
}

// parseRspamd reads the answer to /checkv2.
func parseRspamd(body []byte) (desk.Opinion, error) {
	var answer struct {
		Score    *float64 `json:"score"`
		Required float64  `json:"required_score"`
		Action   string   `json:"action"`
		Symbols  map[string]struct {
			Score       float64 `json:"score"`
			Description string  `json:"description"`
			Options     []any   `json:"options"`
		} `json:"symbols"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return desk.Opinion{}, fmt.Errorf("its answer cannot be read: %w", err)
	}
	action := cut(answer.Action, 40)
	if answer.Score == nil || action == "" {
		return desk.Opinion{}, errors.New("its answer has no score or no action: this is no rspamd")
	}
	opinion := desk.Opinion{Score: *answer.Score, Required: answer.Required, Action: action}
	for name, symbol := range answer.Symbols {
		opinion.Symbols = append(opinion.Symbols, desk.Symbol{Name: name, Score: symbol.Score})
	}
	slices.SortFunc(opinion.Symbols, func(a, b desk.Symbol) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Score), math.Abs(a.Score)), strings.Compare(a.Name, b.Name))
	})
	opinion.Symbols = slices.Clone(opinion.Symbols[:min(len(opinion.Symbols), mostSymbols)])
	for i := range opinion.Symbols {
		symbol := &opinion.Symbols[i]
		found := answer.Symbols[symbol.Name]
		symbol.Note = note(found.Description, found.Options)
		symbol.Name = cut(symbol.Name, 100)
	}
	return opinion, nil
}

// note puts together what a rule looks for and what it found.
func note(description string, options []any) string {
	var found []string
	for _, option := range options[:min(len(options), 10)] {
		if text, ok := option.(string); ok {
			found = append(found, cut(text, 100))
		}
	}
	parts := []string{description, strings.Join(found, ", ")}
	return cut(strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ": "), longText)
}

// Learning is what a person said about a mail.
type Learning string

const (
	LearnSpam Learning = "spam" // marked as spam
	LearnHam  Learning = "ham"  // released from the suspended mail
)

// Learn tells rspamd what a person thinks of a mail; rspamd's statistics learn from it. Saying the same twice is fine, and so is a mail that is too short to learn from;
// the opposite of what was said before replaces it. Without rspamd there is nobody to tell, and nothing happens.
//
// Learning is the controller's. If the URL has the port of the scanning worker as it is installed, 11333, the controller is taken to be beside it on 11334; with any other
// port the URL must be the controller's own, which also scans. An error may pass by itself (no connection), or not (a wrong password).
func (c *Chain) Learn(ctx context.Context, raw *io.SectionReader, as Learning) error {
	if c == nil || c.rspamd == nil {
		return nil
	}
	if as != LearnSpam && as != LearnHam {
		return fmt.Errorf("learning by rspamd: %q is neither spam nor ham", as)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %v", c.timeout))
	defer cancel()
	reply, err := c.rspamd.post(ctx, c.rspamd.learn+"/learn"+string(as), http.Header{}, raw)
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("learning by rspamd: %w", context.Cause(ctx))
	case err != nil:
		return fmt.Errorf("learning by rspamd: %w", err)
	case reply.status >= 200 && reply.status <= 299, reply.has("already learned"): // 204: nothing to learn from; 208 or, up to 3.4, 404: said before
		return nil
	}
	return fmt.Errorf("learning by rspamd: %w", reply)
}

// ping asks the scanning side; the version stands in the field Server.
func (r *rspamd) ping(ctx context.Context) (string, error) {
	reply, err := r.get(ctx, r.scan+"/ping")
	switch {
	case err != nil:
		return "", err
	case reply.status != http.StatusOK || !reply.has("pong"):
		return "", reply
	}
	return reply.server, nil
}

// pingLearning asks the controller for its figures, which it gives only to whom it would also learn from.
func (r *rspamd) pingLearning(ctx context.Context) (string, error) {
	reply, err := r.get(ctx, r.learn+"/stat")
	switch {
	case err != nil:
		return "", err
	case reply.status != http.StatusOK:
		return "", reply
	}
	return reply.server, nil
}

// httpReply is an answer, read whole.
type httpReply struct {
	status int
	server string
	body   []byte
}

func (r *httpReply) has(words string) bool { return strings.Contains(string(r.body), words) }

// Error makes a reply an error for those who expected another one.
func (r *httpReply) Error() string { return r.String() }

func (r *httpReply) String() string {
	text := fmt.Sprintf("it answered %d %s", r.status, http.StatusText(r.status))
	if body := cut(string(r.body), 200); body != "" {
		text += ": " + body
	}
	return text
}

func (r *rspamd) post(ctx context.Context, address string, fields http.Header, raw *io.SectionReader) (*httpReply, error) {
	body := &loan{src: io.NewSectionReader(raw, 0, raw.Size())}
	defer body.end()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, body)
	if err != nil {
		return nil, err
	}
	request.Header, request.ContentLength = fields, raw.Size()
	if raw.Size() == 0 {
		request.Body = http.NoBody
	}
	return r.do(request)
}

func (r *rspamd) get(ctx context.Context, address string) (*httpReply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return r.do(request)
}

func (r *rspamd) do(request *http.Request) (*httpReply, error) {
	request.Header.Set("User-Agent", "Postern")
	if r.password != "" {
		request.Header.Set("Password", r.password)
	}
	response, err := r.client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without method and URL, which say nothing new
		}
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, rspamdAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > rspamdAnswer {
		return nil, errTooMuch
	}
	return &httpReply{status: response.StatusCode, server: cut(response.Header.Get("Server"), 100), body: body}, nil
}

// loan lends a mail to the HTTP client, which may go on reading a body after it has returned the answer; by then the mail may be gone.
type loan struct {
	mu  sync.Mutex
	src io.Reader
}

func (l *loan) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.src == nil {
		return 0, errors.New("the mail is no longer there")
	}
	return l.src.Read(p)
}

func (l *loan) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.src = nil
}
