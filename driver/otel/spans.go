package otel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// RegisterSpans has a span made of what a pool of the process does for a request
// besides its statements, until unregister is called. A nil provider is the global
// one. Statements have no span here: those are made by a wrapper such as otelsql,
// whose spans are the parents of these where a request waits.
//
//	pool.wait     a checkout that had to wait in the queue
//	pool.login    one login to one host
//	pool.restore  session state that was undone, reset, or closed with its connection
//	pool.ping     the ping of a connection before it is used
//
// When each happens, and whose child it is, is in the documentation of
// [mysqlpool.TraceOp] and [mysqlpool.AddTracer]. What no request waits for, as most
// restores, has a root span. A span begins and ends when what it shows did, and is
// made once that has ended; so it is nobody's parent.
//
// Every span has db.system.name and db.client.connection.pool.name; all but
// pool.wait have server.address and, with TCP, server.port; pool.restore has how
// and state. One that failed has the status Error, with error.type, and
// db.response.status_code if the server refused. No attribute has an SQL text, an
// argument or a password: of a server's error, which may quote one, there is the
// number alone.
func RegisterSpans(provider trace.TracerProvider) (unregister func()) {
	if provider == nil {
		provider = otel.GetTracerProvider()
	}
	tracer := provider.Tracer(scope, trace.WithSchemaURL(SchemaURL))
	return mysqlpool.AddTracer(func(ctx context.Context, e mysqlpool.TraceEvent) { makeSpan(ctx, tracer, &e) })
}

func makeSpan(ctx context.Context, tracer trace.Tracer, e *mysqlpool.TraceEvent) {
	kind := trace.SpanKindClient
	if e.Op == mysqlpool.TraceWait {
		kind = trace.SpanKindInternal
	}
	_, span := tracer.Start(ctx, "pool."+string(e.Op), trace.WithTimestamp(e.Start), trace.WithSpanKind(kind), trace.WithAttributes(spanAttributes(e)...))
	defer span.End(trace.WithTimestamp(e.Start.Add(e.Duration)))
	if e.Err == nil || !span.IsRecording() {
		return
	}
	attributes, text := describeError(e.Err)
	span.SetAttributes(attributes...)
	span.SetStatus(codes.Error, text)
}

func spanAttributes(e *mysqlpool.TraceEvent) []attribute.KeyValue {
	all := []attribute.KeyValue{semconv.DBSystemNameMySQL, semconv.DBClientConnectionPoolName(cmp.Or(e.Name, e.Login))}
	if e.Host != "" {
		host, port, err := net.SplitHostPort(e.Host)
		if n, _ := strconv.Atoi(port); err == nil && n > 0 {
			all = append(all, semconv.ServerAddress(host), semconv.ServerPort(n))
		} else {
			all = append(all, semconv.ServerAddress(e.Host))
		}
	}
	if e.How != "" {
		all = append(all, attribute.String("how", e.How), attribute.String("state", e.State))
	}
	return all
}

// describeError returns the attributes and the text of an error. What a server says
// may quote a statement, so that of it there is the number alone.
func describeError(err error) (all []attribute.KeyValue, text string) {
	kind, text := semconv.ErrorType(err), err.Error()
	var refused *mysql.MySQLError
	server := errors.As(err, &refused)
	if server {
		number := strconv.Itoa(int(refused.Number))
		text = "server error " + number
		if refused.SQLState != [5]byte{} {
			text += fmt.Sprintf(" (%s)", refused.SQLState[:])
		}
		kind = semconv.ErrorTypeKey.String(number)
		all = append(all, semconv.DBResponseStatusCode(number))
	}
	switch timeout := errors.Is(err, mysqlpool.ErrPoolTimeout); {
	case timeout && server:
		text = mysqlpool.ErrPoolTimeout.Error() + "; the latest login failed: " + text
		fallthrough
	case timeout, errors.Is(err, context.DeadlineExceeded):
		kind = semconv.ErrorTypeKey.String("timeout")
	case errors.Is(err, context.Canceled):
		kind = semconv.ErrorTypeKey.String("canceled")
	}
	return append(all, kind), text
}
