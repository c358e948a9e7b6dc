package suite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Prepared statements belong to a handle, and the handles have fewer
// connections than there are of them.
func TestSuiteStatementsFollowTheirHandle(t *testing.T) {
	s := needServer(t)
	const handles, goroutines, rounds = 6, 24, 20
	var stmts []*sql.Stmt
	for i := range handles {
		db := s.open(t, pooled, "pool_size=2&pool_max_overflow=1")
		stmt, err := db.Prepare(fmt.Sprintf("SELECT %d, ?", i))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stmt.Close() })
		stmts = append(stmts, stmt)
	}
	inParallel(goroutines, func(g int) {
		for i := range rounds {
			handle, number := (g+i)%handles, g*rounds+i
			var gotHandle, gotNumber int
			if err := stmts[handle].QueryRow(number).Scan(&gotHandle, &gotNumber); err != nil {
				t.Error(err)
			} else if gotHandle != handle || gotNumber != number {
				t.Errorf("got %d and %d, want %d and %d", gotHandle, gotNumber, handle, number)
			}
		}
	})
	if p := onlyPool(t); p.Opened > 3 {
		t.Errorf("want at most 3 opened: %+v", p)
	}
}

func TestSuiteStatementInATransaction(t *testing.T) {
	s := needServer(t)
	s.tableOfOne(t)
	asStock(t, func(t *testing.T, driver string) (result []string) {
		db := s.open(t, driver, poolOfOne)
		stmt, err := db.Prepare("UPDATE t SET v = v + ? WHERE id = 1")
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		for _, end := range []func(*sql.Tx) error{(*sql.Tx).Rollback, (*sql.Tx).Commit} {
			tx := begin(t, db)
			if _, err := tx.Stmt(stmt).Exec(1); err != nil {
				t.Error(err)
			}
			result = append(result, row(t, tx, "SELECT v FROM t"))
			if err := end(tx); err != nil {
				t.Error(err)
			}
			result = append(result, row(t, db, "SELECT v FROM t"))
		}
		mustExec(t, db, "UPDATE t SET v = 0")
		return result
	})
}

func TestSuiteStatementOnAConn(t *testing.T) {
	s := needServer(t)
	asStock(t, func(t *testing.T, driver string) (result []string) {
		db := s.open(t, driver, "@pool_size=2&@pool_max_overflow=0")
		c := oneConn(t, db)
		stmt, err := c.PrepareContext(t.Context(), "SELECT ? = CONNECTION_ID()")
		if err != nil {
			t.Fatal(err)
		}
		id := connectionID(t, c)
		connectionID(t, db)
		for range 3 {
			var same string
			err := stmt.QueryRow(id).Scan(&same)
			result = append(result, same+errText(err))
		}
		c.Close()
		result = append(result, errText(stmt.QueryRow(id).Scan(new(string))))
		return append(result, errText(stmt.Close()))
	})
}

// statements is how many prepared statements the server has, for everybody.
func (s *server) statements(t *testing.T) int {
	t.Helper()
	_, count, _ := strings.Cut(s.row(t, "SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'"), "|")
	n, err := strconv.Atoi(count)
	if err != nil {
		t.Skipf("the server does not count prepared statements: %v", err)
	}
	return n
}

// needStatements skips the test if the server counts no prepared statements.
func (s *server) needStatements(t *testing.T) {
	t.Helper()
	db := s.open(t, stock, "")
	defer db.Close()
	before := s.statements(t)
	stmt, err := db.Prepare("SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	if s.statements(t) <= before {
		t.Skip("the server does not count prepared statements")
	}
}

// wantStatements waits until the server has no more prepared statements than
// that, with use between one look and the next.
func (s *server) wantStatements(t *testing.T, most int, use func()) {
	t.Helper()
	eventually(t, func() error {
		use()
		if n := s.statements(t); n > most {
			return fmt.Errorf("the server has %d prepared statements, want %d", n, most)
		}
		return nil
	})
}

