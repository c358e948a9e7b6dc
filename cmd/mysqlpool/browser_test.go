package main

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// envChromium makes a test fail that would else be skipped for want of a
// browser.
const envChromium = "MYSQL_POOL_REQUIRE_CHROMIUM"

// A tab is a page in a headless Chromium.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string // errors in the page, and what it asked of others
}

// needChromium returns the path of a browser, and skips the test where there is
// none.
func needChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv(envChromium) != "" {
		t.Fatalf("no chromium, and %s is set", envChromium)
	}
	t.Skip("no chromium found: install it (Debian: apt-get install chromium) to test the page in a browser")
	return ""
}

// openTab opens a page in a browser that ends with the test.
func openTab(t *testing.T, chromium, at string) *tab {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium),
		chromedp.WSURLReadTimeout(time.Minute))
	if os.Geteuid() == 0 {
		flags = append(flags, chromedp.NoSandbox) // which Chromium has for other users only
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), flags...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)

	p := &tab{t: t, ctx: ctx}
	home, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	err = chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			p.complain(e.ExceptionDetails.Text)
		case *cdplog.EventEntryAdded:
			if e.Entry.Level == cdplog.EntryLevelError {
				p.complain(e.Entry.Text)
			}
		case *network.EventRequestWillBeSent:
			if asked, err := url.Parse(e.Request.URL); err != nil || asked.Scheme != "data" && asked.Host != home.Host {
				p.complain("asked for " + e.Request.URL)
			}
		}
	})
	if err != nil {
		t.Fatalf("starting %s: %v", chromium, err)
	}
	call(p, network.Enable, network.EnableParams{})
	call(p, cdplog.Enable, cdp.Empty{})
	call(p, runtime.Enable, cdp.Empty{})
	p.do(chromedp.Navigate(at))
	return p
}

func (p *tab) complain(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, text)
}

// quiet fails the test if the page had errors or asked anybody else.
func (p *tab) quiet() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range p.complaints {
		p.t.Errorf("in the page: %s", text)
	}
	p.complaints = nil
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

func call[P, R any](p *tab, command cdp.Command[P, R], params P) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, command, params); err != nil {
		p.t.Fatal(err)
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%v, of:\n%s", err, expression)
	}
	return v
}

// until waits for a JavaScript condition. (chromedp.Poll compiles it in the
// page, whose Content-Security-Policy forbids that.)
func (p *tab) until(condition string) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if eval[bool](p, "Boolean("+condition+")") {
			return
		}
	}
	p.t.Fatalf("it never came about that\n%s\nin:\n%s", condition, eval[string](p, "document.body.innerText"))
}

// look sets the size of the window and the colours that the user prefers.
func (p *tab) look(width, height int64, scheme string) {
	p.t.Helper()
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1})
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// press presses keys, each by its name in chromedp's kb.
func (p *tab) press(keys ...string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(strings.Join(keys, "")))
}
