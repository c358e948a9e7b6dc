package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"github.com/mysqlpool/mysqlpool/driver/debug"
)

// The page of package debug in a browser, of a process with a transaction that is
// held too long, a lock that pins a connection, and a host that is down.
func TestDebugHandlerInBrowser(t *testing.T) {
	chromium := needChromium(t)
	server := watchedServer(t)
	cfg, err := mysql.ParseDSN(server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	password := cfg.Passwd
	cfg.Addr = "127.0.0.1:1," + cfg.Addr
	defer mysqlpool.Dispose(context.Background())
	connector, err := mysqlpool.NewConnector(cfg, mysqlpool.WithName("orders"), mysqlpool.WithLeakAfter(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := db.ExecContext(t.Context(), "DO GET_LOCK('debug page', 1)"); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(debug.Handler())
	defer web.Close()
	p := openTab(t, chromium, web.URL+"/debug/mysqlpool")
	for deadline := time.Now().Add(30 * time.Second); !eval[bool](p, `document.querySelectorAll("details").length === 1 && document.body.innerText.includes("locks 1")`); {
		if time.Now().After(deadline) {
			t.Fatalf("want a leak and a lock:\n%s", eval[string](p, "document.body.innerText"))
		}
		p.do(chromedp.Navigate(web.URL + "/debug/mysqlpool"))
	}
	for _, want := range []string{"orders", "down", "TestDebugHandlerInBrowser", "budget"} {
		if !strings.Contains(eval[string](p, "document.documentElement.textContent"), want) {
			t.Errorf("want %q in the page", want)
		}
	}
	if password == "" || strings.Contains(eval[string](p, "document.documentElement.outerHTML"), password) {
		t.Error("the password shows in the page")
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{390, 1100} {
			t.Run(fmt.Sprintf("%s, %d wide", scheme, width), func(t *testing.T) {
				p.t = t
				p.look(width, 1600, scheme)
				p.until(fmt.Sprintf("innerWidth === %d && matchMedia('(prefers-color-scheme: %s)').matches", width, scheme))
				eval[bool](p, `(document.querySelectorAll("details").forEach(d => d.open = true), true)`)
				if over := eval[int](p, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
					t.Errorf("%d pixels too wide", over)
				}
				if drawn := eval[float64](p, `document.querySelector("rect.used").getBoundingClientRect().width`); drawn < 1 {
					t.Errorf("the bar has %v pixels of used connections", drawn)
				}
				if dim := eval[[]string](p, faint); len(dim) > 0 {
					t.Errorf("hard to read: %q", dim)
				}
				p.quiet()
				if dir := os.Getenv("MYSQL_POOL_TEST_SCREENSHOTS"); dir != "" {
					png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
					if err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("debug-%s-%d.png", scheme, width)), png, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}