// A statement that was closed while its connection was with nobody, or with
// somebody else, is closed on the server when the connection is used again.
// (pool_stmt_cache=0: nothing else keeps any.)
func TestSuiteClosedStatementIsClosedOnTheServer(t *testing.T) {
	s := needServer(t)
	s.needStatements(t)
	const params = "pool_size=1&pool_max_overflow=0&pool_stmt_cache=0"
	const query = "SELECT 1 /* closed statement */"
	prepare := func(t *testing.T, db *sql.DB) *sql.Stmt {
		t.Helper()
		stmt, err := db.Prepare(query)
		if err != nil {
			t.Fatal(err)
		}
		return stmt
	}
	t.Run("by the owner of the connection", func(t *testing.T) {
		db := s.open(t, pooled, params)
		before := s.statements(t)
		for range 5 {
			prepare(t, db).Close()
		}
		s.wantStatements(t, before, func() { connectionID(t, db) })
	})
	t.Run("while another handle has the connection", func(t *testing.T) {
		one, other := s.open(t, pooled, params), s.open(t, pooled, params)
		before := s.statements(t)
		for range 5 {
			stmt := prepare(t, one)
			tx := begin(t, other)
			connectionID(t, tx)
			if err := stmt.Close(); err != nil {
				t.Error(err)
			}
			if err := askOwnNumber(t.Context(), tx, 7); err != nil {
				t.Error(err)
			}
			tx.Rollback()
		}
		s.wantStatements(t, before, func() { connectionID(t, other) })
	})
	t.Run("after the connection went there and back", func(t *testing.T) {
		one, other := s.open(t, pooled, params), s.open(t, pooled, params)
		before := s.statements(t)
		stmt := prepare(t, one)
		for range 5 {
			connectionID(t, other)
			if err := stmt.QueryRow().Scan(new(int)); err != nil {
				t.Error(err)
			}
		}
		if n := s.statements(t); n <= before {
			t.Errorf("the server has %d prepared statements, want more than %d", n, before)
		}
		connectionID(t, other)
		stmt.Close()
		s.wantStatements(t, before, func() { connectionID(t, one) })
	})
	t.Run("with its handle", func(t *testing.T) {
		other := s.open(t, pooled, params)
		before := s.statements(t)
		one := s.open(t, pooled, params)
		prepare(t, one)
		one.Close()
		s.wantStatements(t, before, func() { connectionID(t, other) })
	})
}

// valuer is a type of the program's own.
type valuer struct{ word string }

func (v valuer) Value() (driver.Value, error) { return "the word is " + v.word, nil }

type failingValuer struct{}

func (failingValuer) Value() (driver.Value, error) { return nil, fmt.Errorf("no value today") }

// arguments is values that drivers are known to get wrong.
func arguments() map[string]any {
	noTime, noString := (*time.Time)(nil), (*string)(nil)
	text := "pointed to"
	return map[string]any{
		"nil":            nil,
		"bool":           true,
		"int":            -42,
		"int8":           int8(-8),
		"least int64":    int64(math.MinInt64),
		"greatest int64": int64(math.MaxInt64),
		"high bit":       uint64(1<<63) + 1,
		"all bits":       uint64(math.MaxUint64),
		"float64":        1.0 / 3,
		"float32":        float32(0.5),
		"string":         "h\u00e4 \U0001f408 ' \" \\ \x00 \n %",
		"empty":          "",
		"bytes":          []byte{0, 1, 0xff},
		"no bytes":       []byte{},
		"nil bytes":      []byte(nil),
		"json":           json.RawMessage(`{"a": [1, 2]}`),
		"time":           time.Date(2024, 2, 29, 23, 59, 58, 123456000, time.UTC),
		"time elsewhere": time.Date(2024, 2, 29, 23, 59, 58, 0, time.FixedZone("", 5*3600)),
		"no time":        time.Time{},
		"nil time":       noTime,
		"pointer":        &text,
		"nil pointer":    noString,
		"valuer":         valuer{"go"},
		"bad valuer":     failingValuer{},
		"null string":    sql.NullString{},
		"duration":       3 * time.Second,
		"megabyte":       strings.Repeat("0123456789abcdef", 1<<16),
		"struct":         struct{ a int }{1},
		"channel":        make(chan int),
	}
}

