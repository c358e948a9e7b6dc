package mysqlpool

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// parent is the context key by which tests tell whose an event is.
type parent struct{}

func asParent(t *testing.T, name string) context.Context {
	return context.WithValue(t.Context(), parent{}, name)
}

// traceLog is what a tracer was told.
type traceLog struct {
	mu     sync.Mutex
	events []TraceEvent
	lines  []string
}

func (l *traceLog) add(ctx context.Context, e TraceEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	line := fmt.Sprintf("%s %v", e.Op, e.Duration)
	for _, of := range []any{ctx.Value(parent{}), e.How, e.State} {
		if of != nil && of != "" {
			line += fmt.Sprintf(" %s", of)
		}
	}
	if e.Err != nil {
		line += " failed"
	}
	if !e.Start.Add(e.Duration).Equal(time.Now()) {
		line += " and does not end now"
	}
	l.lines = append(l.lines, line)
}

// traced returns what is told from now on.
func traced(t *testing.T) *traceLog {
	l := &traceLog{}
	t.Cleanup(AddTracer(l.add))
	return l
}

// want takes what was told since the last time, and returns it.
func (l *traceLog) want(t *testing.T, want ...string) []TraceEvent {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.lines, want) {
		t.Errorf("got %q, want %q", l.lines, want)
	}
	events := l.events
	l.events, l.lines = nil, nil
	for _, e := range events {
		host := "fake:3306"
		if e.Op == TraceWait {
			host = ""
		}
		if e.Host != host || e.Login != "app@tcp(fake:3306)" {
			t.Errorf("%s: got host %q and login %q", e.Op, e.Host, e.Login)
		}
		if text := fmt.Sprint(e); strings.Contains(text, "secret") || strings.Contains(text, "SELECT") {
			t.Errorf("an event tells too much: %s", text)
		}
	}
	return events
}

const oneConn = "pool_size=1&pool_max_overflow=0&pool_name=orders"

func TestTraceOfWaits(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.login = func(context.Context, int) error { time.Sleep(50 * time.Millisecond); return nil }
		log := traced(t)
		a, b := handle(t, s, oneConn), handle(t, s, oneConn)

		conn, err := a.Conn(asParent(t, "first"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range log.want(t, "login 50ms first", "wait 50ms first") {
			if e.Name != "orders" {
				t.Errorf("%s: got name %q", e.Op, e.Name)
			}
		}
		if err := conn.PingContext(asParent(t, "takes its own back")); err != nil {
			t.Fatal(err)
		}
		log.want(t)

		time.AfterFunc(time.Second, func() { conn.Close() })
		if err := b.PingContext(asParent(t, "second")); err != nil {
			t.Fatal(err)
		}
		log.want(t, "wait 1s second")

		if err := a.PingContext(asParent(t, "takes what b offers")); err != nil {
			t.Fatal(err)
		}
		log.want(t)

		time.Sleep(2 * time.Second) // it is idle now
		if err := b.PingContext(asParent(t, "finds it idle")); err != nil {
			t.Fatal(err)
		}
		log.want(t)
	})
}

func TestTraceOfWaitsInVain(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		a, b := handle(t, s, oneConn+"&pool_timeout=3s"), handle(t, s, oneConn+"&pool_timeout=3s")
		conn, err := a.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		log := traced(t)
		if err := b.PingContext(asParent(t, "request")); !errors.Is(err, ErrPoolTimeout) {
			t.Errorf("got %v", err)
		}
		if e := log.want(t, "wait 3s request failed"); !errors.Is(e[0].Err, ErrPoolTimeout) {
			t.Errorf("got %v", e[0].Err)
		}
		ctx, cancel := context.WithCancel(asParent(t, "cancelled"))
		time.AfterFunc(time.Second, cancel)
		if err := b.PingContext(ctx); err != context.Canceled {
			t.Errorf("got %v", err)
		}
		log.want(t, "wait 1s cancelled failed")
	})
}

func TestTraceOfLogins(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		refused := errors.New("fake: refused")
		s.login = func(_ context.Context, n int) error {
			time.Sleep(20 * time.Millisecond)
			if n == 1 {
				return refused
			}
			return nil
		}
		log := traced(t)
		db := handle(t, s, "pool_warm=1")
		if err := db.PingContext(asParent(t, "refused")); !errors.Is(err, refused) {
			t.Errorf("got %v", err)
		}
		for _, e := range log.want(t, "login 20ms refused failed", "wait 20ms refused failed") {
			if !errors.Is(e.Err, refused) {
				t.Errorf("%s: got %v", e.Op, e.Err)
			}
		}
		conn, err := db.Conn(asParent(t, "request"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		log.want(t, "login 20ms request", "wait 20ms request")
		if err := conn.PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		log.want(t, "login 20ms") // a warm one, which no request asked for
	})
}

