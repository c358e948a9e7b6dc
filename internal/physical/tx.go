package physical

import (
	"context"
	"database/sql/driver"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// Tx is a transaction of the stock driver on a connection that is held until it ends.
type Tx struct {
	h     *Holder
	p     *Conn
	stock driver.Tx
}

// Begin begins a transaction.
func (h *Holder) Begin(ctx context.Context, opts driver.TxOptions) (Tx, error) {
	p := h.leased.Value
	if err := (switcher{p}).selectDeferredSchema(ctx); err != nil {
		return Tx{}, h.noteError(err)
	}
	stock, err := p.BeginTx(ctx, opts)
	if err != nil {
		if opts.Isolation != 0 {
			// It may have been set, for a transaction that never began.
			p.state.Add(session.NextTransaction)
		}
		return Tx{}, h.noteError(err)
	}
	p.diagnostics.foreign &^= session.RowCount
	p.inTx, p.used = true, true
	h.readOnly = opts.ReadOnly
	return Tx{h, p, stock}, nil
}

// Commit implements driver.Tx.
func (t *Tx) Commit() error { return t.end(driver.Tx.Commit) }

// Rollback implements driver.Tx.
func (t *Tx) Rollback() error { return t.end(driver.Tx.Rollback) }

// end ends the transaction. A program may keep one that was begun in Conn.Raw until its
// connection has another user.
func (t *Tx) end(how func(driver.Tx) error) error {
	if !t.h.held || t.h.leased.Value != t.p {
		return mysql.ErrInvalidConn // as the stock driver's when its connection is closed
	}
	err := how(t.stock)
	t.p.inTx = false
	if err != nil {
		t.h.noteError(err)
		t.p.state.Add(session.Transaction) // if the server refused, it may be open
	} else {
		t.p.state.Remove(session.Transaction)
	}
	return err
}
