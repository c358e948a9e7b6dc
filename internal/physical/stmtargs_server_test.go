package physical_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/physical"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// What a kept statement answers with arguments of the kinds it was used with is
// what a new one answers. The stock driver is asked alone: one of its own
// statements is used again for each kind of arguments, as the cache would, beside
// one that is re-prepared.

// argsToTry is what a program may give, of every type that the stock driver takes.
var argsToTry = []any{
	nil, []byte(nil), json.RawMessage(nil), sql.NullString{}, sql.NullInt64{}, (*string)(nil), (*int)(nil),
	"", "a", "none", "abc", "ABC", "Z", "5 apples", "5", "2", "0", "1", "-5", "5.5", "0.5", "1e3", "1e400", "99999999999999999999", "18446744073709551615", "2020-01-01", "2020-01-01 10:00:00", "10:00:00", "20200101", " 5", "5 ", "a ", "true",
	"é", "É", "Łukasz", "なし", "😀", "ß", "5é", "\xff\xfe", "\xe9", strings.Repeat("x", 300), strings.Repeat("é", 300), strings.Repeat("な", 100), strings.Repeat("9", 70), "[1, 2]", `{"a": "é"}`, `{"a": 1}`,
	[]byte(""), []byte("a"), []byte("5"), []byte("なし"), []byte{0, 1, 255}, json.RawMessage(`{"a": 1}`), json.RawMessage(`"é"`), json.RawMessage(""),
	0, 1, 2, 3, -1, 7, 255, int64(math.MaxInt64), int64(math.MinInt64), uint64(1), uint64(math.MaxUint64), uint8(3), true, false,
	0.0, 0.5, 1.5, 2.0, -0.5, 1e300, float32(2.5),
	time.Time{}, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2020, 1, 1, 10, 0, 0, 0, time.UTC), time.Date(2020, 1, 1, 10, 0, 0, 123456000, time.UTC),
	sql.NullString{String: "なし", Valid: true}, sql.NullFloat64{Float64: 0.5, Valid: true}, sql.NullTime{Time: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Valid: true},
}

