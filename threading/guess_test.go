package threading

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"postern/secret"
)

// TestGuessesAreCounted has a mail that names what is ours, what only looks like it, and what does not.
func TestGuessesAreCounted(t *testing.T) {
	codec := NewCodec(secret.NewKeyset(rand.Reader), "mail.example.com")
	ours := codec.ReplyAddress("support@x.example", 7)
	at := strings.IndexByte(ours, '@')
	other := byte('a')
	if ours[at-1] == other {
		other = 'b'
	}
	guess := func(tag string) string { return "support+gqzq3ab7-aaaae-" + tag + "@x.example" }
	var many []string
	for i := range 30 {
		many = append(many, guess(fmt.Sprintf("mfrggzdfmztwq%c%c%c", 'a'+i%26, 'a'+i/26, 'a'+i%7)))
	}
	for name, c := range map[string]struct {
		mail Mail
		want int
	}{
		"ours, in capitals too":                  {Mail{Addresses: []string{ours, strings.ToUpper(ours)}, InReplyTo: []string{codec.MessageID(7)}}, 0},
		"a return path of ours":                  {Mail{Addresses: []string{codec.ReturnPath("support@x.example", 7, "a@b.example")}}, 0},
		"people's own details":                   {Mail{Addresses: []string{"support+shop@x.example", "support+2026-11-30@x.example", "anna@shop.example"}}, 0},
		"other systems' Message-IDs":             {Mail{InReplyTo: []string{"gqzq3ab7-aaaae-mfrggzdfmztwq2lk@elsewhere.example"}}, 0},
		"one letter of ours changed":             {Mail{Addresses: []string{ours[:at-1] + string(other) + ours[at:]}}, 1},
		"the same one in To and in the envelope": {Mail{Addresses: []string{guess("mfrggzdfmztwq2lk"), guess("mfrggzdfmztwq2lk")}}, 1},
		"a Message-ID in our name":               {Mail{References: []string{"gqzq3ab7-aaaae-mfrggzdfmztwq2lk@" + codec.Hostname()}}, 1},
		"thirty of them":                         {Mail{Addresses: many}, 30},
	} {
		if got := codec.Guesses(c.mail); got != c.want {
			t.Errorf("%s: %d guesses, want %d", name, got, c.want)
		}
	}
}
