package physical

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// checkLeft looks at what a reset leaves in place: see leftColumns.
func (p restorer) checkLeft(ctx context.Context, kinds session.Kinds) error {
	columns, want := p.leftColumns(kinds)
	if len(columns) == 0 {
		return nil
	}
	got, err := selectRow(ctx, p.Conn, columns)
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("mysqlpool: after a reset: %s: got %q, want %q as after the login", strings.Join(columns, ", "), got, want)
	}
	return err
}

// leftColumns returns what shows what a reset leaves in place, and the values after the
// login, if something may have changed it that no text shows, or one that is not
// understood, such as CALL: the role, and on MariaDB what SHOW PROFILES shows of earlier
// statements.
func (p restorer) leftColumns(kinds session.Kinds) (columns, want []string) {
	s := p.Host.Learned.Load()
	if s == nil || kinds&session.Other == 0 && p.Shared.Reset != dsn.ResetAlways {
		return nil, nil
	}
	if p.hasRoles {
		columns, want = append(columns, "CURRENT_ROLE()"), append(want, p.roleAtLogin)
	}
	if s.MariaDB && s.HasProfiles {
		columns, want = append(columns, "(SELECT COUNT(*) FROM information_schema.PROFILING)"), append(want, "0")
	}
	return columns, want
}

// leftCheck returns checkLeft as a statement without rows, so that it can be sent with the
// others of a reset: it sets a variable to its own value, or else to one that the server
// refuses (ER_WRONG_VALUE_FOR_VAR). "" if there is none: after WithAfterLogin, for a role
// whose name may be read in another character set, or where the server does not refuse.
// An error means that the connection must not be used again.
func (p restorer) leftCheck(ctx context.Context, kinds session.Kinds) (string, error) {
	columns, want := p.leftColumns(kinds)
	if len(columns) == 0 || p.after.ran {
		return "", nil
	}
	conditions := make([]string, len(columns))
	for i, column := range columns {
		switch value := want[i]; {
		case value == "": // selectRow's NULL
			conditions[i] = column + " IS NULL"
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' || r == '\'' || r == '\\' }):
			return "", nil
		default:
			conditions[i] = column + " = '" + value + "'"
		}
	}
	check := refusedUnless(strings.Join(conditions, " AND "))
	if limit := p.maxText(); limit > 0 && len(check) > limit {
		return "", nil
	}
	if refuses, err := p.refusesChecks(ctx); !refuses || err != nil {
		return "", err
	}
	return check, nil
}

// refusedUnless returns a statement that changes nothing, and that the server refuses
// unless the condition is true.
func refusedUnless(condition string) string {
	return "SET SESSION sql_notes = IF(" + condition + ", @@SESSION.sql_notes, 2)"
}

// Whether a server refuses refusedUnless, in Host.checks. A proxy may answer OK to SET,
// and do nothing.
const (
	checksUnknown int32 = iota
	checksRefused
	checksAccepted
)

// refusesChecks reports whether the server refuses refusedUnless a condition that is
// false, and tests that once. An error means that the connection must not be used again.
func (p restorer) refusesChecks(ctx context.Context) (bool, error) {
	if known := p.Host.checks.Load(); known != checksUnknown {
		return known == checksRefused, nil
	}
	_, err := p.ExecContext(ctx, refusedUnless("1 = 0"), nil)
	switch number := mysqlerr.Number(err); {
	case number == mysqlerr.WrongValueForVar:
		p.Host.checks.Store(checksRefused)
		return true, nil
	case err != nil && number == 0:
		return false, err
	}
	p.Host.checks.Store(checksAccepted)
	return false, nil // what it set, the reset sets again
}
