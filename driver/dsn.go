package mysqlpool

import (
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// parseDSN is mysql.ParseDSN, which panics on the parameter strict, and which
// passes over a parameter without a value. For ours that is an error.
func parseDSN(dsn string) (cfg *mysql.Config, err error) {
	defer func() {
		if p := recover(); p != nil {
			cfg, err = nil, fmt.Errorf("mysqlpool: invalid DSN: %v", p)
		}
	}()
	cfg, err = mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	_, params, _ := strings.Cut(dsn[strings.LastIndexByte(dsn, '/')+1:], "?")
	for param := range strings.SplitSeq(params, "&") {
		name := strings.TrimPrefix(param, "@")
		if row, ok := table[name]; ok {
			return nil, fmt.Errorf("mysqlpool: option %s: got no value, want %s", param, row.takes)
		}
	}
	return cfg, nil
}
