package threading

import (
	"strings"
	"testing"
)

func TestLinksToOurPagesAreForOneThing(t *testing.T) {
	t.Parallel()
	codec, foreign := testCodec(t), testCodec(t)
	for _, n := range []int64{1, 255, 70000, 1<<63 - 1} {
		visit, rating := codec.VisitToken(n), codec.RatingToken(n)
		if got, ok := codec.ParseVisitToken(strings.ToUpper(visit)); !ok || got != n {
			t.Errorf("visit of %d: %d %v", n, got, ok)
		}
		if got, ok := codec.ParseRatingToken(rating); !ok || got != n {
			t.Errorf("rating of %d: %d %v", n, got, ok)
		}
		_, crossed := codec.ParseVisitToken(rating)
		_, alsoCrossed := codec.ParseRatingToken(visit)
		_, theirs := foreign.ParseVisitToken(visit)
		_, asReply := codec.readMessage(visit)
		if crossed || alsoCrossed || theirs || asReply {
			t.Errorf("a token of %d counts for another purpose or house: %v %v %v %v", n, crossed, alsoCrossed, theirs, asReply)
		}
	}
	for _, broken := range []string{"", "-", "a-b-c", codec.VisitToken(7) + "a", codec.VisitToken(7)[1:]} {
		if n, ok := codec.ParseVisitToken(broken); ok {
			t.Errorf("%q is taken for %d", broken, n)
		}
	}
}
