package suite

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// diffText is a statement, or several that belong together, of which %t is the
// lane's table, %n a table that it makes, %l its named lock, %w the world, %i a
// small number and %s a word.
type diffText struct {
	name    string
	queries []string
	args    func(r *rand.Rand) []any // of the last one
	read    bool                     // the last one has rows
	ends    string                   // what it may leave: what others wait for ("lock", "transaction"), or what is certain on one connection alone ("session"), or while that is held ("held")

	// fresh matches what it answers on a session that nobody used before. Of what
	// belongs in the same sql.Tx or sql.Conn as the statement that it is about
	// (see docs/session-state.md), that may be the answer too; another user's may never be.
	fresh string
}

// others is x with arguments of its own for each repetition.
func (x diffText) others(r *rand.Rand, repeat int) (all [][]any) {
	for range repeat {
		all = append(all, x.args(r))
	}
	return all
}

// diffQuotes means something else in every sql_mode of diffSQLModes.
var diffQuotes = diffText{name: "quotes", queries: []string{`SELECT "u", 1 || ?`}, args: oneNumber, read: true}

// diffWhich tells which schema it runs in.
var diffWhich = diffText{name: "which", queries: []string{"SELECT name, DATABASE(), ? FROM which_schema"}, args: oneNumber, read: true}

var diffWhichText = diffText{name: "which", queries: []string{"SELECT name, DATABASE() FROM which_schema"}, read: true}

// diffCalls leaves no one knows what.
var diffCalls = diffText{name: "call", queries: []string{"CALL %wa.leave(?)"}, args: oneNumber}

var diffSQLModes = []diffText{
	{name: "sql mode", queries: []string{"SET sql_mode = 'ANSI_QUOTES'"}},
	{name: "sql mode", queries: []string{"SET SESSION sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')"}},
}

// diffPlain is what leaves nothing behind: it may run anywhere.
var diffPlain = []diffText{
	{name: "insert", queries: []string{"INSERT INTO %t (u, v, s) VALUES (%i, %i, '%s')"}},
	{name: "insert", queries: []string{"INSERT INTO %t (u, v, s) VALUES (?, ?, ?)"}, args: numbersAndWord},
	{name: "insert many", queries: []string{"INSERT IGNORE INTO %t (u, v, s) VALUES (%i, 1, '%s'), (%i, 2, NULL), (%i, 3, '')"}},
	{name: "upsert", queries: []string{"INSERT INTO %t (u, v) VALUES (?, 1) ON DUPLICATE KEY UPDATE v = v + 1"}, args: oneNumber},
	{name: "update", queries: []string{"UPDATE %t SET v = v + %i WHERE u < %i"}},
	{name: "update", queries: []string{"UPDATE %t SET s = ? WHERE u = ?"}, args: wordAndNumber},
	{name: "delete", queries: []string{"DELETE FROM %t WHERE u = ?"}, args: oneNumber},
	{name: "replace", queries: []string{"REPLACE INTO %t (u, v, s) VALUES (%i, %i, 'ä')"}},
	{name: "select", queries: []string{"SELECT id, u, v, s FROM %t ORDER BY u"}, read: true},
	{name: "select", queries: []string{"SELECT u, s FROM %t WHERE u > ? AND v <> ? ORDER BY u LIMIT 3"}, args: twoNumbers, read: true},
	{name: "select for update", queries: []string{"SELECT v FROM %t WHERE u = %i FOR UPDATE"}, read: true},
	{name: "aggregate", queries: []string{"SELECT COUNT(*), SUM(v), MAX(s), GROUP_CONCAT(s ORDER BY u), AVG(v) / 3 FROM %t"}, read: true},
	{name: "types", queries: []string{"SELECT ?, ?, ?, ?, ?, ?"}, args: everyType, read: true},
	{name: "types", queries: []string{"SELECT 1, -1.50, 'ä', NULL, 1e3, CAST('2020-02-29 12:34:56' AS DATETIME), X'00ff', CAST('{}' AS BINARY)"}, read: true},
	{name: "time", queries: []string{"SELECT FROM_UNIXTIME(1000000000), DATE_FORMAT('2020-05-01', '%M')"}, read: true},
	{name: "show", queries: []string{"SHOW TABLES LIKE 'tmp'"}, read: true},
	{name: "describe", queries: []string{"DESCRIBE tmp"}, read: true},
	{name: "shadowed", queries: []string{"SELECT COUNT(*), MAX(v) FROM tmp"}, read: true},
	{name: "duplicate", queries: []string{"INSERT INTO %t (u) VALUES (1001), (1001)"}},
	{name: "syntax", queries: []string{"SELEKT 1"}},
	{name: "unknown table", queries: []string{"SELECT * FROM %wa.nothing"}, read: true},
	{name: "unknown column", queries: []string{"UPDATE %t SET nothing = 1"}},
	{name: "wrong number of arguments", queries: []string{"SELECT ?"}, args: twoNumbers, read: true},
	{name: "too long", queries: []string{"INSERT INTO %t (u, v) VALUES (%i, 99999999999)"}},
	{name: "division by zero", queries: []string{"INSERT INTO %t (u, v) VALUES (%i, 1 / 0)"}},
	{name: "select from changing", queries: []string{"SELECT * FROM %n WHERE v > ? ORDER BY v LIMIT 4"}, args: oneNumber, read: true},
	{name: "select from changing", queries: []string{"SELECT n.*, ? FROM %n n ORDER BY v LIMIT 4"}, args: oneNumber, read: true},
	{name: "insert into changing", queries: []string{"INSERT INTO %n (v) VALUES (?)"}, args: oneNumber},
	{name: "coalesce", queries: []string{"SELECT COALESCE(?, s) FROM %t ORDER BY u LIMIT 2"}, args: anyKind, read: true}, // see argClass
	{name: "shapes", queries: []string{"SELECT u, v + ? FROM %t ORDER BY u, v LIMIT 2"}, args: anyShape, read: true},
	diffQuotes, diffQuotes, diffQuotes, // more often than others, since it tells once it is kept
	{name: "quotes", queries: []string{`SELECT "u", 1 || 0`}, read: true},
}

