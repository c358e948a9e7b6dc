package suite

import (
	"fmt"
	"strings"
	"testing"
)

// sessionProbes show what a statement that failed may have left in its session.
var sessionProbes = []string{
	"SELECT @a, @b",
	"SELECT DATABASE(), @@autocommit, @@sql_mode, @@time_zone, @@foreign_key_checks, @@unique_checks, @@sql_select_limit",
	"SELECT @@character_set_client, @@character_set_results, @@collation_connection, @@collation_database",
	"SELECT @@transaction_isolation",
	"SELECT @@tx_isolation",
	"SELECT @@in_transaction",
	"SELECT COUNT(*) FROM tmp1",
	"SELECT COUNT(*) FROM tmp2",
	"SELECT COUNT(*) FROM kept",
	"INSERT INTO kept VALUES (1000)",
	"EXECUTE made",
	"SELECT IS_FREE_LOCK('failed_a'), IS_FREE_LOCK('failed_b')",
	"HANDLER kept READ FIRST",
	"SELECT CURRENT_ROLE()",
	"SELECT LAST_INSERT_ID()",
	"SELECT @@timestamp > 1000",
}

// failing is statements that fail, the last one of each list at least, when half of
// what they say may be done.
func failing() (all [][]string) {
	for _, list := range []string{
		"CREATE TABLE kept (v INT) START TRANSACTION",
		"CREATE TABLE new1 (v INT, v INT) START TRANSACTION",
		"CREATE TABLE IF NOT EXISTS kept (v INT) START TRANSACTION",
		"CREATE TABLE new1 ENGINE=InnoDB START TRANSACTION SELECT 1 AS v UNION SELECT x FROM nosuch",
		"CREATE TABLE new1 (v INT) START TRANSACTION; INSERT INTO new1 VALUES (1); DROP TABLE new1; NONSENSE",
		"CREATE TABLE `transaction` (v INT, v INT)",
		"CREATE TABLE new1 (v INT PRIMARY KEY) SELECT 1 AS v UNION ALL SELECT 1",
		"CREATE TEMPORARY TABLE tmp1 (v INT PRIMARY KEY) SELECT 1 AS v UNION ALL SELECT 1",
		"CREATE TEMPORARY TABLE tmp1 (v INT); CREATE TEMPORARY TABLE tmp1 (v INT)",
		"CREATE TEMPORARY TABLE tmp1 (v INT); CREATE TEMPORARY TABLE tmp2 (v INT); DROP TEMPORARY TABLE tmp1, nosuch",
		"CREATE TEMPORARY TABLE tmp1 (v INT); ALTER TABLE tmp1 RENAME TO tmp2; ALTER TABLE tmp2 ADD v INT",
		"CREATE TEMPORARY TABLE tmp1 LIKE nosuch",
		"CREATE OR REPLACE TEMPORARY TABLE tmp1 (v INT, v INT)",
		"DROP TABLE kept2, nosuch",
		"RENAME TABLE kept TO other1, nosuch TO other2",
		"LOCK TABLES kept WRITE, nosuch READ",
		"LOCK TABLES kept WRITE; LOCK TABLES nosuch READ",
		"LOCK TABLES kept WRITE; SELECT * FROM kept2",
		"FLUSH TABLES kept, nosuch WITH READ LOCK",
		"FLUSH TABLES kept FOR EXPORT; FLUSH TABLES nosuch FOR EXPORT",
		"SET @a = 1, @b = nosuch",
		"SET @a = 1, sql_mode = 'bad'",
		"SET sql_mode = 'ANSI', nosuch = 1",
		"SET time_zone = '+03:00', sql_mode = 'bad'",
		"SET foreign_key_checks = 0, time_zone = 'nosuch'",
		"SET autocommit = 0, nosuch = 2",
		"SET autocommit = 0, sql_mode = 'bad'",
		"SET timestamp = 5, sql_mode = 'bad'",
		"SET NAMES latin1 COLLATE utf8mb4_bin",
		"SET NAMES latin1, sql_mode = 'bad'",
		"SET CHARACTER SET nosuch",
		"SET TRANSACTION ISOLATION LEVEL NONSENSE",
		"SET SESSION TRANSACTION READ ONLY, ISOLATION LEVEL NONSENSE",
		"SET SESSION sql_select_limit = 1, @a = (SELECT x FROM nosuch)",
		"SET @a = (SELECT 1 UNION SELECT 2)",
		"SET ROLE nosuch",
		"SET ROLE failed_role, nosuch",
		"SET STATEMENT sql_mode = 'ANSI' FOR SELECT * FROM nosuch",
		"BEGIN; NONSENSE",
		"START TRANSACTION READ ONLY; INSERT INTO kept VALUES (2)",
		"START TRANSACTION READ ONLY, READ WRITE",
		"START TRANSACTION; INSERT INTO kept VALUES (1)",
		"START TRANSACTION; XA START 'x'",
		"COMMIT AND NO",
		"SAVEPOINT a; ROLLBACK TO nosuch",
		"LOAD DATA INFILE '/nosuch' INTO TABLE kept",
		"LOAD DATA LOCAL INFILE '/nosuch' INTO TABLE kept",
		"HANDLER kept OPEN; HANDLER kept OPEN",
		"HANDLER nosuch OPEN",
		"PREPARE made FROM 'NONSENSE'",
		"PREPARE made FROM 'SELECT 1'; PREPARE made FROM 'NONSENSE'",
		"PREPARE made FROM 'SELECT x FROM nosuch'",
		"EXECUTE nosuch",
		"EXECUTE IMMEDIATE 'SET @a = 1, @b = nosuch'",
		"XA START 'x'; XA START 'x'",
		"XA END 'nosuch'",
		"CALL failing()",
		"CALL nosuch()",
		"SELECT fails()",
		"SELECT fails(), GET_LOCK('failed_a', 0)",
		"SELECT GET_LOCK('failed_a', 0) AND GET_LOCK('failed_b', 0) AND (SELECT 1 UNION SELECT 2)",
		"DO GET_LOCK('failed_a', 0), (SELECT 1 UNION SELECT 2)",
		"SELECT @a := 5, (SELECT 1 UNION SELECT 2)",
		"SELECT 5, x INTO @a, @b FROM nosuch",
		"SELECT 1 UNION SELECT 2 INTO @a",
		"SELECT v INTO @a FROM kept WHERE v = 5 OR v = (SELECT 1 UNION SELECT 2)",
		"USE nosuch",
		"USE information_schema; USE nosuch",
		"ALTER TABLE kept ADD v INT",
		"ALTER DATABASE nosuch CHARACTER SET latin1",
		"INSERT INTO kept VALUES (2), (1)",
		"INSERT INTO kept SELECT 3 UNION ALL SELECT 1",
		"UPDATE kept, kept2 SET kept.v = 1, kept2.v = 'x' + (SELECT 1 UNION SELECT 2)",
		"DELETE FROM kept WHERE v = (SELECT 1 UNION SELECT 2)",
		"TRUNCATE nosuch",
		"CHECK TABLE nosuch",
		"KILL 0",
		"SIGNAL SQLSTATE '45000'",
		"GET DIAGNOSTICS CONDITION 5 @a = MESSAGE_TEXT",
		"/*!50000 SET @a = 1, @b = nosuch */",
		"SELECT v, (SELECT 1 UNION SELECT v + 1) FROM kept",
		"SELECT v, fails() FROM kept",
		"GRANT SELECT ON nosuch.* TO nosuch@nosuch",
		"DROP DATABASE nosuch",
		"ALTER EVENT nosuch RENAME TO x",
		"IMPORT TABLE FROM '/nosuch.sdi'",
		"CLONE LOCAL DATA DIRECTORY = '/nosuch/x'",
		"LOCK INSTANCE FOR BACKUP; LOCK TABLES nosuch READ",
		"BACKUP STAGE START; BACKUP STAGE NONSENSE",
		"DELIMITER //",
	} {
		all = append(all, strings.Split(list, "; "))
	}
	return all
}

