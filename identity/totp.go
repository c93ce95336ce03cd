package identity

import (
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

// What authenticator apps all understand (RFC 6238): a code of six digits every thirty seconds, made with HMAC-SHA-1. SHA-1 is no weakness here (RFC 6238 §1.2, RFC 4226 appendix B.2): nobody gains by collisions.
const (
	totpStep   = 30 // seconds
	totpDigits = 6
	totpSeed   = 20 // bytes: RFC 4226 §4 R6 recommends 160 bits
	totpSkew   = 1  // steps before and after the present one that are taken: the clock of a telephone is off, and typing takes time (RFC 6238 §5.2)
)

var base32Plain = base32.StdEncoding.WithPadding(base32.NoPadding)

// totpStepAt is the number of the step at that time (RFC 6238 §4.2).
func totpStepAt(at time.Time) int64 { return at.Unix() / totpStep }

// totpMatch is the step whose code was typed, among those around now that come after the last one that was right; 0: none.
// A code is worth nothing once it, or a later one, was used: RFC 6238 §5.2 demands it, and the library leaves it to us.
func totpMatch(seed []byte, typed string, now time.Time, last int64) int64 {
	typed = digits(typed)
	if len(typed) != totpDigits {
		return 0
	}
	matched := int64(0)
	for step := totpStepAt(now) - totpSkew; step <= totpStepAt(now)+totpSkew; step++ {
		code, err := totpCode(seed, step)
		if err != nil || step <= last {
			continue
		}
		if subtle.ConstantTimeCompare([]byte(code), []byte(typed)) == 1 {
			matched = step
		}
	}
	return matched
}

// totpCode is the code of a step.
func totpCode(seed []byte, step int64) (string, error) {
	return hotp.GenerateCodeCustom(base32Plain.EncodeToString(seed), uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
}

// totpURL is what an authenticator app reads from a picture: the format that all of them share, which no standard describes. The issuer and the account are shown in the app.
func totpURL(seed []byte, issuer, account string) string {
	issuer = strings.ReplaceAll(issuer, ":", " ") // parts the label
	values := url.Values{"secret": {base32Plain.EncodeToString(seed)}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {fmt.Sprint(totpDigits)}, "period": {fmt.Sprint(totpStep)}}
	return "otpauth://totp/" + url.PathEscape(issuer+":"+account) + "?" + strings.ReplaceAll(values.Encode(), "+", "%20") // apps do not read a plus as a space
}

// grouped writes a secret in groups of four, for people who type it.
func grouped(secret string) string {
	var out strings.Builder
	for i, r := range secret {
		if i > 0 && i%4 == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(r)
	}
	return out.String()
}
