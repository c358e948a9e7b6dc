package suite

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// diffPeople is a table that nobody writes, with columns of several character
// sets, collations and types.
const diffPeople = "(id INT PRIMARY KEY, g VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, u VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, " +
	"b VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, l VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_german2_ci, i INT, p DECIMAL(9,2), f DOUBLE, d DATE, t DATETIME, y VARBINARY(20)) ENGINE=InnoDB"

const diffPeopleRows = "(1, 'Müller', 'Müller', 'Müller', 'Müller', NULL, 9.99, 0.5, '2020-01-01', '2020-01-01 10:00:00', 'a'), " +
	"(2, 'Muller', 'Muller', 'muller', 'Muller', 5, 5, 5, '2020-02-29', '2020-02-29 01:02:03', X'c3bc'), " +
	"(3, 'Łukasz', 'Łukasz', 'Łukasz', 'Lukasz', 7, -5, 5.5, NULL, NULL, ''), " +
	"(4, 'lukasz', 'lukasz', 'Lukasz', 'LUKASZ', 1, 0, 1e1, '1999-12-31', '1999-12-31 23:59:59', NULL), " +
	"(5, '5', '5.5', '1e1', '5', 5, 5.50, NULL, '2020-01-01', '2020-01-01 00:00:00', '5'), " +
	"(6, 'なし', 'なし', 'なし', 'none', NULL, NULL, 0, NULL, NULL, X'00ff'), " +
	"(7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), " +
	"(8, '', '2020-01-01', 'x', '', 0, 99.99, -1, '2020-01-01', '2020-01-01 10:00:00', 'x')"

// answersByEarlierRuns reports whether a statement of the text that its user prepared
// answers by its earlier runs too: on one connection alone (docs/statements.md). On MySQL,
// from 8.0.22 on, it may have the type of earlier arguments; on MariaDB a subquery answers
// for NULL as it did at first.
func (x diffText) answersByEarlierRuns() bool {
	return x.args != nil && (slices.ContainsFunc(diffCompares, func(y diffText) bool { return y.name == x.name }) ||
		slices.Contains([]string{"coalesce", "types", "shapes"}, x.name))
}

