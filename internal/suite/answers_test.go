package suite

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// answersWorld is the tables of the tests of what a session answers of earlier
// statements. No two generate the same id: which of two handles' last ids a session
// has, where both are the same number, cannot always be told (docs/limits.md).
var answersWorld = []string{
	"DO 1",
	"DROP TABLE IF EXISTS one, two, plain, loose, seq, given, small",
	"CREATE TABLE one (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, v INT UNIQUE, s VARCHAR(40)) AUTO_INCREMENT = 300",
	"CREATE TABLE two (id INT PRIMARY KEY AUTO_INCREMENT, v INT, s VARCHAR(40)) AUTO_INCREMENT = 500",
	"CREATE TABLE plain (v INT, w BIGINT)",
	"CREATE TABLE loose (id INT PRIMARY KEY AUTO_INCREMENT, v INT UNIQUE, s VARCHAR(40)) ENGINE=MyISAM AUTO_INCREMENT = 1000",
	"CREATE TABLE seq (id INT)",
	"CREATE TABLE small (id TINYINT AUTO_INCREMENT, KEY (id))",
	"INSERT INTO seq VALUES (9000)",
	"INSERT INTO one VALUES (1, 1, 'x'), (2, 2, 'y')",
	"INSERT INTO loose VALUES (1, 1, 'x')",
	"DROP PROCEDURE IF EXISTS adds",
	"CREATE PROCEDURE adds() INSERT INTO two (v) VALUES (7)",
}

// answersWorld recreates the tables. It skips the test on a server that cannot.
func (s *server) answersWorld(t *testing.T) {
	t.Helper()
	setup := s.open(t, stock, "")
	defer setup.Close()
	for _, st := range answersWorld {
		if _, err := setup.Exec(st); err != nil {
			t.Skip(err)
		}
	}
}

// idStep is a statement that may change LAST_INSERT_ID(), or asks for it.
type idStep struct {
	text string
	args []any
	rows bool // it is run by Query
	pins bool // what it leaves stays until its handle is closed
}

func (s idStep) String() string { return fmt.Sprintf("%s %v", s.text, s.args) }

