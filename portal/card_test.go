package portal

import (
	"testing"

	"postern/desk"
)

func TestShorten(t *testing.T) {
	t.Parallel()
	folded := card{Message: desk.Message{Kind: desk.KindInbound}, Folded: true}
	event := card{Message: desk.Message{Kind: desk.KindEvent}}
	cards := make([]card, 0, 40)
	for i := range 40 {
		if i%4 == 3 {
			cards = append(cards, event)
		} else {
			cards = append(cards, folded)
		}
	}
	asks := folded
	asks.Accept = 9
	cards[10] = asks
	shown, earlier := shorten(cards)
	if len(shown) != 1+1+mostLines || earlier != 22 || shown[1].Accept != 9 {
		t.Errorf("%d are shown, %d left out", len(shown), earlier)
	}
	if shown, earlier := shorten(cards[:mostLines+4]); len(shown) != mostLines+4 || earlier != 0 {
		t.Errorf("of a short one %d are shown, %d left out", len(shown), earlier)
	}
	open := folded
	open.Folded = false
	for i := range cards {
		cards[i] = open
	}
	if shown, _ := shorten(cards); len(shown) != len(cards) {
		t.Errorf("of what is open, %d of %d are shown", len(shown), len(cards))
	}
}
