package otel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// spansOf returns what a provider exports, and the provider.
func spansOf(t *testing.T) (*tracetest.InMemoryExporter, *sdktrace.TracerProvider) {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	t.Cleanup(func() { provider.Shutdown(context.Background()) })
	return exporter, provider
}

func spanLine(s *tracetest.SpanStub) string {
	var all []string
	for _, a := range s.Attributes {
		all = append(all, string(a.Key)+"="+a.Value.String())
	}
	line := fmt.Sprintf("%s %s {%s}", s.SpanKind, s.Name, strings.Join(all, " "))
	if s.Status.Code == codes.Error {
		line += " " + s.Status.Description
	}
	return line
}

func TestSpan(t *testing.T) {
	start := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	quoting := &mysql.MySQLError{Number: 1064, SQLState: [5]byte([]byte("42000")), Message: "near 'hunter2'"}
	const pool = "db.system.name=mysql db.client.connection.pool.name=orders"
	for _, test := range []struct {
		event mysqlpool.TraceEvent
		want  string
	}{
		{mysqlpool.TraceEvent{Op: mysqlpool.TraceWait, Name: "orders"}, "internal pool.wait {" + pool + "}"},
		{mysqlpool.TraceEvent{Op: mysqlpool.TraceWait, Name: "orders", Err: context.Canceled}, "internal pool.wait {" + pool + " error.type=canceled} context canceled"},
		{mysqlpool.TraceEvent{Op: mysqlpool.TraceWait, Name: "orders", Err: fmt.Errorf("%w: waited 5s", mysqlpool.ErrPoolTimeout)},
			"internal pool.wait {" + pool + " error.type=timeout} " + mysqlpool.ErrPoolTimeout.Error() + ": waited 5s"},
		{mysqlpool.TraceEvent{Op: mysqlpool.TraceWait, Name: "orders", Err: errors.Join(mysqlpool.ErrPoolTimeout, quoting)},
			"internal pool.wait {" + pool + " db.response.status_code=1064 error.type=timeout} " + mysqlpool.ErrPoolTimeout.Error() + "; the latest login failed: server error 1064 (42000)"},
		{mysqlpool.TraceEvent{Op: mysqlpool.TraceLogin, Name: "orders", Host: "db1:3307"}, "client pool.login {" + pool + " server.address=db1 server.port=3307}"},
		{mysqlpool.TraceEvent{Op: mysqlpool.TraceLogin, Name: "orders", Host: "/run/mysqld.sock", Err: fmt.Errorf("login: %w", quoting)},
			"client pool.login {" + pool + " server.address=/run/mysqld.sock db.response.status_code=1064 error.type=1064} server error 1064 (42000)"},
		{mysqlpool.TraceEvent{Op: mysqlpool.TraceLogin, Name: "orders", Host: "[::1]:3306", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}},
			"client pool.login {" + pool + " server.address=::1 server.port=3306 error.type=*net.OpError} dial: refused"},
		{mysqlpool.TraceEvent{Op: mysqlpool.TraceRestore, Login: "app@tcp(a:1)", Host: "a:1", How: "reset", State: "user variables, locks"},
			"client pool.restore {db.system.name=mysql db.client.connection.pool.name=app@tcp(a:1) server.address=a server.port=1 how=reset state=user variables, locks}"},
		{mysqlpool.TraceEvent{Op: mysqlpool.TracePing, Name: "orders", Host: "a:1"}, "client pool.ping {" + pool + " server.address=a server.port=1}"},
	} {
		exporter, provider := spansOf(t)
		ctx, request := provider.Tracer("test").Start(t.Context(), "request")
		test.event.Start, test.event.Duration = start, 5*time.Second
		makeSpan(ctx, provider.Tracer(scope), &test.event)
		got := exporter.GetSpans()
		if len(got) != 1 || spanLine(&got[0]) != test.want {
			t.Errorf("got %v, want %s", got, test.want)
			if len(got) == 1 {
				t.Log(spanLine(&got[0]))
			}
			continue
		}
		if got[0].Parent.SpanID() != request.SpanContext().SpanID() || !got[0].StartTime.Equal(start) || got[0].EndTime.Sub(start) != 5*time.Second {
			t.Errorf("%s: from %v to %v in %v", test.want, got[0].StartTime, got[0].EndTime, got[0].Parent)
		}
		request.End()
	}
}