// diffProbes shows what a session has. The stored function sees what its text
// does not say, and a driver that goes by texts thinks nothing of it.
var diffProbes = []diffText{
	{name: "probe", queries: []string{"SELECT DATABASE(), %wa.peek(), CHARSET('x'), COLLATION('x')"}, read: true},
	{name: "probe", queries: []string{"SELECT @@time_zone, @@sql_mode, @@autocommit, @@%isolation, DATABASE(), @a, @b, @c, @@group_concat_max_len, @@character_set_client, @@character_set_results, @@collation_connection"}, read: true},
	{name: "probe", queries: []string{"SHOW VARIABLES WHERE Variable_name IN ('sql_mode', 'time_zone', 'character_set_client', 'autocommit')"}, read: true},
	{name: "probe lock", queries: []string{"SELECT COALESCE(IS_USED_LOCK('%l') = CONNECTION_ID(), 0)"}, read: true},
	{name: "probe temporary", queries: []string{"SELECT COUNT(*) FROM made"}, read: true},
	{name: "probe prepared", queries: []string{"EXECUTE named"}, read: true},
}

// diffState is what leaves something in the session, or takes it away. Where
// ends is set others could be kept waiting.
var diffState = []diffText{
	{name: "time zone", queries: []string{"SET time_zone = '+0%i:00'"}},
	{name: "time zone", queries: []string{"SET @@session.time_zone = ?"}, args: func(r *rand.Rand) []any { return []any{pick(r, "+05:30", "-03:00", "SYSTEM")} }},
	diffSQLModes[0], diffSQLModes[1],
	{name: "quotes in sql mode", queries: []string{"SET sql_mode = 'ANSI_QUOTES'", `SELECT "u", 1 || ?`}, args: oneNumber, read: true},
	{name: "quotes in sql mode", queries: []string{"SET sql_mode = 'PIPES_AS_CONCAT'", `SELECT "u", 1 || ?`}, args: oneNumber, read: true},
	{name: "names", queries: []string{"SET NAMES latin1"}},
	{name: "names", queries: []string{"SET NAMES utf8 COLLATE utf8_bin"}},
	{name: "names", queries: []string{"SET CHARACTER SET latin1"}},
	{name: "results", queries: []string{"SET character_set_results = NULL"}},
	{name: "isolation", queries: []string{"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"}},
	{name: "isolation", queries: []string{"SET SESSION %isolation = 'SERIALIZABLE'"}},
	{name: "read only", queries: []string{"SET SESSION TRANSACTION READ ONLY"}},
	{name: "read only once", queries: []string{"SET TRANSACTION READ ONLY"}},
	{name: "variables", queries: []string{"SET group_concat_max_len = 4, div_precision_increment = 1"}},
	{name: "variables", queries: []string{"SET sql_select_limit = 2"}},
	{name: "variables", queries: []string{"SET sql_safe_updates = 1, foreign_key_checks = 0"}},
	{name: "variables", queries: []string{"SET lc_time_names = 'de_DE', timestamp = 1000000000"}},
	{name: "default", queries: []string{"SET time_zone = DEFAULT, sql_mode = DEFAULT, group_concat_max_len = DEFAULT"}},
	{name: "half wrong", queries: []string{"SET time_zone = '+01:00', sql_mode = 'NONSENSE'"}},
	{name: "user variable", queries: []string{"SET @a = %i, @b = '%s'"}},
	{name: "user variable", queries: []string{"SET @a = ?"}, args: oneNumber},
	{name: "user variable", queries: []string{"SELECT @a := %i + COALESCE(@a, 0)"}, read: true},
	{name: "user variable", queries: []string{"SELECT COUNT(*), MAX(s) INTO @a, @b FROM %t"}},
	{name: "user variable", queries: []string{"INSERT INTO %t (u, v) VALUES (%i, @c := 7)"}},
	{name: "user variable", queries: []string{"/*!40101 SET @c = '%s' */"}},
	{name: "user variable", queries: []string{"SET @a = NULL"}},
	{name: "use user variable", queries: []string{"INSERT INTO %t (u, v) VALUES (?, @a)"}, args: oneNumber},
	{name: "schema", queries: []string{"USE %wb"}},
	{name: "schema", queries: []string{"USE %wa"}},
	{name: "schema", queries: []string{"USE %wnothing"}},
	{name: "temporary table", queries: []string{"CREATE TEMPORARY TABLE tmp AS SELECT %i AS v"}},
	{name: "temporary table", queries: []string{"CREATE TEMPORARY TABLE made (v INT)", "INSERT INTO made VALUES (%i)"}},
	{name: "temporary table", queries: []string{"CREATE TEMPORARY TABLE IF NOT EXISTS made AS SELECT 1 AS v", "SELECT COUNT(*) FROM made"}, read: true},
	{name: "temporary table", queries: []string{"CREATE TEMPORARY TABLE %t (id INT AUTO_INCREMENT PRIMARY KEY, u INT UNIQUE, v INT, s VARCHAR(20))"}},
	{name: "drop temporary", queries: []string{"DROP TEMPORARY TABLE IF EXISTS tmp, made, %t"}},
	{name: "drop temporary", queries: []string{"DROP TEMPORARY TABLE tmp"}},
	{name: "prepare", queries: []string{"PREPARE named FROM 'SELECT %i, DATABASE()'"}},
	{name: "prepare", queries: []string{"PREPARE named FROM 'SET @b = %i'", "EXECUTE named"}},
	{name: "deallocate", queries: []string{"DEALLOCATE PREPARE named"}},
	{name: "call", queries: []string{"CALL %wa.leave(%i)"}},
	diffCalls,
	{name: "call with rows", queries: []string{"CALL %wa.answer(%i)"}, read: true},
	{name: "found rows", queries: []string{"SELECT SQL_CALC_FOUND_ROWS u FROM %t ORDER BY u LIMIT 1", "SELECT FOUND_ROWS()"}, read: true, ends: "held"},
	{name: "last insert id", queries: []string{"INSERT INTO %t (v) VALUES (%i)", "SELECT LAST_INSERT_ID()"}, read: true, ends: "session"},
	{name: "row count", queries: []string{"INSERT INTO %t (v) VALUES (%i), (%i), (%i)", "SELECT ROW_COUNT()"}, read: true, ends: "session", fresh: freshRows},
	{name: "last insert id", queries: []string{"UPDATE %t SET v = LAST_INSERT_ID(v + 1) LIMIT 1", "SELECT LAST_INSERT_ID(4)"}, read: true},
	{name: "warnings", queries: []string{"SELECT CAST('%s' AS SIGNED)", "SHOW WARNINGS"}, read: true, ends: "session", fresh: freshList},

	{name: "begin", queries: []string{"BEGIN"}, ends: "transaction"},
	{name: "begin", queries: []string{"START TRANSACTION WITH CONSISTENT SNAPSHOT"}, ends: "transaction"},
	{name: "begin read only", queries: []string{"START TRANSACTION READ ONLY"}, ends: "transaction"},
	{name: "begin hidden", queries: []string{"/*!50000 BEGIN */"}, ends: "transaction"},
	{name: "begin and write", queries: []string{"BEGIN", "INSERT INTO %t (u, v) VALUES (%i, %i)", "UPDATE %t SET v = v + 100"}, ends: "transaction"},
	{name: "commit", queries: []string{"COMMIT"}},
	{name: "commit and chain", queries: []string{"COMMIT AND CHAIN"}, ends: "transaction"},
	{name: "rollback", queries: []string{"ROLLBACK"}},
	{name: "savepoint", queries: []string{"SAVEPOINT p", "INSERT INTO %t (u) VALUES (%i)", "ROLLBACK TO SAVEPOINT p"}, ends: "transaction"},
	{name: "autocommit off", queries: []string{"SET autocommit = 0"}, ends: "transaction"},
	{name: "autocommit off", queries: []string{"SET autocommit = 0", "UPDATE %t SET v = v + 1"}, ends: "transaction"},
	{name: "autocommit on", queries: []string{"SET @@session.autocommit = 1"}},
	{name: "completion", queries: []string{"SET completion_type = 1", "COMMIT"}, ends: "transaction"},
	{name: "take lock", queries: []string{"SELECT GET_LOCK('%l', 3)"}, read: true, ends: "lock"},
	{name: "take lock", queries: []string{"DO GET_LOCK('%l', 3)"}, ends: "lock"},
	{name: "take lock", queries: []string{"SELECT get_lock /* c */ (?, 3) + 0"}, args: func(*rand.Rand) []any { return []any{"{l}"} }, read: true, ends: "lock"},
	{name: "take lock twice", queries: []string{"DO GET_LOCK('%l', 3)", "DO GET_LOCK('%l', 3)", "DO RELEASE_LOCK('%l')"}, ends: "lock"},
	{name: "take lock twice", queries: []string{"SELECT GET_LOCK('%l', 3)", "SELECT GET_LOCK('%l', 3)", "DO RELEASE_LOCK('%l')"}, ends: "lock"},
	{name: "give lock back", queries: []string{"SELECT COALESCE(RELEASE_LOCK('%l'), 0)"}, read: true},
	{name: "give locks back", queries: []string{"SELECT RELEASE_ALL_LOCKS() > 0"}, read: true},
	{name: "lock tables", queries: []string{"LOCK TABLES %t WRITE"}, ends: "lock"},
	{name: "lock tables", queries: []string{"LOCK TABLES %t READ"}, ends: "lock"},
	{name: "unlock tables", queries: []string{"UNLOCK TABLES"}},
	{name: "handler", queries: []string{"HANDLER %t OPEN AS h"}, ends: "lock"},
	{name: "handler read", queries: []string{"HANDLER h READ FIRST"}, read: true},
	{name: "handler close", queries: []string{"HANDLER h CLOSE"}},
	{name: "create table", queries: []string{"CREATE TABLE %n (v INT)", "INSERT INTO %n VALUES (%i)"}},
	{name: "create table", queries: []string{"CREATE TABLE %n (v VARCHAR(20), w DATETIME DEFAULT '2020-02-02')", "INSERT INTO %n (v) VALUES (%i)"}},
	{name: "drop table", queries: []string{"DROP TABLE %n"}},
	{name: "alter table", queries: []string{"ALTER TABLE %n ADD COLUMN x VARCHAR(9) DEFAULT 'é' FIRST"}},
	{name: "alter table", queries: []string{"ALTER TABLE %n MODIFY v VARCHAR(20)"}},
	{name: "alter table", queries: []string{"ALTER TABLE %n MODIFY v BIGINT UNSIGNED"}},
	{name: "drop and create table", queries: []string{"DROP TABLE IF EXISTS %n", "CREATE TABLE %n (w DECIMAL(9,3) DEFAULT 1.5, v INT)", "INSERT INTO %n (v) VALUES (%i)"}},
}