// Of a login that is left behind, because its dialer ignores the context, it is
// told then, and not again when it ends.
func TestTraceOfALoginThatIsLeftBehind(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.login = func(context.Context, int) error { time.Sleep(time.Minute); return nil }
		log := traced(t)
		if err := handle(t, s, "timeout=1s").PingContext(asParent(t, "request")); err == nil {
			t.Error("it logged in")
		}
		log.want(t, "login 1.5s request failed", "wait 1.5s request failed")
		time.Sleep(time.Minute)
		log.want(t)
	})
}

func TestTraceOfLoginsToEachHost(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.addr = "one:1,two:2"
		s.reach = func(_ context.Context, addr string) error {
			if addr == "one:1" {
				return driver.ErrBadConn
			}
			return nil
		}
		log := traced(t)
		ask(t, handle(t, s, ""))
		log.mu.Lock()
		defer log.mu.Unlock()
		var got []string
		for _, e := range log.events[:3] {
			got = append(got, fmt.Sprintf("%s %s %v", e.Op, e.Host, e.Err == nil))
		}
		if want := []string{"login one:1 false", "login two:2 true", "wait  true"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestTraceOfRestores(t *testing.T) {
	const restoring = 7 * time.Millisecond
	for _, test := range []struct {
		name, params, leaves string
		resets               bool
		want                 []string // once its handle is closed
	}{
		{"nothing", "", "DO 1", true, nil},
		{"undo", "", "BEGIN", true, []string{"restore 7ms undone transaction"}},
		{"reset", "", "SET @a = 1", true, []string{"restore 7ms reset user variables"}},
		{"close", "", "CREATE TEMPORARY TABLE t (a int)", false, []string{"restore 0s closed temporary tables failed", "login 0s"}},
		{"always", "&pool_reset=always", "SET @a = 1", true, []string{"restore 7ms reset user variables"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.resets = test.resets
				s.query = func(_ context.Context, _ *fakeConn, text string) error {
					if text == "ROLLBACK" || text == "reset" {
						time.Sleep(restoring)
					}
					return nil
				}
				db := handle(t, s, oneConn+test.params)
				mustExec(t, db, test.leaves)
				log := traced(t)
				db.Close()
				time.Sleep(restoring)
				log.want(t, test.want...)
			})
		})
	}
}

// What is done to a connection before a request has it is that request's.
func TestTraceOfWhatAHandOutDoes(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.resets = true
		s.query = func(_ context.Context, _ *fakeConn, text string) error {
			if text == "ping" || text == "reset" {
				time.Sleep(3 * time.Millisecond)
			}
			return nil
		}
		for _, test := range []struct {
			params string
			idle   time.Duration
			want   []string
		}{
			{"&pool_ping_after=10s&pool_keepalive=0", time.Minute, []string{"ping 3ms request"}},
			{"&pool_reset=always", 0, []string{"restore 3ms request reset"}},
			{"&pool_keepalive=10s", time.Minute, nil}, // pinged in the background
		} {
			ask(t, handle(t, s, oneConn+test.params))
			time.Sleep(test.idle)
			log := traced(t)
			if _, err := handle(t, s, oneConn+test.params).ExecContext(asParent(t, "request"), "DO 1"); err != nil {
				t.Fatal(err)
			}
			log.want(t, test.want...)
		}
	})
}

// A transaction that only an error left in doubt is undone for whoever comes next.
func TestTraceOfARestoreThatARequestWaitsFor(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		s.query = failThen("DELETE nonsense", true)
		a, b := handle(t, s, oneConn), handle(t, s, oneConn)
		if _, err := a.Exec("DELETE nonsense"); err == nil {
			t.Fatal("it did not fail")
		}
		log := traced(t)
		if err := b.PingContext(asParent(t, "request")); err != nil {
			t.Fatal(err)
		}
		log.want(t, "restore 0s request undone transaction")
	})
}

func TestNoTracerCostsNothing(t *testing.T) {
	l := &physical.Shared{Tracer: &tracer}
	if start := l.TraceStart(); !start.IsZero() {
		t.Errorf("the clock is read: %v", start)
	}
	if n := testing.AllocsPerRun(100, func() {
		l.Traced(t.Context(), l.TraceStart(), physical.TraceEvent{Op: physical.TracePing})
		l.Waited(t.Context(), time.Second, nil)
	}); n > 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func TestTracersAreAddedAndRemoved(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		told := [2]int{}
		var remove [2]func()
		for i := range told {
			remove[i] = AddTracer(func(context.Context, TraceEvent) { told[i]++ })
		}
		login := func() {
			synctest.Wait()
			ask(t, handle(t, s, fmt.Sprintf("pool_name=p%d", s.logins)))
			synctest.Wait()
		}
		login()
		remove[0]()
		remove[0]() // once more
		login()
		remove[1]()
		login()
		if want := [2]int{2, 4}; told != want {
			t.Errorf("told %v, want %v", told, want)
		}
	})
}
