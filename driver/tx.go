package mysqlpool

import (
	"context"
	"database/sql/driver"

	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// tx is a transaction. A connection has one at a time, so that it need not be allocated.
type tx struct {
	c *conn // which is held for as long as the transaction is
	physical.Tx
}

var _ driver.Tx = (*tx)(nil)

// Begin implements driver.Conn.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx implements driver.ConnBeginTx.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.hold(ctx); err != nil {
		return nil, err
	}
	began, err := c.holder.Begin(ctx, opts)
	if err != nil {
		return nil, err
	}
	c.tx = tx{c, began}
	return &c.tx, nil
}