// received is what came back, type and all.
func received(rows *sql.Rows, err error) string {
	if err != nil {
		return errText(err)
	}
	defer rows.Close()
	var v any
	for rows.Next() {
		if err := rows.Scan(&v); err != nil {
			return errText(err)
		}
	}
	if b, ok := v.([]byte); ok {
		return fmt.Sprintf("%d bytes %q", len(b), b[:min(len(b), 100)]) + errText(rows.Err())
	}
	return fmt.Sprintf("%T %v", v, v) + errText(rows.Err())
}

func TestSuiteArgumentsArriveAsWithTheStockDriver(t *testing.T) {
	s := needServer(t)
	for _, params := range []string{"", "interpolateParams=true", "parseTime=true&loc=America%2FNew_York", "timeTruncate=1s", "columnsWithAlias=true"} {
		t.Run(params, func(t *testing.T) {
			asStock(t, func(t *testing.T, driver string) (results []string) {
				db := s.open(t, driver, params)
				stmt, err := db.Prepare("SELECT ?")
				if err != nil {
					t.Fatal(err)
				}
				defer stmt.Close()
				arguments := arguments()
				for _, name := range slices.Sorted(maps.Keys(arguments)) {
					arg := arguments[name]
					results = append(results, name+": "+received(db.Query("SELECT ?", arg)))
					results = append(results, name+", prepared: "+received(stmt.Query(arg)))
				}
				return results
			})
		})
	}
}

// What is stored must be the same as well.
func TestSuiteArgumentsAreStoredAsWithTheStockDriver(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, `CREATE TABLE args (id INT AUTO_INCREMENT PRIMARY KEY, u BIGINT UNSIGNED, d DOUBLE, b LONGBLOB, dt DATETIME(6))`)
	asStock(t, func(t *testing.T, driver string) (stored []string) {
		db := s.open(t, driver, "parseTime=true&loc=America%2FNew_York")
		mustExec(t, db, "DELETE FROM args")
		at := time.Date(2024, 7, 1, 12, 0, 0, 123456000, time.UTC)
		for _, args := range [][]any{
			{uint64(math.MaxUint64), 0.1, []byte{0, 0xff}, at},
			{nil, nil, nil, nil},
			{true, float32(2.5), json.RawMessage(`{}`), at.In(time.FixedZone("", -3600))},
			{7, 1e300, strings.Repeat("x", 1<<20), nil},
		} {
			if _, err := db.Exec("INSERT INTO args (u, d, b, dt) VALUES (?, ?, ?, ?)", args...); err != nil {
				stored = append(stored, errText(err))
			}
		}
		rows, err := setup.Query("SELECT u, d, LENGTH(b), HEX(LEFT(b, 4)), dt FROM args ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		all, err := texts(rows)
		return append(stored, append(all, errText(err))...)
	})
}

func TestSuiteWrongNumberOfArguments(t *testing.T) {
	s := needServer(t)
	for _, params := range []string{"", "interpolateParams=true"} {
		t.Run(params, func(t *testing.T) {
			asStock(t, func(t *testing.T, driver string) (errs []string) {
				db := s.open(t, driver, params)
				stmt, err := db.Prepare("SELECT ?")
				if err != nil {
					t.Fatal(err)
				}
				defer stmt.Close()
				for _, args := range [][]any{nil, {1, 2}, {sql.Named("name", 1)}} {
					_, exec := db.Exec("SELECT ?", args...)
					errs = append(errs, errText(exec), received(db.Query("SELECT ?", args...)), received(stmt.Query(args...)))
				}
				return append(errs, received(db.Query("SELECT 1", 1)))
			})
		})
	}
}

// A statement whose preparation or execution the context ends must not be taken
// for one that is there.
func TestSuiteCancelledStatementWorksAgain(t *testing.T) {
	s := needServer(t)
	onBoth(t, func(t *testing.T, driver string) {
		db := s.openOne(t, driver)
		stmt, err := db.Prepare("SELECT SLEEP(?)")
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			if err := stmt.QueryRowContext(ctx, 0.2).Scan(new(int)); err == nil {
				t.Error("no error after the deadline")
			}
			cancel()
			if err := stmt.QueryRow(0).Scan(new(int)); err != nil {
				t.Error(err)
			}
		}
	})
}
