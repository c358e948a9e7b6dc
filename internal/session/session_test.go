package session

import (
	"strings"
	"testing"
)

var plain = []string{
	"SELECT 1",
	"select * from t where a = ? and b in (?, ?) for update",
	"  \t\r\n\f\vSELECT 1",
	"(SELECT 1) UNION (SELECT 2)",
	"INSERT INTO t (a) VALUES (?) ON DUPLICATE KEY UPDATE a = VALUES(a)",
	"UPDATE t SET a = a + 1 WHERE id = ?",
	"DELETE FROM t WHERE id = ?",
	"REPLACE INTO t VALUES (?, ?)",
	"WITH RECURSIVE c AS (SELECT 1) SELECT * FROM c",
	"VALUES ROW(1), ROW(2)",
	"TABLE t",
	"SHOW TABLES",
	"DESC t",
	"DESCRIBE t",
	"EXPLAIN SELECT 1",
	"-- name: GetAuthor :one\nSELECT * FROM authors WHERE id = ? LIMIT 1",
	"# a comment\nSELECT 1",
	"/* a comment */ SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1 -- and\n",
	"SELECT 1 /* trace='x' */",
	"SELECT locked, block, clock FROM t LOCK IN SHARE MODE",
	"SELECT service, servicename, service_name, service_id FROM t",
	"SELECT 'ä', `Straße` FROM t",
}

var notPlain = []string{
	"",
	" ",
	"-- only a comment",
	"/* only a comment */",
	"/* not closed SELECT 1",
	"SET NAMES utf8mb4",
	"SET @a = 1",
	"set session transaction isolation level serializable",
	"USE other",
	"SELECT @a := 1",
	"SELECT 1 INTO @a",
	"SELECT @@session.sql_mode",
	"SELECT GET_LOCK('a', 1)",
	"SELECT get_lock ('a', 1)",
	"SELECT `get_lock`('a', 1)",
	"INSERT INTO t SELECT Get_Lock('a', 1)",
	"SELECT RELEASE_LOCK('a')",
	"SELECT RELEASE_ALL_LOCKS()",
	"SELECT service_get_write_locks('a', 'b', 1)",
	"SELECT service_release_locks('a')",
	"SELECT version_tokens_lock_shared('a', 1)",
	"SELECT 1,\xa0GET_LOCK('a', 1)", // white space in latin1
	"SELECT 1,äGET_LOCK('a', 1)",
	"SELECT SQL_CALC_FOUND_ROWS * FROM t",
	"DO GET_LOCK('a', 1)",
	"CALL p()",
	"BEGIN",
	"START TRANSACTION",
	"COMMIT",
	"LOCK TABLES t READ",
	"UNLOCK TABLES",
	"CREATE TEMPORARY TABLE t (a int)",
	"CREATE TABLE t (a int)",
	"PREPARE s FROM 'SELECT 1'",
	"EXECUTE s",
	"HANDLER t OPEN",
	"XA START 'x'",
	"FLUSH TABLES WITH READ LOCK",
	"SELECT 1; SET NAMES latin1",
	"SELECT 1;",
	"/*!40101 SET NAMES latin1 */",
	"/*M!100100 SET NAMES latin1 */",
	"SELECT 1 /*! INTO x */",
	"SELECT 1 /*!50000 , get_lock('a',1) */",
	"--SELECT 1\nSET NAMES latin1",
	"SELECTED 1",
	"sel",
	"LOAD DATA LOCAL INFILE 'x' INTO TABLE t",
	"KILL 1",
	"\x00SELECT 1",
	"SELECT 'a@b.c'", // a false alarm: quotes are not looked into
}

func TestPlain(t *testing.T) {
	for _, q := range plain {
		if !Plain(q) {
			t.Errorf("%q: got state, want plain", q)
		}
	}
	for _, q := range notPlain {
		if Plain(q) {
			t.Errorf("%q: got plain, want state", q)
		}
	}
}

func TestPlainDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		for _, q := range plain {
			Plain(q)
		}
	}); n != 0 {
		t.Errorf("allocations: got %v, want none", n)
	}
}

// No panic on any text, and what is not plain does not become so through
// letter case, nor through white space or a comment before or after it.
func FuzzPlain(f *testing.F) {
	for _, q := range append(plain, notPlain...) {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		got := Plain(q)
		for _, same := range []string{strings.ToUpper(ascii(q)), strings.ToLower(ascii(q))} {
			if Plain(same) != Plain(ascii(q)) {
				t.Errorf("%q and %q differ", q, same)
			}
		}
		if Plain(" /* c */ "+q) != got || Plain("-- c\n"+q) != got {
			t.Errorf("%q: a comment before it changes what it is", q)
		}
		if got && (Plain(q+" @a") || Plain(q+"; SET @a = 1")) {
			t.Errorf("%q: a variable or a second statement behind it goes unseen", q)
		}
	})
}

// ascii leaves out what letter case does not act on byte by byte.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x80 {
			return '?'
		}
		return r
	}, s)
}

func BenchmarkPlain(b *testing.B) {
	const query = "SELECT id, name, created_at FROM authors WHERE id = ? AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 10"
	b.ReportAllocs()
	for b.Loop() {
		if !Plain(query) {
			b.Fatal("not plain")
		}
	}
}
