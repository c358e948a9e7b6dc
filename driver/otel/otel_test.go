package otel

import (
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// full is a pool of which every metric has a value.
var full = mysqlpool.PoolStats{
	Login: "app@tcp(a:1,b:2)", Number: 3, Size: 5, Limit: 20, Open: 9, InUse: 4, Idle: 3, Pinned: 2,
	PinnedBy: map[string]int{"locks": 1, "transaction": 39}, LoggingIn: 10, Waiting: 6, Handles: 7,
	Opened: 30, LoginErrors: 8, Recycled: 32, IdleClosed: 33, Broken: 34, Dirty: 35, Overflow: 36, Unclosed: 37, Disposed: 38, Invalidated: 23,
	Undone: 11, Reset: 12, Killed: 13, Stmts: 14, StmtHits: 15, StmtMisses: 16, StmtEvictions: 17, Waits: 18, Timeouts: 19, Keepalives: 29,
	WaitDuration: 1500 * time.Millisecond,
	CreateTime:   mysqlpool.Histogram{Bounds: []time.Duration{time.Millisecond, time.Second}, Counts: []int64{1, 2, 3}, Count: 6, Sum: 1500 * time.Millisecond},
	Hosts:        []mysqlpool.HostStats{{Addr: "a:1", Opened: 21, LoginErrors: 22, Probes: 24, State: "down", ResetProof: mysqlpool.ProofIgnored}, {Addr: "b:2", Open: 9, State: "read-only", ReadOnly: true, Wanted: true}},
}

// example is full, another pool with its login, and servers of which two have one address.
var example = source{
	func() []mysqlpool.PoolStats {
		return []mysqlpool.PoolStats{full, {Login: full.Login, Name: "orders", Number: 4, PipelineProof: mysqlpool.ProofRefused}}
	},
	func() []mysqlpool.ServerStats {
		return []mysqlpool.ServerStats{
			{Addr: "tcp(a:1)", MaxConnections: 100, Limit: 40, Taken: 25, WithoutHandle: 26, Waiting: 27,
				Accounts: []mysqlpool.AccountStats{{User: "app", Limit: 28, Taken: 40}, {User: "free", Taken: 4}}},
			{Addr: "tcp(b:2)", Limit: 50, Taken: 20, Accounts: []mysqlpool.AccountStats{{User: "app", Limit: 10, Taken: 9}}},
			{Addr: "tcp(b:2)", Limit: 50, Taken: 10, Accounts: []mysqlpool.AccountStats{{User: "app", Limit: 10, Taken: 1}}},
		}
	},
	func() []mysqlpool.Leak { return []mysqlpool.Leak{{Login: "app@tcp(a:1)", Name: "orders"}} },
}

// collect returns what a reader gets, one line for each series, sorted.
func collect(t *testing.T, s source) []string {
	t.Helper()
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(producer{s}))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	registration, err := s.register(provider)
	if err != nil {
		t.Fatal(err)
	}
	lines := read(t, reader)
	if err := registration.Unregister(); err != nil {
		t.Error(err)
	}
	return lines
}

func read(t *testing.T, reader *sdkmetric.ManualReader) (lines []string) {
	t.Helper()
	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil {
		t.Error(err)
		return nil
	}
	for _, scope := range got.ScopeMetrics {
		if scope.Scope.Name == "go.opentelemetry.io/otel/sdk/metric" {
			continue
		}
		if scope.Scope.SchemaURL != SchemaURL {
			t.Errorf("the scope has the schema %q", scope.Scope.SchemaURL)
		}
		for _, m := range scope.Metrics {
			lines = append(lines, seriesOf(m)...)
		}
	}
	slices.Sort(lines)
	return lines
}

func seriesOf(m metricdata.Metrics) (lines []string) {
	add := func(kind string, attributes []string, value any) {
		lines = append(lines, fmt.Sprintf("%s %s %s{%s} %v", kind, m.Name, m.Unit, strings.Join(attributes, " "), value))
	}
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			add(kindOf(data.IsMonotonic), attributesOf(p), p.Value)
		}
	case metricdata.Sum[float64]:
		for _, p := range data.DataPoints {
			add(kindOf(data.IsMonotonic), attributesOf(p), p.Value)
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			add("gauge", attributesOf(p), p.Value)
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			var attributes []string
			for _, a := range p.Attributes.ToSlice() {
				attributes = append(attributes, string(a.Key)+"="+a.Value.String())
			}
			add("histogram", attributes, fmt.Sprint(p.Bounds, p.BucketCounts, p.Count, p.Sum))
		}
	}
	return lines
}

func kindOf(monotonic bool) string {
	if monotonic {
		return "counter"
	}
	return "sum"
}

func attributesOf[N int64 | float64](p metricdata.DataPoint[N]) (all []string) {
	for _, a := range p.Attributes.ToSlice() {
		all = append(all, string(a.Key)+"="+a.Value.String())
	}
	return all
}

