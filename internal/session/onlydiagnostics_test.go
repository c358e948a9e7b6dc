package session

import "testing"

func TestOnlyAsks(t *testing.T) {
	for _, text := range []string{
		"SELECT FOUND_ROWS()", "select found_rows() as total", "SELECT ROW_COUNT() n, FOUND_ROWS ( ) m;", "SELECT @@warning_count",
		"SELECT @@error_count AS `", // no: see below
		"SHOW WARNINGS", "SHOW ERRORS LIMIT 3", "SHOW COUNT(*) WARNINGS", "GET DIAGNOSTICS @n = ROW_COUNT, @m = NUMBER",
		"GET DIAGNOSTICS CONDITION 1 @text = MESSAGE_TEXT", "SELECT LAST_INSERT_ID(), ROW_COUNT()", "SET @n = ROW_COUNT()", "SET @n := FOUND_ROWS(), @m = @n",
		"SELECT ROW_COUNT() INTO @n", "SELECT ROW_COUNT() + ?, ? AS n", "SELECT @n, FOUND_ROWS()", "SELECT ? n, ROW_COUNT()", "/* a comment */ SELECT ROW_COUNT() = 1",
	} {
		st := Scan(text, false)
		if got, want := st.OnlyReadsDiagnostics(), text != "SELECT @@error_count AS `"; got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{
		"", "SELECT 1", "SELECT LAST_INSERT_ID()", "SELECT DATABASE()", "SELECT DATABASE(), ROW_COUNT()", "SELECT ROW_COUNT(), DATABASE()",
		"SELECT ROW_COUNT() FROM t", "SELECT ROW_COUNT() FROM (SELECT n FROM t) AS u", "SELECT ROW_COUNT() UNION TABLE t", "SELECT ROW_COUNT() UNION ALL SELECT n FROM t",
		"SELECT ROW_COUNT(), NEXT VALUE FOR s", "SELECT FOUND_ROWS(), f()", "SELECT FOUND_ROWS(), s.nextval", "SELECT ROW_COUNT() + (SELECT n FROM t)", "SELECT f(ROW_COUNT())",
		"SELECT @@collation_database, ROW_COUNT()", "SELECT @@warning_count, @@session.collation_database", "SHOW VARIABLES", "SHOW TABLES", "SHOW VARIABLES LIKE 'c%'",
		"INSERT INTO t SELECT ROW_COUNT()", "SET autocommit = ROW_COUNT()", "SET @n = ROW_COUNT(), sql_mode = ''", "SET @n = ROW_COUNT() + f()", "SET @n = (SELECT n FROM t), @m = ROW_COUNT()",
		"SET @@error_count = ROW_COUNT()", "SET GLOBAL error_count = ROW_COUNT()", "SET PASSWORD = ROW_COUNT()", "SELECT ROW_COUNT() INTO n", "SELECT ROW_COUNT() INTO @n FROM t", "SELECT @n(ROW_COUNT())", "SELECT ?, n, ROW_COUNT()", "SELECT @`n`, ROW_COUNT()", "DO ROW_COUNT()", "SELECT ROW_COUNT() INTO OUTFILE 'x'", "SELECT ROW_COUNT(), t.n", "SELECT ROW_COUNT(), `f`()",
		"SELECT /*! DATABASE(), */ ROW_COUNT()", "SELECT FOUND_ROWS(); DROP TABLE t", "SELECT FOUND_ROWS(), 'x'", "SELECT FOUND_ROWS(), GET_LOCK('a', 1)", "EXPLAIN SELECT ROW_COUNT()",
		"SELECT ROW_COUNT() AS a, b", "SELECT ROW_COUNT() WHERE EXISTS (SELECT 1 FROM t)", "SELECT ROW_COUNT() LIMIT n", "CALL p(ROW_COUNT())",
	} {
		for _, multi := range []bool{false, true} {
			if st := Scan(text, multi); st.OnlyReadsDiagnostics() {
				t.Errorf("%s: got true, want false", text)
			}
		}
	}
}
