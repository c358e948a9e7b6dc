package doctor

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// Pool is what "mysql_pool" made of the server, tried out with one connection.
type Pool struct {
	Limit      int     `json:"limit_connections"` // at most, in one process; 0 is no limit
	Recycle    float64 `json:"recycle_seconds"`   // greatest age of a connection, as that one's; 0 is no limit
	Resets     bool    `json:"keeps_after_state"` // a connection with session state on it is reset, not closed
	Leaks      bool    `json:"leaks_state"`       // a user variable was still there for the next user
	Statements bool    `json:"keeps_statements"`
	Arguments  bool    `json:"takes_arguments"` // a query with an argument succeeded
}

// stats is of the pool that was made last.
func stats() (latest mysqlpool.PoolStats) {
	for _, s := range mysqlpool.Stats() {
		if s.Number >= latest.Number {
			latest = s
		}
	}
	return latest
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
func try(ctx context.Context, cfg *mysql.Config, options Options, timeout time.Duration) (p Pool, err error) {
	var life lifeLog
	connector, err := mysqlpool.NewConnector(cfg, mysqlpool.WithLogger(slog.New(&life)))
	if err != nil {
		return p, err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	db.SetMaxIdleConns(0)
	for range 3 { // the statement is kept from its second use on
		err := within(ctx, timeout, func(ctx context.Context) error {
			var n int
			return db.QueryRowContext(ctx, "SELECT ?", 1).Scan(&n)
		})
		if err != nil && !isAnswer(err) {
			return p, err
		}
		p.Arguments = err == nil
	}
	before := stats()
	p.Statements = before.StmtHits > 0
	p.Limit = before.Limit
	p.Recycle = life.first().Seconds()
	err = within(ctx, timeout, func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, "SET @mysqlpool_doctor = 1")
		return err
	})
	if err != nil {
		return p, err
	}
	// The connection is checked in in the background.
	err = within(ctx, timeout, func(ctx context.Context) error {
		for {
			now := stats()
			if settled(now) > settled(before) || now.Open == 0 {
				p.Resets = now.Dirty == before.Dirty && now.Open > 0
				return nil
			}
			if options.PoolReset == "never" && now.InUse+now.Pinned == 0 {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
	})
	if err != nil {
		return p, err
	}
	err = within(ctx, timeout, func(ctx context.Context) error {
		var left sql.NullString
		err := db.QueryRowContext(ctx, "SELECT @mysqlpool_doctor").Scan(&left)
		p.Leaks = left.String != ""
		return err
	})
	return p, err
}

// settled counts connections whose state was dealt with.
func settled(s mysqlpool.PoolStats) int64 { return s.Undone + s.Reset + s.Dirty }
