package physical

import "database/sql/driver"

// What a kept statement costs the server's memory. MariaDB 10.11 and 11.8 and MySQL
// 9.7 take 33 to 40 kB for the smallest and, as measured, up to 700 bytes more for
// each word of the text: name, number, placeholder or keyword. Columns that are not in
// the text (SELECT *) take 500 bytes.
const (
	minStmtCost int64 = 32 << 10
	wordCost    int64 = 700
	columnCost  int64 = 600

	// ConnStmtCosts bounds what the statements cost that a connection keeps, in bytes,
	// unless pool_stmt_cache asks for more than 256.
	ConnStmtCosts = maxStmtsPerConn * minStmtCost

	// maxStmtCost is of one statement. What costs more is large, such as an insert of
	// many rows or a long list: there the saved round trip is little, and each may be
	// another text.
	maxStmtCost = ConnStmtCosts / 16
)

// StmtCost is an upper estimate of what a statement costs the server, in bytes.
func StmtCost(query string, columns int) int64 {
	words, in := int64(0), false
	for i := range len(query) {
		c := query[i]
		if c == '?' || !in && isWordByte(c) {
			words++
		}
		in = isWordByte(c)
	}
	return minStmtCost + int64(len(query)) + words*wordCost + int64(columns)*columnCost
}

// keep puts a statement in the cache, unless it costs too much now that its columns are
// known.
func (p keeper) keep(e *prepared) bool {
	if e.Cost() > maxStmtCost {
		p.Shared.Stmts.notCacheable.Add(e.Schema(), e.Text())
		return false
	}
	p.stmts.cache.Add(e)
	return true
}

// charge notes what a kept statement costs, once its columns are known: MySQL's are
// when it has run. If a statement does not have them, its rows do.
func (p keeper) charge(e *prepared, rows driver.Rows, err error) {
	n := e.Stmt.columns.Len()
	if err == nil && !e.Stmt.columns.Known() {
		n = len(rows.Columns())
	}
	if n == e.Stmt.charged || !e.Cached() {
		return
	}
	e.Stmt.charged = n
	cost := StmtCost(e.Text(), n)
	p.stmts.cache.SetCost(e, cost)
	if cost > maxStmtCost {
		p.Shared.Stmts.notCacheable.Add(e.Schema(), e.Text())
		p.stmts.cache.Remove(e)
		p.closeUnlessKept(e)
	}
}
