package audit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"postern/desk"
)

// outlet brings messages to one sink.
type outlet interface {
	// send hands messages on, in order.
	send(ctx context.Context, messages []Message) error
	// certain is the last link that has certainly arrived: it may be behind what was sent. An error says that what was sent after it may be lost.
	certain() (seq int64, err error)
	// close ends it, and waits a moment for what is on its way.
	close()
}

const (
	dialTime = 10 * time.Second
	sendTime = 20 * time.Second
	// settled is how long after a message was written, on a connection that still stands, it counts as arrived: syslog has no answers (RFC 5425 §4.4), and what a server that died had not read is lost without a word.
	settled = 30 * time.Second
	// ackTime is after how long without a word from the other side's kernel a connection ends: shorter than settled.
	ackTime = 20 * time.Second
	// farewell is how long the other side may take to read what is on its way.
	farewell = 3 * time.Second
)

// outletOf opens a sink.
func (s *Service) outletOf(ctx context.Context, sink desk.Sink) (outlet, error) {
	switch sink.Kind {
	case desk.SinkSyslog:
		return s.dialSyslog(ctx, sink)
	case desk.SinkWebhook:
		key, err := s.cfg.Keys.Open(secretOf(sink.ID), sink.Secret)
		if err != nil {
			return nil, fmt.Errorf("the secret cannot be opened: %w", err)
		}
		config, err := tlsOf(sink, "")
		if err != nil {
			return nil, err
		}
		transport := &http.Transport{DialContext: s.dialer().DialContext, TLSClientConfig: config, TLSHandshakeTimeout: dialTime, MaxIdleConns: 2, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
		client := &http.Client{Transport: transport, Timeout: sendTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		return &webhook{address: sink.Address, name: sink.Name, key: key, client: client, now: s.now, at: sink.Place}, nil
	case desk.SinkFile:
		if s.cfg.Folder == "" || !nameOfSink.MatchString(sink.Name) {
			return nil, errors.New("this process writes no files")
		}
		return &file{path: filepath.Join(s.cfg.Folder, sink.Name+".jsonl"), at: sink.Place}, nil
	}
	return nil, fmt.Errorf("unknown kind of sink %q", sink.Kind)
}

// dialer connects to where the policy allows, by the address that a name stands for at that moment.
func (s *Service) dialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTime, Control: func(_, address string, raw syscall.RawConn) error {
		place, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if s.cfg.Refuse != nil {
			if err := s.cfg.Refuse(place.Addr().Unmap()); err != nil {
				return err
			}
		}
		return giveUpAfter(raw, ackTime)
	}}
}

// tlsOf is how the other side proves itself.
func tlsOf(sink desk.Sink, host string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if sink.Authority != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(sink.Authority)) {
			return nil, errors.New("there is no certificate among its authorities")
		}
	}
	return config, nil
}

// syslog sends RFC 5424 messages over TLS (RFC 5425).
type syslog struct {
	conn     *tls.Conn
	hostname string
	process  string

	mu      sync.Mutex
	arrived int64
	waiting []passed // written, and not yet settled
	broken  error
	ended   chan struct{} // closed when the other side has ended the connection
}

// passed is a message that was written.
type passed struct {
	seq int64
	at  time.Time
}

func (s *Service) dialSyslog(ctx context.Context, sink desk.Sink) (*syslog, error) {
	host, _, err := net.SplitHostPort(sink.Address)
	if err != nil {
		return nil, err
	}
	config, err := tlsOf(sink, host)
	if err != nil {
		return nil, err
	}
	conn, err := (&tls.Dialer{NetDialer: s.dialer(), Config: config}).DialContext(ctx, "tcp", sink.Address)
	if err != nil {
		return nil, err
	}
	secured, is := conn.(*tls.Conn)
	if !is {
		return nil, errors.New("no TLS")
	}
	out := &syslog{conn: secured, hostname: s.cfg.Hostname, process: strconv.Itoa(os.Getpid()), arrived: sink.Place, ended: make(chan struct{})}
	go out.listen()
	return out, nil
}

