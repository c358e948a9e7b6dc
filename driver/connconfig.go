package mysqlpool

import (
	"maps"
	"reflect"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// connConfig is what matters, once a connection has logged in, of the config
// that it logged in with: the host's, with what BeforeConnect changed in its
// copy. Immutable.
type connConfig struct {
	multi          bool              // multiStatements
	interpolates   bool              // interpolateParams
	rejectReadOnly bool              //
	autoIsNull     bool              // the parameters set sql_auto_is_null
	params         map[string]string // sent as SET name = value
	setParams      string            // the statement that sets them, or ""
	times          timeFormat

	// setNames is what the stock driver sends of charset=…, in this order until one
	// succeeds; nil for none.
	setNames []string
	// oneByOne means that params may set the character sets' variables.
	oneByOne bool
}

func connConfigOf(cfg *mysql.Config) *connConfig {
	c := &connConfig{
		multi:          cfg.MultiStatements,
		interpolates:   cfg.InterpolateParams,
		rejectReadOnly: cfg.RejectReadOnly,
		params:         maps.Clone(cfg.Params),
		setParams:      setParams(cfg.Params),
		autoIsNull:     autoIsNull(cfg.Params),
		times:          timeFormatOf(cfg),
	}
	charsets, known := charsetsOf(cfg)
	for _, charset := range charsets {
		st := "SET NAMES " + charset
		if cfg.Collation != "" {
			st += " COLLATE " + cfg.Collation
		}
		c.setNames = append(c.setNames, st)
	}
	c.oneByOne = !known || setsCharsets(c.setParams)
	return c
}

// setsCharsets reports whether a SET may change variables of the character sets,
// or what SET NAMES makes of them (character_set_collations of MariaDB,
// default_collation_for_utf8mb4 of MySQL).
func setsCharsets(set string) bool {
	set = strings.ToLower(set)
	return strings.Contains(set, "charset") || strings.Contains(set, "character") || strings.Contains(set, "collation")
}

// charsetsOf returns the charset parameter, which the stock driver keeps to
// itself. It reports false if it cannot be found.
func charsetsOf(cfg *mysql.Config) (charsets []string, known bool) {
	v := reflect.ValueOf(cfg).Elem().FieldByName("charsets")
	if !v.IsValid() || v.Type() != reflect.TypeFor[[]string]() {
		return nil, false
	}
	for i := range v.Len() {
		charsets = append(charsets, v.Index(i).String())
	}
	return charsets, true
}

// mayChange reports whether the config has a BeforeConnect, so that each login is
// with a config of its own; yes if that cannot be found.
func mayChange(cfg *mysql.Config) bool {
	v := reflect.ValueOf(cfg).Elem().FieldByName("beforeConnect")
	return !v.IsValid() || v.Kind() != reflect.Func || !v.IsNil()
}
