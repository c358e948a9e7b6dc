package watch

import (
	"context"
	"database/sql"
)

// A conn is a line of a server's connection list.
type conn struct {
	ID      int64  `json:"id"`
	Host    string `json:"host,omitempty"` // host:port, if there are several
	User    string `json:"user"`
	DB      string `json:"db"`
	Command string `json:"command"`
	Time    int64  `json:"time"` // seconds
	Own     bool   `json:"own"`  // the one that asked
}

// list asks the server for its connections.
func list(ctx context.Context, db *sql.DB) (conns []conn, err error) {
	rows, err := db.QueryContext(ctx, `SELECT id, user, COALESCE(db, ''), command, COALESCE(time, 0), id = CONNECTION_ID()
		FROM information_schema.PROCESSLIST ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c conn
		if err := rows.Scan(&c.ID, &c.User, &c.DB, &c.Command, &c.Time, &c.Own); err != nil {
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, rows.Err()
}
