package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// The smallest limit that leaves room for an ordinary mail, and the largest that the message parser is meant for.
const (
	leastMessage Size = 64 << 10
	mostMessage  Size = 1 << 30
)

// leastLife of a signature leaves a day for our queue besides the two that a mail must have before it when it leaves.
const leastLife = 72 * time.Hour

// Check says what is wrong, all of it in one line, each part with what to do. Values that may hold a password are not repeated.
func (s Settings) Check() error {
	var wrong []string
	for _, err := range []error{s.checkNames(), s.checkTLS(), s.checkStorage(), s.checkMail()} {
		if err != nil {
			wrong = append(wrong, strings.Split(err.Error(), "\n")...)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}

func (s Settings) checkNames() error {
	var wrong []error
	if !hostname(s.Hostname) {
		wrong = append(wrong, fmt.Errorf("POSTERN_HOSTNAME %q is not a host name: set it to the name that the world knows this machine by, like mail.example.com", s.Hostname))
	}
	public, err := url.Parse(s.PublicURL)
	switch {
	case err != nil || public.Hostname() == "" || (public.Scheme != "http" && public.Scheme != "https"):
		wrong = append(wrong, errors.New("POSTERN_PUBLIC_URL is not a URL: write it like https://help.example.com"))
	case public.Path != "" || public.RawQuery != "" || public.Fragment != "" || public.User != nil:
		wrong = append(wrong, errors.New("POSTERN_PUBLIC_URL has more than scheme, host and port: the portal needs a host of its own, like https://help.example.com"))
	}
	if s.Data == "" {
		wrong = append(wrong, errors.New("POSTERN_DATA is empty: name a folder"))
	}
	return errors.Join(wrong...)
}

func (s Settings) checkTLS() error {
	var wrong []error
	if (s.TLSCert == "") != (s.TLSKey == "") {
		wrong = append(wrong, errors.New("POSTERN_TLS_CERT and POSTERN_TLS_KEY belong together: set both or neither"))
	}
	if s.ACME && s.TLSCert != "" {
		wrong = append(wrong, errors.New("POSTERN_ACME is on and POSTERN_TLS_CERT is set: choose one"))
	}
	if !s.ACME && (s.ACMEDirectory != "" || s.ACMECA != "") {
		wrong = append(wrong, errors.New("POSTERN_ACME_DIRECTORY or POSTERN_ACME_CA is set, but POSTERN_ACME is off: turn it on"))
	}
	if s.HTTPSAddr != "" && !s.Secure() {
		wrong = append(wrong, errors.New("POSTERN_HTTPS_ADDR is set, but POSTERN_PUBLIC_URL does not begin with https://: write it as people shall reach the portal"))
	}
	if s.HTTPSAddr != "" && !s.ACME && s.TLSCert == "" {
		wrong = append(wrong, errors.New("POSTERN_HTTPS_ADDR is set, but there is no certificate that a browser would take: set POSTERN_ACME=on, or POSTERN_TLS_CERT and POSTERN_TLS_KEY"))
	}
	if s.ACMEDirectory != "" && !absolute(s.ACMEDirectory, "https") {
		wrong = append(wrong, errors.New("POSTERN_ACME_DIRECTORY is not an https URL (RFC 8555 §6.1)"))
	}
	return errors.Join(wrong...)
}

func (s Settings) checkStorage() error {
	var wrong []error
	if s.DatabaseURL != "" && !databaseURL(s.DatabaseURL) {
		wrong = append(wrong, errors.New("POSTERN_DATABASE_URL is not a PostgreSQL URL: write it like postgres://user:password@host/database"))
	}
	if strings.Contains(s.S3Endpoint, "/") {
		wrong = append(wrong, errors.New("POSTERN_S3_ENDPOINT is host:port alone: leave out the scheme and the path, and set POSTERN_S3_TLS"))
	}
	parts := []struct{ name, value string }{
		{"POSTERN_S3_BUCKET", s.S3Bucket}, {"POSTERN_S3_ACCESS_KEY", s.S3AccessKey}, {"POSTERN_S3_SECRET_KEY", s.S3SecretKey},
	}
	for _, part := range parts {
		switch {
		case s.S3Endpoint != "" && part.value == "":
			wrong = append(wrong, fmt.Errorf("POSTERN_S3_ENDPOINT is set, but %s is not: set it too", part.name))
		case s.S3Endpoint == "" && part.value != "":
			wrong = append(wrong, fmt.Errorf("%s is set, but POSTERN_S3_ENDPOINT is not: set it too", part.name))
		}
	}
	return errors.Join(wrong...)
}

func (s Settings) checkMail() error {
	var wrong []error
	if s.DKIMLife != 0 && s.DKIMLife < leastLife {
		wrong = append(wrong, fmt.Errorf("POSTERN_DKIM_LIFE %v is too short: mail waits in queues, here and on its way; set it to 72h at least, or to 0 for signatures without end", s.DKIMLife))
	}
	if s.Smarthost != "" && !absolute(s.Smarthost, "smtp", "smtps") {
		wrong = append(wrong, errors.New("POSTERN_SMARTHOST is not a URL like smtp://user:pass@host:587 or smtps://…"))
	}
	if s.MXPort == 0 {
		wrong = append(wrong, errors.New("POSTERN_MX_PORT is 0: the port of mail servers is 25"))
	}
	if s.STSPort == 0 {
		wrong = append(wrong, errors.New("POSTERN_MTA_STS_PORT is 0: the port of policy hosts is 443"))
	}
	if s.MaxMessage < leastMessage || s.MaxMessage > mostMessage {
		wrong = append(wrong, fmt.Errorf("POSTERN_MAX_MESSAGE is %s: choose between %s and %s", s.MaxMessage, leastMessage, mostMessage))
	}
	if s.RspamdURL != "" && !absolute(s.RspamdURL, "http", "https") {
		wrong = append(wrong, errors.New("POSTERN_RSPAMD_URL is not a URL like http://127.0.0.1:11333"))
	}
	return errors.Join(append(wrong, s.checkDKIM()...)...)
}

func (s Settings) checkDKIM() (wrong []error) {
	if s.DKIMZone != "" && !zoneName(s.DKIMZone) {
		wrong = append(wrong, fmt.Errorf("POSTERN_DKIM_ZONE %q is not the name of a zone, like dkim.example.com", s.DKIMZone))
	}
	if s.DKIMServer != "" && hostPort(s.DKIMServer) != nil {
		wrong = append(wrong, errors.New("POSTERN_DKIM_SERVER is not host:port, like ns.example.com:53"))
	}
	if s.DKIMZone == "" && s.DKIMServer != "" {
		wrong = append(wrong, errors.New("POSTERN_DKIM_SERVER is set, but POSTERN_DKIM_ZONE is not: name the zone that it serves"))
	}
	if s.DKIMServer == "" && s.DKIMTSIG != (TSIG{}) {
		wrong = append(wrong, errors.New("POSTERN_DKIM_TSIG is set, but POSTERN_DKIM_SERVER is not: name the server that knows the key"))
	}
	return wrong
}

// zoneName says whether a name can be a zone's, with room for a label of 26 letters before it.
func zoneName(name string) bool {
	return hostname(strings.ReplaceAll(name, "_", "-")) && len(name) < 220 && strings.Contains(name, ".")
}

// hostname says whether a name could stand in HELO and in a Message-ID: dot-separated labels of letters, digits and hyphens (RFC 5321 §2.3.5).
func hostname(name string) bool {
	if name == "" || len(name) > 253 || net.ParseIP(name) != nil {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// absolute says whether text is a URL with a host and one of the schemes.
func absolute(text string, schemes ...string) bool {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Hostname() == "" {
		return false
	}
	for _, scheme := range schemes {
		if parsed.Scheme == scheme {
			return true
		}
	}
	return false
}

// databaseURL looks at the scheme only: several hosts with ports, which PostgreSQL allows (libpq §34.1.1.2), are more than net/url can read.
func databaseURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}
