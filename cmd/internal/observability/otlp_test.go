package observability

import (
	"database/sql"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	mysqlotel "github.com/mysqlpool/mysqlpool/driver/otel"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	otlp "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// collectorStub takes what an OTLP exporter sends.
type collectorStub struct {
	mu  sync.Mutex
	got []*otlp.Metric // guarded by mu
}

func (c *collectorStub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	var request collector.ExportMetricsServiceRequest
	if err == nil {
		err = proto.Unmarshal(b, &request)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.ResourceMetrics {
		for _, scope := range resource.ScopeMetrics {
			if scope.Scope.Name == "github.com/mysqlpool/mysqlpool/driver/otel" {
				c.got = append(c.got, scope.Metrics...)
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// refusing returns the address of a server that is not there any more.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// What the exporter for OTLP sends has the names of the documentation, and those
// that Prometheus gives to them are the collector's. With a server there is load on
// it; without one a pool of two hosts that do not answer.
func TestOTLP(t *testing.T) {
	stub := &collectorStub{}
	web := httptest.NewServer(stub)
	defer web.Close()
	exporter, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(web.URL), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(
		sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(time.Hour), sdkmetric.WithProducer(mysqlotel.NewProducer()))))
	if _, err := mysqlotel.Register(provider); err != nil {
		t.Fatal(err)
	}
	defer mysqlpool.Dispose(t.Context())
	dsn := os.Getenv("MYSQL_POOL_TEST_DSN")
	loaded := dsn != ""
	if !loaded {
		dsn = "app:hunter2@tcp(" + refusing(t) + "," + refusing(t) + ")/"
	}
	db, err := sql.Open("mysql_pool", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for n := range 100 {
				var got int
				if err := db.QueryRowContext(t.Context(), "SELECT ?", n).Scan(&got); loaded != (err == nil) {
					t.Errorf("loaded %v: %v", loaded, err)
				}
				if !loaded {
					return
				}
			}
		})
	}
	load.Wait()
	if err := provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}

	stub.mu.Lock()
	defer stub.mu.Unlock()
	otelNames := map[string]string{}
	for prom, otel := range names(t) {
		otelNames[otel] = prom
	}
	seen := map[string]*otlp.Metric{}
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	for _, m := range stub.got {
		seen[m.Name] = m
		name, err := namer.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: typeOf(m)})
		if err != nil || name != otelNames[m.Name] {
			t.Errorf("%s is %s in Prometheus, %v; documented is %q", m.Name, name, err, otelNames[m.Name])
		}
		if strings.Contains(m.String(), "hunter2") {
			t.Errorf("the password is in %v", m)
		}
	}
	want := []string{"db.client.connection.count", "db.client.connection.create_time", "mysqlpool.pool.info", "mysqlpool.login_errors", "mysqlpool.server_connections"}
	if !loaded {
		want = append(want, "mysqlpool.host_state", "mysqlpool.host_wanted")
	}
	for _, name := range want {
		if seen[name] == nil {
			t.Errorf("%s was not exported, only %q", name, slices.Sorted(maps.Keys(seen)))
		}
	}
	if loaded {
		if n := seen["db.client.connection.use_time"].GetHistogram().DataPoints[0].Count; n < 400 {
			t.Errorf("%d uses, want 400 or more", n)
		}
	}
}

func typeOf(m *otlp.Metric) otlptranslator.MetricType {
	switch data := m.Data.(type) {
	case *otlp.Metric_Sum:
		if data.Sum.IsMonotonic {
			return otlptranslator.MetricTypeMonotonicCounter
		}
		return otlptranslator.MetricTypeNonMonotonicCounter
	case *otlp.Metric_Histogram:
		return otlptranslator.MetricTypeHistogram
	}
	return otlptranslator.MetricTypeGauge
}
