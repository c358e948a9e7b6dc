package session

import "testing"

func TestMayBeSeveral(t *testing.T) {
	for query, want := range map[string]bool{
		"": false, ";": false, "SELECT 1": false, "SELECT 1;": false, "SELECT 1 ; \r\n\t;": false,
		"SELECT 1;SELECT 2": true, ";SELECT 1": true, "SELECT ';'": true, "SELECT 1; -- x": true, "SELECT 1;\x00": true, "SELECT 1;\v": true,
	} {
		if got := MayBeSeveral(query); got != want {
			t.Errorf("%q: got %v, want %v", query, got, want)
		}
	}
}

func TestMayFollowUse(t *testing.T) {
	for query, want := range map[string]bool{
		"SELECT a FROM t": true, "SELECT 1": true, "/* x */ SELECT a FROM t": true, "(SELECT a FROM t)": true, "SELECT a FROM t;": true,
		"INSERT INTO t VALUES (1)": true, "UPDATE t SET a = 1": true, "DELETE FROM t": true, "REPLACE INTO t VALUES (1)": true,
		"SHOW TABLES": true, "TABLE t": true, "CREATE TABLE t (a INT)": true, "EXPLAIN SELECT a FROM t": true,
		"WITH x AS (SELECT a FROM t) SELECT a FROM x": true, "WITH x AS (SELECT 1 AS a) UPDATE t, x SET t.a = x.a": false,

		"": false, ";": false, "-- x": false, "/* x */": false, "# x": false, "/*! SELECT a FROM t */": false, "/*!99999 SELECT a FROM t */": false,
		"SELECT a FROM t /*!99999 x */": false, "SELECT a FROM t; SELECT 2": false, "SELECT ';' FROM t": false,
		"SELECT ROW_COUNT() FROM t": false, "SELECT LAST_INSERT_ID()": false, "SHOW WARNINGS": false, "SELECT @@warning_count": false,
		"SELECT SQL_CALC_FOUND_ROWS a FROM t": false, "SELECT GET_LOCK('a', 1)": false, "SELECT @a := 1": false, "SELECT a INTO @a FROM t": false,
		"BEGIN": false, "COMMIT": false, "SET @a = 1": false, "USE b": false, "CALL p()": false, "KILL 1": false, "DROP DATABASE b": false,
		"CREATE TEMPORARY TABLE t (a INT)": false, "LOCK TABLES t READ": false, "PREPARE a FROM 'SELECT 1'": false,
		"LOAD DATA LOCAL INFILE 'x' INTO TABLE t": false, "HANDLER t OPEN": false, "SELEKT": false,
	} {
		st := Scan(query, false)
		if got := st.MayFollowUse(); got != want {
			t.Errorf("%q: got %v, want %v", query, got, want)
		}
	}
}
