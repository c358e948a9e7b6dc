package serverinfo

import "testing"

// Whatever a server says, on any system, a limit is a number that can be reckoned with.
func TestLimitsAtTheirLimits(t *testing.T) {
	for _, c := range []struct {
		value              string
		connections, stmts int
		ok                 bool
	}{
		{"", 0, -1, false}, {"many", 0, -1, false}, {"1.5", 0, -1, false},
		{"0", 0, 0, true}, {"1", 1, 1, true}, {"151", 151, 151, true},
		{"-1", 0, maxLimit, true}, {"-9223372036854775808", 0, maxLimit, true},
		{"100000", 100000, 100000, true}, {"2147483647", maxLimit, maxLimit, true}, {"2147483648", maxLimit, maxLimit, true},
		{"4294967295", maxLimit, maxLimit, true}, {"18446744073709551615", maxLimit, maxLimit, true},
	} {
		if n, ok := Connections(c.value); n != c.connections || ok != c.ok {
			t.Errorf("%q connections: got %d, %v, want %d, %v", c.value, n, ok, c.connections, c.ok)
		}
		if n := Stmts(c.value); n != c.stmts {
			t.Errorf("%q statements: got %d, want %d", c.value, n, c.stmts)
		}
		f, _ := FactsOf(map[string]string{"max_connections": c.value, "max_user_connections": c.value, "max_prepared_stmt_count": c.value}, nil, false)
		if f.MaxConnections != c.connections || f.MaxUserConnections != c.connections || f.MaxStmts != c.stmts {
			t.Errorf("%q: got %d, %d and %d, want %d, %d and %d", c.value, f.MaxConnections, f.MaxUserConnections, f.MaxStmts, c.connections, c.connections, c.stmts)
		}
		if limit := f.Limit(); limit < 0 || limit == 0 && c.connections > 0 || limit > 0 && c.connections == 0 {
			t.Errorf("%q: got a limit of %d", c.value, limit)
		}
	}
}
