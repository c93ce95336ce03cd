package smtpd

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

const (
	// smallSpool holds the ordinary mail, of which there are many at once.
	smallSpool = 16 << 10
	// spoolBudget bounds what all larger mails together hold in memory; beyond it they wait in files, however small they are.
	spoolBudget = 32 << 20
)

// spools makes spools and reuses their memory.
type spools struct {
	dir    string
	memory int64 // a mail beyond this goes to a file
	small  sync.Pool
	large  sync.Pool
	held   atomic.Int64 // octets of large buffers in use
}

func newSpools(dir string, memory int64) *spools {
	memory = max(memory, smallSpool)
	return &spools{
		dir: dir, memory: memory,
		small: sync.Pool{New: func() any { b := make([]byte, 0, smallSpool); return &b }},
		large: sync.Pool{New: func() any { b := make([]byte, 0, memory); return &b }},
	}
}

// spool is one mail on its way from the socket to the Intake: in memory first, then in a file that has no name any more, so that not even a kill leaves it behind.
type spool struct {
	room *spools
	mem  *[]byte // nil once the mail is in the file
	file *os.File
	size int64
}

// open makes an empty spool. It must be closed.
func (r *spools) open() *spool {
	return &spool{room: r, mem: r.small.Get().(*[]byte)}
}

// Write appends to the mail. An error is that of the disk, and the mail is lost.
func (s *spool) Write(p []byte) (int, error) {
	if s.mem != nil && len(*s.mem)+len(p) > cap(*s.mem) {
		if err := s.grow(len(p)); err != nil {
			return 0, err
		}
	}
	s.size += int64(len(p))
	if s.mem != nil {
		*s.mem = append(*s.mem, p...)
		return len(p), nil
	}
	n, err := s.file.Write(p)
	if err != nil {
		return n, fmt.Errorf("write the spooled mail: %w", err)
	}
	return n, nil
}

// grow finds a place for more octets than the present buffer holds: the large buffer, or a file.
func (s *spool) grow(more int) error {
	old := s.mem
	if int64(len(*old)+more) <= s.room.memory && cap(*old) == smallSpool && s.room.reserve() {
		s.mem = s.room.large.Get().(*[]byte)
		*s.mem = append((*s.mem)[:0], *old...)
		s.room.release(old)
		return nil
	}
	file, err := os.CreateTemp(s.room.dir, "mail-*")
	if err != nil {
		return fmt.Errorf("make a spool file: %w", err)
	}
	s.file = file
	if err := os.Remove(file.Name()); err != nil {
		return fmt.Errorf("unlink the spool file: %w", err)
	}
	if _, err := file.Write(*old); err != nil {
		return fmt.Errorf("write the spooled mail: %w", err)
	}
	s.mem = nil
	s.room.release(old)
	return nil
}

// reserve asks the budget for one large buffer.
func (r *spools) reserve() bool {
	if r.held.Add(r.memory) <= spoolBudget {
		return true
	}
	r.held.Add(-r.memory)
	return false
}

// release takes a buffer back.
func (r *spools) release(b *[]byte) {
	*b = (*b)[:0]
	if cap(*b) == smallSpool {
		r.small.Put(b)
		return
	}
	r.held.Add(-r.memory)
	r.large.Put(b)
}

// section is the whole mail, to be read from any place and several times until close.
func (s *spool) section() *io.SectionReader {
	if s.mem != nil {
		return io.NewSectionReader(bytes.NewReader(*s.mem), 0, s.size)
	}
	return io.NewSectionReader(s.file, 0, s.size)
}

// close gives back the memory or the disk space. Further calls do nothing.
func (s *spool) close() {
	if s.mem != nil {
		s.room.release(s.mem)
		s.mem = nil
	}
	if s.file != nil {
		// The file has no name and nobody will read it again: there is nothing to do about an error.
		_ = s.file.Close()
		s.file = nil
	}
}
