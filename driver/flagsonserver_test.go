package mysqlpool

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/mysqlpool/mysqlpool/internal/physical"
)

// On a real server the status flags are known after every answer that has some, and
// unknown after an error, in the middle of rows too.
func TestServerFlagsAreUnknownAfterAnErrorAlone(t *testing.T) {
	dsn := os.Getenv("MYSQL_POOL_TEST_DSN")
	if dsn == "" {
		t.Skip("needs a server: set MYSQL_POOL_TEST_DSN")
	}
	defer Dispose(context.Background())
	db, err := sql.Open("mysql_pool", withParam(dsn, "pool_size=1"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("DO 1"); err != nil {
		t.Skip(err)
	}
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	physicalOf := func() (p *physical.Conn) {
		c.Raw(func(dc any) error {
			p = dc.(*conn).holder.Current()
			return nil
		})
		return p
	}
	exec := func(text string, args ...any) func() error {
		return func() error {
			_, err := c.ExecContext(t.Context(), text, args...)
			return err
		}
	}
	query := func(text string, most int, args ...any) func() error {
		return func() error {
			rows, err := c.QueryContext(t.Context(), text, args...)
			if err != nil {
				return err
			}
			for n := 0; n < most && rows.Next(); n++ {
			}
			err = rows.Err()
			if cerr := rows.Close(); err == nil {
				err = cerr
			}
			return err
		}
	}
	const many = "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3"
	// The first row is sent; then a subquery returns two.
	const breaks = "SELECT a, (SELECT 7 UNION SELECT a) FROM (SELECT 7 AS a UNION ALL SELECT 8) AS t"
	if multi := strings.Contains(dsn, "multiStatements=true"); multi {
		t.Skip("several statements are verified always")
	}
	for _, test := range []struct {
		name  string
		run   func() error
		fails bool
	}{
		{"Exec", exec("DO 1"), false},
		{"Exec with an argument", exec("DO ?", 1), false},
		{"Query", query(many, 10), false},
		{"Query that is closed early", query(many, 1), false},
		{"Query without rows", query("DO 1", 1), false},
		{"Query with an argument", query(many+" UNION ALL SELECT ?", 10, 4), false},
		{"... again", query(many+" UNION ALL SELECT ?", 1, 4), false},
		{"... and again", query(many+" UNION ALL SELECT ?", 10, 4), false},
		{"Exec fails", exec("NONSENSE"), true},
		{"Prepare fails", exec("NONSENSE ?", 1), true},
		{"Query fails", query("SELECT nonsense", 1), true},
		{"rows fail", query(breaks, 10), true},
		{"rows fail while they are closed", query(breaks, 0), true},
		{"binary rows fail", query(breaks+" WHERE a > ?", 10, 1), true},
	} {
		for _, between := range []string{"", "DO 1"} {
			if between != "" {
				if err := exec(between)(); err != nil {
					t.Fatal(err)
				}
			}
			err := test.run()
			if (err != nil) != test.fails {
				t.Errorf("%s: got %v, want an error: %v", test.name, err, test.fails)
			}
			p := physicalOf()
			if got := p.Unverified(); got != test.fails {
				t.Errorf("%s: the flags are unknown: %v, want %v", test.name, got, test.fails)
			}
			if err := p.Verify(t.Context()); err != nil || p.Unverified() {
				t.Errorf("%s: after a ping: %v, unknown: %v", test.name, err, p.Unverified())
			}
		}
	}
	tx, err := c.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := exec("NONSENSE")(); err == nil {
		t.Error("no error")
	}
	p := physicalOf()
	if err := p.Verify(t.Context()); err != nil || !p.InTransaction() {
		t.Errorf("in a transaction a ping shows: %v, %v", p.InTransaction(), err)
	}
	tx.Rollback()
}
