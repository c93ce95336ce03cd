package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SMTPLimits is what one client, or all of them together, may ask of the SMTP server. Zero is the server's own default, and a number below zero is no limit.
type SMTPLimits struct {
	Sessions        int           // open at once
	PerIP           int           // open at once from one address
	NewPerMinute    int           // sessions begun from one address
	MailsPerMinute  int           // mails begun from one address
	MailsPerSession int           // mails before the client has to connect again
	Recipients      int           // of one mail
	Unknown         int           // recipients in a session that are not ours
	Errors          int           // refusals in a session
	Commands        int           // between two mails
	Rate            int64         // octets a second of a mail, at least
	Idle            time.Duration // silence
	SessionTime     time.Duration // without a mail
	MailTime        time.Duration // from MAIL to the end of the mail
}

// off is the value of a limit that is not kept.
const off = -1

// most is the largest number that a limit can be.
const most = 1_000_000

// count reads a number, or off where the limit can be left away.
func (l *SMTPLimits) count(key, value string) (known bool, err error) {
	counts := []struct {
		key      string
		to       *int
		optional bool
	}{
		{"sessions", &l.Sessions, false}, {"per-ip", &l.PerIP, true}, {"new-per-minute", &l.NewPerMinute, true}, {"mails-per-minute", &l.MailsPerMinute, true},
		{"mails-per-session", &l.MailsPerSession, true}, {"recipients", &l.Recipients, false}, {"unknown", &l.Unknown, true}, {"errors", &l.Errors, false}, {"commands", &l.Commands, false},
	}
	for _, count := range counts {
		if count.key != key {
			continue
		}
		if count.optional && value == "off" {
			*count.to = off
			return true, nil
		}
		number, err := strconv.Atoi(value)
		switch {
		case (err != nil || number < 1 || number > most) && count.optional:
			return true, fmt.Errorf("%s=%s is neither a number from 1 to %d nor off", key, value, most)
		case err != nil || number < 1 || number > most:
			return true, fmt.Errorf("%s=%s is not a number from 1 to %d", key, value, most)
		}
		*count.to = number
		return true, nil
	}
	return false, nil
}

// duration reads a time.
func (l *SMTPLimits) duration(key, value string) (known bool, err error) {
	durations := []struct {
		key string
		to  *time.Duration
	}{{"idle", &l.Idle}, {"session-time", &l.SessionTime}, {"mail-time", &l.MailTime}}
	for _, one := range durations {
		if one.key != key {
			continue
		}
		read, err := time.ParseDuration(value)
		if err != nil || read < time.Second || read > 24*time.Hour {
			return true, fmt.Errorf("%s=%s is not a time from 1s to 24h, like 5m", key, value)
		}
		*one.to = read
		return true, nil
	}
	return false, nil
}

// limitNames are the words of the setting, for the reader of an error.
const limitNames = "sessions, per-ip, new-per-minute, mails-per-minute, mails-per-session, recipients, unknown, errors, commands, rate, idle, session-time, mail-time"

// UnmarshalText reads per-ip=50,idle=2m: what is not named keeps its default.
func (l *SMTPLimits) UnmarshalText(text []byte) error {
	var read SMTPLimits
	seen := map[string]bool{}
	for _, word := range words(text) {
		key, value, valued := strings.Cut(word, "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.ToLower(strings.TrimSpace(value))
		switch {
		case !valued:
			return fmt.Errorf("%q is not written like per-ip=50", word)
		case seen[key]:
			return fmt.Errorf("%s stands there twice", key)
		}
		seen[key] = true
		if err := read.set(key, value); err != nil {
			return err
		}
	}
	*l = read
	return nil
}

func (l *SMTPLimits) set(key, value string) error {
	if key == "rate" {
		var size Size
		if err := size.UnmarshalText([]byte(value)); err != nil || size < 1 {
			return fmt.Errorf("rate=%s is not a size like 1KiB, for each second", value)
		}
		l.Rate = int64(size)
		return nil
	}
	known, err := l.count(key, value)
	if !known && err == nil {
		known, err = l.duration(key, value)
	}
	if !known && err == nil {
		return fmt.Errorf("%q is no limit: there are %s", key, limitNames)
	}
	return err
}

// Blocklist is a zone of the DNS that lists addresses (RFC 5782), and how much its word counts: a client is listed if the weights of the zones that list it come to 1.
type Blocklist struct {
	Name   string
	Weight float64
}

// Blocklists is a list of them.
type Blocklists []Blocklist

// mostLists bounds the questions that one client costs.
const mostLists = 8

// UnmarshalText reads zone,zone=0.5. An error does not repeat the zone, whose first label may be the key of a subscription.
func (b *Blocklists) UnmarshalText(text []byte) error {
	var lists Blocklists
	for i, word := range words(text) {
		name, weight, weighted := strings.Cut(word, "=")
		list := Blocklist{Name: clean(strings.TrimSpace(name)), Weight: 1}
		if !hostname(list.Name) || !strings.Contains(list.Name, ".") {
			return fmt.Errorf("list %d is not a zone like bl.example.org", i+1)
		}
		if weighted {
			var err error
			if list.Weight, err = strconv.ParseFloat(strings.TrimSpace(weight), 64); err != nil || !(list.Weight > 0 && list.Weight <= 1) {
				return fmt.Errorf("list %d: the weight %q is not a number above 0 and up to 1", i+1, weight)
			}
		}
		lists = append(lists, list)
	}
	if len(lists) > mostLists {
		return fmt.Errorf("%d lists are too many for each client to be asked about: choose %d", len(lists), mostLists)
	}
	*b = lists
	return nil
}

// ListedAction is what happens to mail from a client that is listed: suspend or reject.
type ListedAction string

// UnmarshalText checks the word.
func (a *ListedAction) UnmarshalText(text []byte) error {
	word, err := oneOf(text, "suspend", "reject")
	*a = ListedAction(word)
	return err
}
