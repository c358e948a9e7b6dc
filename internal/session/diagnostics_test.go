package session

import "testing"

func TestAsks(t *testing.T) {
	const all = LastID | Warnings | RowCount | Found
	for text, want := range map[string]Diagnostics{
		"SELECT LAST_INSERT_ID()":                              LastID,
		"select last_insert_id ( )":                            LastID,
		"SELECT `Last_Insert_ID`()":                            LastID,
		"SELECT LAST_INSERT_ID/**/()":                          LastID,
		"SELECT LAST_INSERT_ID(7)":                             LastID,
		"SELECT last_insert_id FROM t":                         0,
		"SELECT `last_insert_id`, row_count FROM t":            0,
		"SELECT 'LAST_INSERT_ID()'":                            0,
		"SELECT 1 -- LAST_INSERT_ID()":                         0,
		"SELECT @@last_insert_id":                              LastID,
		"SELECT @@IDENTITY":                                    LastID,
		"SELECT @@session . `identity`":                        LastID,
		"SELECT @@`local`.identity":                            LastID,
		"SELECT @@session./**/identity":                        all,
		"SELECT identity FROM t":                               0,
		"SELECT @identity":                                     0,
		"INSERT INTO t VALUES (LAST_INSERT_ID(), ?)":           LastID,
		"SET @a = LAST_INSERT_ID()":                            LastID,
		"SET identity = 7":                                     LastID,
		"SET sql_auto_is_null = 1":                             LastID,
		"SHOW WARNINGS":                                        Warnings,
		"show errors limit 1":                                  Warnings,
		"SHOW COUNT(*) WARNINGS":                               Warnings,
		"SHOW TABLES":                                          0,
		"SHOW SESSION VARIABLES LIKE 'identity'":               LastID | Warnings,
		"SELECT * FROM warnings":                               0,
		"SELECT @@warning_count, @@session.error_count":        Warnings,
		"GET DIAGNOSTICS @a = NUMBER":                          Warnings | RowCount,
		"SELECT ROW_COUNT()":                                   RowCount,
		"SELECT FOUND_ROWS(), ROW_COUNT()":                     RowCount | Found,
		"SELECT 1; SHOW WARNINGS":                              Warnings,
		"/*!50000 SELECT LAST_INSERT_ID() */":                  all,
		"CALL p()":                                             all,
		"EXECUTE s":                                            all,
		"SELECT * FROM performance_schema.session_variables":   LastID | Warnings,
		"SELECT * FROM performance_schema.variables_by_thread": LastID | Warnings,
		"SELECT a FROM t WHERE b = ?":                          0,
		"INSERT INTO t VALUES (1)":                             0,
	} {
		if st := Scan(text, true); st.Reads() != want {
			t.Errorf("%s: got %b, want %b", text, st.Reads(), want)
		}
	}
}

func TestChangesID(t *testing.T) {
	for text, want := range map[string][2]bool{ // Inserts, ChangesID
		"INSERT INTO t VALUES (1)":                   {true, true},
		"replace into t values (1)":                  {true, true},
		"INSERT INTO t VALUES (1) RETURNING id":      {false, true},
		"INSERT INTO t VALUES (1); SELECT 2":         {false, true},
		"UPDATE t SET a = LAST_INSERT_ID(a + 1)":     {false, true},
		"UPDATE t SET a = LAST_INSERT_ID( )":         {false, false},
		"UPDATE t SET a = 1":                         {false, false},
		"SELECT LAST_INSERT_ID()":                    {false, false},
		"SELECT LAST_INSERT_ID(3)":                   {false, true},
		"SELECT 1":                                   {false, false},
		"LOAD DATA INFILE 'x' INTO TABLE t":          {false, true},
		"CREATE TABLE t (id INT) SELECT 1":           {false, true},
		"CREATE TEMPORARY TABLE t (id INT) SELECT 1": {false, true},
		"CALL p()":                         {false, true},
		"ANALYZE INSERT INTO t VALUES (1)": {false, true},
		"SET STATEMENT sql_notes = 0 FOR INSERT INTO t VALUES (1)": {false, true},
		"DROP TABLE t": {false, false},
	} {
		if st := Scan(text, true); st.Inserts() != want[0] || st.ChangesID() != want[1] {
			t.Errorf("%s: got %v %v, want %v", text, st.Inserts(), st.ChangesID(), want)
		}
	}
}

