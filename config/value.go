package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Switch is on or off.
type Switch bool

// UnmarshalText reads on, off and their usual synonyms.
func (s *Switch) UnmarshalText(text []byte) error {
	switch strings.ToLower(string(text)) {
	case "on", "true", "yes", "1":
		*s = true
	case "off", "false", "no", "0", "":
		*s = false
	default:
		return fmt.Errorf("%q is neither on nor off", text)
	}
	return nil
}

// Size is a number of bytes.
type Size int64

// units are the suffixes of a size. K and KB mean 1024 as well: nobody who limits mail means 1000.
var units = []struct {
	suffix string
	bytes  Size
}{
	{"gib", 1 << 30}, {"mib", 1 << 20}, {"kib", 1 << 10}, {"gb", 1 << 30}, {"mb", 1 << 20}, {"kb", 1 << 10}, {"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"b", 1},
}

// UnmarshalText reads 50MiB, 50M or 52428800.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := strings.ToLower(strings.TrimSpace(string(text))), Size(1)
	for _, known := range units {
		if rest, ok := strings.CutSuffix(number, known.suffix); ok {
			number, unit = strings.TrimSpace(rest), known.bytes
			break
		}
	}
	count, err := strconv.ParseInt(number, 10, 64)
	if err != nil || count < 0 || count > (1<<62)/int64(unit) {
		return fmt.Errorf("%q is not a size like 50MiB", text)
	}
	*s = Size(count) * unit
	return nil
}

// String writes the size in the largest unit that divides it.
func (s Size) String() string {
	for i, name := range []string{"GiB", "MiB", "KiB"} {
		if unit := units[i].bytes; s >= unit && s%unit == 0 {
			return fmt.Sprintf("%d%s", s/unit, name)
		}
	}
	return fmt.Sprintf("%d bytes", int64(s))
}

// Listener is host:port to listen on. The port may be 0: the kernel chooses one.
type Listener string

// UnmarshalText checks the form.
func (l *Listener) UnmarshalText(text []byte) error {
	addr := strings.TrimSpace(string(text))
	if err := hostPort(addr); err != nil {
		return err
	}
	*l = Listener(addr)
	return nil
}

// Perhaps is host:port to listen on, or nothing.
type Perhaps string

// UnmarshalText checks the form.
func (p *Perhaps) UnmarshalText(text []byte) error {
	addr := strings.TrimSpace(string(text))
	if addr != "" {
		if err := hostPort(addr); err != nil {
			return err
		}
	}
	*p = Perhaps(addr)
	return nil
}

// Hosts is a list of host names.
type Hosts []string

// UnmarshalText reads a comma-separated list.
func (h *Hosts) UnmarshalText(text []byte) error {
	names := words(text)
	for i, name := range names {
		if names[i] = clean(name); !hostname(names[i]) {
			return fmt.Errorf("%q is not a host name like mail.example.com", name)
		}
	}
	*h = names
	return nil
}

// Listeners is a list of host:port to listen on.
type Listeners []string

// UnmarshalText reads a comma-separated list of at least one.
func (l *Listeners) UnmarshalText(text []byte) error {
	addrs := words(text)
	if len(addrs) == 0 {
		return fmt.Errorf("no address to listen on: write host:port")
	}
	for _, addr := range addrs {
		if err := hostPort(addr); err != nil {
			return err
		}
	}
	*l = addrs
	return nil
}

// Networks is a list of IP networks.
type Networks []netip.Prefix

// UnmarshalText reads a comma-separated list of networks; an address alone is the network of that one address.
func (n *Networks) UnmarshalText(text []byte) error {
	var networks Networks
	for _, word := range words(text) {
		prefix, err := netip.ParsePrefix(word)
		if err != nil {
			addr, err := netip.ParseAddr(word)
			if err != nil {
				return fmt.Errorf("%q is not a network like 10.0.0.0/8", word)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if prefix != prefix.Masked() {
			return fmt.Errorf("%s has bits beyond its length: did you mean %s", word, prefix.Masked())
		}
		networks = append(networks, prefix)
	}
	*n = networks
	return nil
}

// Servers is a list of DNS servers, host:port each.
type Servers []string

// UnmarshalText reads a comma-separated list; without a port it is 53.
func (s *Servers) UnmarshalText(text []byte) error {
	var servers Servers
	for _, word := range words(text) {
		if addr, err := netip.ParseAddr(strings.Trim(word, "[]")); err == nil {
			word = net.JoinHostPort(addr.String(), "53")
		} else if !strings.Contains(word, ":") {
			word = net.JoinHostPort(word, "53")
		}
		if err := hostPort(word); err != nil {
			return err
		}
		servers = append(servers, word)
	}
	*s = servers
	return nil
}

// Milters is a list of mail filters' addresses, in the form that other mail servers use: unix:/path or inet:host:port.
type Milters []string

// UnmarshalText reads a comma-separated list.
func (m *Milters) UnmarshalText(text []byte) error {
	addrs := words(text)
	for _, addr := range addrs {
		kind, rest, _ := strings.Cut(addr, ":")
		switch {
		case kind == "unix" && rest != "":
		case kind == "inet" && hostPort(rest) == nil:
		default:
			return fmt.Errorf("%q is not a filter's address like unix:/run/filter.sock or inet:127.0.0.1:11332", addr)
		}
	}
	*m = addrs
	return nil
}

// DNSSEC says which resolvers' word counts.
type DNSSEC string

// UnmarshalText checks the word.
func (d *DNSSEC) UnmarshalText(text []byte) error {
	word, err := oneOf(text, "auto", "on", "off")
	*d = DNSSEC(word)
	return err
}

// LogFormat is text, json, or empty: text on a terminal, else json.
type LogFormat string

// UnmarshalText checks the word.
func (f *LogFormat) UnmarshalText(text []byte) error {
	word, err := oneOf(text, "", "text", "json")
	*f = LogFormat(word)
	return err
}

// LogLevel is the least important line that is logged.
type LogLevel string

// UnmarshalText checks the word.
func (l *LogLevel) UnmarshalText(text []byte) error {
	word, err := oneOf(text, "info", "debug", "warn", "error")
	*l = LogLevel(word)
	return err
}

// oneOf returns the word that text is, in small letters; empty text is the first.
func oneOf(text []byte, words ...string) (string, error) {
	word := strings.ToLower(strings.TrimSpace(string(text)))
	if word == "" {
		return words[0], nil
	}
	if !slices.Contains(words, word) {
		return "", fmt.Errorf("%q is none of: %s", text, strings.Trim(strings.Join(words, ", "), ", "))
	}
	return word, nil
}

// words cuts a comma-separated list; empty places are left out.
func words(text []byte) []string {
	var found []string
	for word := range strings.SplitSeq(string(text), ",") {
		if word = strings.TrimSpace(word); word != "" {
			found = append(found, word)
		}
	}
	return found
}

func hostPort(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is not host:port, like 127.0.0.1:2525", addr)
	}
	return nil
}
