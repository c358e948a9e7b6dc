package debug

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// busy is a process with something of everything.
func busy() Report {
	ms := []time.Duration{time.Millisecond, 10 * time.Millisecond, time.Minute}
	return Report{
		Time: now,
		Pools: []mysqlpool.PoolStats{
			{Login: "app@tcp(db1:3306,db2:3306)", Name: "orders", Number: 1, Size: 5, Limit: 20, Open: 11, InUse: 6, Idle: 2, Pinned: 3,
				PinnedBy: map[string]int{"locks": 1, "transaction": 2}, Waiting: 4, Handles: 7, LoggingIn: 1, Timeouts: 2, Opened: 40, LoginErrors: 1,
				Recycled: 20, Broken: 9, Undone: 100, Reset: 3, Keepalives: 50, Stmts: 30, StmtHits: 999, StmtMisses: 40,
				WaitTime: mysqlpool.Histogram{Bounds: ms, Counts: []int64{98, 1, 1, 0}, Count: 100},
				UseTime:  mysqlpool.Histogram{Bounds: ms, Counts: []int64{0, 0, 1, 9}, Count: 10},
				Hosts: []mysqlpool.HostStats{
					{Addr: "db1:3306", Open: 11, Opened: 39, State: "up", Since: now.Add(-time.Hour), Wanted: true},
					{Addr: "db2:3306", Opened: 1, LoginErrors: 8, Probes: 12, State: "down", Since: now.Add(-90 * time.Second), Reason: "dial tcp: connection refused <b>", ResetProof: mysqlpool.ProofWorks},
				}},
			{Login: "report@unix(/run/mysqld/mysqld.sock)", Number: 2, Size: 5, Handles: 1, UndoProof: mysqlpool.ProofWorks, ResetProof: mysqlpool.ProofIgnored, PipelineProof: mysqlpool.ProofWorks},
		},
		Servers: []mysqlpool.ServerStats{{Addr: "tcp(db1:3306)", MaxConnections: 151, Limit: 143, Taken: 12, WithoutHandle: 1, Waiting: 1,
			Accounts: []mysqlpool.AccountStats{{User: "app", Limit: 30, Taken: 12}}}},
		Leaks: []mysqlpool.Leak{{Login: "app@tcp(db1:3306,db2:3306)", Name: "orders", ID: 77, Since: now.Add(-3 * time.Minute),
			Stack: "example.com/shop/orders.(*Store).Export\n\t/src/shop/orders/export.go:42\nmain.main\n\t/src/shop/main.go:17\n"}},
	}
}

func get(h http.Handler, target, accept string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	h.ServeHTTP(w, r)
	return w
}

func TestPage(t *testing.T) {
	w := get(handler(busy), "/debug/mysqlpool", "text/html,application/xhtml+xml,*/*;q=0.8")
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
	got := strings.Join(strings.Fields(w.Body.String()), " ")
	for _, want := range []string{
		"2 pools of this process at 2030-01-02 03:04:05 UTC",
		"Held for longer than pool_leak_after: 1", "3m0s, connection 77 of orders, app@tcp(db1:3306,db2:3306)", "/src/shop/orders/export.go:42",
		"orders <small>pool 1 · app@tcp(db1:3306,db2:3306)</small>", "report@unix(/run/mysqld/mysqld.sock) <small>pool 2</small>",
		`<rect class="used" x="0%" width="30.0%"`, `<rect class="pinned" x="30.0%" width="15.0%"`, `<rect class="idle" x="45.0%" width="10.0%"`,
		`<div class="bad"><dt>waiting</dt><dd>4</dd>`, "<dt>at most</dt><dd>20</dd>", "<dt>at most</dt><dd>none known</dd>",
		"transaction 2, locks 1", `recycled 20</span>, <span class="bad">broken 9</span>`, "undone 100, reset 3", "<b>The server</b> undo works, reset ignored, pipeline works</li>",
		"hits 999, misses 40, evictions 0",
		"to check out</th><td>≤ 1ms</td><td>≤ 10ms</td><td>100</td>", "of use</th><td>&gt; 1m</td><td>&gt; 1m</td><td>10</td>", "to log in</th><td>–</td>",
		`<b>db2:3306</b> <span class="state down">down</span> 0 open; 1 logins, 8 failed, 12 probes; down for 1m30s: dial tcp: connection refused &lt;b&gt;; reset works</li>`,
		`<span class="state up">up</span> <span class="state">wanted</span>`,
		"<dt>budget</dt><dd>143</dd>", "<dt>max_connections</dt><dd>151</dd>", "<dt>account app</dt><dd>12 of 30</dd>",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %s", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestJSON(t *testing.T) {
	for _, c := range []struct{ target, accept string }{{"/?format=json", "text/html"}, {"/", "application/json"}, {"/", "application/json, */*;q=0.5"}} {
		w := get(handler(busy), c.target, c.accept)
		var got Report
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%v: %v, %v", c, err, w.Header())
			continue
		}
		if len(got.Pools) != 2 || got.Pools[0].InUse != 6 || got.Servers[0].Limit != 143 || got.Leaks[0].ID != 77 || !got.Time.Equal(now) {
			t.Errorf("%v: got %+v", c, got)
		}
	}
}

func TestFormats(t *testing.T) {
	h := handler(busy)
	for _, accept := range []string{"", "*/*", "text/html, application/json"} {
		if got := get(h, "/", accept).Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("Accept %q: got %s", accept, got)
		}
	}
	if w := get(h, "/?format=xml", ""); w.Code != http.StatusBadRequest {
		t.Errorf("format=xml: got %d", w.Code)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: got %d, %v", w.Code, w.Header())
	}
}

// A process of which nothing is used yet has a page as well.
func TestNoPools(t *testing.T) {
	got := get(handler(func() Report { return Report{Time: now} }), "/", "").Body.String()
	if !strings.Contains(got, "0 pools") || !strings.Contains(got, "No pool:") {
		t.Errorf("got %s", got)
	}
}

// No password is shown, in either format: the pool is real, and its server is not.
func TestNoSecret(t *testing.T) {
	defer mysqlpool.Dispose(context.Background())
	db, err := sql.Open("mysql_pool", "app:hunter2@tcp(127.0.0.1:1)/shop?pool_name=secretless")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "SELECT 'sesame'"); err == nil {
		t.Fatal("there is a server at port 1")
	}
	for _, format := range []string{"html", "json"} {
		got := get(Handler(), "/?format="+format, "").Body.String()
		if !strings.Contains(got, "secretless") || strings.Contains(got, "hunter2") || strings.Contains(got, "sesame") {
			t.Errorf("%s: got %s", format, got)
		}
	}
}
