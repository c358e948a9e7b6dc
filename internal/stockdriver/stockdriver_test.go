//lint:file-ignore U1000 the fields are found by reflection

package stockdriver

import (
	"database/sql"
	"database/sql/driver"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"testing"

	_ "github.com/go-sql-driver/mysql"
)

// What the stock driver's types look like, and what another version's might.

type cancelState struct{ value atomic.Value }

type stockConn struct {
	driver.Conn
	status   uint16
	netConn  net.Conn
	compress bool
	canceled cancelState
}

type otherConn struct { // everything has another name
	driver.Conn
	flags   uint16
	rawConn net.Conn
	packed  bool
	ended   cancelState
}

type otherTypes struct { // everything has another type
	driver.Conn
	status   uint32
	netConn  *net.TCPConn
	compress int
	canceled *cancelState
}

type withoutCompress struct {
	driver.Conn
	netConn net.Conn
}

type stockStmt struct {
	driver.Stmt
	columns []struct{ name string }
}

type otherStmt struct {
	driver.Stmt
	heads []struct{ name string }
}

type otherColumns struct {
	driver.Stmt
	columns int
}

type stockRows struct {
	driver.Rows
	mc *stockConn
}

type otherRows struct {
	driver.Rows
	conn *stockConn
}

type rowsOfValue struct {
	driver.Rows
	mc stockConn
}

func TestConn(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c := &stockConn{status: 3, netConn: a}
	f := ConnOf(c)
	if f.Socket != a || f.Local != nil || f.Cancelled() {
		t.Errorf("got %+v", f)
	}
	c.canceled.value.Store(os.ErrClosed)
	if !f.Cancelled() {
		t.Error("cancelled: got no")
	}
	if s := StatusOf(c); !s.Known() || s.Flags() != 3 {
		t.Errorf("status: got %+v", s)
	}
	c.status = 5
	if got := StatusOf(c).Flags(); got != 5 {
		t.Errorf("status: got %d, want that of now", got)
	}
	if f := ConnOf(&stockConn{netConn: a, compress: true}); f.Socket != nil {
		t.Error("with compression: got the socket")
	}
}

// What is not known is never taken for a leave to do something.
func TestOtherVersionsAreUnknown(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	for _, c := range []driver.Conn{&otherConn{rawConn: a}, &otherTypes{status: 2}, &withoutCompress{netConn: a}, otherConn{}, (*stockConn)(nil), nil, struct{ driver.Conn }{}} {
		if f := ConnOf(c); f.Socket != nil || f.Cancelled() {
			t.Errorf("%T: got %+v, want nothing", c, f)
		}
		if StatusOf(c).Known() {
			t.Errorf("%T: got a status", c)
		}
	}
	for _, s := range []driver.Stmt{&otherStmt{}, &otherColumns{}, otherStmt{}, nil, (*stockStmt)(nil)} {
		if c := ColumnsOf(s); c.Known() || c.Len() != 0 {
			t.Errorf("%T: got %d columns, known", s, c.Len())
		}
	}
	for _, r := range []driver.Rows{&otherRows{}, &rowsOfValue{}, otherRows{}, nil, &stockRows{mc: &stockConn{}}} {
		if RowsEnded(r) {
			t.Errorf("%T: got ended", r)
		}
	}
}

func TestStmtAndRows(t *testing.T) {
	s := &stockStmt{}
	c := ColumnsOf(s)
	if !c.Known() || c.Len() != 0 {
		t.Errorf("got %d, known %v", c.Len(), c.Known())
	}
	if s.columns = make([]struct{ name string }, 2); c.Len() != 2 {
		t.Errorf("got %d columns, want 2", c.Len())
	}
	if !RowsEnded(&stockRows{}) {
		t.Error("rows without a connection: got not ended")
	}
}

// On a real server the stock driver has what TestVersions says.
func TestStockDriver(t *testing.T) {
	dsn := os.Getenv("MYSQL_POOL_TEST_DSN")
	if dsn == "" {
		t.Skip("needs a server: set MYSQL_POOL_TEST_DSN")
	}
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Raw(func(dc any) error {
		stock := dc.(driver.Conn)
		f := ConnOf(stock)
		if f.Socket == nil || f.canceled == nil || f.Cancelled() || !StatusOf(stock).Known() {
			t.Errorf("got %+v, status known %v", f, StatusOf(stock).Known())
		}
		s, err := stock.Prepare("SELECT 1, ?")
		if err != nil {
			return err
		}
		defer s.Close()
		hasColumns := !slices.Contains(versions[stockVersion(t)], "columns")
		if ColumnsOf(s).Known() != hasColumns {
			t.Errorf("columns: known %v, want %v", !hasColumns, hasColumns)
		}
		rows, err := s.(driver.StmtQueryContext).QueryContext(t.Context(), []driver.NamedValue{{Ordinal: 1, Value: int64(1)}})
		if err != nil {
			return err
		}
		if got := ColumnsOf(s).Len(); hasColumns && got != 2 {
			t.Errorf("got %d columns, want 2", got)
		}
		if RowsEnded(rows) {
			t.Error("rows: got ended before they were read")
		}
		values := make([]driver.Value, 2)
		for rows.Next(values) == nil {
		}
		if !RowsEnded(rows) {
			t.Error("rows: got not ended after the last")
		}
		return rows.Close()
	})
	if err != nil {
		t.Error(err)
	}
}