// textsToTry use their arguments in many ways. None has a number meet a date: on MySQL
// that depends on what number it was the first time, for which no kind stands.
var textsToTry = []string{
	"SELECT ?", "SELECT ?, ?", "SELECT COLLATION(?), COERCIBILITY(?), CHARSET(?)", "SELECT id FROM t WHERE n = ? ORDER BY id", "SELECT id FROM t WHERE n > ? AND s <> ? ORDER BY id",
	"SELECT id FROM t WHERE s NOT IN (SELECT s FROM t WHERE s > ?) ORDER BY id", "SELECT id FROM t WHERE n NOT IN (?, ?) ORDER BY id", "SELECT id FROM t WHERE s IN (?, ?) ORDER BY id",
	"SELECT IFNULL(n, ?) FROM t WHERE price > ? ORDER BY id", "SELECT IFNULL(l, ?) FROM t WHERE price > ? ORDER BY id", "SELECT COALESCE(?, l, ?) FROM t ORDER BY id",
	"SELECT CONCAT(n, ?), CONCAT(l, ?) FROM t ORDER BY id", "SELECT id FROM t WHERE l = ? OR price = ? ORDER BY id", "SELECT id FROM t WHERE l LIKE ? OR s REGEXP ? ORDER BY id",
	"SELECT IF(n > ?, ?, l) FROM t ORDER BY id", "SELECT CASE n WHEN ? THEN ? ELSE s END FROM t ORDER BY id", "SELECT NULLIF(?, ?)", "SELECT GREATEST(n, ?), LEAST(s, ?) FROM t ORDER BY id",
	"SELECT ? UNION SELECT l FROM t WHERE price > ? ORDER BY 1", "SELECT ? AS x UNION ALL SELECT ? UNION ALL SELECT n FROM t", "SELECT DISTINCT IFNULL(n, ?) AS x FROM t GROUP BY IFNULL(n, ?) ORDER BY x",
	"SELECT MAX(IFNULL(s, ?)), MIN(?) FROM t", "SELECT id FROM t ORDER BY ?, id", "SELECT id FROM t ORDER BY IFNULL(n, ?), id", "SELECT id FROM t WHERE d >= CAST(? AS CHAR) ORDER BY id", "SELECT id FROM t WHERE at BETWEEN ? AND ? ORDER BY id",
	"SELECT id FROM t WHERE y = ? OR tm > ? ORDER BY id", "SELECT COALESCE(d, CAST(? AS CHAR)), COALESCE(CAST(? AS CHAR), at) FROM t ORDER BY id", "SELECT ADDDATE(d, ?) FROM t ORDER BY id", "SELECT n + ?, n / ?, -(?) FROM t ORDER BY id", "SELECT ROUND(price, ?), price * ? FROM t ORDER BY id",
	"SELECT SUBSTR(s, ?), INSTR(l, ?) FROM t ORDER BY id", "SELECT id FROM t WHERE b = ? OR e = ? ORDER BY id", "SELECT id FROM t WHERE x = ? OR x > ? ORDER BY id", "SELECT HEX(?), LENGTH(?), CHAR_LENGTH(?)",
	"SELECT id FROM t WHERE (n, s) = (?, ?) ORDER BY id", "SELECT id FROM t WHERE (n, s) IN ((?, ?), (1, 'a')) ORDER BY id", "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id AND u.v <> ?) ORDER BY id",
	"SELECT t.id, v FROM t LEFT JOIN u ON u.id = t.id AND v = ? WHERE v IS NULL OR v < ? ORDER BY t.id", "SELECT id FROM t WHERE n = ANY (SELECT id FROM u WHERE v > ?) OR ? ORDER BY id", "SELECT ? IS NULL, ? IS TRUE, NOT ?",
	"SELECT CAST(? AS CHAR), CAST(? AS SIGNED)", "SELECT CAST(? AS DATETIME), CAST(? AS DECIMAL(10,2))", "SELECT STRCMP(l, ?), FIELD(?, l, s), ELT(2, ?, l) FROM t ORDER BY id", "SELECT GROUP_CONCAT(IFNULL(l, ?) ORDER BY id SEPARATOR ',') FROM t WHERE n < ?",
	"SELECT INET_ATON(?), CRC32(?), FLOOR(?)", "SELECT REPLACE(l, ?, 'x'), REPLACE(s, 'a', ?), TRIM(? FROM s) FROM t ORDER BY id", "SELECT id FROM t WHERE s COLLATE utf8mb4_bin = ? AND price <> ? ORDER BY id", "SELECT id FROM t LIMIT ?",
	"SELECT COUNT(*) FROM (SELECT ? AS a, n FROM t WHERE price > ?) x WHERE a = n", "SELECT a, COUNT(*) FROM (SELECT IFNULL(l, ?) AS a FROM t) x WHERE ? < 2 GROUP BY a ORDER BY a", "WITH c AS (SELECT ? AS a, ? AS b) SELECT a = b, CONCAT(a, b) FROM c",
	"INSERT INTO w (n, s) VALUES (?, ?)", "INSERT INTO w (l, price) VALUES (?, ?)", "INSERT INTO w (d, at, x) VALUES (?, ?, ?)", "INSERT IGNORE INTO w (e, y, n) VALUES (?, ?, ?)", "INSERT INTO w (s, l) SELECT ?, IFNULL(l, ?) FROM t WHERE price > 0", "INSERT INTO w (id, n) VALUES (1, ?) ON DUPLICATE KEY UPDATE n = n + ?, s = ?",
	"REPLACE INTO w (id, s, price) VALUES (?, ?, ?)", "UPDATE w SET s = ?, price = ? WHERE id = 1", "UPDATE w SET n = IFNULL(n, ?), l = CONCAT(l, ?) WHERE price > ?", "DELETE FROM w WHERE s = ? OR n > ?", "UPDATE w SET s = IF(price > ?, ?, s)", "INSERT INTO w (n, s) VALUES (? + 1, CONCAT(?, 'x'))",
}

const wColumns = "(id INT AUTO_INCREMENT PRIMARY KEY, n INT, s VARCHAR(40) CHARACTER SET utf8mb4, l VARCHAR(40) CHARACTER SET latin1, price DECIMAL(10,2), d DATE, at DATETIME(6), tm TIME, y YEAR, b BIT(8), e ENUM('a', 'é'), x VARBINARY(20))"

// argsTables are recreated in a schema.
var argsTables = []string{
	"CREATE TABLE t " + wColumns,
	"INSERT INTO t (id, n, s, l, price, d, at, tm, y, b, e, x) VALUES (1, 1, 'a', 'a', 0.5, '2020-01-01', '2020-01-01 10:00:00', '10:00', 2020, 1, 'a', 'a'), (2, 2, 'é', 'é', 1.5, '2021-01-01', '2021-01-01 10:00:00', '11:00', 2021, 5, 'é', 'é'), (3, NULL, NULL, NULL, 9.99, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (4, 5, '5', '5', 5, '2000-01-01', '2000-01-01', '00:00', 2000, 53, NULL, '5'), (5, -5, 'なし', 'abc', -5, '2020-01-01', '2020-01-01', '23:59:59', 2001, 0, 'a', 'abc')",
	"CREATE TABLE u (id INT PRIMARY KEY, v INT)", "INSERT INTO u VALUES (1, 1), (2, NULL), (5, 5)", "CREATE TABLE w " + wColumns,
}

