package physical

import "github.com/mysqlpool/mysqlpool/internal/budget"

// placedConn releases its place when it is closed, whoever closes it.
type placedConn struct {
	StockConn
	place *budget.Place
}

func (c placedConn) Close() error {
	defer c.place.Closed()
	return c.StockConn.Close()
}