// diffCounter is for all actors: their order does not matter.
var diffCounter = diffText{name: "counter", queries: []string{"UPDATE %wa.shared SET n = n + %i WHERE k = %i"}}

// diffMulti needs multiStatements=true, and fails without.
var diffMulti = []diffText{
	{name: "many", queries: []string{"SELECT 1; SET @a = %i; SELECT @a, u FROM %t ORDER BY u"}, read: true},
	{name: "many", queries: []string{"UPDATE %t SET v = v + 1; SET time_zone = '+0%i:00'"}},
	{name: "many", queries: []string{"SELECT 1; SELEKT 2; SET @a = 3"}, read: true},
	{name: "many", queries: []string{"INSERT INTO %t (u, v) VALUES (%i, 0); SET @b = LAST_INSERT_ID(3)"}},
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func number(r *rand.Rand) int64 { return int64(r.IntN(9) + 1) }

func word(r *rand.Rand) string { return pick(r, "one", "two", "drei", "ä", "x@y.z", "", "it''s") }

func oneNumber(r *rand.Rand) []any      { return []any{number(r)} }
func anyKind(r *rand.Rand) []any        { return []any{pick[any](r, number(r), word(r), 2.5, nil, shape(r))} }
func anyShape(r *rand.Rand) []any       { return []any{shape(r)} }
func twoNumbers(r *rand.Rand) []any     { return []any{number(r), number(r)} }
func wordAndNumber(r *rand.Rand) []any  { return []any{pick[any](r, word(r), nil), number(r)} }
func numbersAndWord(r *rand.Rand) []any { return []any{number(r), number(r), word(r)} }

// shape is a text that a server may take for another type.
func shape(r *rand.Rand) string { return pick(r, "5", "7", "5.5", "-5", "1e1", "2020-01-01", "x") }

func everyType(r *rand.Rand) []any {
	all := []any{number(r), word(r), nil, true, 1.5, []byte("b\x00\xff"), uint64(1) << 63, time.Date(2020, 2, 29, 1, 2, 3, 4000, time.UTC)}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:6]
}

// fill returns the statements of a text. Which table and lock they are about
// shows when they run.
func (x diffText) fill(r *rand.Rand) (queries []string, args []any) {
	replace := strings.NewReplacer("%t", "{t}", "%n", "{n}", "%l", "{l}", "%w", "{w}", "%isolation", "{isolation}")
	for _, q := range x.queries {
		q = replace.Replace(q)
		for strings.Contains(q, "%i") {
			q = strings.Replace(q, "%i", fmt.Sprint(number(r)), 1)
		}
		for strings.Contains(q, "%s") {
			q = strings.Replace(q, "%s", word(r), 1)
		}
		queries = append(queries, q)
	}
	if x.args != nil {
		args = x.args(r)
	}
	return queries, args
}
