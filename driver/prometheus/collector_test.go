package prometheus

import (
	"database/sql"
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// full is a pool of which every metric has a value.
var full = mysqlpool.PoolStats{
	Login: "app@tcp(a:1,b:2)", Number: 3, Size: 5, Limit: 20, Open: 9, InUse: 4, Idle: 3, Pinned: 2,
	PinnedBy: map[string]int{"locks": 1, "transaction": 39}, LoggingIn: 10, Waiting: 6, Handles: 7,
	Opened: 30, LoginErrors: 8, Recycled: 32, IdleClosed: 33, Broken: 34, Dirty: 35, Overflow: 36, Unclosed: 37, Disposed: 38, Invalidated: 23,
	Undone: 11, Reset: 12, Killed: 13, Stmts: 14, StmtHits: 15, StmtMisses: 16, StmtEvictions: 17, Waits: 18, Timeouts: 19, Keepalives: 29, WaitDuration: 31 * time.Second,
	CreateTime: mysqlpool.Histogram{Bounds: []time.Duration{time.Millisecond, time.Second}, Counts: []int64{1, 2, 3}, Count: 6, Sum: 1500 * time.Millisecond},
	Hosts: []mysqlpool.HostStats{{Addr: "a:1", Open: 0, Opened: 21, LoginErrors: 22, Probes: 23, State: "down",
		UndoProof: mysqlpool.ProofWorks, ResetProof: mysqlpool.ProofIgnored}, {Addr: "b:2", Open: 9, State: "up", Wanted: true}},
}

// servers is two servers of one address, as two connectors with dialers of their own
// have them, and another one.
var servers = []mysqlpool.ServerStats{
	{Addr: "tcp(a:1)", MaxConnections: 100, Limit: 40, Taken: 24, WithoutHandle: 25, Waiting: 26,
		Accounts: []mysqlpool.AccountStats{{User: "app", Limit: 27, Taken: 28}, {User: "free", Taken: 4}}},
	{Addr: "tcp(b:2)", Limit: 50, Taken: 20, Accounts: []mysqlpool.AccountStats{{User: "app", Limit: 10, Taken: 9}}},
	{Addr: "tcp(b:2)", Limit: 50, Taken: 10, Accounts: []mysqlpool.AccountStats{{User: "app", Limit: 10, Taken: 1}}},
}

func someServers() []mysqlpool.ServerStats { return servers }

func someLeaks() []mysqlpool.Leak {
	return []mysqlpool.Leak{{Login: "app@tcp(a:1)"}, {Login: "app@tcp(a:1)", Name: "orders"}, {Login: "app@tcp(a:1)", Name: "orders"}}
}

func noLeaks() []mysqlpool.Leak { return nil }

func noServers() []mysqlpool.ServerStats { return nil }

func TestServers(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{func() []mysqlpool.PoolStats { return nil }, someServers, noLeaks})
	want := `
# HELP mysqlpool_account_connections Connections to the server with an account that has a limit, with logins under way.
# TYPE mysqlpool_account_connections gauge
mysqlpool_account_connections{server="tcp(a:1)",user="app"} 28
mysqlpool_account_connections{server="tcp(b:2)",user="app"} 10
# HELP mysqlpool_server_connections Connections to the server of all pools of the process, with logins under way.
# TYPE mysqlpool_server_connections gauge
mysqlpool_server_connections{server="tcp(a:1)"} 24
mysqlpool_server_connections{server="tcp(b:2)"} 30
# HELP mysqlpool_server_connections_max Connections that the process may have to the server. Absent while there is no limit.
# TYPE mysqlpool_server_connections_max gauge
mysqlpool_server_connections_max{server="tcp(a:1)"} 40
mysqlpool_server_connections_max{server="tcp(b:2)"} 100
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "mysqlpool_server_connections", "mysqlpool_server_connections_max", "mysqlpool_account_connections"); err != nil {
		t.Error(err)
	}
}

// A pool with a name has it in the place of its login.
func TestPoolName(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{func() []mysqlpool.PoolStats {
		return []mysqlpool.PoolStats{{Login: "app@tcp(a:1)", Name: "orders", Number: 1}}
	}, noServers, noLeaks})
	want := `
# HELP mysqlpool_handles sql.DB handles that have used the pool and are not closed.
# TYPE mysqlpool_handles gauge
mysqlpool_handles{db_client_connection_pool_name="orders",pool="1"} 0
# HELP mysqlpool_pool_info 1 for each pool, with what the log calls it: its login, and its pool_name, which may be empty.
# TYPE mysqlpool_pool_info gauge
mysqlpool_pool_info{db_client_connection_pool_name="orders",login="app@tcp(a:1)",pool="1",pool_name="orders"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "mysqlpool_handles", "mysqlpool_pool_info"); err != nil {
		t.Error(err)
	}
}

