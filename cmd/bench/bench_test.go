package main

import (
	"bytes"
	"net/mail"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

func TestParseStatCountsFromTheEndOfTheCommand(t *testing.T) {
	t.Parallel()
	line := "42 (postgres: (walwriter) x) S 7 42 42 0 -1 4194624 100 0 0 0 11 5 20 4 20 0 1 0 1 2"
	got, err := parseStat([]byte(line))
	if want := (stat{pid: 42, parent: 7, ticks: 40}); err != nil || got != want {
		t.Errorf("parseStat = %+v, %v; want %+v", got, err, want)
	}
	for _, broken := range []string{"", "42", "42 (x) S 7", "x (y) S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"} {
		if _, err := parseStat([]byte(broken)); err == nil {
			t.Errorf("parseStat(%q) gives no error", broken)
		}
	}
}

func TestCPUOfThisProcessGrows(t *testing.T) {
	t.Parallel()
	before, err := cpuSeconds(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for after := before; after < before+0.05; {
		if after, err = cpuSeconds(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if peak, err := memoryPeak(os.Getpid()); err != nil || peak < 1 {
		t.Errorf("memoryPeak = %v, %v", peak, err)
	}
}

func TestMailsAreOfTheirSizeAndTheSameForEverybody(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	for name, size := range map[string]int{"4k": 4 << 10, "4ks": 5 << 10, "64k": 64 << 10, "64ktext": 64 << 10} {
		ours, theirs := newAuthor(7), newAuthor(7)
		ours.keys, theirs.keys = keys, keys
		seen := map[string]bool{}
		for range 20 {
			one, two := mustWrite(t, ours, name), mustWrite(t, theirs, name)
			if !bytes.Equal(unsigned(one.data), unsigned(two.data)) {
				t.Fatalf("%s: one seed, two mails", name)
			}
			if n := len(one.data); n < size*85/100 || n > size*115/100 {
				t.Errorf("%s: a mail of %d octets", name, n)
			}
			if i := bytes.Index(one.data, []byte("\r\n.")); i != len(one.data)-5 {
				t.Errorf("%s: a line begins with a dot at %d of %d", name, i, len(one.data))
			}
			read, err := mail.ReadMessage(bytes.NewReader(one.data))
			if err != nil {
				t.Fatal(err)
			}
			id := read.Header.Get("Message-ID")
			if seen[id] || !strings.Contains(read.Header.Get("From"), one.from) {
				t.Errorf("%s: Message-ID %s comes twice, or From is not %s", name, id, one.from)
			}
			seen[id] = true
		}
	}
}

func TestRowsAndPeersAreChecked(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{"-rows", "4k/10,64k/1", "-only", "postern"})
	if err != nil || len(s.rows) != 2 || s.rows[1] != (row{"64k", 1}) {
		t.Errorf("parse = %+v, %v", s, err)
	}
	for _, wrong := range []string{"-rows=5k/10", "-rows=4k/0", "-rows=4k", "-only=exim", "-mails=3", "-rounds=0"} {
		if _, err := parse([]string{wrong}); err == nil {
			t.Errorf("parse(%s) gives no error", wrong)
		}
	}
}

func TestMedianIsOfEachFigure(t *testing.T) {
	t.Parallel()
	r := row{"4k", 10}
	m := &measurement{samples: map[sampleKey][]sample{{r, "x"}: {{rate: 3, cpu: 1}, {rate: 1, cpu: 9}, {rate: 2, cpu: 5}}}}
	if got := m.median(r, "x"); got.rate != 2 || got.cpu != 5 {
		t.Errorf("median = %+v", got)
	}
}

func TestCollectorTellsMailsApart(t *testing.T) {
	t.Parallel()
	g := &gathering{ids: map[string]bool{}, complete: make(chan collected, 1)}
	g.await(2)
	header := "DKIM-Signature: v=1; a=rsa-sha256;\r\n b=x\r\nSubject: x\r\nMessage-ID: <%s>\r\n\r\nMessage-ID: <of the body>\r\n"
	for _, id := range []string{"a", "a", "b"} {
		if err := (collecting{g}).Data(strings.NewReader(strings.ReplaceAll(header, "%s", id))); err != nil {
			t.Fatal(err)
		}
	}
	if err := (collecting{g}).Data(strings.NewReader("Subject: unsigned\r\nMessage-ID: <c>\r\n\r\nx\r\n")); err != nil {
		t.Fatal(err)
	}
	if got := <-g.complete; got.Mails != 3 || got.Distinct != 2 || got.Unsigned != 0 {
		t.Errorf("complete after %+v", got)
	}
	if got := g.sum(); got.Mails != 4 || got.Distinct != 3 || got.Unsigned != 1 {
		t.Errorf("the sum is %+v", got)
	}
}

func TestWritersShareEverything(t *testing.T) {
	t.Parallel()
	for _, mails := range []int{0, 7, 200, 10_003} {
		var sum atomic.Int64
		if err := all(mails, func(_, mails int) error { sum.Add(int64(mails)); return nil }); err != nil || sum.Load() != int64(mails) {
			t.Errorf("%d mails: the writers get %d, %v", mails, sum.Load(), err)
		}
	}
}
