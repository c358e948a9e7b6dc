package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// When the node in use is killed, what is under way on it fails and nothing
// else; the others go on; and once it is back it is used again. No node has lost
// a transfer. The stock driver, which takes one address, has a dialer that takes
// the first host that accepts.
func TestGalera(t *testing.T) {
	noLeaks(t)
	cluster, err := servers.StartGalera(t.Context())
	if errors.Is(err, servers.ErrNoGalera) && os.Getenv(envGalera) == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	var hosts []string
	var admins []*sql.DB
	for _, n := range cluster.Nodes {
		hosts = append(hosts, n.Addr)
		// A node answers only when it has what the others acknowledged.
		admin := open(t, stock, n.DSN+"?readTimeout=20s&wsrep_sync_wait=1")
		admin.SetMaxOpenConns(1)
		admins = append(admins, admin)
	}
	cfg, err := mysql.ParseDSN(cluster.Nodes[0].DSN)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, admins[0], fmt.Sprintf("CREATE USER %s@'%%' IDENTIFIED BY '%s'", appUser, appPassword),
		fmt.Sprintf("GRANT ALL ON `%s`.* TO %s@'%%'", cfg.DBName, appUser),
		"CREATE TABLE beats (n BIGINT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB")
	mysql.RegisterDialContext("firstof", dialFirst)

	// readTimeout, since COMMIT has no context, and a cluster that has lost its
	// majority may answer it never.
	dsn := func(network string) string {
		return fmt.Sprintf("%s:%s@%s(%s)/%s?timeout=1s&readTimeout=20s&@pool_size=20&@pool_timeout=10",
			appUser, appPassword, network, strings.Join(hosts, ","), cfg.DBName)
	}
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			at := dsn("tcp")
			if driver == stock {
				at = dsn("firstof")
				if os.Getenv(envChaos) == "" {
					t.Skip("for comparison, in long runs: set " + envChaos)
				}
			}
			t.Cleanup(func() { dispose(t) })
			testGalera(t, cluster, admins, driver, at)
		})
	}
}

func dialFirst(ctx context.Context, hosts string) (c net.Conn, err error) {
	var d net.Dialer
	for host := range strings.SplitSeq(hosts, ",") {
		if c, err = d.DialContext(ctx, "tcp", host); err == nil {
			return c, nil
		}
	}
	return nil, err
}

