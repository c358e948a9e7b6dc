package suite

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// tripRelay counts round trips between clients and the server.
type tripRelay struct {
	addr  string
	trips atomic.Int64 // times that a client sent something after the server had

	drops   atomic.Bool  // what follows the first packet of a write is dropped, as Aurora with MySQL 5.7 does
	dropped atomic.Int64 // packets
}

func newTripRelay(t *testing.T, dsn string) *tripRelay {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &tripRelay{addr: l.Addr().String()}
	var wg sync.WaitGroup
	var open closers
	t.Cleanup(func() {
		l.Close()
		open.closeAll()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(cfg.Net, cfg.Addr)
			if err != nil {
				client.Close()
				continue
			}
			open.add(client, server)
			answered := &atomic.Bool{}
			wg.Go(func() {
				defer client.Close()
				buffer := make([]byte, 1<<16)
				for {
					n, err := server.Read(buffer)
					answered.Store(true)
					if _, werr := client.Write(buffer[:n]); err != nil || werr != nil {
						return
					}
				}
			})
			wg.Go(func() { r.commands(client, server, answered) })
		}
	})
	return r
}

// commands passes on what a client sends, all that is there at once.
func (r *tripRelay) commands(client, server net.Conn, answered *atomic.Bool) {
	defer server.Close()
	in := bufio.NewReaderSize(client, 1<<17)
	for {
		if _, err := in.Peek(1); err != nil {
			return
		}
		if answered.Swap(false) {
			r.trips.Add(1)
		}
		var all []byte
		for first := true; first || in.Buffered() > 0; first = false {
			var header [4]byte
			if _, err := io.ReadFull(in, header[:]); err != nil {
				return
			}
			packet := append(header[:], make([]byte, binary.LittleEndian.Uint32(header[:])&0xffffff)...)
			if _, err := io.ReadFull(in, packet[4:]); err != nil {
				return
			}
			if r.drops.Load() && !first {
				r.dropped.Add(1)
				continue
			}
			all = append(all, packet...)
		}
		if _, err := server.Write(all); err != nil {
			return
		}
	}
}

func (r *tripRelay) through(t *testing.T, dsn, params string) string {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Net, cfg.Addr = "tcp", r.addr
	return withParams(cfg.FormatDSN(), params)
}

// restoresBy has one user leave state on the only connection, and returns how many
// round trips it took until the connection was idle again, after what the user did.
func restoresBy(t *testing.T, r *tripRelay, dsn, params string, state []string) int64 {
	t.Helper()
	db := openDSN(t, pooled, r.through(t, dsn, strings.Trim(poolOfOne+"&"+params, "&")))
	if !leaves(db, state) {
		t.Skipf("the server takes no %q", state)
	}
	before := r.trips.Load()
	db.Close()
	eventually(t, func() error {
		if p := onlyPool(t); p.InUse != 0 || p.Pinned != 0 || p.Idle != p.Open {
			return fmt.Errorf("%d of %d connections are idle", p.Idle, p.Open)
		}
		return nil
	})
	return r.trips.Load() - before
}

// What is done to restore a session is done in as few round trips as can be.
func TestSuiteRoundTripsOfARestore(t *testing.T) {
	needRealServer(t) // the embedded one's undo is not trusted
	s := needServer(t)
	if p := resetProofOf(t, s.dsn); p != mysqlpool.ProofWorks {
		t.Skipf("needs a server that resets: it is %q", p)
	}
	s.exec(t, "DROP PROCEDURE IF EXISTS "+s.schema+".nothing")
	s.exec(t, "CREATE PROCEDURE "+s.schema+".nothing() DO 0")
	for _, x := range []struct {
		name, params string
		state        []string
		trips, off   int64 // with pool_pipeline=off
	}{
		{"variable", "", []string{"SET time_zone = '+03:00'"}, 1, 1},
		{"transaction, variables and a lock", "", []string{"SET NAMES latin1", "SET time_zone = '+03:00'", "BEGIN", "SELECT GET_LOCK('a', 0)"}, 1, 4},
		{"schema", "", []string{"USE information_schema"}, 1, 1},
		{"schema and variable", "", []string{"SET time_zone = '+03:00'", "USE information_schema"}, 1, 2},
		{"autocommit", "", []string{"SET autocommit = 0"}, 2, 2}, // see physical.runUndo
		{"user variable", "", []string{"SET @a = 1"}, 1, 3},
		{"temporary table", "time_zone=%27%2B01:00%27", []string{"CREATE TEMPORARY TABLE tt (a INT)"}, 1, 4},
		{"PREPARE and USE", "", []string{"PREPARE s FROM 'SELECT 1'", "USE information_schema"}, 1, 3},
		{"anything", "pool_reset=always", []string{"DO 0"}, 1, 4},
		{"CALL", "", []string{"CALL nothing()"}, 2, 5}, // ROLLBACK first: see restorer.endXA
	} {
		t.Run(x.name, func(t *testing.T) {
			for _, way := range []struct {
				params string
				want   int64
			}{{"", x.trips}, {"pool_pipeline=off", x.off}} {
				r := newTripRelay(t, s.dsn)
				params := strings.Trim(x.params+"&"+way.params, "&")
				restoresBy(t, r, s.dsn, params, x.state) // with all that is tried the first time
				if got := restoresBy(t, r, s.dsn, params, x.state); got != way.want {
					t.Errorf("%q: got %d round trips, want %d", way.params, got, way.want)
				}
				dispose(t)
			}
		})
	}
}

// Where a server drops what follows the first packet that is found out in the
// background, at the cost of one connection, also if it did not do that before.
func TestSuiteServerDropsPackets(t *testing.T) {
	s := needServer(t)
	if p := resetProofOf(t, s.dsn); p != mysqlpool.ProofWorks {
		t.Skipf("needs a server that resets: it is %q", p)
	}
	for _, from := range []string{"the first", "later"} {
		t.Run(from, func(t *testing.T) {
			defer dispose(t)
			r := newTripRelay(t, s.dsn)
			r.drops.Store(from == "the first")
			state := []string{"SET @a = 1", "SET time_zone = '+03:00'"}
			for i := range 6 {
				if i == 2 {
					r.drops.Store(true)
				}
				start := time.Now()
				restoresBy(t, r, s.dsn, "", state)
				db := openDSN(t, pooled, r.through(t, s.dsn, poolOfOne))
				if got := row(t, db, "SELECT CONCAT(@@time_zone, COALESCE(@a, 'unset'))"); strings.Contains(got, "+03") || !strings.HasSuffix(got, "unset") {
					t.Errorf("user %d: got %s, which is another's", i, got)
				}
				db.Close()
				if d := time.Since(start); d > 10*time.Second {
					t.Errorf("user %d waited for %v", i, d)
				}
			}
			p := onlyPool(t)
			if p.PipelineProof != mysqlpool.ProofIgnored {
				t.Errorf("got %q, want that it was found out", p.PipelineProof)
			}
			if p.Dirty != 1 || p.Opened != 2 {
				t.Errorf("%d connections were closed and %d opened, want 1 and 2", p.Dirty, p.Opened)
			}
			if from == "later" && p.Reset == 0 || r.dropped.Load() == 0 {
				t.Errorf("%d resets, %d packets dropped: nothing was tried", p.Reset, r.dropped.Load())
			}
		})
	}
}
