package main

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// Makes docs/watch.png again, in the folder that MYSQL_POOL_TEST_SCREENSHOTS names,
// and with MYSQL_POOL_TEST_ALL_SCREENSHOTS others of the page to look at.
func TestWatchScreenshot(t *testing.T) {
	dir := os.Getenv("MYSQL_POOL_TEST_SCREENSHOTS")
	if dir == "" {
		t.Skip("MYSQL_POOL_TEST_SCREENSHOTS names no folder to write to")
	}
	all := os.Getenv("MYSQL_POOL_TEST_ALL_SCREENSHOTS") != ""
	chromium := needChromium(t)
	w := startWatch(t, "--dsn="+watchedServer(t).DSN)
	p := openTab(t, chromium, w.url)
	if all {
		p.until(`document.getElementById("server").textContent !== "Asking…"`)
		p.screenshot(dir, "watch-first", 1280, "light")
		p.screenshot(dir, "watch-first-390", 390, "light")
	}
	w.underLoad(t, 8)
	for n := 20; n < 120; n += 20 {
		w.until(t, "there is more to plot", func(s watchState) bool { return len(s.Samples) >= n })
	}
	p.until(`document.querySelector("#mysql .conns tbody")`)
	p.screenshot(dir, "watch", 1280, "light")
	if !all {
		return
	}
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			p.screenshot(dir, fmt.Sprintf("watch-%d-%s", width, scheme), width, scheme)
		}
	}
}

// screenshot takes a picture of the whole page.
func (p *tab) screenshot(dir, name string, width int64, scheme string) {
	p.t.Helper()
	p.look(width, 800, scheme)
	p.until(fmt.Sprintf("innerWidth === %d && matchMedia('(prefers-color-scheme: %s)').matches", width, scheme))
	p.until(`[...document.querySelectorAll(".canvas")].every(e => e.querySelector(".uplot").clientWidth === e.clientWidth)`)
	p.look(width, eval[int64](p, "document.documentElement.scrollHeight"), scheme)
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	writePNG(p.t, filepath.Join(dir, name+".png"), png)
}

// writePNG writes a picture with a palette of the 256 colours that it has most of,
// which makes it half as large.
func writePNG(t *testing.T, path string, shot []byte) {
	t.Helper()
	from, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[color.RGBA]int{}
	for y := from.Bounds().Min.Y; y < from.Bounds().Max.Y; y++ {
		for x := from.Bounds().Min.X; x < from.Bounds().Max.X; x++ {
			counts[color.RGBAModel.Convert(from.At(x, y)).(color.RGBA)]++
		}
	}
	byUse := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int { return cmp.Compare(counts[b], counts[a]) })
	var palette color.Palette
	for _, c := range byUse[:min(256, len(byUse))] {
		palette = append(palette, c)
	}
	to := image.NewPaletted(from.Bounds(), palette)
	draw.Draw(to, to.Bounds(), from, from.Bounds().Min, draw.Src)
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, to); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