// listen notices that the other side has gone: a syslog server never says anything.
func (o *syslog) listen() {
	_, err := io.Copy(io.Discard, o.conn)
	if err == nil {
		err = io.EOF
	}
	o.mu.Lock()
	o.broken = fmt.Errorf("the server ended the connection: %w", err)
	o.mu.Unlock()
	close(o.ended)
}

func (o *syslog) send(ctx context.Context, messages []Message) error {
	o.mu.Lock()
	broken := o.broken
	o.mu.Unlock()
	if broken != nil {
		return broken
	}
	deadline := time.Now().Add(sendTime)
	if until, is := ctx.Deadline(); is && until.Before(deadline) {
		deadline = until
	}
	if err := o.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	var out bytes.Buffer
	for _, m := range messages {
		out.Write(frame(syslogLine(m, o.hostname, o.process)))
	}
	if _, err := o.conn.Write(out.Bytes()); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, passed{messages[len(messages)-1].Seq, time.Now()})
	return nil
}

func (o *syslog) certain() (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broken != nil {
		return o.arrived, o.broken
	}
	for len(o.waiting) > 0 && time.Since(o.waiting[0].at) > settled {
		o.arrived, o.waiting = o.waiting[0].seq, o.waiting[1:]
	}
	return o.arrived, nil
}

// close says that no more will come, and waits until the other side has read what did: then all of it has arrived.
func (o *syslog) close() {
	o.mu.Lock()
	whole := o.broken == nil
	o.mu.Unlock()
	if whole && o.conn.CloseWrite() == nil {
		select {
		case <-o.ended:
			o.mu.Lock()
			if errors.Is(o.broken, io.EOF) && len(o.waiting) > 0 {
				o.arrived, o.waiting = o.waiting[len(o.waiting)-1].seq, nil
			}
			o.mu.Unlock()
		case <-time.After(farewell):
		}
	}
	_ = o.conn.Close() // nothing more is asked of it
	<-o.ended
}

// webhook posts JSON lines, signed.
type webhook struct {
	address, name string
	key           []byte
	client        *http.Client
	now           func() time.Time
	at            int64
}

// Sign is the signature of a request: HMAC-SHA256 over the time, a dot and the body. The time keeps an old request from being sent again.
func Sign(key []byte, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

func (o *webhook) send(ctx context.Context, messages []Message) error {
	body := linesOf(messages)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	timestamp := strconv.FormatInt(o.now().Unix(), 10)
	request.Header.Set("Content-Type", JSONL.Type())
	request.Header.Set("User-Agent", "postern")
	request.Header.Set("Postern-Sink", o.name)
	request.Header.Set("Postern-Timestamp", timestamp)
	request.Header.Set("Postern-Signature", Sign(o.key, timestamp, body))
	answer, err := o.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("the webhook answered %d", answer.StatusCode)
	}
	o.at = messages[len(messages)-1].Seq
	return nil
}

func (o *webhook) certain() (int64, error) { return o.at, nil }
func (o *webhook) close()                  { o.client.CloseIdleConnections() }

// file appends JSON lines, and has them on the disk before they count. It is opened for each time, so that it may be moved away and begun anew.
type file struct {
	path string
	at   int64
}

func (o *file) send(_ context.Context, messages []Message) error {
	if err := os.MkdirAll(filepath.Dir(o.path), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(o.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	text := linesOf(messages)
	if cut, err := endsWithin(out); err != nil || cut { // a crash may have cut a line off: the next begins a line of its own
		text = append([]byte("\n"), text...)
	}
	_, err = out.Write(text)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	o.at = messages[len(messages)-1].Seq
	return nil
}

// endsWithin says whether a file ends within a line.
func endsWithin(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return last[0] != '\n', err
}

func (o *file) certain() (int64, error) { return o.at, nil }
func (o *file) close()                  {}

// linesOf is a line of JSON for each message.
func linesOf(messages []Message) []byte {
	var out bytes.Buffer
	for _, m := range messages {
		out.Write(m.Line)
		out.WriteByte('\n')
	}
	return out.Bytes()
}
