package mailout

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	idleTime = 10 * time.Second // how long a session waits for another mail: most servers hang up after minutes, and each one counts at the other end
	maxIdle  = 100              // sessions that wait, to all hosts together
	maxOpen  = 20               // connections to one address at a time, waiting ones among them
)

// pool keeps open sessions for the next mail, and bounds how many there are to one address. The zero value is ready.
type pool struct {
	mu     sync.Mutex
	idle   []*waiting // the longest waiting one first
	open   map[netip.AddrPort]int
	freed  chan struct{} // closed, and made anew, when a session is put back or ends
	closed bool
}

// waiting is a session that nobody uses at the moment.
type waiting struct {
	*session
	key   string
	timer *time.Timer
}

// keyOf tells apart what a session may be used for: mails that go to the same server, under the same requirement, by the same account.
func keyOf(to exchange, addr netip.AddrPort) string {
	user := ""
	if to.login != nil {
		user = to.login.User
	}
	return fmt.Sprintf("%s %s %t %s %s", to.name, addr, to.implicit, user, to.need.same())
}

// reserve gives a session that waits for such a mail, or else the right to open one, which release gives back. With neither to be had it waits as long as patience, and then says errBusy.
func (p *pool) reserve(ctx context.Context, key string, addr netip.AddrPort, patience time.Duration) (*session, error) {
	var deadline <-chan time.Time
	for {
		found, freed, ok := p.try(key, addr)
		if found != nil && !found.rouse(ctx) {
			p.end(found)
			continue
		}
		if ok {
			return found, nil
		}
		if deadline == nil {
			timer := time.NewTimer(patience)
			defer timer.Stop()
			deadline = timer.C
		}
		select {
		case <-freed:
		case <-deadline:
			return nil, errBusy
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// try is reserve without waiting: a session, or a right, or the channel that says when to ask again.
func (p *pool) try(key string, addr netip.AddrPort) (found *session, freed chan struct{}, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- { // the one that waits the shortest is the likeliest to be there still
		if p.idle[i].key == key {
			return p.remove(i), nil, true
		}
	}
	if p.open[addr] >= maxOpen {
		i := slices.IndexFunc(p.idle, func(w *waiting) bool { return w.at.addr == addr })
		if i < 0 {
			return nil, p.watch(), false
		}
		go p.end(p.remove(i)) // of use to other mails only; its right passes on
		p.open[addr]++
		return nil, nil, true
	}
	if p.open == nil {
		p.open = map[netip.AddrPort]int{}
	}
	p.open[addr]++
	return nil, nil, true
}

// remove takes a waiting session out of the list.
func (p *pool) remove(i int) *session {
	one := p.idle[i]
	one.timer.Stop()
	p.idle = slices.Delete(p.idle, i, i+1)
	return one.session
}

// watch is the channel that is closed when something changes.
func (p *pool) watch() chan struct{} {
	if p.freed == nil {
		p.freed = make(chan struct{})
	}
	return p.freed
}

// tell wakes those who wait.
func (p *pool) tell() {
	if p.freed != nil {
		close(p.freed)
		p.freed = nil
	}
}

// release gives back the right to have a connection open.
func (p *pool) release(addr netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[addr]--; p.open[addr] <= 0 {
		delete(p.open, addr)
	}
	p.tell()
}

// end closes a session and gives back its right.
func (p *pool) end(c *session) {
	c.quit()
	p.release(c.at.addr)
}

// put keeps a session for the next mail, if it can carry one.
func (p *pool) put(c *session, key string) {
	if c.spent || c.carried >= c.mails(maxMails) || !c.conn.stop() {
		p.end(c)
		return
	}
	one := &waiting{session: c, key: key}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.end(c)
		return
	}
	one.timer = time.AfterFunc(idleTime, func() { p.expire(one) })
	p.idle = append(p.idle, one)
	var surplus *session
	if len(p.idle) > maxIdle {
		surplus = p.remove(0)
	}
	p.tell()
	p.mu.Unlock()
	if surplus != nil {
		p.end(surplus)
	}
}

// expire ends a session that nobody wanted.
func (p *pool) expire(one *waiting) {
	p.mu.Lock()
	i := slices.Index(p.idle, one)
	if i >= 0 {
		p.remove(i)
	}
	p.mu.Unlock()
	if i >= 0 {
		p.end(one.session)
	}
}

// close ends all that wait, and keeps none from then on.
func (p *pool) close() {
	p.mu.Lock()
	var all []*session
	for len(p.idle) > 0 {
		all = append(all, p.remove(0))
	}
	p.closed = true
	p.mu.Unlock()
	var done sync.WaitGroup
	for _, one := range all {
		done.Go(func() { p.end(one) })
	}
	done.Wait()
}

// rouse makes a waiting session part of another delivery. It says false where the server has said something meanwhile, which is goodbye, or has gone.
func (c *session) rouse(ctx context.Context) bool {
	c.used, c.at.since = true, time.Now()
	c.conn.bind(ctx)
	c.spent = c.in.Buffered() > 0 || !quiet(c.conn.Conn)
	return !c.spent
}

// quiet says whether nothing has come over a connection, not even its end, without taking anything from it.
func quiet(conn net.Conn) bool {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	still := false
	err = raw.Read(func(fd uintptr) bool {
		var octet [1]byte
		_, _, err := syscall.Recvfrom(int(fd), octet[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		still = err == syscall.EAGAIN
		return true
	})
	return err == nil && still
}
