package portal

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestScreens takes a picture of every page at three widths and in two themes when SCREENS names a folder for them (make screens), of those whose path holds SCREENS_ONLY, and of one page otherwise, so that the command keeps working.
func TestScreens(t *testing.T) {
	t.Parallel()
	folder, patterns := os.Getenv("SCREENS"), slices.Sorted(maps.Keys(places))
	if folder == "" {
		folder, patterns = t.TempDir(), []string{"GET /tickets/{number}"}
	}
	check(t, os.MkdirAll(folder, 0o755))
	g := newGallery(t)
	guests := &visitors{g: g, open: map[string]context.Context{}}
	var index strings.Builder
	index.WriteString("<!doctype html><title>Postern</title><style>body{font-family:sans-serif}img{height:320px;margin:4px;border:1px solid #888;vertical-align:top}</style>\n")
	unsafe := regexp.MustCompile(`[^a-z0-9]+`)
	for _, pattern := range patterns {
		for _, place := range places[pattern] {
			if !strings.Contains(place.path, os.Getenv("SCREENS_ONLY")) {
				continue
			}
			ctx := guests.of(place.who)
			does(t, ctx, place.path, chromedp.Navigate(g.at(place)), until(`document.readyState === "complete"`))
			fmt.Fprintf(&index, "<h2>%s</h2>\n", place.path)
			for _, scheme := range []string{"light", "dark"} {
				for _, width := range []int64{390, 1024, 1440} {
					name := fmt.Sprintf("%s-%s-%d.png", strings.Trim(unsafe.ReplaceAllString(strings.ToLower(place.who+"-"+place.path), "-"), "-"), scheme, width)
					does(t, ctx, place.path, chromedp.EmulateViewport(width, 900), evaluate(fmt.Sprintf("document.documentElement.style.colorScheme = %q; for (const a of document.getAnimations()) a.finish()", scheme)))
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