// idSteps makes a statement; n is a small number that no other statement has yet.
func idSteps(r *rand.Rand, n int) idStep {
	small := r.IntN(6) + 1
	steps := []idStep{
		{text: fmt.Sprintf("INSERT INTO one (v) VALUES (%d)", 1000+n)},
		{text: "INSERT INTO one (v) VALUES (?)", args: []any{1000 + n}},
		{text: "INSERT INTO one (v, s) VALUES (?, ?)", args: []any{1000 + n, strconv.Itoa(small)}},
		{text: "INSERT INTO two (v, s) VALUES (?, ?), (?, 'b')", args: []any{small, "a", n}},
		{text: "INSERT INTO two (v) VALUES (?)", args: []any{small}},
		{text: "INSERT INTO two SET v = ?", args: []any{small}},
		{text: "INSERT INTO one VALUES (?, ?, NULL)", args: []any{2000 + n, 2000 + n}},
		{text: "INSERT INTO one VALUES (?, ?, NULL)", args: []any{strconv.Itoa(4000 + n), 4000 + n}},
		{text: fmt.Sprintf("INSERT INTO one VALUES (%d, %d, '')", 6000+n, 6000+n)},
		{text: fmt.Sprintf("INSERT INTO one VALUES (0, %d, ''), (NULL, %d, '')", 8000+n, 28000+n)},
		{text: fmt.Sprintf("INSERT INTO two VALUES (%d + 3000, 1, '')", n)},
		{text: fmt.Sprintf("INSERT INTO two VALUES (-%d, 1, '')", n+1)},
		{text: "INSERT INTO two VALUES (?, 1, '')", args: []any{-1000 - float64(n)}},
		{text: "INSERT INTO two VALUES (-?, 1, '')", args: []any{-30000 - n}},
		{text: "INSERT IGNORE INTO small VALUES (?)", args: []any{1000 + n}}, // becomes 127
		{text: "INSERT IGNORE INTO small VALUES (-1000)"},                    // becomes -128
		{text: "INSERT IGNORE INTO one (v) VALUES (1)"},
		{text: "INSERT IGNORE INTO one (v) VALUES (1), (?)", args: []any{1000 + n}},
		{text: "INSERT INTO one (v) VALUES (1)"},                               // fails
		{text: "INSERT INTO one (v) VALUES (?), (1)", args: []any{1000 + n}},   // fails half done
		{text: "INSERT INTO loose (v) VALUES (?), (1)", args: []any{1000 + n}}, // ... and stays so
		{text: "INSERT INTO loose (v) VALUES (?)", args: []any{1000 + n}},
		{text: "INSERT INTO one (v, s) VALUES (?, 'n') ON DUPLICATE KEY UPDATE s = CONCAT(s, 'u')", args: []any{small}},
		{text: "INSERT INTO one (v, s) VALUES (?, 'n') ON DUPLICATE KEY UPDATE s = s", args: []any{small}},
		{text: "INSERT INTO one (v, s) VALUES (?, 'n') ON DUPLICATE KEY UPDATE s = 'z', id = LAST_INSERT_ID(id)", args: []any{small}},
		{text: "INSERT INTO one (v, s) VALUES (?, 'n'), (2, 'o') ON DUPLICATE KEY UPDATE s = CONCAT(s, 'u')", args: []any{1000 + n}},
		{text: "REPLACE INTO one (v, s) VALUES (?, 'r')", args: []any{small}},
		{text: "REPLACE INTO one (v, s) VALUES (1, 'r')"},
		{text: "INSERT INTO two (v) SELECT v FROM one LIMIT 2"},
		{text: "INSERT INTO two (v) SELECT v FROM one WHERE id = 0"},
		{text: fmt.Sprintf("INSERT INTO two (id, v) SELECT %d, 1", 20000+n)},
		{text: "INSERT INTO plain VALUES (?, ?)", args: []any{n, small}},
		{text: "INSERT INTO plain SELECT v, id FROM one LIMIT 1"},
		{text: "UPDATE seq SET id = LAST_INSERT_ID(id + 1)"},
		{text: "UPDATE seq SET id = LAST_INSERT_ID(id + 1) WHERE id = 0"},
		{text: "UPDATE one SET s = 'q' WHERE id = 1"},
		{text: "DELETE FROM one WHERE v = ?", args: []any{small}},
		{text: "SELECT LAST_INSERT_ID(?)", args: []any{40000 + n}, rows: true},
		{text: fmt.Sprintf("SELECT last_insert_id( %d )", 41000+n), rows: true},
		{text: fmt.Sprintf("DO LAST_INSERT_ID(%d)", 42000+n)},
		{text: "INSERT INTO two (v) VALUES (?)", args: []any{500 + r.IntN(20)}}, // perhaps the id that it generates
		{text: fmt.Sprintf("INSERT INTO two (v) VALUES (%d)", 500+r.IntN(20))},
		{text: "SELECT 1", rows: true},
		{text: "SELECT nonsense", rows: true},
		{text: "SELECT id FROM one ORDER BY id LIMIT 3", rows: true},
		{text: "INSERT INTO two (v) VALUES (9) RETURNING id", rows: true},
		{text: "INSERT INTO two (v) VALUES (9) RETURNING id"},
		{text: "INSERT INTO two (v) VALUES (?)", args: []any{small}, rows: true},
		{text: "CREATE TABLE given (id INT PRIMARY KEY AUTO_INCREMENT) AUTO_INCREMENT = 200 SELECT v FROM one LIMIT 1"},
		{text: "DROP TABLE IF EXISTS given"},
		{text: "CALL adds()", pins: true},
		{text: fmt.Sprintf("SET last_insert_id = %d", 100+n), pins: true},
		{text: "SET @@identity = 3", pins: true},
	}
	asks := []idStep{
		{text: "SELECT LAST_INSERT_ID()", rows: true},
		{text: "SELECT LAST_INSERT_ID() + ?", args: []any{0}, rows: true},
		{text: "SELECT @@last_insert_id", rows: true},
		{text: "SELECT @@session.`Identity`", rows: true},
		{text: "select `LAST_INSERT_ID`()", rows: true},
		{text: "SHOW VARIABLES LIKE 'last_insert_id'", rows: true},
		{text: "INSERT INTO plain VALUES (LAST_INSERT_ID(), ?)", args: []any{n}},
		{text: "INSERT INTO plain VALUES (LAST_INSERT_ID (), ?)", args: []any{n}},
		{text: "INSERT INTO two (v, s) VALUES (LAST_INSERT_ID(), 'x')"},
	}
	if r.IntN(2) == 0 {
		return asks[r.IntN(len(asks))]
	}
	return steps[r.IntN(len(steps))]
}

