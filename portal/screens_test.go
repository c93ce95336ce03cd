package portal

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// TestScreens takes a picture of every page at three widths and in two themes when SCREENS names a folder for them (make screens), and of one page otherwise, so that the command keeps working.
// SCREENS_ONLY is a regular expression that the paths of the pages have to fit, SCREENS_LANGUAGE the language to ask for (en), SCREENS_WIDTHS the widths (390,1024,1440): 720 is a wide window at a zoom of 200 %.
func TestScreens(t *testing.T) {
	t.Parallel()
	folder, patterns := os.Getenv("SCREENS"), slices.Sorted(maps.Keys(places))
	if folder == "" {
		folder, patterns = t.TempDir(), []string{"GET /tickets/{number}"}
	}
	check(t, os.MkdirAll(folder, 0o755))
	only, speak := regexp.MustCompile(os.Getenv("SCREENS_ONLY")), cmp.Or(os.Getenv("SCREENS_LANGUAGE"), "en")
	widths := strings.Split(cmp.Or(os.Getenv("SCREENS_WIDTHS"), "390,1024,1440"), ",")
	g := newGallery(t)
	guests := &visitors{g: g, open: map[string]context.Context{}}
	var index strings.Builder
	index.WriteString("<!doctype html><title>Postern</title><style>body{font-family:sans-serif}img{height:320px;margin:4px;border:1px solid #888;vertical-align:top}</style>\n")
	unsafe := regexp.MustCompile(`[^a-z0-9]+`)
	for _, pattern := range patterns {
		for _, place := range places[pattern] {
			if !only.MatchString(place.path) {
				continue
			}
			ctx := guests.of(place.who)
			_, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": speak}})
			check(t, err)
			does(t, ctx, place.path, chromedp.Navigate(g.at(place)), until(`document.readyState === "complete"`))
			fmt.Fprintf(&index, "<h2>%s</h2>\n", place.path)
			for _, scheme := range []string{"light", "dark"} {
				for _, wide := range widths {
					width, err := strconv.ParseInt(wide, 10, 64)
					check(t, err)
					name := fmt.Sprintf("%s-%s-%s-%d.png", strings.Trim(unsafe.ReplaceAllString(strings.ToLower(place.who+"-"+place.path), "-"), "-"), speak, scheme, width)
					does(t, ctx, place.path, chromedp.EmulateViewport(width, 900), evaluate(fmt.Sprintf("document.documentElement.style.colorScheme = %q; for (const a of document.getAnimations()) a.finish()", scheme)))
					high, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`Math.min(6000, Math.max(900, document.querySelector("main")?.scrollHeight ?? 0))`)) // on wide windows a page rolls in its own pane
					check(t, err)
					does(t, ctx, place.path, chromedp.EmulateViewport(width, high))
					picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
					check(t, err)
					check(t, os.WriteFile(filepath.Join(folder, name), picture, 0o644))
					fmt.Fprintf(&index, "<a href=%q><img src=%q alt=%q></a>\n", name, name, name)
				}
			}
		}
	}
	check(t, os.WriteFile(filepath.Join(folder, "index.html"), []byte(index.String()), 0o644))
}
