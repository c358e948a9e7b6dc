package suite

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// A server may show a variable as reset and go by its old value: net_write_timeout
// is how long it waits for a client that does not read.
func TestSuiteNetWriteTimeoutIsRestored(t *testing.T) {
	if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "embedded") {
		t.Skip("needs a real server: the embedded one has no such timeout")
	}
	s := needServer(t)
	for _, leave := range [][]string{{"SET net_write_timeout = 1"}, {"SET net_write_timeout = 1", "SET @a = 1"}} {
		dispose(t)
		a, b := s.open(t, pooled, poolOfOne), s.open(t, pooled, poolOfOne)
		if !leaves(a, leave) {
			t.Fatal("the server has no net_write_timeout")
		}
		a.Close()
		c := oneConn(t, b)
		id := connectionID(t, c)
		rows, err := c.QueryContext(t.Context(), "SELECT REPEAT('x', 1000000) FROM information_schema.COLUMNS LIMIT 100")
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			var seconds int
			if err := s.admin.QueryRow(fmt.Sprintf("SELECT IFNULL(MAX(TIME), -1) FROM information_schema.PROCESSLIST WHERE ID = %d", id)).Scan(&seconds); err != nil || seconds < 0 {
				t.Errorf("after %q the server gave up on a client that does not read: %v", leave, err)
				return nil
			}
			if seconds < 3 {
				return fmt.Errorf("it has waited for %d s", seconds)
			}
			return nil
		})
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil || n != 100 {
			t.Errorf("after %q: %d rows, %v", leave, n, err)
		}
		rows.Close()
		c.Close()
		b.Close()
	}
}
