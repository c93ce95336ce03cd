package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// looks are how every page is looked at. Wide and light it is asked for everything: WCAG 2.2 at levels A and AA, and what axe calls best practice; otherwise for what colours and width can change.
// Frames are mail of strangers, which is theirs.
var looks = []struct {
	scheme string
	width  int64
	rules  string
}{
	{"light", 1280, `{runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], iframes: false}`},
	{"dark", 1280, `{runOnly: {type: "rule", values: ["color-contrast"]}, iframes: false}`},
	{"light", 390, `{runOnly: {type: "rule", values: ["color-contrast", "target-size", "button-name", "link-name", "label", "scrollable-region-focusable", "page-has-heading-one", "region"]}, iframes: false}`},
}

// complaint is one rule of axe that a page breaks, and where.
type complaint struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// TestAxeFindsNothing runs axe-core on every page, in the light and in the dark, wide and narrow. No page is wider than its window (WCAG 2.2, 1.4.10).
func TestAxeFindsNothing(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	axe, err := os.ReadFile("testdata/axe/axe-4.14.1.min.js")
	check(t, err)
	guests := &visitors{g: g, open: map[string]context.Context{}}
	for _, pattern := range slices.Sorted(maps.Keys(places)) {
		for _, place := range places[pattern] {
			ctx := guests.of(place.who)
			does(t, ctx, place.path, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(g.at(place)), until(`document.readyState === "complete"`), evaluate(string(axe)))
			for _, look := range looks {
				does(t, ctx, place.path, chromedp.EmulateViewport(look.width, 900), evaluate(fmt.Sprintf(`document.documentElement.style.colorScheme = %q; window.found = undefined; for (const a of document.getAnimations()) a.finish();
					axe.run(document, %s).then((r) => { window.found = JSON.stringify(r.violations.map(({id, help, nodes}) => ({id, help, nodes}))); }, (e) => { window.found = String(e); }); 1`, look.scheme, look.rules)),
					until(`window.found !== undefined`))
				found, err := chromedp.Run(ctx, chromedp.Evaluate[string]("window.found"))
				check(t, err)
				wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
				check(t, err)
				if wide > look.width {
					t.Errorf("%s as %q is %d px wide in a window of %d px: something in it does not wrap", place.path, place.who, wide, look.width)
				}
				var complaints []complaint
				if err := json.Unmarshal([]byte(found), &complaints); err != nil {
					t.Errorf("%s as %q: axe says %s", place.path, place.who, found)
				}
				for _, one := range complaints {
					for _, node := range one.Nodes {
						t.Errorf("%s as %q, %s at %d px: %s (%s)\n%s\n%s", place.path, place.who, look.scheme, look.width, one.ID, one.Help, clip(node.HTML, 200), node.Summary)
					}
				}
			}
		}
	}
}
