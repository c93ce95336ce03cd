package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// split reads every message under a path.
func split(t *testing.T, path string, stdin io.Reader) (messages []string) {
	t.Helper()
	err := eachMessage(path, stdin, func(m rawMessage) error {
		defer m.done()
		text, err := io.ReadAll(m.raw)
		messages = append(messages, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

func TestMboxIsCutAtFromLinesAfterAnEmptyLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200<<10)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"one mail that is no mbox":          {"Subject: a\n\nFrom here on\n", []string{"Subject: a\n\nFrom here on\n"}},
		"empty":                             {"", []string{""}},
		"two":                               {"From a\nS: 1\n\nb\n\nFrom b\nS: 2\n\nc\n", []string{"S: 1\n\nb\n\n", "S: 2\n\nc\n"}},
		"From within a paragraph":           {"From a\nS: 1\n\nb\nFrom c\n", []string{"S: 1\n\nb\nFrom c\n"}},
		"a quoted From keeps its quote":     {"From a\nS: 1\n\n>From c\n", []string{"S: 1\n\n>From c\n"}},
		"CRLF":                              {"From a\r\nS: 1\r\n\r\nb\r\n\r\nFrom b\r\nS: 2\r\n", []string{"S: 1\r\n\r\nb\r\n\r\n", "S: 2\r\n"}},
		"no newline at the end":             {"From a\nS: 1\n\nFrom b\nS: 2", []string{"S: 1\n\n", "S: 2"}},
		"lines longer than any buffer":      {"From a\n" + long + "\n\nFrom b\nS: 2\n", []string{long + "\n\n", "S: 2\n"}},
		"From in the middle of a long line": {"From a\nS: 1\n\n" + strings.Repeat("x", 64<<10) + "From b\n", []string{"S: 1\n\n" + strings.Repeat("x", 64<<10) + "From b\n"}},
	} {
		if got := split(t, "-", strings.NewReader(c.text)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %.200q, want %.200q", name, got, c.want)
		}
	}
}

func TestHeaderStandsInForTheEnvelope(t *testing.T) {
	t.Parallel()
	const mail = "Return-Path: <bounce@client.example>\nReceived: from a by b; Thu, 19 Nov 2026 10:00:05 +0000\nReceived: from c; Wed, 18 Nov 2026 10:00:00 +0000\n" +
		"Delivered-To: support@desk.example\nTo: Support <support@desk.example>, other@client.example\nDate: Tue, 17 Nov 2026 10:00:00 +0000\n\nhello\n"
	err := eachMessage("-", strings.NewReader(mail), func(m rawMessage) error {
		defer m.done()
		if m.returnPath != "bounce@client.example" || m.receivedAt.UTC().Format("02 15:04:05") != "19 10:00:05" {
			t.Errorf("return path %q, received %v", m.returnPath, m.receivedAt)
		}
		if got := strings.Join(m.addresses, " "); got != "support@desk.example other@client.example" {
			t.Errorf("addresses %q", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A file is open until the last of its messages was read, and no longer.
func TestFileIsClosedAfterItsLastMessage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "two.mbox")
	if err := os.WriteFile(path, []byte("From a\nS: 1\n\nFrom b\nS: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var messages []rawMessage
	if err := eachMessage(path, nil, func(m rawMessage) error { messages = append(messages, m); return nil }); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"S: 1\n\n", "S: 2\n"} {
		text, err := io.ReadAll(messages[i].raw)
		if err != nil || string(text) != want {
			t.Errorf("message %d: %q, %v", i+1, text, err)
		}
		messages[i].done()
	}
	if _, err := messages[0].raw.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file is still open: %v", err)
	}
}