func testGalera(t *testing.T, cluster *servers.Galera, admins []*sql.DB, driver, dsn string) {
	createBank(t, admins[0])
	f := newFigures()
	b := openBank(t, driver, dsn, f)
	b.within = 15 * time.Second
	business, closed := context.WithCancel(context.Background())
	defer closed()
	var all sync.WaitGroup
	defer all.Wait()
	defer closed()
	all.Go(func() { b.work(business, 1) })
	beats := &heart{db: admins[1], does: "INSERT INTO beats () VALUES ()"}
	all.Go(func() { beats.beat(business) })
	// Who only reads need not wait until the cluster has found that a node is dead.
	reads := &heart{db: open(t, driver, dsn), does: "SELECT balance FROM accounts WHERE id = 1"}
	all.Go(func() { reads.beat(business) })

	wantUsed(t, admins[0])
	awaitBusiness(t, f)
	cluster.Nodes[0].Crash()
	killed := time.Now()
	f.inject("node killed")
	f.servesSince(killed)
	resumed := f.awaits(10 * tellers)
	failed := f.failedSince()
	stalled := beats.longest(killed)
	f.mu.Lock()
	recoveries := f.recoveries
	f.mu.Unlock()
	if resumed != nil || len(recoveries) == 0 {
		f.report(t, driver)
		for n, admin := range admins[1:] {
			var name, status string
			err := admin.QueryRow("SHOW STATUS LIKE 'wsrep_cluster_status'").Scan(&name, &status)
			if status == "non-Primary" {
				t.Skipf("node %d lost the other one that is left, which happens where processors are busy: then nobody can write", n+1)
			}
			t.Logf("node %d: %s %v", n+1, status, err)
		}
		t.Fatalf("no transfer that began after the kill succeeded within %v (%v); others could not write for %v", time.Since(killed), resumed, stalled)
	}
	recovered := recoveries[0]
	read, err := reads.beats.firstSuccess(killed)
	if err != nil {
		t.Fatalf("reads after the kill: %v", err)
	}
	readsFailed := errorTexts(reads.beats.failed(killed))

	began := time.Now()
	f.inject("node joins")
	f.servesSince(began)
	if err := cluster.Nodes[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	joined := time.Now()
	wantUsed(t, admins[0])
	used := time.Since(joined)
	awaitBusiness(t, f)
	closed()
	all.Wait()
	for n, admin := range admins {
		b.checkBooks(t, admin)
		if t.Failed() {
			t.Fatalf("on node %d", n)
		}
	}
	t.Logf("first success of a transfer that began after the kill: %v after it; the cluster itself let nobody write for %v; %d failed that began after it: %v",
		recovered.Round(time.Millisecond), stalled.Round(time.Millisecond), sum(failed), failed)
	t.Logf("first success of a read that began after the kill: %v after it; %d failed that began after it: %v",
		read.Sub(killed).Round(time.Millisecond), sum(readsFailed), readsFailed)
	failing := f.failedSince()
	t.Logf("the node joined in %v, and was used %v later; %d transfers failed that began meanwhile: %v",
		joined.Sub(began).Round(time.Millisecond), used.Round(time.Millisecond), sum(failing), failing)
	f.report(t, driver)
	// A node answers with a deadlock if a transaction that came from the dead one
	// was before: that is Galera's way, whoever asks.
	maps.DeleteFunc(failed, func(text string, _ int) bool { return strings.HasPrefix(text, "Error 1213 ") })
	if driver == pooled && sum(failed) > 0 {
		t.Errorf("%d transfers failed that began after the kill, want none", sum(failed))
	}
	if driver == pooled && sum(readsFailed) > 0 {
		t.Errorf("%d reads failed that began after the kill, want none: %v", sum(readsFailed), readsFailed)
	}
	if took := read.Sub(killed); driver == pooled && took > time.Second {
		t.Errorf("no read succeeded for %v after the kill, want a second at most", took)
	}
	// On top of the cluster's own silence; much, as machines are slow at times.
	if driver == pooled && recovered > stalled+2*time.Second {
		t.Errorf("no success for %v after the kill, while others could write after %v", recovered, stalled)
	}
}

// wantUsed waits until a node serves the bank, which may be as long as its back-off
// is: that has grown with the time for which it was away.
func wantUsed(t *testing.T, admin *sql.DB) {
	t.Helper()
	if err := within(maxBackoff+patience, func() error {
		ids, err := connections(admin, appUser)
		if err == nil && len(ids) == 0 {
			err = errors.New("the first node is not used; " + hostsText())
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func sum(counts map[string]int) (n int) {
	for _, count := range counts {
		n += count
	}
	return n
}

// A heart does the same all the time, and knows how long that took.
type heart struct {
	db    *sql.DB
	does  string
	beats requests
}

func (h *heart) beat(ctx context.Context) {
	for ctx.Err() == nil {
		r := request{began: time.Now()}
		_, r.err = h.db.ExecContext(ctx, h.does)
		r.ended = time.Now()
		h.beats.mu.Lock()
		h.beats.all = append(h.beats.all, r)
		h.beats.mu.Unlock()
	}
}

// longest is of those that ended after an instant.
func (h *heart) longest(after time.Time) (longest time.Duration) {
	h.beats.mu.Lock()
	defer h.beats.mu.Unlock()
	for _, r := range h.beats.all {
		if r.ended.After(after) {
			longest = max(longest, r.took())
		}
	}
	return longest
}