// childrenOf returns the spans of the pool that are a span's, and the names of its
// roots.
func childrenOf(spans tracetest.SpanStubs, parent trace.Span) (all tracetest.SpanStubs, roots []string) {
	for _, s := range spans {
		switch {
		case s.InstrumentationScope.Name != scope:
		case s.Parent.SpanID() == parent.SpanContext().SpanID():
			all = append(all, s)
		case !s.Parent.IsValid():
			roots = append(roots, s.Name)
		}
	}
	return all, roots
}

// Where no server is, the request has a login that failed and the wait for it.
func TestSpansOfARefusedLogin(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	exporter, provider := spansOf(t)
	unregister := RegisterSpans(provider)
	defer unregister()
	db, err := sql.Open("mysql_pool", "app:secret@tcp("+l.Addr().String()+")/app?pool_name=nobody")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, request := provider.Tracer("test").Start(t.Context(), "request")
	if err := db.PingContext(ctx); err == nil {
		t.Error("a server answered")
	}
	request.End()
	all, _ := childrenOf(exporter.GetSpans(), request)
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
		if s.Status.Code != codes.Error || strings.Contains(fmt.Sprint(s), "secret") {
			t.Errorf("got %s", spanLine(&s))
		}
		if s.InstrumentationScope.SchemaURL != SchemaURL {
			t.Errorf("%s has the schema %q", s.Name, s.InstrumentationScope.SchemaURL)
		}
	}
	if !slices.Equal(names, []string{"pool.login", "pool.wait"}) {
		t.Errorf("got %q", names)
	}
	unregister()
	exporter.Reset()
	db.PingContext(ctx)
	if all := exporter.GetSpans(); len(all) > 0 {
		t.Errorf("after unregister there is %v", all)
	}
}

// A request that waits for another's connection has a span of that, as long as it
// waited; what no request waits for has a root.
func TestSpansOnAServer(t *testing.T) {
	dsn := os.Getenv("MYSQL_POOL_TEST_DSN")
	if dsn == "" {
		t.Skip("needs a server: set MYSQL_POOL_TEST_DSN")
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	handle := func() *sql.DB {
		connector, err := mysqlpool.NewConnector(cfg, mysqlpool.WithSize(1), mysqlpool.WithMaxOverflow(0), mysqlpool.WithName("spans"))
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(connector)
		t.Cleanup(func() { db.Close() })
		return db
	}
	a, b := handle(), handle()
	exporter, provider := spansOf(t)
	defer RegisterSpans(provider)()
	defer mysqlpool.Dispose(context.Background())
	begin := func(name string) (context.Context, trace.Span) {
		return provider.Tracer("test").Start(t.Context(), name)
	}
	want := func(request trace.Span, want ...string) tracetest.SpanStubs {
		t.Helper()
		request.End()
		all, _ := childrenOf(exporter.GetSpans(), request)
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
			if s.Status.Code != codes.Unset {
				t.Errorf("got %s", spanLine(&s))
			}
		}
		if !slices.Equal(names, want) {
			t.Errorf("got %q, want %q", names, want)
		}
		return all
	}

	ctx, first := begin("first")
	conn, err := a.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(ctx, "SET @spans = 1"); err != nil {
		t.Fatal(err)
	}
	want(first, "pool.login", "pool.wait")

	const held = 50 * time.Millisecond
	ctx, second := begin("second")
	time.AfterFunc(held, func() { conn.Close(); a.Close() }) // which leaves the session to be restored
	var left sql.NullInt64
	if err := b.QueryRowContext(ctx, "SELECT @spans").Scan(&left); err != nil || left.Valid {
		t.Errorf("got %v, %v, want the session restored", left, err)
	}
	if all := want(second, "pool.wait"); len(all) == 1 {
		if took := all[0].EndTime.Sub(all[0].StartTime); took < held/2 {
			t.Errorf("it waited for %v, want %v or more", took, held)
		}
	}
	if _, roots := childrenOf(exporter.GetSpans(), second); !slices.Equal(roots, []string{"pool.restore"}) {
		t.Errorf("got the roots %q, want the restore of what the first left", roots)
	}
}

// Each span has a row in the documentation.
func TestEachSpanIsDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []mysqlpool.TraceOp{mysqlpool.TraceWait, mysqlpool.TraceLogin, mysqlpool.TraceRestore, mysqlpool.TracePing} {
		if !strings.Contains(string(docs), "\n| `pool."+string(op)+"` | ") {
			t.Errorf("pool.%s has no row in docs/observability.md", op)
		}
	}
}