// idProgram runs a program of steps on handles of one connection each, and returns
// what each step answered.
func (s *server) idProgram(t *testing.T, driver, params string, seed uint64, length int) (log []string) {
	r := rand.New(rand.NewPCG(seed, 1))
	s.answersWorld(t)
	open := func() *sql.DB {
		db := s.open(t, driver, params)
		db.SetMaxOpenConns(1)
		return db
	}
	handles := [2]*sql.DB{open(), open()}
	defer func() {
		for _, db := range handles {
			db.Close()
		}
	}()
	for n := range length {
		who := r.IntN(len(handles))
		db := handles[who]
		step := idSteps(r, n)
		text := fmt.Sprintf("%d: %v: ", who, step)
		run := func(step idStep) string {
			if step.rows {
				rows, err := db.Query(step.text, step.args...)
				if err != nil {
					return err.Error()
				}
				all, err := texts(rows)
				return fmt.Sprint(all, err)
			}
			result, err := db.Exec(step.text, step.args...)
			if err != nil {
				return err.Error()
			}
			id, _ := result.LastInsertId()
			affected, _ := result.RowsAffected()
			return fmt.Sprint(id, " ", affected)
		}
		text += run(step)
		if step.pins {
			text += "; then " + run(idStep{text: "SELECT LAST_INSERT_ID()", rows: true})
			db.Close()
			handles[who] = open()
		} else if r.IntN(30) == 0 {
			db.Close()
			handles[who] = open()
			text += "; closed"
		}
		log = append(log, text)
	}
	return log
}

// idParams is options that decide what happens to a connection, and its last id, between
// two statements of its handle.
var idParams = []string{
	poolOfOne, poolOfOne + "&@pool_reset='always'", poolOfOne + "&@pool_stmt_cache=0", poolOfOne + "&interpolateParams=true", poolOfOne + "&clientFoundRows=true",
	// The pool takes what is offered at once, and restores or closes it.
	poolOfOne + takesAtOnce, poolOfOne + takesAtOnce + "&@pool_reset='always'",
	"@pool_size=2" + takesAtOnce, "@pool_size=2" + takesAtOnce + "&@pool_reset='always'",
	"@pool_size=0&@pool_idle_timeout=0" + takesAtOnce, "@pool_size=1&@pool_idle_timeout=0" + takesAtOnce + "&@pool_reset='always'",
}

// takesAtOnce leaves no time in which a connection stays with who offered it.
const takesAtOnce = "&@pool_ping_after='10ms'"

// Two handles of one connection each on a pool of one connection have the last ids
// that they have with the stock driver, where each has a session of its own.
func TestSuiteLastInsertIDIsItsHandles(t *testing.T) {
	s := needServer(t)
	programs, length := 2*len(idParams), 60
	if n, err := strconv.Atoi(os.Getenv("MYSQL_POOL_TEST_ID_PROGRAMS")); err == nil {
		programs = n
	}
	first := rand.Uint64()
	if n, err := strconv.ParseUint(os.Getenv("MYSQL_POOL_TEST_ID_SEED"), 10, 64); err == nil {
		first = n
	}
	for i := range programs {
		seed := first + uint64(i)
		params := idParams[seed%uint64(len(idParams))]
		if strings.Contains(params, "always") && strings.HasPrefix(s.row(t, "SELECT VERSION()"), "5.6") {
			continue // a server that resets nothing: each connection is closed, and the id with it
		}
		want := s.idProgram(t, stock, params, seed, length)
		got := s.idProgram(t, pooled, params, seed, length)
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("seed %d, %s: step %d:\nstock  %s\npooled %s\nafter\n%s", seed, params, i, want[i], got[i], strings.Join(got[max(0, i-8):i], "\n"))
				break
			}
		}
		if t.Failed() {
			return
		}
	}
}

// asked is what a program may ask of its earlier statements.
var asked = []string{
	"SELECT ROW_COUNT()", "SELECT FOUND_ROWS()", "SHOW WARNINGS", "SHOW ERRORS", "SHOW COUNT(*) WARNINGS", "show count(*) errors",
	"SELECT @@warning_count, @@session.error_count", "SELECT `row_count`(), Found_Rows ( )", "SHOW VARIABLES LIKE 'warning_count'",
	"SHOW WARNINGS LIMIT 1", "SELECT ROW_COUNT() + ?", "SELECT LAST_INSERT_ID(), @@identity", "SELECT FOUND_ROWS(), ROW_COUNT()",
}

