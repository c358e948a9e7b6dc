package suite

import (
	"bytes"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// outcome is an sql.Result in words.
func outcome(result sql.Result, err error) string {
	if err != nil {
		return errText(err)
	}
	id, idErr := result.LastInsertId()
	n, nErr := result.RowsAffected()
	return fmt.Sprint("id ", id, idErr, ", rows ", n, nErr)
}

func TestSuiteResultsOfWrites(t *testing.T) {
	s := needServer(t)
	for _, params := range []string{"", "clientFoundRows=true", "interpolateParams=true"} {
		t.Run(params, func(t *testing.T) {
			asStock(t, func(t *testing.T, driver string) (results []string) {
				db := s.open(t, driver, params)
				mustExec(t, db, "DROP TABLE IF EXISTS w", "CREATE TABLE w (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
				for _, query := range []string{
					"INSERT INTO w (v) VALUES (?)",
					"INSERT INTO w (v) VALUES (?), (2), (3)",
					"UPDATE w SET v = 9 WHERE v <> ?", // changes none of those that have 9 already
					"UPDATE w SET v = 9 WHERE v <> ?",
					"DELETE FROM w WHERE v <> ?",
				} {
					results = append(results, outcome(db.Exec(query, 1)))
				}
				return append(results, outcome(db.Exec("CREATE TABLE IF NOT EXISTS w (id INT)")))
			})
		})
	}
}

// Whoever uses Conn.Raw finds what the stock README says: driver.Execer, and the
// stock driver's own result and rows.
func TestSuiteRawHasTheStockDriversInterfaces(t *testing.T) {
	s := needServer(t)
	db := s.open(t, stock, "")
	mustExec(t, db, "CREATE TABLE w (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
	asStock(t, func(t *testing.T, name string) (result []string) {
		mustExec(t, db, "TRUNCATE TABLE w")
		c := oneConn(t, s.open(t, name, "multiStatements=true"))
		add := func(format string, args ...any) { result = append(result, fmt.Sprintf(format, args...)) }
		err := c.Raw(func(dc any) error {
			//lint:ignore SA1019 the stock README tells users to
			r, err := dc.(driver.Execer).Exec("INSERT INTO w (v) VALUES (1), (2); UPDATE w SET v = 3; INSERT INTO w (v) VALUES (4)", nil)
			if err != nil {
				return err
			}
			own := r.(mysql.Result)
			add("%T %v %v", r, own.AllLastInsertIds(), own.AllRowsAffected())

			rows, err := dc.(driver.QueryerContext).QueryContext(t.Context(), "SELECT id FROM w ORDER BY id", nil)
			if err != nil {
				return err
			}
			values := make([]driver.Value, 1)
			for rows.Next(values) == nil {
				add("%T %s", rows, values)
			}
			if err := rows.Close(); err != nil {
				return err
			}

			//lint:ignore SA1019 as above
			old, err := dc.(driver.Queryer).Query("SELECT 1", nil)
			if err != nil {
				return err
			}
			add("%T %v", old, old.Columns())
			if err := old.Close(); err != nil {
				return err
			}

			stmt, err := dc.(driver.ConnPrepareContext).PrepareContext(t.Context(), "SELECT ?")
			if err != nil {
				return err
			}
			add("inputs %d", stmt.NumInput())
			stmtRows, err := stmt.(driver.StmtQueryContext).QueryContext(t.Context(), []driver.NamedValue{{Ordinal: 1, Value: int64(7)}})
			if err != nil {
				return err
			}
			err = stmtRows.Next(values)
			add("%T %v %v", stmtRows, values, err)
			add("%v", stmtRows.Next(values) == io.EOF)
			if err := stmtRows.Close(); err != nil {
				return err
			}
			return stmt.Close()
		})
		if err != nil {
			t.Error(err)
		}
		return result
	})
}

// allResults reads every result set of a query.
func allResults(rows *sql.Rows, err error) (all []string) {
	if err != nil {
		return []string{errText(err)}
	}
	defer rows.Close()
	for {
		columns, err := rows.Columns()
		all = append(all, fmt.Sprint(columns)+errText(err))
		for rows.Next() {
			values := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			err := rows.Scan(into...)
			all = append(all, fmt.Sprintf("%s", values)+errText(err))
		}
		if !rows.NextResultSet() {
			return append(all, errText(rows.Err()))
		}
	}
}

func TestSuiteManyResultSets(t *testing.T) {
	s := needServer(t)
	s.tableOfOne(t)
	asStock(t, func(t *testing.T, driver string) (results [][]string) {
		db := s.openOne(t, driver)
		results = append(results, allResults(db.Query("SELECT 1; SELECT 2"))) // not allowed
		db.Close()
		db = s.open(t, driver, "multiStatements=true&"+poolOfOne)
		for _, query := range []string{
			"SELECT 1; SELECT 2, 3; SELECT 4",
			"SELECT 1; UPDATE t SET v = v; SELECT 2",
			"SELECT 1; SELECT nonsense; SELECT 2",
		} {
			results = append(results, allResults(db.Query(query)))
		}
		// One that is left after the first set must not turn up later.
		rows, err := db.Query("SELECT 1; SELECT 2")
		if err == nil {
			rows.Next()
			rows.Close()
		}
		if err := askOwnNumber(t.Context(), db, 7); err != nil {
			t.Error(err)
		}
		return results
	})
}

// typesTable has a column of most types. What a server lacks is left out.
func (s *server) typesTable(t *testing.T) {
	t.Helper()
	db := s.open(t, stock, "")
	defer db.Close()
	mustExec(t, db, "CREATE TABLE types (id INT PRIMARY KEY)", "INSERT INTO types (id) VALUES (1), (2)")
	values := []string{
		"TINYINT", "-1", "TINYINT UNSIGNED NOT NULL", "255", "SMALLINT", "1", "MEDIUMINT", "2", "INT NOT NULL", "3", "BIGINT", "4",
		"BIGINT UNSIGNED", "18446744073709551615", "FLOAT", "0.5", "DOUBLE", "0.25", "DECIMAL(10,3)", "1.125", "BIT(9)", "b'101'",
		"CHAR(5)", "'abc'", "VARCHAR(20) NOT NULL", "'abc'", "TEXT", "'text'", "BINARY(3)", "'abc'", "VARBINARY(5)", "'abc'", "BLOB", "'blob'",
		"DATE", "'2024-02-29'", "DATETIME(3) NOT NULL", "'2024-02-29 10:11:12.125'", "TIMESTAMP NULL", "'2024-02-29 10:11:12'",
		"TIME", "'-12:13:14'", "YEAR", "2024", "ENUM('a','b')", "'b'", "SET('a','b')", "'a,b'", "JSON", `'{"a": 1}'`,
	}
	for i := 0; i < len(values); i += 2 {
		column := fmt.Sprintf("c%d", i/2)
		declared, value := values[i], values[i+1]
		if _, err := db.Exec("ALTER TABLE types ADD COLUMN " + column + " " + declared); err != nil {
			t.Logf("the server has no %s: %v", declared, err)
			continue
		}
		if _, err := db.Exec("UPDATE types SET " + column + " = " + value + " WHERE id = 1"); err != nil {
			t.Logf("the server takes no %s for %s: %v", value, declared, err)
		}
	}
}

// columnTypes is all that the driver says about the columns.
func columnTypes(rows *sql.Rows) (all []string, err error) {
	types, err := rows.ColumnTypes()
	for _, c := range types {
		length, hasLength := c.Length()
		precision, scale, hasPrecision := c.DecimalSize()
		nullable, hasNullable := c.Nullable()
		all = append(all, fmt.Sprint(c.Name(), c.DatabaseTypeName(), c.ScanType(),
			length, hasLength, precision, scale, hasPrecision, nullable, hasNullable))
	}
	return all, err
}

func TestSuiteColumnTypesAndValues(t *testing.T) {
	s := needServer(t)
	s.typesTable(t)
	for _, params := range []string{"", "parseTime=true", "interpolateParams=true"} {
		t.Run(params, func(t *testing.T) {
			asStock(t, func(t *testing.T, driver string) (result []string) {
				db := s.open(t, driver, params)
				for _, args := range [][]any{nil, {0}} { // the text protocol and the binary one
					query := "SELECT * FROM types ORDER BY id"
					if args != nil {
						query = "SELECT * FROM types WHERE id > ? ORDER BY id"
					}
					rows, err := db.Query(query, args...)
					if err != nil {
						t.Fatal(err)
					}
					types, err := columnTypes(rows)
					if err != nil || len(types) == 0 {
						t.Errorf("ColumnTypes: %v %v", types, err)
					}
					result = append(result, types...)
					result = append(result, typedRows(rows)...)
				}
				return result
			})
		})
	}
}

// typedRows is each row with the types of its values.
func typedRows(rows *sql.Rows) (all []string) {
	defer rows.Close()
	columns, _ := rows.Columns()
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		err := rows.Scan(into...)
		var b strings.Builder
		for _, v := range values {
			fmt.Fprintf(&b, "%T %v, ", v, v)
		}
		all = append(all, b.String()+errText(err))
	}
	return append(all, errText(rows.Err()))
}

func TestSuiteLoadDataLocal(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE loaded (id INT, word VARCHAR(20))")
	const name = "mysqlpool_suite"
	mysql.RegisterReaderHandler(name, func() io.Reader { return bytes.NewBufferString("1\tone\n2\ttwo\n") })
	defer mysql.DeregisterReaderHandler(name)
	load := "LOAD DATA LOCAL INFILE 'Reader::" + name + "' INTO TABLE loaded"
	if _, err := setup.Exec(load); err != nil {
		t.Skipf("the server does not let clients load data: %v", err)
	}
	asStock(t, func(t *testing.T, driver string) string {
		mustExec(t, setup, "DELETE FROM loaded")
		result := outcome(s.open(t, driver, "").Exec(load))
		return result + row(t, setup, "SELECT COUNT(*), MAX(word) FROM loaded")
	})
}

func TestSuiteLargeResults(t *testing.T) {
	s := needServer(t)
	query := s.manyRows(t)
	asStock(t, func(t *testing.T, driver string) (result []string) {
		db := s.openOne(t, driver)
		rows, err := db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		all, err := texts(rows)
		result = append(result, fmt.Sprint(len(all))+errText(err))
		return append(result, fmt.Sprint(len(row(t, db, "SELECT REPEAT('x', 1000000)"))))
	})
}
