package suite

import (
	"fmt"
	"testing"
	"time"
)

// A connection that another handle of the process killed by its id is not handed out as
// it is, though it was used just now, and nothing on its socket shows that it is dead: far
// from the server that takes as long as a packet does.
func TestSuiteKillOfAnotherIsHeardOf(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	relay := newRelay(t, s.dsn, func(byte, string) []byte { return nil })
	relay.closesAfter.Store(int64(20 * time.Millisecond))
	db := openDSN(t, pooled, relay.through(t, s.dsn, poolOfOne))
	defer dispose(t)
	defer db.Close()
	killer := openDSN(t, pooled, relay.through(t, s.dsn, "pool_name=killer"))
	defer killer.Close()
	for round := range 10 {
		var id, next int64
		if err := db.QueryRow("SELECT CONNECTION_ID()").Scan(&id); err != nil {
			t.Fatal(err)
		}
		if _, err := killer.Exec(fmt.Sprintf("KILL %d", id)); err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRow("SELECT CONNECTION_ID()").Scan(&next); err != nil {
			t.Fatalf("round %d: %v: want another connection", round, err)
		}
		if next == id {
			t.Fatalf("round %d: connection %d, which was killed, serves still", round, id)
		}
	}
}