func TestSeries(t *testing.T) {
	got := collect(t, example)
	const pool = "db.client.connection.pool.name=app@tcp(a:1,b:2)"
	for _, want := range []string{
		"sum db.client.connection.count {connection}{" + pool + " db.client.connection.state=used pool=3} 4",
		"sum db.client.connection.count {connection}{" + pool + " db.client.connection.state=idle pool=3} 3",
		"sum db.client.connection.count {connection}{" + pool + " db.client.connection.state=pinned pool=3} 2",
		"sum db.client.connection.max {connection}{" + pool + " pool=3} 20",
		"sum db.client.connection.idle.max {connection}{" + pool + " pool=3} 5",
		"sum db.client.connection.pending_requests {request}{" + pool + " pool=3} 6",
		"counter db.client.connection.timeouts {timeout}{" + pool + " pool=3} 19",
		"histogram db.client.connection.create_time s{" + pool + " pool=3} [0.001 1] [1 2 3] 6 1.5",
		"counter mysqlpool.wait_duration s{" + pool + " pool=3} 1.5",
		"sum mysqlpool.pool.info {" + "db.client.connection.pool.name=orders login=app@tcp(a:1,b:2) pool=4 pool_name=orders} 1",
		"gauge mysqlpool.host_state {" + pool + " host=b:2 pool=3 state=read-only} 1",
		"counter mysqlpool.connections_closed {connection}{" + pool + " pool=3 reason=invalidated} 23",
		"gauge mysqlpool.restore_proof {" + pool + " found=ignored host=a:1 pool=3 way=reset} 1",
		"gauge mysqlpool.restore_proof {db.client.connection.pool.name=orders found=refused host= pool=4 way=pipeline} 1",
		"sum mysqlpool.server_connections {connection}{server=tcp(b:2)} 30",
		"sum mysqlpool.server_connections_max {connection}{server=tcp(b:2)} 100",
		"gauge mysqlpool.server_max_connections {connection}{server=tcp(a:1)} 100",
		"sum mysqlpool.account_connections_max {connection}{server=tcp(b:2) user=app} 20",
		"sum mysqlpool.connections_held_long {connection}{db.client.connection.pool.name=orders} 1",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("want %s", want)
		}
	}
	for _, absent := range []string{
		"db.client.connection.max {connection}{db.client.connection.pool.name=orders", // which knows no limit
		"user=free", // which has none
		"server_max_connections {connection}{server=tcp(b:2)",
	} {
		for _, line := range got {
			if strings.Contains(line, absent) {
				t.Errorf("got %s", line)
			}
		}
	}
	if t.Failed() {
		t.Logf("got\n%s", strings.Join(got, "\n"))
	}
}

// Every number of PoolStats is in some metric: each of full's is told apart.
func TestNothingIsLeftOut(t *testing.T) {
	got := strings.Join(collect(t, example), "\n") + "\n"
	for n := 1; n <= 40; n++ {
		if n != 31 && !strings.Contains(got, fmt.Sprintf("} %d\n", n)) {
			t.Errorf("the number %d is in no metric", n)
		}
	}
}

func TestUnregister(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	registration, err := example.register(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	if len(read(t, reader)) == 0 {
		t.Error("nothing is exported")
	}
	if err := registration.Unregister(); err != nil {
		t.Error(err)
	}
	if got := read(t, reader); len(got) > 0 {
		t.Errorf("afterwards there is still %q", got)
	}
}

// A pool that is gone has no series, and there may be none at all.
func TestForgottenPool(t *testing.T) {
	pools := example.stats()
	s := example
	s.stats = func() []mysqlpool.PoolStats { return pools }
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(producer{s}))
	if _, err := s.register(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{2, 1, 0} {
		pools = pools[:n]
		numbers := map[string]bool{}
		for _, line := range read(t, reader) {
			if _, after, ok := strings.Cut(line, " pool="); ok {
				numbers[after[:1]] = true
			}
		}
		if len(numbers) != n {
			t.Errorf("%d pools: there are series of %v", n, numbers)
		}
	}
}

// Collected while queries run, it says what was done.
func TestCollectUnderLoad(t *testing.T) {
	dsn := os.Getenv("MYSQL_POOL_TEST_DSN")
	if dsn == "" {
		t.Skip("needs a server: set MYSQL_POOL_TEST_DSN")
	}
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(NewProducer()))
	if _, err := Register(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))); err != nil {
		t.Fatal(err)
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
		read(t, reader)
	}
	load.Wait()
	got := strings.Join(read(t, reader), "\n")
	for _, want := range []string{"histogram db.client.connection.use_time s{", "sum db.client.connection.max {connection}{", "mysqlpool.statement_cache {statement}{"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %s in\n%s", want, got)
		}
	}
	var uses int
	for _, p := range mysqlpool.Stats() {
		uses += int(p.UseTime.Count)
	}
	if uses < 1600 {
		t.Errorf("%d uses, want one for each query", uses)
	}
	db.Close()
	if err := mysqlpool.Dispose(t.Context()); err != nil {
		t.Error(err)
	}
	if got := read(t, reader); len(got) > 0 {
		t.Errorf("after Dispose there is still %q", got)
	}
}

// Each metric has a row in the documentation.
func TestEachMetricIsDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	all := []string{waitDuration.name, heldLong.name}
	for _, m := range poolMetrics {
		all = append(all, m.name)
	}
	for _, m := range serverMetrics {
		all = append(all, m.name)
	}
	for _, h := range histograms {
		all = append(all, h.Name())
	}
	for _, name := range all {
		if !strings.Contains(string(docs), "` | `"+name+"` | ") {
			t.Errorf("%s has no row in docs/observability.md", name)
		}
	}
}
