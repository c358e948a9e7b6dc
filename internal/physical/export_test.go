package physical

import (
	"database/sql/driver"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
)

// For tests that need the driver too.

var (
	CanKeep              = canKeep
	OnlyInserts          = onlyInserts
	ComparesWithSubquery = comparesWithSubquery
)

// Kept is a kept statement that is not on any server.
type Kept struct{ statement }

// NewKept returns the kept statement of a text with so many placeholders.
func NewKept(query string, placeholders int, times dsn.TimeFormat) *Kept {
	return &Kept{statement{StockStmt: counted{n: placeholders}, inserts: onlyInserts(query), times: times}}
}

func (k *Kept) Accepts(args []driver.NamedValue) bool { return k.accepts(args) }

type counted struct {
	StockStmt
	n int
}

func (c counted) NumInput() int { return c.n }