// What the text of an INSERT says of the id 5.
func TestRows(t *testing.T) {
	for text, want := range map[string]Rows{
		"INSERT INTO t (a, b) VALUES (?, ?)":                          OneRow,
		"insert low_priority ignore into s.`t` value (?)":             OneRow,
		"INSERT INTO t VALUES (NULL, 'a'), (DEFAULT, ?)":              ManyRows,
		"INSERT INTO t VALUES (6, '-7.5', 4.4, NOW(6))":               OneRow,
		"INSERT INTO t VALUES (5)":                                    AnyRows,
		"INSERT INTO t VALUES ('5 apples')":                           AnyRows,
		"INSERT INTO t VALUES (4.7)":                                  AnyRows,
		"INSERT INTO t VALUES (-?)":                                   AnyRows,
		"INSERT INTO t VALUES (5e0)":                                  AnyRows,
		"INSERT INTO t VALUES (0x05)":                                 AnyRows,
		"INSERT INTO t VALUES (2 + 3)":                                AnyRows,
		"INSERT INTO t VALUES (f())":                                  AnyRows,
		"INSERT INTO t VALUES ('\\'', 1)":                             AnyRows,
		"INSERT INTO t SELECT 1":                                      AnyRows,
		"INSERT INTO t SET a = ?, b = 'x'":                            OneRow,
		"INSERT INTO t SET a = ?, id = 5":                             AnyRows,
		"INSERT INTO t VALUES (?) ON DUPLICATE KEY UPDATE a = 5":      OneOrUpdate,
		"INSERT INTO t VALUES (?), (?) ON DUPLICATE KEY UPDATE a = a": ManyOrUpdate,
		"INSERT INTO t PARTITION (p) (a) VALUES (?);":                 OneRow,
		"INSERT INTO t VALUES (?) AS n ON DUPLICATE KEY UPDATE a = 1": AnyRows,
		"REPLACE INTO t VALUES (TRUE)":                                OneRow,
	} {
		st := Scan(text, false)
		if got := st.Rows(5); got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
	st := Scan("INSERT INTO t VALUES (TRUE)", false)
	if got := st.Rows(1); got != AnyRows {
		t.Errorf("TRUE and 1: got %d, want %d", got, AnyRows)
	}
}

func TestActs(t *testing.T) {
	for text, want := range map[string][2]bool{ // Kills, AltersSchemas
		"KILL 5": {true, false},
		"SET STATEMENT max_statement_time = 1 FOR KILL 5": {true, false},
		"kill query CONNECTION_ID()":                      {true, false},
		"COMMIT RELEASE":                                  {true, false},
		"DROP DATABASE d":                                 {false, true},
		"drop schema if exists `d`":                       {false, true},
		"CREATE DATABASE d":                               {false, true},
		"CREATE OR REPLACE SCHEMA d":                      {false, true},
		"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `d`":    {false, true},
		"/*!40000 DROP DATABASE IF EXISTS `d`*/":          {false, true},
		"ALTER DATABASE d COLLATE utf8mb4_bin":            {false, true},
		"ALTER SCHEMA COLLATE utf8mb4_bin":                {false, true},
		"SELECT 1; DROP DATABASE d; SELECT 2":             {false, true},
		"EXECUTE s":                                       {true, true},
		"CREATE TABLE d (a INT)":                          {false, false},
		"ALTER TABLE d ADD a INT":                         {false, false},
		"SELECT DATABASE()":                               {false, false},
		"SELECT 'DROP DATABASE d'":                        {false, false},
		"CALL p()":                                        {false, false},
	} {
		if st := Scan(text, true); st.Kills() != want[0] || st.AltersSchemas() != want[1] || st.Acts() != (want[0] || want[1]) {
			t.Errorf("%s: got %v %v, want %v", text, st.Kills(), st.AltersSchemas(), want)
		}
	}
}

func TestCreateTableMayBegin(t *testing.T) {
	for text, want := range map[string]bool{
		"CREATE TABLE t (a INT) START TRANSACTION":                             true,
		"create table if not exists t (a int) engine=innodb start transaction": true,
		"CREATE TABLE t (a INT) COMMENT 'start transaction'":                   false,
		"CREATE VIEW transaction AS SELECT 1":                                  false,
	} {
		st := Scan(text, false)
		if got := st.Leaves&Transaction != 0; got != want || st.MayBegin() != want {
			t.Errorf("%s: got %v %v, want %v", text, got, st.MayBegin(), want)
		}
	}
}

func TestMayBeID(t *testing.T) {
	for text, want := range map[string]bool{
		"5": true, " +5": true, "5 apples": true, "5e0": true, "50e-1": true, "4.6": true, "5.": true, ".5e1": true, "5e": true, "5ex": true,
		"": false, "x5": false, "-5": false, "51": false, "5e1": false, "2026-01-02 03:04:05": false, "4.4": false, "-": false, "e5": false, "0x5": false,
		"\u00a05": true,
	} {
		if got := MayBeID(text, 5); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
		if n := testing.AllocsPerRun(10, func() { MayBeID(text, 5) }); n != 0 {
			t.Errorf("%q: %v allocations, want none", text, n)
		}
	}
}

func TestMayWarnWithoutTables(t *testing.T) {
	for _, text := range []string{
		"SELECT 1 / 0", "SELECT CAST('x' AS SIGNED)", "select 'a' + 1", "SELECT 'a' AND 1", "SELECT ? DIV 0", "DO 1 / 0", "SELECT 1 / 0 FROM DUAL",
		"SELECT SLEEP(1)", "SELECT (1)", "SELECT -'x'", "SELECT 1; SELECT 1 / 0", "DROP PROCEDURE IF EXISTS p", "CREATE DATABASE IF NOT EXISTS d",
	} {
		if st := Scan(text, true); !st.MayWarnWithoutTables() {
			t.Errorf("%s: got false, want true", text)
		}
	}
	for _, text := range []string{
		"", "SELECT 1", "SELECT 1, 'x' AS a, ?", "SELECT NOW(), @@time_zone, @a", "SELECT DATABASE ()", "SELECT 1 FROM DUAL", "DO 1",
		"SELECT 1 / 0 FROM t", "SELECT TRIM('x' FROM 'y') FROM t", "INSERT INTO t VALUES (1 / 0)", "DROP TABLE IF EXISTS t", "SHOW WARNINGS", "SELECT @@warning_count",
	} {
		if st := Scan(text, true); st.MayWarnWithoutTables() {
			t.Errorf("%s: got true, want false", text)
		}
	}
}
