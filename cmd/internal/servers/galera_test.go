//go:build unix

package servers

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"
)

// needGalera starts a cluster, or skips the test where there is none.
func needGalera(t *testing.T) *Galera {
	t.Helper()
	g, err := StartGalera(t.Context())
	if errors.Is(err, ErrNoGalera) && os.Getenv("MYSQL_POOL_REQUIRE_GALERA") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Stop)
	return g
}

// A row that one node acknowledged is on every node, also on one that was killed
// when it was written.
func TestGalera(t *testing.T) {
	before := runtime.NumGoroutine()
	began := time.Now()
	g := needGalera(t)
	t.Logf("started in %v", time.Since(began).Round(time.Millisecond))
	var pids []int
	for n, node := range g.Nodes {
		pids = append(pids, node.proc.cmd.Process.Pid)
		if got := ask(t, node.DSN, "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_cluster_size'"); got != "3" {
			t.Errorf("node %d is in a cluster of %s, want 3", n, got)
		}
	}
	db, err := openQuietly(g.Nodes[0].DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE kept (n INT PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	// A node that is killed while it makes the table may be left without it.
	if got := ask(t, g.Nodes[2].DSN+"?wsrep_sync_wait=1", "SELECT COUNT(*) FROM kept"); got != "0" {
		t.Errorf("got %s rows in the new table, want none", got)
	}
	if err := g.Nodes[2].Restart(t.Context()); err == nil {
		t.Error("restarting a node that runs: no error")
	}
	g.Nodes[2].Crash()
	if !gone(pids[2]) {
		t.Fatal("the node is still there")
	}
	began = time.Now()
	if _, err := db.Exec("INSERT INTO kept VALUES (7)"); err != nil {
		t.Fatalf("a write with one node dead: %v", err)
	}
	t.Logf("a write after the kill took %v", time.Since(began).Round(time.Millisecond))
	began = time.Now()
	if err := g.Nodes[2].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("joined again in %v", time.Since(began).Round(time.Millisecond))
	for n, node := range g.Nodes {
		// A node answers only once it has what the others acknowledged.
		if got := ask(t, node.DSN+"?wsrep_sync_wait=1", "SELECT n FROM kept"); got != "7" {
			t.Errorf("node %d has %s, want 7", n, got)
		}
	}
	db.Close()
	pids = append(pids, g.Nodes[2].proc.cmd.Process.Pid)
	g.Stop()
	g.Stop() // again is fine
	for _, pid := range pids {
		if !gone(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
	if exists(g.dir) {
		t.Errorf("%s is left", g.dir)
	}
	checkGoroutines(t, before)
}

func TestGaleraIsNotThere(t *testing.T) {
	old := libraries
	libraries = []string{"/no/library"}
	defer func() { libraries = old }()
	if _, err := StartGalera(t.Context()); !errors.Is(err, ErrNoGalera) {
		t.Errorf("got %v, want %v", err, ErrNoGalera)
	}
}
