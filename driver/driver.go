package mysqlpool

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
)

func init() { sql.Register("mysql_pool", Driver{}) }

// Driver is the driver that is registered as "mysql_pool".
type Driver struct{}

var (
	_ driver.Driver        = Driver{}
	_ driver.DriverContext = Driver{}
)

// OpenConnector implements driver.DriverContext: sql.Open calls it. It returns
// the error that the stock driver has for the DSN, or one that names the
// pool_* option that cannot be used. It does not dial.
func (Driver) OpenConnector(dsn string) (driver.Connector, error) {
	return connectorOfDSN(dsn)
}

// Open implements driver.Driver. database/sql calls OpenConnector instead.
// Closing the connection is like closing a handle that has no other. Keep it for as
// long as its rows are read: a connection that is dropped unclosed is closed once
// the garbage collector finds it, and its rows with it.
func (d Driver) Open(dsn string) (driver.Conn, error) {
	connector, err := d.OpenConnector(dsn)
	if err != nil {
		return nil, err
	}
	c, err := connector.Connect(context.Background())
	if err != nil {
		return nil, errors.Join(err, connector.(io.Closer).Close())
	}
	c.(*conn).alone = true
	return c, nil
}