// argsSchema makes a schema with the tables, on the server of the environment, and returns
// its DSN.
func argsSchema(t *testing.T) string {
	t.Helper()
	text := os.Getenv("MYSQL_POOL_TEST_DSN")
	if text == "" {
		t.Skip("needs a server: set MYSQL_POOL_TEST_DSN")
	}
	cfg := parse(t, text)
	cfg.DBName = fmt.Sprintf("mp_args_%x", time.Now().UnixNano())
	db := open(t, "mysql", text)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		db.Exec("DROP DATABASE " + cfg.DBName)
		db.Close()
	})
	for _, q := range append([]string{"CREATE DATABASE " + cfg.DBName, "USE " + cfg.DBName}, argsTables...) {
		if _, err := db.Exec(q); err != nil {
			t.Skipf("the server cannot do what the test needs: %s: %v", q, err)
		}
	}
	return cfg.FormatDSN()
}

// argsRounds is how many statements a test tries.
func argsRounds() int {
	rounds := 4000
	fmt.Sscan(os.Getenv("MYSQL_POOL_TEST_QUERIES"), &rounds)
	return rounds
}

// pickArgs returns arguments for a text.
func pickArgs(r *rand.Rand, query string) []any {
	args := make([]any, strings.Count(query, "?"))
	for i := range args {
		args[i] = argsToTry[r.IntN(len(argsToTry))]
		if r.IntN(2) == 0 { // few kinds, so that more runs follow one of the same
			args[i] = []any{"none", "なし", "é", 1, 0.5, "5", nil}[r.IntN(7)]
		}
	}
	return args
}

func oneConnOf(t *testing.T, driver, text string) *sql.Conn {
	t.Helper()
	db := open(t, driver, text)
	t.Cleanup(func() { db.Close() })
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// The same through the pool, where handles come and go.
func TestServerArgumentsThroughThePool(t *testing.T) {
	if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "embedded") {
		t.Skip("needs a real server: the embedded one has kinds of its own")
	}
	text := argsSchema(t)
	t.Cleanup(func() { mysqlpool.Dispose(context.Background()) })
	fresh := oneConnOf(t, "mysql", text)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	ctx := t.Context()
	for range argsRounds() / 100 {
		db := open(t, "mysql_pool", withParam(text, "pool_size=1&pool_max_overflow=0"))
		kept, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		few := []string{textsToTry[r.IntN(len(textsToTry))], textsToTry[r.IntN(len(textsToTry))], textsToTry[r.IntN(len(textsToTry))]}
		var before []any
		for range 100 {
			query := few[r.IntN(len(few))]
			args := pickArgs(r, query)
			got, _ := outcome(ctx, kept, query, func() (*sql.Rows, error) { return kept.QueryContext(ctx, query, args...) }, func() (sql.Result, error) { return kept.ExecContext(ctx, query, args...) })
			want, _ := outcome(ctx, fresh, query, func() (*sql.Rows, error) { return fresh.QueryContext(ctx, query, args...) }, func() (sql.Result, error) { return fresh.ExecContext(ctx, query, args...) })
			if got != want {
				t.Errorf("%s\nwith %q\nafter %q\ngot  %s\nwant %s", query, args, before, got, want)
			}
			before = args
		}
		kept.Close()
		db.Close()
	}
	p := mysqlpool.Stats()[0]
	t.Logf("%d hits, %d misses", p.StmtHits, p.StmtMisses)
	if p.StmtHits == 0 {
		t.Error("no statement was used again")
	}
}

