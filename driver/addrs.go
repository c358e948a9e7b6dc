package mysqlpool

// addrs is what is known of the addresses behind a host's name.
type addrs struct{}
