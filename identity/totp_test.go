package identity

import (
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The vectors of RFC 6238 appendix B for SHA-1, cut to the six digits that we use (the RFC prints eight; the last six are the same).
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	seed := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		got, err := totpCode(seed, totpStepAt(time.Unix(at, 0)))
		if err != nil || got != want {
			t.Errorf("at %d: %s, %v, want %s", at, got, err, want)
		}
		if step := totpMatch(seed, want[:3]+" "+want[3:], time.Unix(at, 0), 0); step != at/30 {
			t.Errorf("at %d the code does not match: %d", at, step)
		}
	}
}

// A code counts for its own step and one on each side, and never again once it, or a later one, was used.
func TestTOTPStepsCountOnce(t *testing.T) {
	t.Parallel()
	seed, now := []byte("12345678901234567890"), time.Unix(1_800_000_000, 0)
	step := totpStepAt(now)
	code := func(step int64) string {
		text, err := totpCode(seed, step)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, test := range []struct {
		of, last, want int64
		why            string
	}{
		{step, 0, step, "now"}, {step - 1, 0, step - 1, "a step ago"}, {step + 1, 0, step + 1, "a fast clock"}, {step - 2, 0, 0, "too old"}, {step + 2, 0, 0, "too early"},
		{step, step, 0, "used"}, {step - 1, step, 0, "older than the one that was used"}, {step + 1, step, step + 1, "the next one"},
	} {
		if got := totpMatch(seed, code(test.of), now, test.last); got != test.want {
			t.Errorf("%s: %d, want %d", test.why, got, test.want)
		}
	}
	for _, wrong := range []string{"", "1", "12345", "1234567", "abcdef", "٠١٢٣٤٥", strings.Repeat("1", 10_000)} {
		if got := totpMatch(seed, wrong, now, 0); got != 0 && wrong != "" {
			t.Errorf("%.20q matches", wrong)
		}
	}
}

// oathtool is a program by others that makes the same codes.
func TestTOTPAgreesWithOathtool(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("oathtool")
	if err != nil {
		t.Fatalf("codes are compared with oathtool, which is not here: install Debian's package oathtool (%v)", err)
	}
	random := rand.New(rand.NewPCG(6238, 4226))
	for range 50 {
		seed := make([]byte, totpSeed)
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		at := time.Unix(random.Int64N(4_000_000_000), 0).UTC()
		out, err := exec.Command(tool, "--totp", "--base32", "--now", at.Format("2006-01-02 15:04:05 UTC"), base32Plain.EncodeToString(seed)).Output()
		if err != nil {
			t.Fatal(err)
		}
		if theirs := strings.TrimSpace(string(out)); totpMatch(seed, theirs, at, 0) != totpStepAt(at) {
			t.Errorf("at %s oathtool says %s", at, theirs)
		}
	}
}

func TestTOTPAddressForApps(t *testing.T) {
	t.Parallel()
	got := totpURL([]byte("12345678901234567890"), "help:desk.example.com", "ann o'dea+x@example.com")
	if want := "otpauth://totp/help%20desk.example.com:ann%20o%27dea+x@example.com?algorithm=SHA1&digits=6&issuer=help%20desk.example.com&period=30&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	picture, err := qrOf(got)
	if err != nil || picture.Size < 30 || len(picture.Path) > 20_000 || !strings.HasPrefix(picture.Path, "M4 4h7v1h-7z") { // the finder in the corner
		t.Errorf("%+v, %v", picture, err)
	}
}

func FuzzRecoveryPlain(f *testing.F) {
	f.Add("ABCD-EFGH-2345-WXYZ-ABCD-EFGH")
	f.Add("abcd efgh 0189")
	f.Fuzz(func(t *testing.T, typed string) {
		plain := recoveryPlain(typed)
		if plain == "" {
			return
		}
		if _, err := base32Plain.DecodeString(plain); err != nil || recoveryPlain(plain) != plain {
			t.Errorf("%q becomes %q, %v", typed, plain, err)
		}
	})
}