func TestCollector(t *testing.T) {
	other := mysqlpool.PoolStats{Login: full.Login, Number: 4, PipelineProof: mysqlpool.ProofRefused} // the same login, with other options
	c := collector{func() []mysqlpool.PoolStats { return []mysqlpool.PoolStats{full, other} }, someServers, someLeaks}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	problems, err := testutil.GatherAndLint(registry)
	for _, p := range problems {
		if p.Metric != "db_client_connection_count" { // OpenTelemetry's own name
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	if err != nil {
		t.Error(err)
	}
	want := `
# HELP db_client_connection_count Physical connections, by state: used, idle, or pinned by session state that was left on them.
# TYPE db_client_connection_count gauge
db_client_connection_count{db_client_connection_pool_name="app@tcp(a:1,b:2)",db_client_connection_state="idle",pool="3"} 3
db_client_connection_count{db_client_connection_pool_name="app@tcp(a:1,b:2)",db_client_connection_state="idle",pool="4"} 0
db_client_connection_count{db_client_connection_pool_name="app@tcp(a:1,b:2)",db_client_connection_state="pinned",pool="3"} 2
db_client_connection_count{db_client_connection_pool_name="app@tcp(a:1,b:2)",db_client_connection_state="pinned",pool="4"} 0
db_client_connection_count{db_client_connection_pool_name="app@tcp(a:1,b:2)",db_client_connection_state="used",pool="3"} 4
db_client_connection_count{db_client_connection_pool_name="app@tcp(a:1,b:2)",db_client_connection_state="used",pool="4"} 0
# HELP db_client_connection_create_time_seconds How long logins took that succeeded.
# TYPE db_client_connection_create_time_seconds histogram
db_client_connection_create_time_seconds_bucket{db_client_connection_pool_name="app@tcp(a:1,b:2)",pool="3",le="0.001"} 1
db_client_connection_create_time_seconds_bucket{db_client_connection_pool_name="app@tcp(a:1,b:2)",pool="3",le="1"} 3
db_client_connection_create_time_seconds_bucket{db_client_connection_pool_name="app@tcp(a:1,b:2)",pool="3",le="+Inf"} 6
db_client_connection_create_time_seconds_sum{db_client_connection_pool_name="app@tcp(a:1,b:2)",pool="3"} 1.5
db_client_connection_create_time_seconds_count{db_client_connection_pool_name="app@tcp(a:1,b:2)",pool="3"} 6
db_client_connection_create_time_seconds_bucket{db_client_connection_pool_name="app@tcp(a:1,b:2)",pool="4",le="+Inf"} 0
db_client_connection_create_time_seconds_sum{db_client_connection_pool_name="app@tcp(a:1,b:2)",pool="4"} 0
db_client_connection_create_time_seconds_count{db_client_connection_pool_name="app@tcp(a:1,b:2)",pool="4"} 0
# HELP db_client_connection_max Connections open at most. Absent while there is no limit.
# TYPE db_client_connection_max gauge
db_client_connection_max{db_client_connection_pool_name="app@tcp(a:1,b:2)",pool="3"} 20
# HELP mysqlpool_connections_held_long Connections that are held for longer than pool_leak_after. Absent while there are none.
# TYPE mysqlpool_connections_held_long gauge
mysqlpool_connections_held_long{db_client_connection_pool_name="app@tcp(a:1)"} 1
mysqlpool_connections_held_long{db_client_connection_pool_name="orders"} 2
# HELP mysqlpool_host_state 1 for the state that each host is in.
# TYPE mysqlpool_host_state gauge
mysqlpool_host_state{db_client_connection_pool_name="app@tcp(a:1,b:2)",host="a:1",pool="3",state="down"} 1
mysqlpool_host_state{db_client_connection_pool_name="app@tcp(a:1,b:2)",host="b:2",pool="3",state="up"} 1
# HELP mysqlpool_host_wanted 1 if the host is what pool_target asks for, as far as is known, else 0.
# TYPE mysqlpool_host_wanted gauge
mysqlpool_host_wanted{db_client_connection_pool_name="app@tcp(a:1,b:2)",host="a:1",pool="3"} 0
mysqlpool_host_wanted{db_client_connection_pool_name="app@tcp(a:1,b:2)",host="b:2",pool="3"} 1
# HELP mysqlpool_restore_proof 1 for what was found out of how the server restores a session, by undo and by reset, and whether it answers several commands that are sent at once (pipeline): works, ignored or refused. Absent while unknown.
# TYPE mysqlpool_restore_proof gauge
mysqlpool_restore_proof{db_client_connection_pool_name="app@tcp(a:1,b:2)",found="works",host="a:1",pool="3",way="undo"} 1
mysqlpool_restore_proof{db_client_connection_pool_name="app@tcp(a:1,b:2)",found="ignored",host="a:1",pool="3",way="reset"} 1
mysqlpool_restore_proof{db_client_connection_pool_name="app@tcp(a:1,b:2)",found="refused",host="",pool="4",way="pipeline"} 1
# HELP mysqlpool_pinned_connections Connections that are pinned, by the kind of session state on them. One may count for several kinds; kinds without any are absent.
# TYPE mysqlpool_pinned_connections gauge
mysqlpool_pinned_connections{db_client_connection_pool_name="app@tcp(a:1,b:2)",pool="3",state="locks"} 1
mysqlpool_pinned_connections{db_client_connection_pool_name="app@tcp(a:1,b:2)",pool="3",state="transaction"} 39
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "db_client_connection_count", "db_client_connection_create_time_seconds",
		"db_client_connection_max", "mysqlpool_host_state", "mysqlpool_host_wanted", "mysqlpool_pinned_connections", "mysqlpool_connections_held_long", "mysqlpool_restore_proof"); err != nil {
		t.Error(err)
	}
}

// Every number of PoolStats is in some metric: each of full's is told apart.
func TestNothingIsLeftOut(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{func() []mysqlpool.PoolStats { return []mysqlpool.PoolStats{full} }, someServers, someLeaks})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[float64]bool{}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, v := range []interface{ GetValue() float64 }{m.Gauge, m.Counter} {
				got[v.GetValue()] = true
			}
		}
	}
	for n := 1.; n <= 39; n++ {
		if n != 21 && n != 22 && n != 30 && !got[n] {
			t.Errorf("the number %v is in no metric", n)
		}
	}
}

// The dashboard asks for what is exported, and for nothing else.
func TestDashboard(t *testing.T) {
	b, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Title  string
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	exported := map[string]bool{nameOf(heldLong): true}
	for _, m := range metrics {
		exported[nameOf(m.desc)] = true
	}
	for _, m := range serverMetrics {
		exported[nameOf(m.desc)] = true
	}
	for _, h := range histograms {
		exported[nameOf(h.desc)+"_bucket"] = true
	}
	name := regexp.MustCompile(`\b(db_client|mysqlpool)_[a-z_]+\b`)
	asked := map[string]bool{"db_client_connection_pool_name": true, "db_client_connection_state": true}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			for _, n := range name.FindAllString(target.Expr, -1) {
				if !exported[n] && !asked[n] {
					t.Errorf("%s: %s is not exported", p.Title, n)
				}
				asked[n] = true
			}
		}
	}
	for n := range exported {
		if !asked[n] {
			t.Errorf("%s is in no panel", n)
		}
	}
}

func nameOf(d *prometheus.Desc) string {
	return regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1]
}

// Scraped while queries run, it says what was done.
func TestScrapeUnderLoad(t *testing.T) {
	dsn := os.Getenv("MYSQL_POOL_TEST_DSN")
	if dsn == "" {
		t.Skip("needs a server: set MYSQL_POOL_TEST_DSN")
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(NewCollector())
	web := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer web.Close()
	scrape := func() string {
		r, err := web.Client().Get(web.URL)
		if err != nil {
			t.Error(err)
			return ""
		}
		defer r.Body.Close()
		var b strings.Builder
		if err := r.Write(&b); err != nil || r.StatusCode != 200 {
			t.Errorf("status %d, %v: %s", r.StatusCode, err, &b)
		}
		return b.String()
	}
	db, err := sql.Open("mysql_pool", dsn)
	if err != nil {
		t.Fatal(err)
	}
	var load sync.WaitGroup
	for range 8 {
		load.Go(func() {
			for n := range 200 {
				var got int
				if err := db.QueryRowContext(t.Context(), "SELECT ?", n).Scan(&got); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		scrape()
	}
	load.Wait()
	got := scrape()
	for _, want := range []string{
		`db_client_connection_use_time_seconds_count\{.*\} (1[6-9]|[2-9]\d)\d\d\n`,
		`db_client_connection_create_time_seconds_count\{.*\} [1-9]`,
		`mysqlpool_statement_cache_total\{.*result="hit"\} [1-9]`,
		`db_client_connection_max\{.*\} [1-9]`,
	} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("want %s in\n%s", want, got)
		}
	}
	db.Close()
	if err := mysqlpool.Dispose(t.Context()); err != nil {
		t.Error(err)
	}
	if got := scrape(); strings.Contains(got, "mysqlpool_") {
		t.Errorf("after Dispose there is still\n%s", got)
	}
}
