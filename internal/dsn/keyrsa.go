package dsn

import (
	"reflect"

	"github.com/go-sql-driver/mysql"
)

// pubKeyField is where the stock driver keeps the RSA key that ServerPubKey
// names. ParseDSN fills it, and a name may be registered again later.
const pubKeyField = "pubKey"

// appendPublicKey appends the modulus and the exponent. It reports false if the
// config names a key that was not looked up yet, as one that was made by hand:
// what the name stands for is seen at each login only.
func appendPublicKey(b []byte, cfg *mysql.Config, v reflect.Value) ([]byte, bool) {
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return b, cfg.ServerPubKey == ""
	}
	b, okE := appendValue(b, v.Elem().FieldByName("E"))
	b, okN := appendValue(b, v.Elem().FieldByName("N").Elem().FieldByName("abs"))
	return b, okE && okN
}

// WithoutKeyName returns a config that logs in with the key that was looked up
// when the handle was opened, as the stock driver does. NewConnector, which is
// called for each login, would look the name up again.
func WithoutKeyName(cfg *mysql.Config) *mysql.Config {
	key := reflect.ValueOf(cfg).Elem().FieldByName(pubKeyField)
	if cfg.ServerPubKey == "" || !key.IsValid() || key.IsNil() {
		return cfg
	}
	cfg = cfg.Clone()
	cfg.ServerPubKey = ""
	return cfg
}
