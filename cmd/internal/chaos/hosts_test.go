package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"

	"github.com/mysqlpool/mysqlpool/cmd/internal/faults"
)

// A commit is a transaction with one write: when it began, where it ran, and when
// it ended in what.
type commit struct {
	began, ended time.Time
	port         int // of the server that ran it; 0 if it was not reached
	err          error
}

// writers write in transactions, all the time.
type writers struct {
	db    *sql.DB
	does  string
	pause time.Duration // in each transaction

	mu  sync.Mutex // guards what follows
	all []commit
}

func (w *writers) run(ctx context.Context, n int) (wait func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				c := w.one()
				w.mu.Lock()
				w.all = append(w.all, c)
				w.mu.Unlock()
				if c.err != nil {
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	return all.Wait
}

func (w *writers) one() (c commit) {
	c.began = time.Now()
	defer func() { c.ended = time.Now() }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		c.err = err
		return c
	}
	defer tx.Rollback()
	if c.err = tx.QueryRowContext(ctx, "SELECT @@port").Scan(&c.port); c.err != nil {
		return c
	}
	if _, c.err = tx.ExecContext(ctx, w.does); c.err != nil {
		return c
	}
	time.Sleep(w.pause)
	c.err = tx.Commit()
	return c
}

// since returns what ended after an instant.
func (w *writers) since(t time.Time) (all []commit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.all {
		if c.ended.After(t) {
			all = append(all, c)
		}
	}
	return all
}

// awaits waits until a transaction that began after an instant succeeded, on port
// unless that is 0.
func (w *writers) awaits(t time.Time, port int, long time.Duration) (c commit, err error) {
	err = within(long, func() error {
		latest := errors.New("none ended")
		for _, c = range w.since(t) {
			switch {
			case c.err != nil:
				latest = c.err
			case c.began.After(t) && (port == 0 || c.port == port):
				return nil
			}
		}
		return fmt.Errorf("no transaction that began since then succeeded on port %d; the latest error: %w; %s", port, latest, hostsText())
	})
	return c, err
}

// checkSplit says so if a transaction began on one server and succeeded after
// another one had succeeded on the next.
func (w *writers) checkSplit(t *testing.T, since time.Time, from, to int) {
	t.Helper()
	var first time.Time // success on to
	for _, c := range w.since(since) {
		if c.err == nil && c.port == to && (first.IsZero() || c.ended.Before(first)) {
			first = c.ended
		}
	}
	late, writes := 0, map[int]int{}
	for _, c := range w.since(since) {
		if c.err == nil {
			writes[c.port]++
			if c.port == from && c.began.After(first) {
				late++
			}
		}
	}
	t.Logf("commits by port: %v", writes)
	if late > 0 {
		t.Errorf("%d transactions began on port %d after one had succeeded on %d", late, from, to)
	}
}

func hostsText() string {
	var all []string
	for _, p := range mysqlpool.Stats() {
		for _, h := range p.Hosts {
			all = append(all, fmt.Sprintf("%s %s since %v (%s), %d open, %d opened, %d failed, %d probes",
				h.Addr, h.State, time.Since(h.Since).Round(time.Millisecond), h.Reason, h.Open, h.Opened, h.LoginErrors, h.Probes))
		}
	}
	return strings.Join(all, "; ")
}

func portOf(t *testing.T, db *sql.DB) (port int) {
	t.Helper()
	if err := db.QueryRow("SELECT @@port").Scan(&port); err != nil {
		t.Fatal(err)
	}
	return port
}

// rounds is how often a test goes through its faults.
func rounds() int {
	if os.Getenv(envChaos) != "" {
		return 5
	}
	return 1
}

// hostsDSN is a DSN of several hosts for the user app.
func hostsDSN(t *testing.T, dsn string, params string, hosts ...string) string {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s:%s@tcp(%s)/%s?%s", cfg.User, cfg.Passwd, strings.Join(hosts, ","), cfg.DBName, params)
}

// proxied is a server behind a relay.
func proxied(t *testing.T, dsn string) (p *faults.Proxy, addr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p, err := faults.NewProxy(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); p.Wait() })
	cfg, err := mysql.ParseDSN(p.DSN)
	if err != nil {
		t.Fatal(err)
	}
	return p, cfg.Addr
}

// Two servers that both take writes, as a pair that replicates to each other. The
// first is away for two seconds; it is used again within ten, and no transaction
// begins on one of them once the other is in use.
func TestPair(t *testing.T) {
	noLeaks(t)
	a, b := startServer(t), startServer(t)
	relay, addrA := proxied(t, a.dsn)
	_, addrB := proxied(t, b.dsn)
	cfg, err := mysql.ParseDSN(a.dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*server{a, b} {
		exec(t, s.Monitor(), "CREATE TABLE "+cfg.DBName+".w (n BIGINT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB")
	}
	portA, portB := portOf(t, a.Monitor()), portOf(t, b.Monitor())
	w := &writers{db: open(t, pooled, hostsDSN(t, a.dsn, "timeout=5s&@pool_size=8", addrA, addrB)), does: "INSERT INTO w () VALUES ()", pause: 5 * time.Millisecond}
	ctx, stop := context.WithCancel(t.Context())
	wait := w.run(ctx, 8)
	defer func() { stop(); wait() }()
	for range rounds() {
		start := time.Now()
		if _, err := w.awaits(start, portA, patience+maxBackoff); err != nil {
			t.Fatal(err)
		}
		shut := time.Now()
		relay.Shut()
		first, err := w.awaits(shut, portB, patience)
		if err != nil {
			t.Fatal(err)
		}
		w.checkSplit(t, shut, portA, portB)
		time.Sleep(time.Until(shut.Add(2 * time.Second)))
		opened := time.Now()
		if err := relay.Open(); err != nil {
			t.Fatal(err)
		}
		back, err := w.awaits(opened, portA, patience)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("the first success on the other %v after the first was away; on the first again %v after it was back; %s",
			first.ended.Sub(shut).Round(time.Millisecond), back.ended.Sub(opened).Round(time.Millisecond), hostsText())
		if took := back.ended.Sub(opened); took > 10*time.Second {
			t.Errorf("the first was used again after %v, want 10 s at most", took)
		}
		time.Sleep(time.Second)
		w.checkSplit(t, opened, portB, portA)
	}
	stop()
	wait()
	acknowledged, rows := map[int]int{}, map[int]int{}
	for _, c := range w.since(time.Time{}) {
		if c.err == nil {
			acknowledged[c.port]++
		}
	}
	for port, s := range map[int]*server{portA: a, portB: b} {
		var n int
		if err := s.Monitor().QueryRow("SELECT COUNT(*) FROM " + cfg.DBName + ".w").Scan(&n); err != nil {
			t.Fatal(err)
		}
		rows[port] = n
		if n < acknowledged[port] {
			t.Errorf("port %d has %d rows, and acknowledged %d", port, n, acknowledged[port])
		}
	}
}

// maxBackoff is the longest time for which the driver leaves a host that is up
// unused (pool documentation, "Hosts"), with the time that the probe takes.
const maxBackoff = 31 * time.Second