// diffCompares tells the kinds, character sets and collations of its arguments. No
// number is compared with a date: on MySQL a kept statement may answer otherwise
// then, as docs/statements.md says.
var diffCompares = []diffText{
	{name: "compare equal", queries: []string{"SELECT id FROM %wa.people WHERE g = ? ORDER BY id"}, args: oneMixed, read: true},
	{name: "compare equal", queries: []string{"SELECT id FROM %wa.people WHERE u = ? OR b = ? ORDER BY id"}, args: twoTexts, read: true},
	{name: "compare equal", queries: []string{"SELECT id FROM %wa.people WHERE l = ? ORDER BY id"}, args: oneText, read: true},
	{name: "compare like", queries: []string{"SELECT id FROM %wa.people WHERE g LIKE CONCAT('%', ?, '%') ORDER BY id"}, args: oneText, read: true},
	{name: "compare arguments", queries: []string{"SELECT ? = ?, CONCAT(?, '') = 'lukasz'"}, args: threeTexts, read: true},
	{name: "compare arguments", queries: []string{"SELECT ? = ?, ? < ?"}, args: fourMixed, read: true},
	{name: "compare literals", queries: []string{"SELECT 'Łukasz' = 'lukasz', 'Müller' = 'muller', COLLATION('x'), COERCIBILITY('x'), CHARSET(CONCAT('x', 1))"}, read: true},
	{name: "ifnull", queries: []string{"SELECT IFNULL(i, ?) FROM %wa.people WHERE p > ? ORDER BY id"}, args: mixedAndFloat, read: true},
	{name: "ifnull", queries: []string{"SELECT IFNULL(i, ?), COALESCE(g, ?) FROM %wa.people ORDER BY id"}, args: twoMixed, read: true},
	{name: "not in subquery", queries: []string{"SELECT id FROM %wa.people WHERE g NOT IN (SELECT g FROM %wa.people WHERE g > ?) ORDER BY id"}, args: oneMixed, read: true},
	{name: "not in", queries: []string{"SELECT id FROM %wa.people WHERE i NOT IN (?, 3) ORDER BY id"}, args: oneMixed, read: true},
	{name: "in", queries: []string{"SELECT id FROM %wa.people WHERE i IN (?, ?, ?) ORDER BY id"}, args: threeMixed, read: true},
	{name: "regexp", queries: []string{"SELECT id FROM %wa.people WHERE g REGEXP ? ORDER BY id"}, args: oneMixed, read: true},
	{name: "concat", queries: []string{"SELECT CONCAT(?, g), CONCAT(l, ?) FROM %wa.people ORDER BY id LIMIT 4"}, args: twoMixed, read: true},
	{name: "collation of arguments", queries: []string{"SELECT COLLATION(?), CHARSET(?), COERCIBILITY(?), COLLATION(CONCAT(?, 'x'))"}, args: fourMixed, read: true},
	{name: "collation of arguments", queries: []string{"SELECT CHARSET(CONCAT('x', ?)), COERCIBILITY(CONCAT(?, 'x')), HEX(?)"}, args: threeTexts, read: true},
	{name: "coalesce arguments", queries: []string{"SELECT COALESCE(?, ?), NULLIF(?, ?)"}, args: fourMixed, read: true},
	{name: "case", queries: []string{"SELECT CASE WHEN g = ? THEN ? ELSE u END FROM %wa.people ORDER BY id"}, args: twoMixed, read: true},
	{name: "join", queries: []string{"SELECT a.id, b.id FROM %wa.people a JOIN %wa.people b ON a.u = b.u AND a.id < b.id WHERE a.g >= ? ORDER BY 1, 2"}, args: oneMixed, read: true},
	{name: "join", queries: []string{"SELECT a.id, t.u FROM %wa.people a JOIN %t t ON a.g = CONVERT(t.s USING utf8mb4) WHERE t.v <> ? ORDER BY 1, 2"}, args: oneNumber, read: true},
	{name: "dates", queries: []string{"SELECT id FROM %wa.people WHERE d = ? OR t > ? ORDER BY id"}, args: twoDates, read: true},
	{name: "numbers", queries: []string{"SELECT id, p + ?, f * ? FROM %wa.people ORDER BY id"}, args: twoNumeric, read: true},
	{name: "order by", queries: []string{"SELECT id FROM %wa.people ORDER BY IF(?, g, id), id"}, args: oneMixed, read: true},
	{name: "limit", queries: []string{"SELECT id FROM %wa.people ORDER BY id LIMIT ?"}, args: func(r *rand.Rand) []any { return []any{pick[any](r, number(r), uint64(3), "2", nil)} }, read: true},
	{name: "bytes", queries: []string{"SELECT id FROM %wa.people WHERE y = ? ORDER BY id"}, args: oneMixed, read: true},
	{name: "functions", queries: []string{"SELECT HEX(?), LENGTH(?), UPPER(?), LOCATE(?, 'Müller')"}, args: fourMixed, read: true},
	{name: "json", queries: []string{"SELECT JSON_EXTRACT(?, '$.a')"}, args: func(r *rand.Rand) []any {
		return []any{pick[any](r, json.RawMessage(`{"a":1}`), json.RawMessage(nil), `{"a":"ü"}`, nil, "x", []byte(nil))}
	}, read: true},
	{name: "own table", queries: []string{"SELECT u, s FROM %t WHERE s = ? OR v > ? ORDER BY u"}, args: twoMixed, read: true},
	{name: "insert mixed", queries: []string{"INSERT INTO %t (u, v, s) VALUES (?, ?, ?)"}, args: threeMixed},
	{name: "update mixed", queries: []string{"UPDATE %t SET s = CONCAT(IFNULL(s, ''), ?) WHERE u > ?"}, args: twoMixed},
	{name: "many placeholders", queries: []string{"SELECT COUNT(*) FROM %wa.people WHERE i IN (?" + strings.Repeat(", ?", 299) + ")"}, args: func(r *rand.Rand) []any {
		all := make([]any, 300)
		for i := range all {
			all[i] = int64(i)
		}
		all[r.IntN(300)] = mixed(r)
		return all
	}, read: true},
	{name: "insert many rows", queries: []string{"INSERT IGNORE INTO %t (u, v) VALUES (?, ?)" + strings.Repeat(", (?, ?)", 39)}, args: func(r *rand.Rand) []any {
		all := make([]any, 80)
		for i := range all {
			all[i] = int64(r.IntN(60))
		}
		return all
	}},
}

