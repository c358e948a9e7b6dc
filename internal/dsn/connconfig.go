package dsn

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// ConnConfig is what matters, once a connection has logged in, of the config
// that it logged in with: the host's, with what BeforeConnect changed in its
// copy. Immutable.
type ConnConfig struct {
	Multi          bool              // multiStatements
	Interpolates   bool              // interpolateParams
	RejectReadOnly bool              //
	AutoIsNull     bool              // the parameters set sql_auto_is_null
	Params         map[string]string // sent as SET name = value
	SetParams      string            // the statement that sets them, or ""
	Times          TimeFormat

	// SetNames is what the stock driver sends of charset=…, in this order until one
	// succeeds; nil for none.
	SetNames []string
	// OneByOne means that params may set the character sets' variables.
	OneByOne bool
}

func ConnConfigOf(cfg *mysql.Config) *ConnConfig {
	c := &ConnConfig{
		Multi:          cfg.MultiStatements,
		Interpolates:   cfg.InterpolateParams,
		RejectReadOnly: cfg.RejectReadOnly,
		Params:         maps.Clone(cfg.Params),
		SetParams:      setParams(cfg.Params),
		AutoIsNull:     autoIsNull(cfg.Params),
		Times:          TimeFormatOf(cfg),
	}
	charsets, known := stockdriver.Charsets(cfg)
	for _, charset := range charsets {
		st := "SET NAMES " + charset
		if cfg.Collation != "" {
			st += " COLLATE " + cfg.Collation
		}
		c.SetNames = append(c.SetNames, st)
	}
	c.OneByOne = !known || SetsCharsets(c.SetParams)
	return c
}

// SetsCharsets reports whether a SET may change variables of the character sets,
// or what SET NAMES makes of them (character_set_collations of MariaDB,
// default_collation_for_utf8mb4 of MySQL).
func SetsCharsets(set string) bool {
	set = strings.ToLower(set)
	return strings.Contains(set, "charset") || strings.Contains(set, "character") || strings.Contains(set, "collation")
}

// setParams is what the stock driver sends after a login (handleParams there).
func setParams(params map[string]string) string {
	var sets []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		sets = append(sets, name+" = "+params[name])
	}
	if len(sets) == 0 {
		return ""
	}
	return "SET " + strings.Join(sets, ", ")
}

// autoIsNull reports whether a DSN's parameters have "id IS NULL" find the last id.
func autoIsNull(params map[string]string) bool {
	for name := range params {
		if strings.EqualFold(name, "sql_auto_is_null") {
			return true
		}
	}
	return false
}

// TimeFormat is how the stock driver sends a time, as a text.
type TimeFormat struct {
	Loc      *time.Location
	Truncate time.Duration
}

// TimeFormatOf reads what the config has.
func TimeFormatOf(cfg *mysql.Config) TimeFormat {
	return TimeFormat{cmp.Or(cfg.Loc, time.UTC), stockdriver.TimeTruncate(cfg)}
}
