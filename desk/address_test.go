package desk

import (
	"strings"
	"testing"
)

func TestValidAddress(t *testing.T) {
	for address, want := range map[string]bool{
		"support@example.com": true, "o'neil+x@mail.example": true, "jürgen@müller.example": true, "owner@localhost": true, "उपयोगकर्ता@उदाहरण.भारत": true,
		"": false, "support": false, "@example.com": false, "a@": false, "a b@example.com": false, "a@b@example.com": false, ".a@example.com": false, "a..b@example.com": false,
		"a@example..com": false, "a@example.com\r\nBcc: x@y.z": false, "<a@example.com>": false, `"a b"@example.com`: false, "a@[127.0.0.1]": false, "a@exa_mple.com": false,
		"a,b@example.com": false, "a\u202eb@example.com": false, strings.Repeat("a", 65) + "@example.com": false,
	} {
		if got := ValidAddress(address); got != want {
			t.Errorf("%q: %t, want %t", address, got, want)
		}
	}
}

func TestActorCan(t *testing.T) {
	for name, test := range map[string]struct {
		actor Actor
		want  bool
	}{
		"a job":                     {System("job"), true},
		"the command line":          {System("cli"), true},
		"a mail":                    {System("mail"), false},
		"nobody through the API":    {Actor{Via: "api"}, false},
		"an agent on the CLI's way": {Actor{User: User{ID: 1, Role: RoleAgent}, Via: "cli"}, false},
		"an admin":                  {Actor{User: User{ID: 1, Role: RoleAdmin}, Via: "portal"}, true},
		"an admin's reading token":  {Actor{User: User{ID: 1, Role: RoleAdmin}, Scopes: []Scope{ScopeRead}, Via: "api"}, false},
	} {
		if got := test.actor.Can(MayManageSystem); got != test.want {
			t.Errorf("%s may administer: %t, want %t", name, got, test.want)
		}
	}
}
