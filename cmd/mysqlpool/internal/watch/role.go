package watch

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// role is what a server says of its part among several.
type role struct {
	readOnly bool
	cluster  bool   // it is a member of a cluster, in which several may take writes
	unready  string // why it is no full member of its cluster; "" if it is, or is in none
}

// identitySQL is what a server calls itself, whatever address it was reached at.
const identitySQL = "CONCAT(@@hostname, ':', @@port, ':', @@datadir)"

// readRole asks a server for its identity and its role.
func readRole(ctx context.Context, db *sql.DB) (identity string, r role, err error) {
	if err := db.QueryRowContext(ctx, "SELECT "+identitySQL).Scan(&identity); err != nil {
		return "", r, err
	}
	// Not every server knows all of them.
	variables, err := named(ctx, db, "VARIABLES", "read_only", "super_read_only", "wsrep_on", "wsrep_provider", "group_replication_group_name")
	if err != nil {
		return "", r, err
	}
	r.readOnly = isOn(variables["read_only"]) || isOn(variables["super_read_only"])
	switch {
	case isOn(variables["wsrep_on"]) && variables["wsrep_provider"] != "none":
		status, err := named(ctx, db, "STATUS", "wsrep_ready", "wsrep_local_state_comment")
		if err != nil {
			return "", r, err
		}
		if ready, ok := status["wsrep_ready"]; ok {
			r.cluster = true
			if !isOn(ready) {
				r.unready = "the Galera node is not ready: " + status["wsrep_local_state_comment"]
			}
		}
	case variables["group_replication_group_name"] != "":
		var state, memberRole string
		err := db.QueryRowContext(ctx, "SELECT MEMBER_STATE, MEMBER_ROLE FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid").Scan(&state, &memberRole)
		if err == sql.ErrNoRows {
			state, err = "OFFLINE", nil
		}
		if err != nil {
			return "", r, err
		}
		r.cluster = true
		r.readOnly = r.readOnly || memberRole == "SECONDARY"
		if state != "ONLINE" {
			r.unready = "its state in the replication group is " + state
		}
	}
	return identity, r, nil
}

// named reads variables or status by name, those that the server knows.
func named(ctx context.Context, db *sql.DB, what string, names ...string) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SHOW GLOBAL %s WHERE Variable_name IN ('%s')", what, strings.Join(names, "', '")))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		all[strings.ToLower(name)] = value
	}
	return all, rows.Err()
}

// isOn reports whether a variable is on; read_only of MariaDB 12 has more values
// than two, all but OFF refuse writes.
func isOn(value string) bool {
	return value != "" && value != "0" && !strings.EqualFold(value, "OFF")
}
