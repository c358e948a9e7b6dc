// Package dsn reads a DSN: the config of the stock driver and the options of the pool
// in it, the hosts that its address names, and the key that says which handles share a
// pool.
package dsn

import (
	"fmt"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Parse is mysql.ParseDSN, which panics on the parameter strict, and which
// passes over a parameter without a value. For ours that is an error.
func Parse(dsn string) (cfg *mysql.Config, err error) {
	defer func() {
		if p := recover(); p != nil {
			cfg, err = nil, fmt.Errorf("mysqlpool: invalid DSN: %v", p)
		}
	}()
	cfg, err = mysql.ParseDSN(dsn)
	if err != nil {
		return nil, ParseError(dsn, err)
	}
	_, params, _ := strings.Cut(dsn[strings.LastIndexByte(dsn, '/')+1:], "?")
	for param := range strings.SplitSeq(params, "&") {
		name := strings.TrimPrefix(param, "@")
		if row, ok := optionTable[name]; ok {
			return nil, fmt.Errorf("mysqlpool: option %s: got no value, want %s", param, row.takes)
		}
	}
	return cfg, nil
}

// Normalize fills in the stock driver's defaults for network and address, and
// the TLS config that the tls word means, so that they count in the key as if
// they had been written out.
func Normalize(cfg *mysql.Config) error {
	if cfg.Addr == "" {
		full, err := mysql.ParseDSN(cfg.Net + "/")
		if err != nil {
			return err
		}
		cfg.Net, cfg.Addr = full.Net, full.Addr
	}
	if cfg.Net == "" {
		cfg.Net = "tcp"
	}
	if _, _, err := net.SplitHostPort(cfg.Addr); err != nil && cfg.Net == "tcp" {
		cfg.Addr = net.JoinHostPort(cfg.Addr, "3306")
	}
	if cfg.TLS != nil {
		return nil
	}
	var fallback bool
	var err error
	cfg.TLS, fallback, err = tlsOfWord(cfg)
	cfg.AllowFallbackToPlaintext = cfg.AllowFallbackToPlaintext || fallback
	return err
}
