package main

import (
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func needSite(t *testing.T) *site {
	t.Helper()
	dsn := os.Getenv(envDSN)
	if dsn == "" {
		t.Skipf("needs a server: set %s", envDSN)
	}
	mysql.SetLogger(&mysql.NopLogger{})
	slog.SetLogLoggerLevel(slog.LevelWarn)
	s, err := openSite(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

// TestLibraries is the table as tests, and counts logins.
func TestLibraries(t *testing.T) {
	s := needSite(t)
	for _, l := range libraries {
		t.Run(strings.ReplaceAll(l.name, " ", "_"), func(t *testing.T) {
			r := s.compare(t.Context(), l)
			for _, o := range r.outcomes {
				if o.err != nil {
					t.Errorf("%s: %v", o.driver, o.err)
				}
				t.Logf("%s: %d values, %d logins", o.driver, o.values, o.logins)
			}
			a, b := r.outcomes[0], r.outcomes[1]
			if a.values == 0 || a.logins == 0 {
				t.Errorf("%d values and %d logins: nothing was compared", a.values, a.logins)
			}
			most := a.logins
			if l.most > 0 {
				most = l.most
			}
			if b.logins > most {
				t.Errorf("%d logins with %s, %d with %s: want %d at most", b.logins, pooled, a.logins, stock, most)
			}
		})
	}
}

// TestCompareFinds wants a difference, an error and a leak to be found.
func TestCompareFinds(t *testing.T) {
	s := needSite(t)
	cases := []struct {
		name    string
		params  string
		program func(*run)
		want    string
	}{
		{"another value", "", func(r *run) { r.note("driver", r.driver) }, "value 1 differs"},
		{"one value more", "", func(r *run) {
			if r.driver == pooled {
				r.note("more")
			}
		}, "want nothing"},
		{"another type", "", func(r *run) {
			if r.driver == pooled {
				r.note("n", int64(1))
			} else {
				r.note("n", uint64(1))
			}
		}, "got  n: int64(1)"},
		{"an error", "", func(r *run) {
			if r.driver == pooled {
				r.must(fmt.Errorf("an error"))
			}
		}, "an error"},
		{"a panic", "", func(r *run) {
			if r.driver == pooled {
				panic("no")
			}
		}, "panic: no"},
		{"a variable that leaks", "@pool_reset=%27never%27", func(r *run) {
			if r.driver == pooled {
				_, err := r.open().ExecContext(r.ctx, "SET @compat = 'leaked'")
				r.must(err)
			}
		}, "leaked"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {

			r := s.compare(t.Context(), library{name: c.name, params: c.params, program: c.program})
			if err := r.outcomes[0].err; err != nil {
				t.Fatal(err)
			}
			if err := r.outcomes[1].err; err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// What is registered is what wrappers are given here.
func TestDriverOf(t *testing.T) {
	for name, want := range driverOf {
		db, err := sql.Open(name, "/")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if got := db.Driver(); fmt.Sprintf("%T", got) != fmt.Sprintf("%T", want) {
			t.Errorf("%s: registered is %T, want %T", name, got, want)
		}
	}
}

// Every library is in go.mod, so that the table has a version to show.
func TestVersions(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range libraries {
		if l.module != "" && !strings.Contains(string(mod), "\t"+l.module+" v") {
			t.Errorf("%s: go.mod has no %s", l.name, l.module)
		}
	}
	if got := shorten("v0.0.0-20220520173518-97c9c04efc79"); got != "20220520-97c9c04" {
		t.Errorf("got %s", got)
	}
}
