package mysqlpool

import "strings"

// maxName is how long a pool's name may be, in bytes.
const maxName = 64

// setName sets pool_name. It may stand in any metric, log line and SQL literal.
func setName(o *options, v string) bool {
	o.poolName = v
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/-"
	return len(v) <= maxName && strings.Trim(v, letters) == ""
}

// WithName sets pool_name, which names the pool in Stats, in metrics, in logs and in
// ErrPoolTimeout. It is part of what makes two connectors share a pool. The default
// is none.
func WithName(name string) Option { return option("pool_name", name) }