// left is what another handle did before.
var left = [][]string{
	{"INSERT INTO two (v) VALUES (1), (2), (3)"},
	{"DROP TABLE IF EXISTS secret_one, secret_two"},
	{"SELECT nonsense"},
	{"SELECT * FROM one"},
	{"UPDATE two SET v = v + 1", "DROP TABLE IF EXISTS secret_one", "SELECT v FROM one ORDER BY v LIMIT 1"},
	{"INSERT INTO two (v) VALUES (1)", "DROP TABLE IF EXISTS secret_one"},
}

// What a session says of earlier statements is never said to another handle: a new
// one is told what a new session says, and one that ran something what that did.
func TestSuiteAnswersOfStatementsAreTheirHandles(t *testing.T) {
	s := needServer(t)
	for i, before := range left {
		for j, own := range []string{"", "SELECT 1", "UPDATE two SET v = 5 WHERE id = 500", "DROP TABLE IF EXISTS own_one", "SELECT v FROM two ORDER BY v LIMIT 2", "SELECT nonsense of its own", "INSERT INTO two (v) VALUES (1), (2)", "DO 1",
			"DROP DATABASE IF EXISTS mp_nowhere", "DROP PROCEDURE IF EXISTS own_one", "ALTER DATABASE CHARACTER SET utf8mb4", "DROP INDEX own_one ON two",
			"SELECT TRIM('x' FROM 'xax')", "SELECT EXTRACT(YEAR FROM '2020-01-02')", "SELECT (SELECT 1 FROM two LIMIT 1)"} {
			if n := 3 + j/8*3; (i+j)%n != 0 { // a third, and of the later ones a sixth
				continue
			}
			t.Run(fmt.Sprintf("%s/%s", before[len(before)-1], own), func(t *testing.T) {
				asStock(t, func(t *testing.T, driver string) (result []string) {
					s.answersWorld(t)
					for _, ask := range asked {
						one := s.open(t, driver, poolOfOne)
						for _, st := range before {
							seen(one, st)
						}
						one.Close()
						next := s.open(t, driver, poolOfOne)
						next.SetMaxOpenConns(1)
						if own != "" {
							seen(next, own)
						}
						found := strings.Contains(strings.ToLower(ask), "found_rows")
						reads := own == "SELECT 1" || strings.HasPrefix(own, "SELECT v")
						switch {
						case !found || reads:
						case own != "" && strings.Contains(strings.ToLower(ask), "row_count"):
							next.Close() // its own row count is lost: see clearing
							continue
						case strings.Contains(s.row(t, "SELECT VERSION()"), "MariaDB"):
							// A new session of MariaDB may show another session's.
							if got := seen(next, "SELECT FOUND_ROWS()"); driver == pooled && got != "1" {
								t.Errorf("FOUND_ROWS(): got %s, want 1, as after a SELECT of nobody else's", got)
							}
							next.Close()
							continue
						}
						for range 2 {
							if strings.Contains(ask, "?") {
								got, err := askRow(next, ask, 0)
								result = append(result, ask+": "+got+errText(err))
							} else {
								result = append(result, ask+": "+seen(next, ask))
							}
						}
						next.Close()
					}
					return result
				})
			})
		}
	}
}

// To ask costs nothing more unless another handle had the connection, and nothing
// is sent for a handle that does not ask.
func TestSuiteAskingForTheLastIDCostsOneRoundTripAtMost(t *testing.T) {
	s := needServer(t)
	s.answersWorld(t)
	one, other := s.open(t, pooled, poolOfOne), s.open(t, pooled, poolOfOne)
	one.SetMaxOpenConns(1)
	other.SetMaxOpenConns(1)
	questions := func() int {
		n, err := strconv.Atoi(strings.TrimPrefix(row(t, one, "SHOW SESSION STATUS LIKE 'Questions'"), "Questions|"))
		if err != nil {
			t.Skip(err)
		}
		return n
	}
	mustExec(t, one, "INSERT INTO two (v) VALUES (1)")
	mustExec(t, other, "INSERT INTO two (v) VALUES (1)", "SELECT 1")
	before := questions()
	for range 3 {
		mustExec(t, one, "INSERT INTO two (v) VALUES (2)")
		mustExec(t, other, "INSERT INTO two (v) VALUES (3)", "UPDATE two SET v = 4")
	}
	if n := questions() - before; n != 10 {
		t.Errorf("9 statements took %d, with that which asks for the number", n)
	}
	want := row(t, one, "SELECT LAST_INSERT_ID()")
	before = questions()
	for range 3 {
		if got := row(t, one, "SELECT LAST_INSERT_ID()"); got != want {
			t.Errorf("last id: got %s, want %s", got, want)
		}
	}
	if n := questions() - before; n != 4 {
		t.Errorf("3 statements took %d, with that which asks for the number", n)
	}
}

