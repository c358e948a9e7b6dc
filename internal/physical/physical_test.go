package physical

import (
	"database/sql/driver"
	"encoding/json"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// Texts that a server may read as values of different types are of different
// kinds, and those are few.
func TestKindsOfTexts(t *testing.T) {
	groups := [][]string{
		{"", "abc", "-", "+", ".", " ", "x1", "user@example.com", "5 apples", "12 Main Street", "0x1F", "123b4567-e89b-12d3", "f47ac10b-58cc", "-x", "e5", ":5", strings.Repeat("x", 1000)},
		{"é", "ä5", "5ä", "-ä", "なし", "\xff", strings.Repeat("x", 1000) + "ä", "ä" + strings.Repeat("x", 1000), "1234567ä", "12345678ä", "x1234567\x80"},
		{"0", "5", "00", "123456789012345678"},
		{"-5", "-123456"},
		{"5.5", "5.", ".5", "1234.56"},
		{"2020-01-01", "2020/1/1", "555-1234"},
	}
	seen := map[byte]string{}
	for _, group := range groups {
		want := textClass(group[0])
		if other, ok := seen[want]; ok || want == classNone {
			t.Errorf("%q: got kind %x, as %q", group[0], want, other)
		}
		seen[want] = group[0]
		for _, text := range group {
			if got, bytes := textClass(text), textClass([]byte(text)); got != want || bytes != want {
				t.Errorf("%q: got kind %x, and %x of bytes, want %x as of %q", text, got, bytes, want, group[0])
			}
		}
	}
	for _, text := range []string{
		"202001011200", "20200101120000", "1234567890123456789", "99999999999999999999", "+5", "-0", "-05", "-1234567", "-5.5", "10.0.0.1", "1.2.3", "12345678.25",
		"1e5", "1E400", "1e", "1e-5", "550e8400-e29b-41d4-a716-446655440000", "12e99999", "2020-01-01 10:00:00", "2020-01-01T10:00:00Z", "2020-01-01 10:00 UTC",
		"2020-01-01 10:00:00.5", "2020-01-01.5", "10:00:00", "-10:00:00", " 5", "5 ",
	} {
		if got, bytes := textClass(text), textClass([]byte(text)); got != classNone || bytes != classNone {
			t.Errorf("%q: got kind %x, and %x of bytes, want none", text, got, bytes)
		}
	}
}

func TestKindsOfTimes(t *testing.T) {
	berlin := time.FixedZone("CEST", 7200)
	midnight := time.Date(2020, 7, 1, 0, 0, 0, 0, berlin)
	for _, test := range []struct {
		t        time.Time
		loc      *time.Location
		truncate time.Duration
		want     byte
	}{
		{time.Time{}, berlin, 0, 'Z'},
		{midnight, berlin, 0, 'd'},
		{midnight.UTC(), berlin, 0, 'd'},
		{midnight, time.UTC, 0, 't'},
		{midnight.Add(time.Second), berlin, 0, 't'},
		{midnight.Add(time.Microsecond), berlin, 0, 'T'},
		{midnight.Add(time.Microsecond), berlin, time.Second, 'd'},
		{midnight.Add(time.Hour + time.Microsecond), berlin, time.Second, 't'},
	} {
		cfg := mysql.NewConfig()
		cfg.Loc = test.loc
		if err := cfg.Apply(mysql.TimeTruncate(test.truncate)); err != nil {
			t.Fatal(err)
		}
		if got := argClass(test.t, dsn.TimeFormatOf(cfg)); got != test.want {
			t.Errorf("%+v: got %c, want %c", test, got, test.want)
		}
	}
}

// What the stock driver sends decides, where shapes do not count too.
func TestKindsAreOfWhatIsSent(t *testing.T) {
	for _, test := range []struct {
		want byte
		args []any
	}{
		{classText, []any{"", "5", "5.5", "2020-01-01", []byte{}, []byte("5"), json.RawMessage(""), json.RawMessage("5"), time.Now(), time.Time{}}},
		{classWide, []any{"é", []byte("é"), json.RawMessage(`"é"`)}},
		{classNull, []any{nil, []byte(nil), json.RawMessage(nil)}},
		{'i', []any{int64(0), int64(-1)}},
		{'u', []any{uint64(0), uint64(math.MaxUint64)}},
		{'f', []any{0.5, 2.0}},
		{'b', []any{true, false}},
		{classNone, []any{int(1), struct{}{}, (*string)(nil), [4]byte{}}}, // the stock driver refuses them
	} {
		for _, arg := range test.args {
			if got := argClass(arg, dsn.TimeFormat{}); got != test.want {
				t.Errorf("%T %v: got %c, want %c", arg, arg, got, test.want)
			}
			if got := argClass(arg, dsn.TimeFormat{Loc: time.UTC}); (got == classNull) != (test.want == classNull) {
				t.Errorf("%T %v: got %c where shapes count", arg, arg, got)
			}
		}
	}
	times := dsn.TimeFormat{Loc: time.UTC}
	var text, date any = "550c8400-e29b-41d4", "2020-01-01"
	if n := testing.AllocsPerRun(100, func() { argClass(text, times); argClass(date, times) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Where the server fixes types, what it converts depends on whether it prepared again.
func TestWhatIsKeptWhereTypesAreFixed(t *testing.T) {
	fixes := dsn.TimeFormat{Loc: time.UTC}
	for _, test := range []struct {
		args                   []any
		kept, inserts, without bool
	}{
		{[]any{"a", int64(1)}, true, true, true},
		{[]any{"é", "a", nil, "ü"}, true, true, true},
		{[]any{"é", int64(1)}, false, true, true},
		{[]any{"é", 0.5}, false, true, true},
		{[]any{true, json.RawMessage(`"é"`)}, false, true, true},
		{[]any{"é", "5.5"}, false, true, true},
		{[]any{"é", "5"}, false, true, true},
		{[]any{"é", time.Now()}, false, true, true},
		{[]any{[]byte("é"), "a"}, true, true, true},
		{[]any{[]byte("é"), int64(1)}, false, false, true},
		{[]any{[]byte{0xff}, 0.5}, false, false, true},
		{[]any{[]byte{1, 2}, 0.5}, true, true, true},
		{[]any{"1e5"}, false, false, true},
		{[]any{int8(1)}, false, false, false},
	} {
		var args []driver.NamedValue
		for i, v := range test.args {
			args = append(args, driver.NamedValue{Ordinal: i + 1, Value: v})
		}
		kept, inserts, without := canKeep(args, fixes, false), canKeep(args, fixes, true), canKeep(args, dsn.TimeFormat{}, false)
		if kept != test.kept || inserts != test.inserts || without != test.without {
			t.Errorf("%q: kept %v, when it only inserts %v, without fixed types %v; want %v, %v, %v", test.args, kept, inserts, without, test.kept, test.inserts, test.without)
		}
	}
}

func TestComparesWithSubquery(t *testing.T) {
	for text, want := range map[string]bool{
		"SELECT id FROM t WHERE s NOT IN (SELECT s FROM t WHERE s > ?)":      true,
		"select id from t where s not in(select s from t)":                   true,
		"SELECT id FROM t WHERE s <> ALL (SELECT s FROM t) AND x = ?":        true,
		"SELECT id FROM t WHERE s = ANY\n(\n(SELECT s FROM t))":              true,
		"SELECT id FROM t WHERE s = some /* x */ ( /*y*/ SELECT s FROM t)":   true,
		"SELECT id FROM t WHERE s IN -- x\n (# y\n SELECT s FROM t)":         true,
		"SELECT id FROM t WHERE s IN (/*!50000 SELECT s FROM t */)":          true,
		"SELECT id FROM t WHERE s IN (/*M!100000 SELECT s FROM t */)":        true,
		"SELECT id FROM t WHERE s IN (WITH c AS (SELECT 1) SELECT * FROM c)": true,
		"SELECT id FROM t WHERE s IN (VALUES (1))":                           true,
		"SELECT id FROM t WHERE s IN (/*/ x */ SELECT 1)":                    true,
		"DELETE FROM t WHERE (a, b) IN (SELECT a, b FROM u WHERE c = ?)":     true,
		"SELECT s IN (SELECT 1)":                                             true,
		"SELECT id FROM t WHERE s IN (?, ?)":                                 false,
		"SELECT id FROM t WHERE s = (SELECT MAX(s) FROM t WHERE s > ?)":      false,
		"SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = ?)":     false,
		"SELECT id FROM t JOIN (SELECT id FROM u) v USING (id) WHERE id = ?": false,
		"INSERT INTO t (SELECT * FROM u WHERE id = ?)":                       false,
		"SELECT min(SELECT_x) FROM t WHERE in_all(?) ORDER BY `in`":          false,
		"SELECT id FROM t WHERE margin (selected) = ?":                       false,
		"SELECT 1 UNION ALL SELECT ?":                                        false,
		"":                                                                   false,
		"SELECT id FROM t WHERE s IN (":                                      false,
		"SELECT id FROM t WHERE s IN /* never closed (SELECT 1)":             false,
	} {
		if got := comparesWithSubquery(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestReturnsNoRows(t *testing.T) {
	for text, want := range map[string]bool{
		"INSERT INTO t VALUES (?)": true, " /* x */ update t set a = ?": true, "DELETE FROM t WHERE id = ?": true, "REPLACE t VALUES (?)": true,
		"INSERT INTO t VALUES (?) RETURNING id": false, "delete from t where id = ? returning*": false, "replace t values (?)returning 1": false,
		"SELECT ?": false, "CALL p(?)": false, "SHOW TABLES LIKE ?": false, "": false, "WITH c AS (SELECT ?) DELETE FROM t": false, "(SELECT ?)": false,
	} {
		if got := returnsNoRows(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// A statement is used again only with a server that answers the same each time.
func TestSubqueriesAreKeptWhereTheServerAsksThemAnew(t *testing.T) {
	for version, want := range map[string]bool{"8.4.0": false, "8.0.22": false, "8.0.21": true, "5.7.44": true, "10.11.19-MariaDB": true, "11.8.9-MariaDB": true, "": true} {
		if got := serverinfo.CachesSubqueries(version); got != want {
			t.Errorf("%q: got %v", version, got)
		}
	}
}

func TestCostOfStatements(t *testing.T) {
	for _, test := range []struct {
		text     string
		columns  int
		from, to int64 // what the servers were measured to take, and what would be too much
	}{
		{"SELECT v FROM t WHERE id = ?", 1, 32760, 45000},
		{"SELECT id FROM t WHERE id IN (" + strings.Repeat("?,", 99) + "?)", 1, 73000, 150000},
		{"SELECT id FROM t WHERE id IN (" + strings.Repeat("?,", 3999) + "?)", 1, 2196508, 4 << 20},
		{"SELECT id FROM t WHERE " + strings.Repeat("id = ? OR ", 300) + "0", 1, 626000, 1 << 20},
		{"SELECT a.*, b.*, c.*, d.* FROM w a, w b, w c, w d WHERE a.c2 = ?", 800, 360384, 700000},
		{"UPDATE t SET v = CASE " + strings.Repeat("WHEN id = ? THEN ? ", 200) + " END WHERE id < 0", 0, 425912, 1 << 20},
	} {
		if got := StmtCost(test.text, test.columns); got < test.from || got > test.to {
			t.Errorf("%.40s: got %d, want from %d to %d", test.text, got, test.from, test.to)
		}
	}
}

// Kept statements are at most half of what the server takes, spread over the
// connections there are.
func TestShareOfAConnection(t *testing.T) {
	l := NewStmtLimits(dsn.Auto)
	p := []*Conn{{}, {}, {}}
	for i, want := range []struct{ max, conns, share int64 }{
		{-1, 1, 256}, {16382, 3, 256}, {100, 1, 50}, {100, 3, 16}, {10, 2, 2}, {10, 1, 5}, {4, 3, 0}, {1, 1, 0}, {0, 1, 0},
	} {
		for _, c := range p {
			l.closed(c)
		}
		l.Learn(int(want.max))
		for _, c := range p[:want.conns] {
			l.Opened(c)
		}
		if got := l.Share.Load(); got != want.share {
			t.Errorf("%d: max_prepared_stmt_count %d, %d connections: got a share of %d, want %d", i, want.max, want.conns, got, want.share)
		}
		if got := l.keeps(); got != (want.max != 0 && want.max != 1) {
			t.Errorf("%d: keeps: got %v", i, got)
		}
	}
	for _, n := range []int{0, 7} {
		l := NewStmtLimits(n)
		l.Learn(4)
		if got := l.Share.Load(); got != int64(n) || l.full() || l.keeps() != (n > 0) {
			t.Errorf("pool_stmt_cache=%d: got a share of %d, full %v, keeps %v", n, got, l.full(), l.keeps())
		}
	}
}

func TestOnlyInserts(t *testing.T) {
	for text, want := range map[string]bool{
		"INSERT INTO t VALUES (?, ?)":                                     true,
		"insert into t (a, b)\n values (?, 1),\n (?, 2)":                  true,
		"REPLACE t VALUES (?)":                                            true,
		"INSERT INTO t VALUES (COALESCE(?, 1))":                           false,
		"INSERT INTO t VALUES (? IN (1, 2))":                              false,
		"INSERT INTO t VALUES (? = 1)":                                    false,
		"INSERT INTO t VALUES (?) ON DUPLICATE KEY UPDATE a = ?":          false,
		"INSERT INTO t SELECT ?":                                          false,
		"INSERT INTO t SET a = ?":                                         false,
		"INSERT INTO t VALUES (?) RETURNING a":                            false,
		"INSERT INTO t SELECT a FROM u WHERE b = ? AND c IN (VALUES (1))": false,
		"UPDATE t SET a = ?":                                              false,
		"DELETE FROM t WHERE (a) IN (VALUES (?))":                         false,
		"VALUES (?)": false,
		"INSERT":     false,
		"":           false,
	} {
		if got := onlyInserts(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestLivesAreSpread(t *testing.T) {
	l := &Shared{Options: dsn.DefaultOptions()}
	l.Recycle = 100 * time.Millisecond // so short that whole seconds would show
	least, most := l.Recycle, time.Duration(0)
	for range 1000 {
		life := New(l, NewHost(mysql.NewConfig(), 0, nil), nil, nil, "", false).GreatestAge()
		least, most = min(least, life), max(most, life)
	}
	if least < 97500*time.Microsecond || most > l.Recycle || most-least < 2*time.Millisecond {
		t.Errorf("lives of %v lie between %v and %v, want them spread over 2.5 %%", l.Recycle, least, most)
	}
}

func TestIsAt(t *testing.T) {
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4711}
	six := &net.TCPAddr{IP: net.IPv6loopback, Port: 4711}
	for _, row := range []struct {
		shown string
		local net.Addr
		want  bool
	}{
		{"127.0.0.1:4711", local, true},
		{"::ffff:127.0.0.1:4711", local, true},
		{"localhost:4711", local, true},
		{"127.0.0.1:4712", local, false},
		{"127.0.0.2:4711", local, false},
		{"127.0.0.1", local, false},
		{"localhost", local, false},
		{"", local, false},
		{"no-such-host.invalid:4711", local, false},
		{"::1:4711", six, true},
		{"[::1]:4711", six, true},
		{"127.0.0.1:4711", six, false},
	} {
		if _, err := net.LookupHost("localhost"); err != nil && row.shown == "localhost:4711" {
			t.Logf("%q: %v", row.shown, err)
			continue
		}
		if got := isAt(t.Context(), row.shown, row.local); got != row.want {
			t.Errorf("%q at %v: got %v", row.shown, row.local, got)
		}
	}
}
