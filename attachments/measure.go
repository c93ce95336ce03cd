package attachments

import (
	"errors"
	"fmt"
	"hash"
	"io"
)

// measured counts and hashes what is read, and fails when it is not as long as was said: otherwise a reader that holds too much would be stored cut, and never open again.
type measured struct {
	r      io.Reader
	size   int64 // -1: not known
	read   int64
	hash   hash.Hash
	ended  bool  // the end was seen, at the right place
	failed error // what went wrong in here, which those who read from here may have covered with an error of theirs
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.hash.Write(p[:n])
	m.read += int64(n)
	m.ended = errors.Is(err, io.EOF)
	switch {
	case m.size >= 0 && (m.read > m.size || m.ended && m.read < m.size):
		err = fmt.Errorf("%w: %d bytes, not %d", errSize, m.read, m.size)
		m.failed = err
	case err != nil && !m.ended:
		m.failed = err
	}
	return n, err
}

// whole says whether everything was read that there is. A store takes as many bytes as it was told and does not look for the end.
func (m *measured) whole() error {
	for !m.ended && m.failed == nil {
		m.Read(make([]byte, 1))
	}
	return m.failed
}

// exactly gives so many bytes or an error: an object cut at the edge of a package must not look like a shorter file.
type exactly struct {
	r    io.Reader
	left int64
	key  string
	io.Closer
}

func (e *exactly) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && e.left > 0:
		return n, fmt.Errorf("read file %s: %w", e.key, io.ErrUnexpectedEOF)
	case err != nil && !errors.Is(err, io.EOF):
		return n, fmt.Errorf("read file %s: %w", e.key, err)
	}
	return n, err
}
