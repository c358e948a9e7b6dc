package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// startReplica starts a source and its replica, which is read-only, and returns
// once the replica follows.
func startReplica(t *testing.T) (source, replica *server) {
	t.Helper()
	source = startServer(t, "--server-id=1", "--log-bin=bin", "--binlog-format=ROW")
	var version string
	if err := source.Monitor().QueryRow("SELECT VERSION()").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(version, "MariaDB") {
		t.Skipf("the server is %s; replication is set up in MariaDB's words", version)
	}
	replica = startServer(t, "--server-id=2", "--log-bin=bin", "--binlog-format=ROW", "--read-only=ON")
	exec(t, source.Monitor(), "CREATE USER repl@'%' IDENTIFIED BY 'repl'", "GRANT REPLICATION SLAVE ON *.* TO repl@'%'")
	for _, s := range []*server{source, replica} {
		exec(t, s.Monitor(), fmt.Sprintf("GRANT REPLICA MONITOR ON *.* TO %s@'%%'", appUser))
	}
	var position string
	if err := source.Monitor().QueryRow("SELECT @@gtid_current_pos").Scan(&position); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(source.addr, ":")
	exec(t, replica.Monitor(), "RESET MASTER", "SET GLOBAL gtid_slave_pos = '"+position+"'",
		fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='%s', MASTER_PORT=%s, MASTER_USER='repl', MASTER_PASSWORD='repl', MASTER_USE_GTID=slave_pos", host, port),
		"START SLAVE")
	cfg, err := mysql.ParseDSN(source.dsn)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, source.Monitor(), "CREATE TABLE "+cfg.DBName+".w (n BIGINT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB")
	eventually(t, func() error {
		return replica.Monitor().QueryRow("SELECT COUNT(*) FROM " + cfg.DBName + ".w").Scan(new(int))
	})
	return source, replica
}

// One DSN and two handles: writes go to the source, and reads to the replica as
// long as its replication runs. Then the replica is promoted.
func TestSourceAndReplica(t *testing.T) {
	noLeaks(t)
	source, replica := startReplica(t)
	dsn := func(target string) string {
		return hostsDSN(t, source.dsn, "timeout=5s&@pool_target=%27"+target+"%27", replica.addr, source.addr)
	}
	portS, portR := portOf(t, source.Monitor()), portOf(t, replica.Monitor())
	w := &writers{db: open(t, pooled, dsn("primary")), does: "INSERT INTO w () VALUES ()"}
	reads, prefers := open(t, pooled, dsn("replica")), open(t, pooled, dsn("prefer_replica"))
	ctx, stop := context.WithCancel(t.Context())
	wait := w.run(ctx, 2)
	defer func() { stop(); wait() }()
	at := func(db *sql.DB) (port int, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err = db.QueryRowContext(ctx, "SELECT @@port FROM w LIMIT 1").Scan(&port)
		return port, err
	}
	want := func(what string, db *sql.DB, want int) {
		t.Helper()
		start := time.Now()
		if err := within(patience+maxBackoff, func() error {
			port, err := at(db)
			if err == nil && port != want {
				err = fmt.Errorf("it is on port %d, want %d", port, want)
			}
			return err
		}); err != nil {
			t.Fatalf("%s: %v; %s", what, err, hostsText())
		}
		t.Logf("%s: after %v", what, time.Since(start).Round(time.Millisecond))
	}
	if _, err := w.awaits(time.Now(), portS, patience); err != nil {
		t.Fatal(err)
	}
	want("reads", reads, portR)
	want("reads that prefer a replica", prefers, portR)

	exec(t, replica.Monitor(), "STOP SLAVE SQL_THREAD")
	stopped := time.Now()
	if err := within(patience, func() error {
		if _, err := at(reads); err == nil {
			return errors.New("reads still succeed on a replica whose replication has stopped")
		} else if text := err.Error(); !strings.Contains(text, "its replication has stopped") || !strings.Contains(text, "is up") {
			return fmt.Errorf("the error does not say why: %w", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	t.Logf("replication stopped: the replica is left after %v", time.Since(stopped).Round(time.Millisecond))
	want("reads that prefer a replica, on the source", prefers, portS)
	exec(t, replica.Monitor(), "START SLAVE")
	want("reads, replication runs again", reads, portR)
	want("reads that prefer a replica, replication runs again", prefers, portR)

	// A planned switchover.
	before := time.Now()
	for _, c := range w.since(time.Time{}) {
		if c.err != nil || c.port != portS {
			t.Errorf("a write on port %d: %v; want none but on the source, and none that fails", c.port, c.err)
			break
		}
	}
	exec(t, source.Monitor(), "SET GLOBAL read_only = ON")
	exec(t, replica.Monitor(), "STOP SLAVE", "SET GLOBAL read_only = OFF")
	promoted := time.Now()
	first, err := w.awaits(promoted, portR, patience)
	if err != nil {
		t.Fatal(err)
	}
	want("reads after the switchover", reads, portS)
	refused := 0
	for _, c := range w.since(before) {
		if c.err != nil {
			refused++
		}
	}
	t.Logf("first write %v after the promotion; %d failed; %s", first.ended.Sub(promoted).Round(time.Millisecond), refused, hostsText())
	if took := first.ended.Sub(promoted); took > 2*time.Second {
		t.Errorf("the first write after the promotion took %v, want two seconds at most", took)
	}
	w.checkSplit(t, before, portS, portR)
}
