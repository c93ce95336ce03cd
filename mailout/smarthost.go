package mailout

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"postern/domains"
)

// Smarthost is a server that takes all mail for us.
type Smarthost struct {
	Host     string
	Port     int
	User     string // empty: no AUTH
	Implicit bool   // TLS from the first octet (RFC 8314 §3.3)
	password string
}

// ParseSmarthost reads smtp://user:pass@host:587 or smtps://user:pass@host:465. Without a port it is the one of submission: 587 or 465 (RFC 8314 §3.3). Errors never quote the URL, for it may hold a password.
func ParseSmarthost(text string) (*Smarthost, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("smarthost is not a URL; write smtp://user:password@host:587 and escape special characters of the password as %XX")
	}
	s := &Smarthost{Port: 587}
	switch parsed.Scheme {
	case "smtp":
	case "smtps":
		s.Port, s.Implicit = 465, true
	default:
		return nil, fmt.Errorf("smarthost scheme %q is neither smtp nor smtps", parsed.Scheme)
	}
	if parsed.Path != "" && parsed.Path != "/" || parsed.RawQuery != "" || parsed.Fragment != "" {
		return nil, errors.New("smarthost has more than user, password, host and port")
	}
	s.Host = parsed.Hostname()
	if _, isLiteral := literalHost(s.Host); !isLiteral {
		if s.Host, err = domains.ASCII(s.Host); err != nil {
			return nil, fmt.Errorf("smarthost: %w", err)
		}
	}
	if port := parsed.Port(); port != "" {
		if s.Port, err = strconv.Atoi(port); err != nil || s.Port < 1 || s.Port > 65535 {
			return nil, fmt.Errorf("smarthost port %q is none", port)
		}
	}
	if parsed.User != nil {
		s.User = parsed.User.Username()
		s.password, _ = parsed.User.Password()
	}
	return s, nil
}

// String names the smarthost without its password.
func (s *Smarthost) String() string {
	scheme := "smtp"
	if s.Implicit {
		scheme = "smtps"
	}
	return fmt.Sprintf("%s://%s:%d", scheme, s.Host, s.Port)
}
