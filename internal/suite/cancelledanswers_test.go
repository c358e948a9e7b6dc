package suite

import (
	"context"
	"database/sql"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// A statement that was cancelled before it was sent makes nothing of what the session
// says of earlier statements its user's own: those are another one's still.
func TestSuiteCancelledStatementOwnsNoAnswers(t *testing.T) {
	needRealServer(t)
	s := needServer(t)
	cfg, err := mysql.ParseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DBName = ""
	const (
		failing = "SELECT name FROM nowhere WHERE 1 = ?" // there is no schema
		asks    = "SELECT @@warning_count, @@error_count, ROW_COUNT()"
	)
	for name, run := range map[string]func(ctx context.Context, c *sql.Conn) error{
		"a query":    func(ctx context.Context, c *sql.Conn) error { return c.QueryRowContext(ctx, "SELECT 1").Scan(new(int)) },
		"arguments":  func(ctx context.Context, c *sql.Conn) error { return c.QueryRowContext(ctx, failing, 1).Scan(new(int)) },
		"Exec":       func(ctx context.Context, c *sql.Conn) error { _, err := c.ExecContext(ctx, "DO 0"); return err },
		"Exec, args": func(ctx context.Context, c *sql.Conn) error { _, err := c.ExecContext(ctx, "DO ?", 1); return err },
		"Prepare":    func(ctx context.Context, c *sql.Conn) error { _, err := c.PrepareContext(ctx, "SELECT ?"); return err },
		"Begin":      func(ctx context.Context, c *sql.Conn) error { _, err := c.BeginTx(ctx, nil); return err },
		"Ping":       func(ctx context.Context, c *sql.Conn) error { return c.PingContext(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			defer dispose(t)
			db := openDSN(t, pooled, withParams(cfg.FormatDSN(), poolOfOne))
			db.SetMaxIdleConns(0)
			for range 3 { // so that its text is known
				if err := db.QueryRow(failing, 1).Scan(new(int)); err == nil {
					t.Fatal("got no error, want that no schema is selected")
				}
			}
			c := oneConn(t, db)
			defer c.Close()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := run(ctx, c); err == nil {
				t.Fatal("got no error of a context that has ended")
			}
			fresh := openDSN(t, stock, cfg.FormatDSN())
			defer fresh.Close()
			if got, want := row(t, c, asks), row(t, fresh, asks); got != want {
				t.Errorf("got %s, want %s as in a new session", got, want)
			}
		})
	}
}
