package identity

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Stamp goes with a form to whoever fills it in and comes back with it: it says when the form was given out, and names it once, so that sent twice it is known the second time.
type Stamp struct {
	At   time.Time // to the second
	Once string    // 26 characters, made for this form
}

// stampPurpose keeps stamps of one form from being used for another.
func stampPurpose(form string) string { return "form stamp " + form }

// Stamp makes the stamp of a form, in text.
func (s *Service) Stamp(form string) string {
	what := strconv.FormatInt(s.now().Unix(), 36) + "." + rand.Text()
	key, tag := s.keys.MAC(stampPurpose(form), []byte(what))
	return fmt.Sprintf("%s.%s.%s", what, key, base64.RawURLEncoding.EncodeToString(tag[:16]))
}

// ReadStamp reads a stamp that this or another process made for the form; ok is false for everything else.
func (s *Service) ReadStamp(form, text string) (stamp Stamp, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 4 {
		return stamp, false
	}
	tag, err := base64.RawURLEncoding.DecodeString(parts[3])
	seconds, bad := strconv.ParseInt(parts[0], 36, 64)
	if err != nil || bad != nil || len(tag) != 16 || !s.keys.CheckMAC(stampPurpose(form), parts[2], []byte(parts[0]+"."+parts[1]), tag) {
		return stamp, false
	}
	return Stamp{At: time.Unix(seconds, 0).UTC(), Once: parts[1]}, true
}
