package suite

import (
	"database/sql/driver"
	"errors"
	"testing"
)

// A text that may be several statements comes while rows are being read: it is refused as by
// the stock driver, and the rows are none of another answer.
func TestSuiteCombinedUseWhileRowsAreOpen(t *testing.T) {
	needRealServer(t)
	x := newLateSchemas(t, 2)
	x.s.exec(t, "CREATE TABLE "+x.names[1]+".many (pad VARCHAR(2000))")
	x.s.exec(t, "INSERT INTO "+x.names[1]+".many SELECT REPEAT('x', 1000) FROM information_schema.COLLATIONS")
	dbs := x.openOne(t, x.s.dsn, "")
	x.combined(t, dbs)
	c, err := dbs[1].Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.Raw(func(raw any) error {
		query := raw.(driver.QueryerContext).QueryContext
		rows, err := query(t.Context(), "SELECT pad FROM many", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := query(t.Context(), "SELECT home FROM t; SELECT 2", nil); !errors.Is(err, driver.ErrBadConn) {
			t.Errorf("got %v, want %v", err, driver.ErrBadConn)
		}
		values, n := make([]driver.Value, 1), 0
		for rows.Next(values) == nil {
			if pad, ok := values[0].([]byte); !ok || len(pad) != 1000 {
				t.Fatalf("row %d: got %q", n, values[0])
			}
			n++
		}
		rows.Close()
		return driver.ErrBadConn
	})
	c.Close()
	x.combined(t, dbs)
}