func TestServerKindsOfArguments(t *testing.T) {
	if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "embedded") {
		t.Skip("needs a real server: the embedded one has kinds of its own")
	}
	text := argsSchema(t)
	cfg, ctx := parse(t, text), t.Context()
	kept, fresh := oneConnOf(t, "mysql", text), oneConnOf(t, "mysql", text)
	var checker driver.NamedValueChecker // does not touch its connection
	fresh.Raw(func(dc any) error {
		checker = dc.(driver.NamedValueChecker)
		return nil
	})
	var version string
	fresh.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version)
	var times dsn.TimeFormat
	if serverinfo.FixesTypes(version) {
		times = dsn.TimeFormatOf(cfg)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("version %s, seed %d", version, seed)
	r := rand.New(rand.NewPCG(seed, 1))
	type keptStmt struct {
		*physical.Kept
		stmt   *sql.Stmt
		before []any
	}
	all := map[string][]*keptStmt{}
	refused := map[string]bool{}
	rounds, reused := argsRounds(), 0
	for range rounds {
		query := textsToTry[r.IntN(len(textsToTry))]
		args := pickArgs(r, query)
		sent := make([]driver.NamedValue, len(args))
		for i := range args {
			sent[i] = driver.NamedValue{Ordinal: i + 1, Value: args[i]}
			if err := checker.CheckNamedValue(&sent[i]); err != nil {
				t.Fatalf("%T %v: %v", args[i], args[i], err)
			}
		}
		if refused[query] || !physical.CanKeep(sent, times, physical.OnlyInserts(query)) || serverinfo.CachesSubqueries(version) && physical.ComparesWithSubquery(query) {
			continue
		}
		var k *keptStmt
		for _, other := range all[query] {
			if other.Accepts(sent) {
				k = other
				reused++
				break
			}
		}
		if k == nil {
			stmt, err := kept.PrepareContext(ctx, query)
			if err != nil {
				continue
			}
			defer stmt.Close()
			k = &keptStmt{stmt: stmt, Kept: physical.NewKept(query, strings.Count(query, "?"), times)}
			k.Accepts(sent)
			all[query] = append(all[query], k)
		}
		got, err := outcome(ctx, kept, query, func() (*sql.Rows, error) { return k.stmt.QueryContext(ctx, args...) }, func() (sql.Result, error) { return k.stmt.ExecContext(ctx, args...) })
		want, _ := outcome(ctx, fresh, query, func() (*sql.Rows, error) { return fresh.QueryContext(ctx, query, args...) }, func() (sql.Result, error) { return fresh.ExecContext(ctx, query, args...) })
		if mysqlerr.Number(err) == 3988 && k.before != nil {
			refused[query] = true // and it is run again: see dropAfterError
			continue
		}
		if got != want {
			t.Errorf("%s\nwith %q\nafter %q\ngot  %s\nwant %s", query, args, k.before, got, want)
		}
		k.before = args
		if err != nil && !mysqlerr.IsOfData(mysqlerr.Number(err)) || got != want {
			all[query] = slices.DeleteFunc(all[query], func(o *keptStmt) bool { return o == k })
		}
	}
	t.Logf("refused: %q", slices.Sorted(maps.Keys(refused)))
	t.Logf("%d of %d runs on a statement that was used before", reused, rounds)
}

// outcome is what a statement answered or did, as text.
func outcome(ctx context.Context, c *sql.Conn, query string, ask func() (*sql.Rows, error), do func() (sql.Result, error)) (string, error) {
	if strings.HasPrefix(query, "SELECT") || strings.HasPrefix(query, "WITH") {
		rows, err := ask()
		return rowsText(rows, err), err
	}
	c.ExecContext(ctx, "BEGIN")
	defer c.ExecContext(ctx, "ROLLBACK")
	c.ExecContext(ctx, "INSERT INTO w SELECT * FROM t")
	_, err := do()
	shown := fmt.Sprint(err)
	if mysqlerr.Number(err) == 1366 {
		shown = "1366" // it shows a text in the character set that it has by then
	}
	rows, err2 := c.QueryContext(ctx, "SELECT n, s, l, price, d, at, y, b, e, x FROM w ORDER BY price, n, s, l, d, at, y, b, e, x")
	return shown + rowsText(rows, err2), err
}

// rowsText is rows in any order, with the types of their columns.
func rowsText(rows *sql.Rows, err error) string {
	if number := mysqlerr.Number(err); number == 1267 || number == 1270 || number == 1271 {
		return fmt.Sprint(number) // it names the collation that a text has by then
	} else if err != nil {
		return fmt.Sprint(err)
	}
	defer rows.Close()
	types, _ := rows.ColumnTypes()
	var all []string
	var b strings.Builder
	for _, c := range types {
		fmt.Fprintf(&b, "%s ", c.DatabaseTypeName())
	}
	for rows.Next() {
		values, into := make([]any, len(types)), make([]any, len(types))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			fmt.Fprint(&b, err)
		}
		all = append(all, fmt.Sprintf("\n  %q", values))
	}
	slices.Sort(all)
	return fmt.Sprint(b.String(), all, rows.Err())
}

func parse(t *testing.T, text string) *mysql.Config {
	t.Helper()
	cfg, err := mysql.ParseDSN(text)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func open(t *testing.T, driver, text string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, text)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func withParam(text, param string) string {
	if strings.Contains(text, "?") {
		return text + "&" + param
	}
	return text + "?" + param
}