// text is what a program compares: words, words that are no ASCII, and what
// looks like a number or a date.
func anyText(r *rand.Rand) string {
	return pick(r, "Müller", "muller", "Łukasz", "lukasz", "なし", "none", "5", "5.5", "-5", "1e1", "2020-01-01", "x", "", "ü", "u", word(r))
}

// mixed is an argument of any kind that a program may have.
func mixed(r *rand.Rand) any {
	return pick[any](r, number(r), number(r), anyText(r), anyText(r), anyText(r), 2.5, -3, nil, []byte(nil), []byte(nil), []byte("ü"), []byte("x"), []byte{},
		json.RawMessage(nil), json.RawMessage(`{"a":1}`), true, uint64(7), uint64(1)<<63, time.Date(2020, 2, 29, 1, 2, 3, 0, time.UTC), shape(r))
}

func someMixed(r *rand.Rand, n int) (all []any) {
	one := mixed(r)
	for range n {
		all = append(all, pick(r, one, mixed(r)))
	}
	return all
}

func someTexts(r *rand.Rand, n int) (all []any) {
	for range n {
		all = append(all, anyText(r))
	}
	return all
}

func oneMixed(r *rand.Rand) []any      { return someMixed(r, 1) }
func twoMixed(r *rand.Rand) []any      { return someMixed(r, 2) }
func threeMixed(r *rand.Rand) []any    { return someMixed(r, 3) }
func fourMixed(r *rand.Rand) []any     { return someMixed(r, 4) }
func oneText(r *rand.Rand) []any       { return someTexts(r, 1) }
func twoTexts(r *rand.Rand) []any      { return someTexts(r, 2) }
func threeTexts(r *rand.Rand) []any    { return someTexts(r, 3) }
func mixedAndFloat(r *rand.Rand) []any { return []any{mixed(r), pick[any](r, 0.5, 0.5, "0.5", nil)} }

func twoDates(r *rand.Rand) []any {
	date := func() any {
		return pick[any](r, "2020-01-01", "2020-01-01 10:00:00", "1999-12-31", nil, []byte(nil), time.Date(2020, 1, 1, 10, 0, 0, 0, time.UTC), time.Date(2020, 2, 29, 0, 0, 0, 0, time.UTC))
	}
	return []any{date(), date()}
}

func twoNumeric(r *rand.Rand) []any {
	n := func() any {
		return pick[any](r, number(r), shape(r), 2.5, uint64(7), true, nil, []byte(nil), []byte("5"), "5.5")
	}
	return []any{n(), n()}
}

// What is answered on a session that nobody used before, or only the pool.
const (
	freshList = `(^|\n)[^\n]*Message [^\n]*$`
	freshZero = `\n((int64 |uint64 |")?0"?\|)+$`
	freshRows = `\n(int64 |uint64 |")?(-1|0|1)"?\|$`
)

