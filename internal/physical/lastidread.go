package physical

import (
	"context"
	"strconv"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
)

// saveLastID reads what is uncertain before the connection is closed though it is
// good, as for its age: it would be lost with it.
func saveLastID(p *Conn) {
	var err error
	defer p.survive("the reading of LAST_INSERT_ID()", &err)
	err = resolveLastID(context.Background(), p)
}

// readLastID reads it from the session, and notes it for its user.
func readLastID(ctx context.Context, p *Conn) error {
	row, err := queryRow(ctx, p, "SELECT LAST_INSERT_ID()")
	if err != nil {
		return err
	}
	id, err := strconv.ParseUint(row[0], 10, 64)
	if err != nil {
		return err
	}
	s := p.diagnostics.lastID
	p.diagnostics.lastID = sessionID{value: id}
	if s.user == nil {
		return nil
	}
	s.user.LastID.resolve(s.leased, func(guess uint64) (uint64, bool) {
		return id, s.own || !s.unknown && id != s.value || id != 0 && id == guess
	})
	return nil
}

// resolveLastID reads the id of a connection that is about to change hands, if it is
// uncertain, unless its user is closed and cannot read it any more.
func resolveLastID(ctx context.Context, p *Conn) error {
	user := p.diagnostics.lastID.user
	if user == nil {
		return nil
	}
	if user.LastID.userClosed.Load() {
		p.diagnostics.lastID = sessionID{unknown: true}
		return nil
	}
	// Not until the next user's context ends: it would cost the former one the id.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), PingTimeout)
	defer cancel()
	err := readLastID(ctx, p)
	if err == nil || !p.IsValid() {
		return err
	}
	// The server does not say, or as the session is now (sql_select_limit,
	// character_set_results) not so that it can be read.
	p.diagnostics.lastID = sessionID{unknown: true}
	if mysqlerr.Number(err) != 0 {
		p.flags.forget()
	}
	return nil
}
