package mysqlpool

import (
	"context"
	"database/sql/driver"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// tx is a transaction of the stock driver on a connection that is held until
// it ends. A connection has one at a time, so that it need not be allocated.
type tx struct {
	c        *conn
	p        *physical
	stock    driver.Tx
	readOnly bool
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
	p.foreign &^= session.RowCount
	p.inTx, p.used = true, true
	c.tx = tx{c, p, stock, opts.ReadOnly}
	return &c.tx, nil
}

// Commit implements driver.Tx.
func (t *tx) Commit() error { return t.end(driver.Tx.Commit) }

// Rollback implements driver.Tx.
func (t *tx) Rollback() error { return t.end(driver.Tx.Rollback) }

// end ends the transaction. One that was begun in Conn.Raw may be kept until its
// connection is somebody else's.
func (t *tx) end(how func(driver.Tx) error) error {
	if !t.c.held || t.c.lent.Value != t.p {
		return mysql.ErrInvalidConn // as the stock driver's when its connection is closed
	}
	err := how(t.stock)
	t.p.inTx = false
	if err != nil {
		t.c.saw(err)
		t.p.state.Add(session.Transaction) // if the server refused, it may be open
	} else {
		t.p.state.Remove(session.Transaction)
	}
	return err
}
