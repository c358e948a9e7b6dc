package doctor

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// Pool is what "mysql_pool" made of the server, tried out with one connection.
type Pool struct {
	Limit      int     `json:"limit"`           // connections at most; 0 is no limit
	Recycle    float64 `json:"recycle_seconds"` // greatest age of a connection, as that one's; 0 is no limit
	Resets     bool    `json:"resets"`          // a session with all kinds of state on it is reset, not closed
	Statements bool    `json:"keeps_statements"`
}

// stats is of the pool that was made last.
func stats() mysqlpool.PoolStats {
	all := mysqlpool.Stats()
	if len(all) == 0 {
		return mysqlpool.PoolStats{}
	}
	return all[len(all)-1]
}

// lifeLog is a slog.Handler that takes down what the driver logs as the greatest
// age of each connection.
type lifeLog struct {
	mu    sync.Mutex
	lives []time.Duration // guarded by mu
}

func (l *lifeLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *lifeLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lifeLog) WithGroup(string) slog.Handler            { return l }

func (l *lifeLog) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "life" && a.Value.Kind() == slog.KindDuration {
			l.lives = append(l.lives, a.Value.Duration())
		}
		return true
	})
	return nil
}

// first is 0 if the driver logged none.
func (l *lifeLog) first() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lives) == 0 {
		return 0
	}
	return l.lives[0]
}

// try uses the driver, so that what is said of it is true.
func try(ctx context.Context, dsn string) (p Pool, size int, err error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return p, 0, errors.New("not a DSN")
	}
	cfg.Logger = &mysql.NopLogger{} // makes the pool its own, which closes with the handle
	var life lifeLog
	connector, err := mysqlpool.NewConnector(cfg, mysqlpool.WithLogger(slog.New(&life)))
	if err != nil {
		return p, 0, err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	db.SetMaxIdleConns(0)
	const text = "SELECT ?"
	for range 3 { // it is kept from its second use on
		var n int
		if err := db.QueryRowContext(ctx, text, 1).Scan(&n); err != nil && !isAnswer(err) {
			return p, 0, err
		}
	}
	before := stats()
	p.Statements = before.StmtHits > 0
	if _, err := db.ExecContext(ctx, "SET @mysqlpool_doctor = 1"); err != nil {
		return p, 0, err
	}
	// The session is given back in the background.
	for deadline := time.Now().Add(3 * time.Second); ; {
		now := stats()
		if now.Reset+now.Dirty > before.Reset+before.Dirty {
			p.Resets = now.Reset > before.Reset
			break
		}
		if !time.Now().Before(deadline) {
			break
		}
		select {
		case <-ctx.Done():
			return p, 0, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	p.Limit = before.Limit
	p.Recycle = life.first().Seconds()
	return p, before.Size, nil
}
