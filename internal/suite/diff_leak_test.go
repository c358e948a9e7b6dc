package suite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// diffLeaks looks, after a program, at every connection that its pools keep: to
// a new handle each must look like one that nobody used before. It returns how
// many it looked at.
func diffLeaks(w *diffWorld, p *diffProgram) (looked int, err error) {
	if err := tryFor(patience, func() error {
		for _, s := range mysqlpool.Stats() {
			if s.InUse != 0 || s.Waiting != 0 || s.Pinned != 0 || s.Handles != 0 {
				return fmt.Errorf("all handles are closed, and something is in use: %+v", s)
			}
		}
		return checkSums()
	}); err != nil {
		return 0, err
	}
	if err := tryFor(patience, func() error {
		held, err := w.locks(p)
		if err == nil && len(held) > 0 {
			err = fmt.Errorf("named locks are held (lane|connection): %v", held)
		}
		return err
	}); err != nil {
		return 0, err
	}
	r := rand.New(rand.NewPCG(p.seed, 2))
	for _, variant := range p.variants() {
		n, err := w.leaksOf(diffHandle{variant: variant, schema: pick(r, "a", "b"), maxIdle: 10})
		looked += n
		if err != nil {
			return looked, err
		}
		if r.IntN(4) > 0 {
			continue
		}
		// Connections without a schema are for handles without one.
		n, err = w.leaksOf(diffHandle{variant: variant, maxIdle: 10})
		looked += n
		if err != nil {
			return looked, err
		}
	}
	return looked, nil
}

// leaksOf holds all connections of one pool at once, as far as they are for
// handles with that schema.
func (w *diffWorld) leaksOf(h diffHandle) (looked int, err error) {
	want, err := w.fresh(h)
	if err != nil {
		return 0, err
	}
	db, err := w.open(pooled, h)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), diffPatience)
	defer cancel()
	for {
		before := diffOpened()
		c, err := db.Conn(ctx)
		if err != nil {
			return looked, err
		}
		defer c.Close()
		isNew := diffOpened() > before
		got, err := w.look(ctx, c, looked+1)
		if err != nil {
			return looked, fmt.Errorf("a kept connection (%v): %w", h, err)
		}
		if !slices.Equal(got, want) {
			return looked, fmt.Errorf("a kept connection (%v) does not look as new:\nlooks %q\nwant  %q", h, missing(got, want), missing(want, got))
		}
		if !isNew {
			looked++
		}
		if isNew || !moreIdle() {
			return looked, nil
		}
	}
}

// moreIdle reports whether the one pool with a handle has connections that are
// not in use.
func moreIdle() bool {
	for _, s := range mysqlpool.Stats() {
		if s.Handles > 0 && s.Idle > 0 {
			return true
		}
	}
	return false
}

func diffOpened() (n int64) {
	for _, s := range mysqlpool.Stats() {
		n += s.Opened + s.LoginErrors
	}
	return n
}

// fresh returns what a connection of the stock driver looks like at first.
func (w *diffWorld) fresh(h diffHandle) ([]string, error) {
	if looks := w.base[h]; looks != nil {
		return looks, nil
	}
	db, err := w.open(stock, h)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	c, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	w.base[h], err = w.look(context.Background(), c, 1)
	return w.base[h], err
}

// diffLooks is what shows a session, in statements that by their texts neither
// leave state nor see any but the statement's before, so that looking changes
// nothing. The first is about the last statement of whoever had it before.
var diffLooks = []diffText{
	{queries: []string{"SHOW WARNINGS"}},
	{queries: []string{"SELECT LAST_INSERT_ID(), @@identity, @@warning_count, @@error_count"}},
	{queries: []string{"SELECT DATABASE(), {w}a.peek(), CHARSET('x'), COLLATION('x'), HEX('ä'), 1 || 0, " + // the last and the next show sql_mode
		`(SELECT "v" FROM {w}a.tmp LIMIT 1), (SELECT MAX(v) FROM {w}a.tmp), (SELECT MAX(v) FROM {w}b.tmp)`}},
	{queries: []string{"SELECT COLLATION(?), COERCIBILITY(?), CHARSET(?), COLLATION(CONCAT(?, 'x')), ? = ?"}, args: func(*rand.Rand) []any {
		return []any{"Łukasz", "Łukasz", []byte("x"), "ä", "Łukasz", "lukasz"}
	}},
	{queries: []string{"SELECT COUNT(*) FROM {w}a.people WHERE g LIKE CONCAT('%', ?, '%')"}, args: func(*rand.Rand) []any { return []any{"ü"} }},
	{queries: []string{"SHOW PROFILES"}},
}

// diffLooksOutside is how many of them open no transaction, whatever autocommit is.
const diffLooksOutside = 2

// lookInTx looks whether a transaction is open. The server's list of them is some
// 100 ms old, or more while others look at it too.
func (w *diffWorld) lookInTx(ctx context.Context, c *sql.Conn) string {
	var open int
	var err error
	tryFor(2*time.Second, func() error {
		if err = c.QueryRowContext(ctx, "SELECT "+w.inTx).Scan(&open); err == nil && open > 0 {
			return errors.New("there may be one")
		}
		return nil
	})
	return fmt.Sprintf("%d transactions, %s", open, diffError(err))
}

// look says what a session looks like. The write would fail under LOCK TABLES or in
// a transaction that can only read.
func (w *diffWorld) look(ctx context.Context, c *sql.Conn, n int) (all []string, err error) {
	for i, x := range diffLooks {
		if i == diffLooksOutside && w.inTx != "" {
			all = append(all, w.lookInTx(ctx, c))
		}
		if diffLeftOut("look " + x.queries[0]) {
			continue
		}
		var args []any
		if x.args != nil {
			args = x.args(nil)
		}
		rows, err := c.QueryContext(ctx, w.text(x.queries[0]), args...)
		// An error is an answer, too, as of a collation that does not suit.
		all = append(all, diffReplace(diffRows(rows, err, everyRow), w.name, "w"))
		if err != nil && errNumber(err) == 0 {
			return nil, fmt.Errorf("%s: %w", x.queries[0], err)
		}
	}
	// A row of its own for each, since they may not commit.
	_, err = c.ExecContext(ctx, w.text(fmt.Sprintf("UPDATE {w}a.shared SET n = n + 0 WHERE k = %d", n)))
	return all, err
}
