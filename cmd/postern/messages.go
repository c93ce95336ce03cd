package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// rawMessage is one message out of a file, a folder or standard input.
type rawMessage struct {
	name       string // for the line that is printed: path, and the number within an mbox
	raw        *io.SectionReader
	returnPath string
	receivedAt time.Time // by the mail's own topmost Received, else its Date; zero if neither says
	addresses  []string  // of header fields that may name a mailbox of ours
	done       func()    // to be called when raw is read no more
}

// source is a file that several messages may be read from at the same time. It is closed when the last of them is done with it.
type source struct {
	name  string
	file  *os.File
	users atomic.Int64
}

func newSource(name string, file *os.File) *source {
	s := &source{name: name, file: file}
	s.users.Store(1) // whoever splits it
	return s
}

func (s *source) done() {
	if s.users.Add(-1) == 0 {
		_ = s.file.Close() // it was only read
	}
}

// message is the part of the file from begin on. Its user calls done.
func (s *source) message(name string, begin, length int64) rawMessage {
	s.users.Add(1)
	m := describe(name, io.NewSectionReader(s.file, begin, length))
	m.done = s.done
	return m
}

// sizeOf is how many bytes a path holds.
func sizeOf(path string) (total int64, err error) {
	if path == "-" {
		return 0, errors.New("the size of standard input is not known")
	}
	err = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// eachMessage calls do for every message under a path: a file that begins with a From_ line is an mbox (RFC 4155), any other file is one message, a folder is walked:
// the cur and new of a Maildir, or all of its .eml and .mbox files.
func eachMessage(path string, stdin io.Reader, do func(rawMessage) error) error {
	if path == "-" {
		file, err := os.CreateTemp("", "postern-ingest-*")
		if err != nil {
			return fmt.Errorf("keep standard input: %w", err)
		}
		from := newSource("-", file)
		defer from.done()
		_ = os.Remove(file.Name()) // the open file lives on without its name
		if _, err := io.Copy(file, stdin); err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		return eachInFile(from, do)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return openAndEach(path, do)
	}
	return filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "tmp" && isMaildir(filepath.Dir(name)) { // not delivered yet
				return filepath.SkipDir
			}
			return nil
		}
		parent := filepath.Base(filepath.Dir(name))
		inMaildir := (parent == "cur" || parent == "new") && isMaildir(filepath.Dir(filepath.Dir(name)))
		if ending := strings.ToLower(filepath.Ext(name)); !inMaildir && ending != ".eml" && ending != ".mbox" && ending != ".mbx" {
			return nil
		}
		return openAndEach(name, do)
	})
}

func isMaildir(folder string) bool {
	for _, part := range []string{"cur", "new", "tmp"} {
		if info, err := os.Stat(filepath.Join(folder, part)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

func openAndEach(path string, do func(rawMessage) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	from := newSource(path, file)
	defer from.done()
	return eachInFile(from, do)
}

// eachInFile splits a file into its messages.
func eachInFile(from *source, do func(rawMessage) error) error {
	info, err := from.file.Stat()
	if err != nil {
		return err
	}
	start := make([]byte, 5)
	if n, _ := from.file.ReadAt(start, 0); n < 5 || !bytes.Equal(start, []byte("From ")) {
		return do(from.message(from.name, 0, info.Size()))
	}
	return eachInMbox(from, do)
}

// eachInMbox cuts an mbox at its From_ lines: those that follow an empty line. Lines that were quoted as >From keep their quote: which of them were quoted nobody knows.
func eachInMbox(from *source, do func(rawMessage) error) error {
	reader := bufio.NewReaderSize(io.NewSectionReader(from.file, 0, 1<<62), 64<<10)
	var at, begin int64 = 0, -1
	number, afterBlank := 0, true
	emit := func(end int64) error {
		if begin < 0 || end <= begin {
			return nil
		}
		number++
		return do(from.message(fmt.Sprintf("%s:%d", from.name, number), begin, end-begin))
	}
	for lineStart := true; ; {
		line, err := reader.ReadSlice('\n')
		if lineStart && afterBlank && bytes.HasPrefix(line, []byte("From ")) {
			if err := emit(at); err != nil {
				return err
			}
			begin = at + int64(len(line))
			if errors.Is(err, bufio.ErrBufferFull) {
				return fmt.Errorf("%s: a From_ line longer than 64 KiB: this is no mbox", from.name)
			}
		}
		at += int64(len(line))
		if lineStart {
			afterBlank = len(bytes.TrimRight(line, "\r\n")) == 0
		}
		lineStart = !errors.Is(err, bufio.ErrBufferFull)
		if errors.Is(err, io.EOF) {
			return emit(at)
		}
		if err != nil && lineStart {
			return err
		}
	}
}

// describe reads the few header fields that stand in for an envelope. A header that cannot be read leaves them empty; intake has a reader that bears more.
func describe(name string, raw *io.SectionReader) rawMessage {
	m := rawMessage{name: name, raw: raw}
	head, err := mail.ReadMessage(bufio.NewReader(io.NewSectionReader(raw, 0, min(raw.Size(), 1<<20))))
	if err != nil {
		return m
	}
	m.returnPath = strings.Trim(head.Header.Get("Return-Path"), "<> ")
	if _, when, found := cutLast(head.Header.Get("Received"), ";"); found {
		m.receivedAt, _ = mail.ParseDate(strings.TrimSpace(when))
	}
	if m.receivedAt.IsZero() {
		m.receivedAt, _ = head.Header.Date()
	}
	for _, field := range []string{"Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc"} {
		for _, value := range head.Header[field] {
			list, err := mail.ParseAddressList(value)
			if err != nil && !strings.ContainsAny(value, " ,<") {
				m.addresses = append(m.addresses, value)
			}
			for _, one := range list {
				m.addresses = append(m.addresses, one.Address)
			}
		}
	}
	m.addresses = slices.Compact(m.addresses)
	return m
}

func cutLast(s, sep string) (before, after string, found bool) {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(sep):], true
}