// failedWorld is what the statements above find.
var failedWorld = []string{
	"DROP TABLE IF EXISTS kept, kept2, new1, other1, other2, `transaction`",
	"CREATE TABLE kept (v INT PRIMARY KEY)",
	"CREATE TABLE kept2 (v INT)",
	"INSERT INTO kept VALUES (1), (7)",
	"INSERT INTO kept2 VALUES (1)",
	"DROP PROCEDURE IF EXISTS failing",
	"DROP FUNCTION IF EXISTS fails",
	"CREATE PROCEDURE failing() BEGIN SET @a = 1; START TRANSACTION; INSERT INTO kept VALUES (9); SIGNAL SQLSTATE '45000'; END",
	"CREATE FUNCTION fails() RETURNS INT DETERMINISTIC NO SQL BEGIN SIGNAL SQLSTATE '45000'; RETURN 1; END",
}

// What a statement left that failed half done never reaches the next handle, and
// keeps nobody waiting.
func TestSuiteFailedStatementsLeaveNothing(t *testing.T) {
	s := needServer(t)
	probe := s.open(t, stock, "")
	for _, st := range failedWorld {
		if _, err := probe.Exec(st); err != nil {
			t.Skip(err)
		}
	}
	probe.Close()
	for _, params := range []string{"", "&multiStatements=true"} {
		for i, list := range failing() {
			if params != "" && len(list) == 1 {
				continue
			}
			byQuery, name := i%2 == 0, strings.Join(list, "; ")
			t.Run(name+params, func(t *testing.T) {
				answers := map[string][]string{}
				onBoth(t, func(t *testing.T, driver string) {
					setup := s.open(t, stock, "")
					mustExec(t, setup, failedWorld...)
					setup.Close()
					one, next := s.open(t, driver, poolOfOne+params), s.open(t, driver, poolOfOne+params)
					one.SetMaxOpenConns(1)
					statements := list
					if params != "" {
						statements = []string{name}
					}
					var result []string
					for _, st := range statements {
						if byQuery {
							result = append(result, seen(one, st))
						} else {
							_, err := one.Exec(st)
							result = append(result, errText(err))
						}
					}
					one.Close()
					next.SetMaxOpenConns(1)
					_, err := next.Exec("INSERT INTO kept2 VALUES (1000)") // in autocommit
					result = append(result, errText(err))
					for _, probe := range sessionProbes {
						result = append(result, probe+": "+seen(next, probe))
					}
					next.Close()
					// The stock driver's connection is closed by now, or is just being.
					watch := s.open(t, stock, "")
					eventually(t, func() error {
						got := seen(watch, "SELECT COUNT(*) FROM kept WHERE v IN (2, 9)")
						if got != "0" {
							return fmt.Errorf("rows of a transaction that failed: %s", got)
						}
						if got := seen(watch, "SELECT COUNT(*) FROM kept2 WHERE v = 1000"); err == nil && got != "1" {
							return fmt.Errorf("the next handle's row: %s are there", got)
						}
						return nil
					})
					watch.Close()
					answers[driver] = result
				})
				for i, want := range answers[stock] {
					if len(answers[pooled]) > i && answers[pooled][i] != want {
						t.Errorf("stock  %s\npooled %s", want, answers[pooled][i])
					}
				}
			})
		}
	}
}
