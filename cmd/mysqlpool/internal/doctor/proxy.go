package doctor

import (
	"context"
	"io"
	"time"
)

// ResetAnswer is what came of COM_RESET_CONNECTION.
type ResetAnswer string

const (
	ResetWorks    ResetAnswer = "works"
	ResetIgnored  ResetAnswer = "ignored" // answered with OK, and a user variable is still there
	ResetRefused  ResetAnswer = "refused" // an error
	ResetNotTried ResetAnswer = "not_tried"
)

// readProxy looks for what a proxy does that hands each statement to another
// connection, or only claims to reset.
func (s *session) readProxy(ctx context.Context, r *Readings) error {
	changes, err := s.idsChange(ctx)
	if err != nil {
		return err
	}
	if r.IDsChange = changes; changes {
		if r.StmtsPin, err = s.stmtPins(ctx); err != nil {
			return err
		}
	}
	r.Reset, err = s.reset(ctx)
	return err
}

// idsChange reports whether CONNECTION_ID() changes between queries on one
// connection.
func (s *session) idsChange(ctx context.Context) (bool, error) {
	first := ""
	for range identities {
		row, err := s.row(ctx, "SELECT CONNECTION_ID()")
		if err != nil || len(row) == 0 {
			return false, err
		}
		if first == "" {
			first = row[0]
		}
		if row[0] != first {
			return true, nil
		}
	}
	return false, nil
}

// stmtPins reports whether ids that change between queries no longer do while a
// prepared statement is kept: then each kept statement holds a connection of
// the proxy to its server.
func (s *session) stmtPins(ctx context.Context) (bool, error) {
	pins := false
	err := within(ctx, s.timeout, func(limited context.Context) error {
		stmt, err := s.conn.PrepareContext(limited, "SELECT ?")
		if err != nil {
			return err
		}
		defer stmt.Close()
		rows, err := stmt.QueryContext(limited, 1)
		if err != nil {
			return err
		}
		rows.Close()
		changes, err := s.idsChange(ctx)
		pins = !changes
		return err
	})
	if isAnswer(err) {
		return false, nil
	}
	return pins, err
}

// reset sends COM_RESET_CONNECTION, which the stock driver does not. That can be
// done where packets are sent as they are, without TLS and compression.
func (s *session) reset(ctx context.Context) (ResetAnswer, error) {
	if s.cfg.TLS != nil || s.cfg.Net != "tcp" && s.cfg.Net != "unix" || s.dialed == nil || s.compresses() {
		return ResetNotTried, nil
	}
	if set, err := s.row(ctx, "SELECT @mysqlpool_doctor := 1"); err != nil || len(set) == 0 {
		return ResetNotTried, err
	}
	answer := ResetNotTried
	err := s.conn.Raw(func(any) error {
		s.dialed.SetDeadline(time.Now().Add(s.timeout))
		defer s.dialed.SetDeadline(time.Time{})
		stop := context.AfterFunc(ctx, func() { s.dialed.SetDeadline(time.Unix(1, 0)) })
		defer stop()
		// One packet of one byte (MySQL Internals, "COM_RESET_CONNECTION").
		if _, err := s.dialed.Write([]byte{1, 0, 0, 0, 0x1f}); err != nil {
			return err
		}
		head := make([]byte, 4)
		if _, err := io.ReadFull(s.dialed, head); err != nil {
			return err
		}
		body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
		if _, err := io.ReadFull(s.dialed, body); err != nil {
			return err
		}
		if len(body) > 0 && body[0] == 0 {
			answer = ResetWorks
		} else {
			answer = ResetRefused
		}
		return nil
	})
	if err != nil || answer != ResetWorks {
		return answer, err
	}
	left, err := s.row(ctx, "SELECT @mysqlpool_doctor")
	if err == nil && len(left) > 0 && left[0] != "" {
		answer = ResetIgnored
	}
	return answer, err
}
