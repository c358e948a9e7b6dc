package stockdriver

import (
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Charsets returns the charset parameter of a config. It reports false if it
// cannot be found.
func Charsets(cfg *mysql.Config) (charsets []string, known bool) {
	v := configField(cfg, "charsets")
	if !v.IsValid() || v.Type() != reflect.TypeFor[[]string]() {
		return nil, false
	}
	for i := range v.Len() {
		charsets = append(charsets, v.Index(i).String())
	}
	return charsets, true
}

// MayChange reports whether the config has a BeforeConnect, so that each login is
// with a config of its own; yes if that cannot be found.
func MayChange(cfg *mysql.Config) bool {
	v := configField(cfg, "beforeConnect")
	return !v.IsValid() || v.Kind() != reflect.Func || !v.IsNil()
}

// TimeTruncate returns the timeTruncate parameter of a config. A stock driver that
// has none truncates nothing.
func TimeTruncate(cfg *mysql.Config) time.Duration {
	if v := configField(cfg, "timeTruncate"); v.IsValid() && v.CanInt() {
		return time.Duration(v.Int())
	}
	// What is slower to ask. Before the last "?" each is escaped.
	text := cfg.FormatDSN()
	params, _ := url.ParseQuery(text[strings.LastIndexByte(text, '?')+1:])
	d, _ := time.ParseDuration(params.Get("timeTruncate"))
	return d
}

func configField(cfg *mysql.Config, name string) reflect.Value {
	if !knowsInsides {
		return reflect.Value{}
	}
	return reflect.ValueOf(cfg).Elem().FieldByName(name)
}
