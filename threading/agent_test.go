package threading

import (
	"crypto/rand"
	"strings"
	"testing"

	"postern/desk"
	"postern/secret"
)

// T-07: a personal address names its ticket's message, its user and what a mail becomes, and is nothing else.
func TestAgentAddressesAreNothingElse(t *testing.T) {
	t.Parallel()
	codec, foreign := testCodec(t), testCodec(t)
	for _, mark := range []AgentMark{
		{Message: 1, User: 1, Kind: desk.KindReply}, {Message: 1, User: 1, Kind: desk.KindNote}, {Message: 256, User: 3, Kind: desk.KindReply},
		{Message: 1, User: 259, Kind: desk.KindReply}, {Message: 1<<63 - 1, User: 1<<63 - 1, Kind: desk.KindNote},
	} {
		addr := codec.AgentAddress("support@example.com", mark)
		if local, _ := desk.SplitAddress(addr); addr == "" || len(local) > maxLocal {
			t.Fatalf("%+v: %q", mark, addr)
		}
		for _, written := range []string{addr, strings.ToUpper(addr)} {
			if box, got, ok := codec.ParseAgentAddress(written); !ok || got != mark || box != "support@example.com" || !codec.Signed(written) {
				t.Errorf("%s: %s %+v %v", written, box, got, ok)
			}
		}
		if _, _, ok := codec.ParseAddress(addr); ok {
			t.Errorf("%s is taken for a reply address", addr)
		}
		if _, _, _, ok := codec.ParseReturnPath(addr); ok {
			t.Errorf("%s is taken for a return path", addr)
		}
		if _, ok := codec.ParseMessageID(addr); ok {
			t.Errorf("%s is taken for a Message-ID", addr)
		}
		if _, _, ok := foreign.ParseAgentAddress(addr); ok {
			t.Errorf("%s of another installation is taken for ours", addr)
		}
	}
	for _, addr := range []string{
		codec.ReplyAddress("support@example.com", 7), codec.ReturnPath("support@example.com", 7, "carol@customer.example"), codec.MessageID(7), "support@example.com", "", "+@", "a+b-c-d@x",
	} {
		if _, _, ok := codec.ParseAgentAddress(addr); ok {
			t.Errorf("%s is taken for a personal address", addr)
		}
	}
}

func TestAgentAddressesOfOtherUsersAndKindsDiffer(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	reply := codec.AgentAddress("support@example.com", AgentMark{Message: 7, User: 2, Kind: desk.KindReply})
	for _, other := range []AgentMark{{7, 2, desk.KindNote}, {7, 3, desk.KindReply}, {8, 2, desk.KindReply}} {
		if codec.AgentAddress("support@example.com", other) == reply {
			t.Errorf("%+v has the same address", other)
		}
	}
	for _, none := range []AgentMark{{7, 2, desk.KindInbound}, {7, 2, desk.KindEvent}, {0, 2, desk.KindReply}, {7, 0, desk.KindReply}} {
		if addr := codec.AgentAddress("support@example.com", none); addr != "" {
			t.Errorf("%+v has the address %s", none, addr)
		}
	}
	if addr := codec.AgentAddress(strings.Repeat("a", 40)+"@example.com", AgentMark{7, 2, desk.KindReply}); addr != "" {
		t.Errorf("a mailbox without room for a token gives %s", addr)
	}
}

func TestEveryChangedAgentAddressIsRefused(t *testing.T) {
	t.Parallel()
	codec := testCodec(t)
	addr := codec.AgentAddress("support@example.com", AgentMark{1234, 56, desk.KindReply})
	start, end := strings.IndexByte(addr, '+')+1, strings.IndexByte(addr, '@')
	for i := start; i < end; i++ {
		for _, other := range []byte("a7-\n") {
			if forged := addr[:i] + string(other) + addr[i+1:]; addr[i] != other && codec.Signed(forged) {
				t.Fatalf("%q passes, made from %s", forged, addr)
			}
		}
	}
}

// Whatever stands in an address, reading it ends, and only what we made passes.
func FuzzAgentAddress(f *testing.F) {
	codec := NewCodec(secret.NewKeyset(rand.Reader), "mail.example.com")
	mark := AgentMark{7, 2, desk.KindReply}
	for _, seed := range []string{"", "support@example.com", "support+a-b-c@example.com", "+++@", "a+b+c-d-e@x", codec.AgentAddress("support@example.com", mark), codec.ReplyAddress("support@example.com", 7)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		box, got, ok := codec.ParseAgentAddress(addr)
		if !ok {
			return
		}
		if got != mark {
			t.Errorf("%q names %+v of %s", addr, got, box)
		}
		if _, _, both := codec.ParseAddress(addr); both {
			t.Errorf("%q is both", addr)
		}
	})
}
