package dsn

import "strings"

// maxName is how long a pool's name may be, in bytes.
const maxName = 64

// setName sets pool_name. It may stand in any metric, log line and SQL literal.
func setName(o *Options, v string) bool {
	o.PoolName = v
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/-"
	return len(v) <= maxName && strings.Trim(v, letters) == ""
}
