package mysqlpool

import (
	"context"
	"database/sql/driver"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// tx is a transaction of the stock driver on a connection that is held until
// it ends. A connection has one at a time, so that it need not be allocated.
type tx struct {
	p     *physical
	stock driver.Tx
}

// Begin implements driver.Conn.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx implements driver.ConnBeginTx.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	p, err := c.hold(ctx)
	if err != nil {
		return nil, err
	}
	stock, err := p.BeginTx(ctx, opts)
	if err != nil {
		if opts.Isolation != 0 {
			// It may have been set, for a transaction that never began.
			p.state.Add(session.NextTransaction)
		}
		return nil, c.saw(err)
	}
	p.inTx, p.used = true, true
	c.tx = tx{p, stock}
	return &c.tx, nil
}

// Commit implements driver.Tx.
func (t *tx) Commit() error { return t.end(t.stock.Commit()) }

// Rollback implements driver.Tx.
func (t *tx) Rollback() error { return t.end(t.stock.Rollback()) }

// end notes how the transaction ended. If the server refused, it may be open.
func (t *tx) end(err error) error {
	t.p.inTx = false
	if err != nil {
		t.p.state.Add(session.Transaction)
	}
	return err
}
