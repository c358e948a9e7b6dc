package doctor

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Readings is what the server and the stock driver say. A number is nil if the
// server does not tell it.
type Readings struct {
	Version string `json:"version"`
	Flavour string `json:"flavour"` // MariaDB, MySQL, or what else its version says

	WaitTimeout          *int64 `json:"wait_timeout_seconds"`        // of the session, as the DSN may set it
	InteractiveTimeout   *int64 `json:"interactive_timeout_seconds"` // global
	MaxConnections       *int64 `json:"max_connections"`
	MaxUserConnections   *int64 `json:"max_user_connections"`        // of the account; 0 is no limit
	MaxUserGlobal        *int64 `json:"max_user_connections_global"` // for accounts without their own
	MaxPreparedStmtCount *int64 `json:"max_prepared_stmt_count"`

	Connections     *int64 `json:"connections"`           // now, ours among them
	MaxUsed         *int64 `json:"max_used_connections"`  // at a time since the start
	RefusedForRoom  *int64 `json:"connections_refused"`   // since the start, because max_connections was met
	PreparedStmts   *int64 `json:"prepared_stmt_count"`   // now, of all clients
	InitConnect     string `json:"init_connect"`          // what the server runs at each login; "" is nothing
	TLSVersion      string `json:"tls_version"`           // of this connection; "" is none
	TLSOnServer     *bool  `json:"tls_on_server"`         // whether the server can
	Network         string `json:"network"`               // tcp, unix, …
	Local           bool   `json:"local"`                 // a unix socket, or an address of this machine
	Size            int    `json:"pool_size"`             // as the DSN has it, else the default
	Interpolates    bool   `json:"interpolate_params"`    // the DSN says interpolateParams
	WaitTimeoutOurs bool   `json:"wait_timeout_from_dsn"` // the DSN sets it

	RoundTrip Spread `json:"round_trip_ms"`
	Login     Spread `json:"login_ms"`
}

// Spread is a median and between what half of the samples lie, in milliseconds.
type Spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	N      int     `json:"samples"`
}

func spreadOf(samples []time.Duration) Spread {
	slices.Sort(samples)
	at := func(part float64) float64 {
		return float64(samples[int(part*float64(len(samples)-1)+0.5)]) / float64(time.Millisecond)
	}
	return Spread{at(.5), at(.25), at(.75), len(samples)}
}

const (
	pings  = 101
	logins = 7
)

// read asks a server, over the stock driver.
func read(ctx context.Context, dsn string) (r Readings, err error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return r, errors.New("not a DSN")
	}
	r.Network, r.Local = cfg.Net, isLocal(cfg)
	r.Interpolates = cfg.InterpolateParams
	_, r.WaitTimeoutOurs = cfg.Params["wait_timeout"]

	var took []time.Duration
	for range logins {
		start := time.Now()
		db, err := sql.Open("mysql", dsn)
		if err != nil {
			return r, errors.New("not a DSN")
		}
		err = db.PingContext(ctx)
		took = append(took, time.Since(start))
		db.Close()
		if err != nil {
			return r, err
		}
	}
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return r, errors.New("not a DSN")
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return r, err
	}
	defer c.Close()
	trips, err := roundTrips(ctx, c)
	if err != nil {
		return r, err
	}
	r.RoundTrip = spreadOf(trips)
	// A login was timed with the ping that shows it.
	for i := range took {
		took[i] = max(took[i]-time.Duration(r.RoundTrip.Median*float64(time.Millisecond)), 0)
	}
	r.Login = spreadOf(took)
	return r, r.ask(ctx, c)
}

func roundTrips(ctx context.Context, c *sql.Conn) (took []time.Duration, err error) {
	err = c.Raw(func(dc any) error {
		for range pings {
			start := time.Now()
			if err := dc.(driver.Pinger).Ping(ctx); err != nil {
				return err
			}
			took = append(took, time.Since(start))
		}
		return nil
	})
	return took, err
}

// ask takes what the server says of itself. What one does not know stays unknown.
func (r *Readings) ask(ctx context.Context, c *sql.Conn) error {
	session, err := pairs(ctx, c, "SHOW SESSION VARIABLES")
	if err != nil {
		return err
	}
	global, err := pairs(ctx, c, "SHOW GLOBAL VARIABLES")
	if err != nil {
		return err
	}
	status, err := pairs(ctx, c, "SHOW GLOBAL STATUS")
	if err != nil {
		return err
	}
	own, err := pairs(ctx, c, "SHOW SESSION STATUS")
	if err != nil {
		return err
	}
	var comment sql.NullString
	if err := c.QueryRowContext(ctx, "SELECT VERSION()").Scan(&r.Version); err != nil && !isAnswer(err) {
		return err
	}
	comment.String = session["version_comment"]
	r.Flavour = flavour(r.Version, comment.String)
	r.WaitTimeout = number(session, "wait_timeout")
	r.InteractiveTimeout = number(global, "interactive_timeout")
	r.MaxConnections = number(global, "max_connections")
	r.MaxUserConnections = number(session, "max_user_connections")
	r.MaxUserGlobal = number(global, "max_user_connections")
	r.MaxPreparedStmtCount = number(global, "max_prepared_stmt_count")
	r.Connections = number(status, "threads_connected")
	r.MaxUsed = number(status, "max_used_connections")
	r.RefusedForRoom = number(status, "connection_errors_max_connections")
	r.PreparedStmts = number(status, "prepared_stmt_count")
	r.InitConnect = global["init_connect"]
	r.TLSVersion = own["ssl_version"]
	if have, ok := global["have_ssl"]; ok {
		can := have == "YES"
		r.TLSOnServer = &can
	} else if _, ok := global["tls_version"]; ok { // MySQL 8.4 has no have_ssl
		can := global["ssl_cert"] != "" || r.TLSVersion != ""
		r.TLSOnServer = &can
	}
	return nil
}

// flavour is whose server it is.
func flavour(version, comment string) string {
	both := strings.ToLower(version + " " + comment)
	for _, f := range []struct{ sign, name string }{
		{"mariadb", "MariaDB"}, {"percona", "Percona Server"}, {"tidb", "TiDB"}, {"vitess", "Vitess"}, {"dolt", "go-mysql-server"},
	} {
		if strings.Contains(both, f.sign) {
			return f.name
		}
	}
	return "MySQL"
}

// pairs is the answer to SHOW VARIABLES or SHOW STATUS, names in lower case;
// nothing of a server that refuses it.
func pairs(ctx context.Context, c *sql.Conn, query string) (map[string]string, error) {
	all := map[string]string{}
	rows, err := c.QueryContext(ctx, query)
	if err != nil {
		if isAnswer(err) {
			return all, nil
		}
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, value sql.NullString
		if err := rows.Scan(&name, &value); err != nil {
			return nil, fmt.Errorf("%s: %w", query, err)
		}
		all[strings.ToLower(name.String)] = value.String
	}
	if err := rows.Err(); err != nil && !isAnswer(err) {
		return nil, err
	}
	return all, nil
}

// isAnswer reports whether the server answered, with an error.
func isAnswer(err error) bool {
	var answer *mysql.MySQLError
	return errors.As(err, &answer)
}

func number(all map[string]string, name string) *int64 {
	n, err := strconv.ParseInt(all[name], 10, 64)
	if err != nil {
		return nil
	}
	return &n
}
