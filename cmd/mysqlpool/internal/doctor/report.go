// Package doctor looks at a server and says what the pool will make of it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Report is what was found. Its JSON names stay as they are.
type Report struct {
	Server   string    `json:"server"`
	OK       bool      `json:"ok"` // nothing must be mended
	Findings []Finding `json:"findings"`
	Readings Readings  `json:"readings"`
	Pool     Pool      `json:"pool"`
}

// Examine looks at the server of a DSN, which people know by name. It takes
// about ten logins, and leaves nothing behind. It returns ctx's error, or the
// stock driver's if it cannot log in.
func Examine(ctx context.Context, dsn, name string) (*Report, error) {
	if cfg, err := mysql.ParseDSN(dsn); err == nil && cfg.Net == "tcp" && strings.Contains(cfg.Addr, ",") {
		return nil, errors.New("the DSN names several hosts: examine them one by one")
	}
	readings, err := read(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("asking the server through \"mysql\": %w", err)
	}
	r := &Report{Server: name, OK: true, Readings: readings}
	if r.Pool, r.Readings.Size, err = try(ctx, dsn); err != nil {
		return nil, fmt.Errorf("trying \"mysql_pool\" on the server: %w", err)
	}
	r.Findings = findings(&r.Readings, &r.Pool)
	for _, f := range r.Findings {
		r.OK = r.OK && f.Level != Amiss
	}
	return r, nil
}

// Count returns how many findings there are of a level.
func (r *Report) Count(l Level) (n int) {
	for _, f := range r.Findings {
		if f.Level == l {
			n++
		}
	}
	return n
}
