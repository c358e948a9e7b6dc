package suite

import (
	"errors"
	"io"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// diffFails is statements that fail, mostly after half their work: what they did
// until then may stay in the session.
var diffFails = []diffText{
	{name: "fails in values", queries: []string{"INSERT INTO %t (u, v) VALUES (%i, 1), (1001, 1), (1001, 2)"}},
	{name: "fails in values", queries: []string{"INSERT INTO %t (u, v) VALUES (?, ?)"}, args: twoMixed},
	{name: "fails in select", queries: []string{"INSERT INTO %t (u, v) SELECT 1003, id FROM %wa.people"}},
	{name: "fails in update", queries: []string{"UPDATE %t SET u = 1004"}},
	{name: "fails in subquery", queries: []string{"SELECT (SELECT 1 UNION SELECT 2)"}, read: true},
	{name: "fails in subquery", queries: []string{"SELECT id FROM %wa.people WHERE id = (SELECT 1 UNION SELECT ?)"}, args: oneMixed, read: true},
	{name: "fails in function", queries: []string{"SELECT %wa.breaks()"}, read: true},
	{name: "fails by signal", queries: []string{"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'on purpose'"}},
	{name: "fails to load", queries: []string{"LOAD DATA LOCAL INFILE 'Reader::diff-breaks' INTO TABLE %t FIELDS TERMINATED BY ',' (u, v, s)"}},
	{name: "fails to load", queries: []string{"LOAD DATA LOCAL INFILE 'Reader::diff-nothing' INTO TABLE %t (u, v, s)"}},

	{name: "fails in set", queries: []string{"SET @a = %i, sql_mode = 'NONSENSE'"}},
	{name: "fails in set", queries: []string{"SET @a = %i, @b = (SELECT 1 UNION SELECT 2)"}},
	{name: "fails in set", queries: []string{"SET time_zone = '+0%i:00', group_concat_max_len = 9, @c = %wa.breaks()"}},
	{name: "fails in set", queries: []string{"SET @a = ?, time_zone = 'Nowhere/Nothing'"}, args: oneMixed},
	{name: "fails in set", queries: []string{"SET @a = 3, GLOBAL nothing = 1"}},
	{name: "fails in names", queries: []string{"SET NAMES nonsense"}},
	{name: "fails in names", queries: []string{"SET NAMES latin1 COLLATE utf8_bin"}},
	{name: "fails in names", queries: []string{"SET NAMES latin1, time_zone = 'Nowhere/Nothing'"}},
	{name: "fails to turn off", queries: []string{"SET autocommit = 0, sql_mode = 'NONSENSE'"}, ends: "transaction"},
	{name: "fails to turn off", queries: []string{"SET autocommit = 0", "INSERT INTO %t (u, v) VALUES (1001, 1), (1001, 2)"}, ends: "transaction"},
	{name: "fails in select into", queries: []string{"SELECT id INTO @a FROM %wa.people"}},
	{name: "fails in select into", queries: []string{"SELECT 1 INTO @a FROM %wa.nothing"}},

	// More often than others: no answer tells of the transaction that it leaves on MySQL.
	{name: "fails to create", queries: []string{"CREATE TABLE %wa.tmp (v INT) START TRANSACTION"}, ends: "transaction"},
	{name: "fails to create", queries: []string{"CREATE TABLE %wa.tmp (v INT) START TRANSACTION"}, ends: "transaction"},
	{name: "fails to create", queries: []string{"CREATE TABLE %wa.tmp (v INT) START TRANSACTION"}, ends: "transaction"},
	{name: "fails to create", queries: []string{"PREPARE named FROM 'CREATE TABLE %wa.tmp (v INT) START TRANSACTION'", "EXECUTE named"}, ends: "transaction"},
	{name: "fails to create", queries: []string{"CREATE TEMPORARY TABLE made AS SELECT (SELECT 1 UNION SELECT 2) AS v"}},
	{name: "fails to create", queries: []string{"CREATE TEMPORARY TABLE made (v INT UNIQUE) AS SELECT 1 AS v UNION ALL SELECT 1"}},
	{name: "fails to create", queries: []string{"CREATE TABLE %n (v INT UNIQUE) AS SELECT 1 AS v UNION ALL SELECT 1"}},
	{name: "fails to drop", queries: []string{"DROP TEMPORARY TABLE made, nothing"}},
	{name: "fails to drop", queries: []string{"DROP TABLE %n, %wa.nothing"}},
	{name: "fails to drop", queries: []string{"DROP TEMPORARY TABLE nothing, tmp"}},
	{name: "fails to alter", queries: []string{"ALTER TABLE %n ADD COLUMN v INT"}},
	{name: "fails to rename", queries: []string{"ALTER TABLE made RENAME TO tmp"}},

	{name: "fails in call", queries: []string{"CALL %wa.nothing()"}},
	{name: "fails in call", queries: []string{"CALL %wa.halfway(%i)"}, ends: "transaction"},
	{name: "fails in call", queries: []string{"CALL %wa.halfway(?)"}, args: oneMixed, ends: "transaction"},
	{name: "fails in transaction", queries: []string{"BEGIN", "INSERT INTO %t (u, v) VALUES (%i, 1)", "INSERT INTO %t (u) VALUES (1001), (1001)"}, ends: "transaction"},
	{name: "fails in transaction", queries: []string{"START TRANSACTION", "SELEKT"}, ends: "transaction"},
	{name: "fails in transaction", queries: []string{"START TRANSACTION READ ONLY", "INSERT INTO %t (u) VALUES (%i)"}, ends: "transaction"},
	{name: "fails to go back", queries: []string{"ROLLBACK TO SAVEPOINT nothing"}},
	{name: "fails to lock", queries: []string{"SELECT GET_LOCK('%l', 3), (SELECT 1 UNION SELECT 2)"}, read: true, ends: "lock"},
	{name: "fails to lock", queries: []string{"DO GET_LOCK('%l', 3), %wa.breaks()"}, ends: "lock"},
	{name: "fails to lock", queries: []string{"INSERT INTO %t (u, v) VALUES (1001, GET_LOCK('%l', 3)), (1001, 1)"}, ends: "lock"},
	{name: "fails to lock", queries: []string{"LOCK TABLES %t WRITE, %wa.nothing READ"}, ends: "lock"},
	{name: "fails to prepare", queries: []string{"PREPARE named FROM 'SELEKT'"}},
	{name: "fails to execute", queries: []string{"PREPARE named FROM 'SET @b = ?, sql_mode = ''NONSENSE'''", "SET @a = %i", "EXECUTE named USING @a"}},
	{name: "fails to handle", queries: []string{"HANDLER nothing READ FIRST"}},
	{name: "fails by kill", queries: []string{"KILL QUERY CONNECTION_ID()"}},
	{name: "fails to use", queries: []string{"USE %wnothing"}},
}

// diffHidden leaves what its text does not show. With pool_reset=always nobody
// may meet it.
var diffHidden = []diffText{
	{name: "hidden in view", queries: []string{"SELECT * FROM %wa.locker_{actor}"}, read: true},
	{name: "hidden in function", queries: []string{"SELECT %wa.hides(%i)"}, read: true},
	{name: "hidden in function", queries: []string{"UPDATE %t SET v = %wa.hides(?)"}, args: oneNumber},
	{name: "hidden in function", queries: []string{"SELECT %wa.profiles()", "SELECT 'a secret'"}, read: true},
	{name: "hidden in trigger", queries: []string{"INSERT INTO %wa.triggers_{actor} VALUES (%i)", "DELETE FROM %wa.triggers_{actor}"}},
}

func init() {
	mysql.RegisterReaderHandler("diff-breaks", func() io.Reader {
		return io.MultiReader(strings.NewReader("1,1,one\n2,2,two\n"), brokenReader{})
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken on purpose") }