// Many handles of one connection each on a pool of two: each has ids of its own
// table only, be they certain or not.
func TestSuiteLastInsertIDUnderLoad(t *testing.T) {
	s := needServer(t)
	const handles, rounds, apart = 8, 60, 1000000
	setup := s.open(t, stock, "")
	for g := range handles {
		mustExec(t, setup, fmt.Sprintf("CREATE TABLE of%d (id INT PRIMARY KEY AUTO_INCREMENT, v INT UNIQUE, w INT) AUTO_INCREMENT = %d", g, (g+1)*apart),
			fmt.Sprintf("INSERT INTO of%d (id, v) VALUES (1, -1)", g))
	}
	setup.Close()
	inParallel(handles, func(g int) {
		db, err := sql.Open(pooled, withParams(s.dsn, "@pool_size=2&@pool_max_overflow=0&@pool_timeout=60"))
		if err != nil {
			t.Error(err)
			return
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		r := rand.New(rand.NewPCG(uint64(g), 2))
		last := 0
		for n := range rounds {
			var result sql.Result
			switch r.IntN(6) {
			case 0:
				result, err = db.Exec(fmt.Sprintf("INSERT INTO of%d (v) VALUES (?)", g), n)
			case 1:
				result, err = db.Exec(fmt.Sprintf("INSERT INTO of%d (v) SELECT %d", g, n))
			case 2:
				result, err = db.Exec(fmt.Sprintf("INSERT INTO of%d (v) VALUES (?) ON DUPLICATE KEY UPDATE w = 1", g), n)
			case 3:
				result, err = db.Exec(fmt.Sprintf("INSERT INTO of%d (v) VALUES (-1)", g))
				if errNumber(err) != 1062 {
					t.Errorf("got %v, want a duplicate key", err)
				}
				err = nil
			case 4:
				err = db.QueryRow("SELECT LAST_INSERT_ID(?)", (g+1)*apart+n).Scan(&last)
			case 5:
				_, err = askRow(db, "SELECT SLEEP(0.001)")
			}
			if err != nil {
				t.Error(err)
				return
			}
			if result != nil {
				id, _ := result.LastInsertId()
				last = int(id)
			}
			var got int
			if err := db.QueryRow("SELECT LAST_INSERT_ID()").Scan(&got); err != nil {
				t.Error(err)
				return
			}
			if got != last {
				t.Errorf("handle %d: got the last id %d, want %d", g, got, last)
				return
			}
		}
	})
}

// With sql_auto_is_null "id IS NULL" finds the handle's own last row, and none in a
// session that inserted none.
func TestSuiteAutoIsNullFindsOnesOwn(t *testing.T) {
	s := needServer(t)
	for _, byDSN := range []bool{true, false} {
		if version := s.row(t, "SELECT VERSION()"); !byDSN && (strings.Contains(version, "MariaDB") || strings.HasPrefix(version, "5.")) {
			continue // there it finds the last id once only after each INSERT
		}
		t.Run(fmt.Sprintf("by the DSN %v", byDSN), func(t *testing.T) {
			asStock(t, func(t *testing.T, driver string) (result []string) {
				s.answersWorld(t)
				params := poolOfOne
				if byDSN {
					params = "sql_auto_is_null=1&@pool_size=3" // on MariaDB an INSERT pins
				}
				open := func() *sql.DB {
					db := s.open(t, driver, params)
					db.SetMaxOpenConns(1)
					return db
				}
				ask := func(db *sql.DB) {
					if !byDSN {
						mustExec(t, db, "SET sql_auto_is_null = 1")
					}
					result = append(result, seen(db, "SELECT id FROM two WHERE id IS NULL"))
				}
				one, other := open(), open()
				mustExec(t, one, "INSERT INTO two (v) VALUES (1)")
				mustExec(t, other, "INSERT INTO two (v) VALUES (2)")
				ask(one)
				one.Close()
				fresh := open()
				ask(fresh)
				fresh.Close()
				ask(other)
				other.Close()
				return result
			})
		})
	}
}

// What another one's handle could not prepare, begin or switch to shows in nobody
// else's SHOW ERRORS.
func TestSuiteErrorsOfOthersAreNotShown(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE there (v INT)")
	setup.Close()
	const one = "@pool_size=1&@pool_max_overflow=0"
	for name, fails := range map[string]func(db *sql.DB) error{
		"prepare":            func(db *sql.DB) error { _, err := db.Prepare("UPDATE there SET nothing = 1"); return err },
		"statement":          func(db *sql.DB) error { _, err := db.Exec("UPDATE there SET nothing = 1"); return err },
		"with an argument":   func(db *sql.DB) error { _, err := db.Exec("UPDATE there SET nothing = ?", 1); return err },
		"transaction":        func(db *sql.DB) error { _, err := db.Exec("ROLLBACK TO SAVEPOINT nothing"); return err },
		"a schema not there": nil,
	} {
		a := s.open(t, pooled, one)
		a.SetMaxOpenConns(1)
		mustExec(t, a, "DROP TEMPORARY TABLE IF EXISTS nothing")
		if fails == nil {
			b := openDSN(t, pooled, withParams(strings.Replace(s.dsn, "/"+s.schema, "/mp_not_there", 1), one))
			if err := b.Ping(); err == nil {
				t.Errorf("%s: want an error", name)
			}
			b.Close()
		} else {
			b := s.open(t, pooled, one)
			if err := fails(b); err == nil {
				t.Errorf("%s: want an error", name)
			}
			b.Close()
		}
		if got := row(t, a, "SELECT @@error_count"); got != "0" {
			t.Errorf("%s: got %s errors, of another handle's", name, got)
		}
		a.Close()
	}
}

// The server ends a handle's idle connection: LAST_INSERT_ID() is gone with it, as
// with the stock driver's.
func TestSuiteLastIDDiesWithItsConnection(t *testing.T) {
	s := needServer(t)
	admin := s.open(t, stock, "")
	mustExec(t, admin, "CREATE TABLE ids (id INT AUTO_INCREMENT PRIMARY KEY)")
	db := s.open(t, pooled, "@pool_size=1&@pool_max_overflow=0")
	db.SetMaxOpenConns(1)
	mustExec(t, db, "INSERT INTO ids VALUES (NULL)")
	id := row(t, db, "SELECT CONNECTION_ID()")
	mustExec(t, admin, "KILL "+id)
	eventually(t, func() error {
		if n := row(t, admin, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = "+id); n != "0" {
			return fmt.Errorf("connection %s is still there", id)
		}
		return nil
	})
	if got := row(t, db, "SELECT LAST_INSERT_ID()"); got != "0" {
		t.Errorf("got %s, want 0", got)
	}
}

// What a handle's earlier statement left on another connection is not shown as the
// latest one's, when the handle comes back to it.
func TestSuiteAnswersAreOfTheLatestStatement(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	const two = "@pool_size=2&@pool_max_overflow=0" + takesAtOnce
	for _, ask := range []string{"SHOW WARNINGS", "SELECT @@error_count", "SHOW ERRORS", "SELECT ROW_COUNT()"} {
		a, b := s.open(t, pooled, two), s.open(t, pooled, two)
		a.SetMaxOpenConns(1)
		first, err := a.Conn(t.Context()) // a and b have a connection each
		if err != nil {
			t.Fatal(err)
		}
		seen(first, "SELECT nothing_first")
		second := oneConn(t, b)
		seen(second, "DO 1")
		idle := func(n int) {
			t.Helper()
			eventually(t, func() error {
				if got := onlyPool(t).Idle; got != n {
					return fmt.Errorf("%d are idle, want %d", got, n)
				}
				return nil
			})
		}
		first.Close()
		idle(1)
		second.Close() // the latest idle one, which a gets next
		idle(2)
		seen(a, "SELECT nothing_second")
		idle(2)
		busy, err := b.Begin() // on that one again, so that a gets its first
		if err != nil {
			t.Fatal(err)
		}
		if got := seen(a, ask); strings.Contains(got, "nothing_first") || got == "1" || got == "-1" {
			t.Errorf("%s: got %s, which is of the statement before", ask, got)
		}
		busy.Rollback()
		a.Close()
		b.Close()
		dispose(t)
	}
}