// diffAsks is about the statement before. What belongs in the same sql.Tx or
// sql.Conn may get a new session's answer elsewhere; the last id is the
// handle's own.
var diffAsks = []diffText{
	{name: "last id", queries: []string{"SELECT LAST_INSERT_ID()"}, read: true, ends: "session"},
	{name: "last id", queries: []string{"SELECT LAST_INSERT_ID(), @@identity, @@last_insert_id"}, read: true, ends: "session"},
	{name: "last id", queries: []string{"SELECT LAST_INSERT_ID() + ?"}, args: oneNumber, read: true, ends: "session"},
	{name: "last id", queries: []string{"INSERT INTO %t (u, v) VALUES (%i, LAST_INSERT_ID())"}, ends: "session"},
	{name: "last id", queries: []string{"INSERT INTO %t (u, v) VALUES (?, LAST_INSERT_ID())"}, args: oneNumber, ends: "session"},
	{name: "last id", queries: []string{"UPDATE %t SET v = /* @@ */ @@identity WHERE u > %i"}, ends: "session"},
	{name: "make id", queries: []string{"INSERT INTO %t (v) VALUES (%i)"}},
	{name: "make id", queries: []string{"INSERT INTO %t (v) VALUES (?), (2)"}, args: oneNumber},
	{name: "make id", queries: []string{"INSERT INTO %t (id, u) VALUES (%i, NULL)"}},
	{name: "make id", queries: []string{"INSERT IGNORE INTO %t (id, u) VALUES (%i, %i)"}},
	{name: "make id", queries: []string{"INSERT IGNORE INTO %t (u, v) VALUES (%i, 1)"}},
	{name: "make id", queries: []string{"INSERT INTO %t (u, v) VALUES (%i, 1) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), v = v + 1"}},
	{name: "make id", queries: []string{"INSERT INTO %t (u, v) VALUES (?, 1) ON DUPLICATE KEY UPDATE v = 4"}, args: oneNumber},
	{name: "make id", queries: []string{"UPDATE %t SET v = LAST_INSERT_ID(%i + 70) WHERE u < %i"}},
	{name: "make id", queries: []string{"SELECT LAST_INSERT_ID(?)"}, args: oneNumber, read: true},
	{name: "make id", queries: []string{"SET LAST_INSERT_ID = %i"}},
	{name: "make id", queries: []string{"DO LAST_INSERT_ID(%i + 40)"}},
	{name: "make id", queries: []string{"INSERT INTO %t (u) VALUES (1001), (1001)"}},
	{name: "make warning", queries: []string{"INSERT IGNORE INTO %t (u, v) VALUES (%i, 'x'), (%i, 'y')"}},
	{name: "make warning", queries: []string{"SELECT CAST(? AS SIGNED), 1 / 0"}, args: oneText, read: true},
	{name: "make warning", queries: []string{"DROP TABLE IF EXISTS %wa.nothing"}},
	{name: "make error", queries: []string{"SELECT nothing FROM %wa.people"}, read: true},
	{name: "warnings", queries: []string{"SHOW WARNINGS"}, read: true, ends: "session", fresh: freshList},
	{name: "warnings", queries: []string{"SHOW ERRORS LIMIT 3"}, read: true, ends: "session", fresh: freshList},
	{name: "warnings", queries: []string{"SHOW COUNT(*) WARNINGS"}, read: true, ends: "session", fresh: freshZero},
	{name: "warnings", queries: []string{"SELECT @@warning_count, @@error_count"}, read: true, ends: "session", fresh: freshZero},
	{name: "row count", queries: []string{"SELECT ROW_COUNT()"}, read: true, ends: "session", fresh: freshRows},
	{name: "row count", queries: []string{"UPDATE %t SET v = v + 1 WHERE u < %i", "SELECT ROW_COUNT(), ?"}, args: oneNumber, read: true, ends: "held"},
	{name: "warnings", queries: []string{"SELECT 1 / 0, CAST('%s' AS SIGNED)", "SELECT @@warning_count, ?"}, args: oneNumber, read: true, ends: "held"},
	{name: "found rows", queries: []string{"SELECT id FROM %wa.people WHERE id < %i", "SELECT FOUND_ROWS() + ?"}, args: oneNumber, read: true, ends: "held"},
	// On MariaDB a new session may show what one that is gone had found.
	{name: "found rows", queries: []string{"SELECT SQL_CALC_FOUND_ROWS id FROM %wa.people LIMIT %i", "SELECT FOUND_ROWS()"}, read: true, ends: "held"},
	{name: "found rows", queries: []string{"SELECT id FROM %wa.people WHERE id < %i", "SELECT FOUND_ROWS()"}, read: true, ends: "held"},
}
