package dsn

import (
	"errors"
	"strings"
)

// What may be a password in an error of mysql.ParseDSN: with "user:a@b/schema" the
// network is b, with "user:a/b@tcp(host)" it is user:a, and the schema is b@tcp(host).
var (
	errNetwork = errors.New("mysqlpool: invalid DSN: unknown network before the address: want user:password@tcp(host:3306)/schema")
	errSlash   = errors.New("mysqlpool: invalid DSN: no slash after the address: want user:password@tcp(host:3306)/schema")
)

// ParseError returns an error that mysql.ParseDSN made of a DSN, or another in its place
// if it may show a part of the password.
func ParseError(dsn string, err error) error {
	slash := strings.LastIndexByte(dsn, '/')
	switch {
	case slash >= 0 && !strings.Contains(dsn[:slash], "@") && strings.Contains(dsn[slash:], "@"):
		return errSlash
	case strings.HasPrefix(err.Error(), "default addr for network"):
		return errNetwork
	}
	return err
}
