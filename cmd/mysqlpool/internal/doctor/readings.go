package doctor

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// Readings is what one host says of itself. A number is nil if it does not tell
// it.
type Readings struct {
	Version string `json:"version"`
	Flavour string `json:"flavour"` // MariaDB, MySQL, or what else its version says

	WaitTimeout          *int64 `json:"wait_timeout_seconds"`        // of the session, as the DSN may set it
	InteractiveTimeout   *int64 `json:"interactive_timeout_seconds"` // global
	MaxConnections       *int64 `json:"max_connections"`             // 0 or less is no limit
	MaxUserConnections   *int64 `json:"max_user_connections"`        // of the account; 0 is no limit
	MaxUserGlobal        *int64 `json:"max_user_connections_global"` // for accounts without their own
	MaxPreparedStmtCount *int64 `json:"max_prepared_stmt_count"`     // below 0 is no limit
	InitConnect          string `json:"init_connect"`                // what the server runs at each login; "" is nothing

	Connections      *int64 `json:"connections_open"`          // now, ours among them
	AccountsOwn      *int64 `json:"connections_account"`       // of those, this account's, without the one that asks
	Others           *int64 `json:"connections_others"`        // of those, the other accounts'
	MaxUsed          *int64 `json:"connections_max_used"`      // at a time since the start
	Refused          *int64 `json:"connections_refused_total"` // since the start, because max_connections was met
	PreparedStmts    *int64 `json:"prepared_stmts_open"`       // now, of all clients
	Account          string `json:"account"`                   // as CURRENT_USER() has it
	ReadOnlyVariable string `json:"read_only"`                 // ON, OFF and the like; "" if there is none
	SuperReadOnly    string `json:"super_read_only"`
	MemberState      string `json:"group_member_state"` // of Group Replication; "" if it is no member
	MemberRole       string `json:"group_member_role"`
	WsrepState       string `json:"galera_state"` // "" if it is no node of a Galera cluster
	WsrepReady       string `json:"galera_ready"`
	identity         string // of the server, whatever its address

	Network     string      `json:"network"` // tcp, unix, …
	Local       bool        `json:"local"`   // a unix socket, or an address of this machine
	TLSVersion  string      `json:"tls_version"`
	TLSOnServer *bool       `json:"tls_on_server"` // whether the server can
	Certificate Certificate `json:"certificate"`
	ClockAhead  *float64    `json:"clock_ahead_seconds"` // the server's, of this machine's
	IDsChange   bool        `json:"connection_ids_change"`
	Reset       ResetAnswer `json:"reset_answer"`
	StmtsPin    bool        `json:"prepared_stmts_pin_backend"`
	RoundTrip   Spread      `json:"round_trip"`
	Login       Spread      `json:"login"`
}

// read asks one host.
func (s *session) read(ctx context.Context) (*Readings, error) {
	r := &Readings{Network: s.cfg.Net, Local: isLocal(s.cfg), Certificate: s.tls}
	for _, part := range []func(context.Context, *Readings) error{
		s.readVariables, s.readStatus, s.readAccount, s.readCluster, s.readClock, s.readProxy,
	} {
		if err := part(ctx, r); err != nil {
			return nil, err
		}
	}
	var err error
	r.RoundTrip, r.Login, err = s.measure(ctx)
	return r, err
}

func (s *session) readVariables(ctx context.Context, r *Readings) error {
	own, err := s.pairs(ctx, "SHOW SESSION VARIABLES")
	if err != nil {
		return err
	}
	global, err := s.pairs(ctx, "SHOW GLOBAL VARIABLES")
	if err != nil {
		return err
	}
	version, err := s.row(ctx, "SELECT VERSION()")
	if err != nil {
		return err
	}
	if len(version) > 0 {
		r.Version = version[0]
	}
	r.Flavour = flavour(r.Version, own["version_comment"])
	r.WaitTimeout = number(own, "wait_timeout")
	r.InteractiveTimeout = number(global, "interactive_timeout")
	r.MaxConnections = number(global, "max_connections")
	r.MaxUserConnections = number(own, "max_user_connections")
	r.MaxUserGlobal = number(global, "max_user_connections")
	r.MaxPreparedStmtCount = number(global, "max_prepared_stmt_count")
	r.InitConnect = global["init_connect"]
	r.ReadOnlyVariable, r.SuperReadOnly = global["read_only"], global["super_read_only"]
	r.identity = global["hostname"] + ":" + global["port"] + ":" + global["server_uuid"] + ":" + global["datadir"]
	if have, ok := global["have_ssl"]; ok {
		can := have == "YES"
		r.TLSOnServer = &can
	} else if _, ok := global["tls_version"]; ok { // MySQL 8.4 has no have_ssl
		can := global["ssl_cert"] != "" || s.tls.Seen
		r.TLSOnServer = &can
	}
	if on(global["wsrep_on"]) {
		r.WsrepState, r.WsrepReady = "unknown", "unknown" // until readStatus
	}
	return nil
}

func on(value string) bool { return value == "1" || strings.EqualFold(value, "ON") }

func (s *session) readStatus(ctx context.Context, r *Readings) error {
	status, err := s.pairs(ctx, "SHOW GLOBAL STATUS")
	if err != nil {
		return err
	}
	own, err := s.pairs(ctx, "SHOW SESSION STATUS LIKE 'Ssl_version'")
	if err != nil {
		return err
	}
	r.Connections = number(status, "threads_connected")
	r.MaxUsed = number(status, "max_used_connections")
	r.Refused = number(status, "connection_errors_max_connections")
	r.PreparedStmts = number(status, "prepared_stmt_count")
	r.TLSVersion = own["ssl_version"]
	if r.TLSVersion == "" && s.cfg.TLS != nil && !s.cfg.AllowFallbackToPlaintext {
		r.TLSVersion = s.tls.Version // the login succeeded, so that it was used
	}
	if r.WsrepState != "" {
		r.WsrepState, r.WsrepReady = status["wsrep_local_state_comment"], status["wsrep_ready"]
	}
	return nil
}

// readAccount counts who holds connections. Without the privilege PROCESS an
// account sees its own, which is enough.
func (s *session) readAccount(ctx context.Context, r *Readings) error {
	account, err := s.row(ctx, "SELECT CURRENT_USER()")
	if err != nil {
		return err
	}
	if len(account) > 0 {
		r.Account = account[0]
	}
	list, err := s.rows(ctx, "SHOW PROCESSLIST")
	if err != nil || r.Connections == nil {
		return err
	}
	own := int64(0)
	for _, row := range list {
		if len(row) > 1 && row[1] == s.cfg.User {
			own++
		}
	}
	own = min(max(own, 1), max(*r.Connections, 1)) // this one at least
	others := max(*r.Connections-own, 0)
	own--
	r.AccountsOwn, r.Others = &own, &others
	return nil
}

func (s *session) readCluster(ctx context.Context, r *Readings) error {
	if !strings.HasPrefix(r.Flavour, "MySQL") && r.Flavour != "Percona Server" {
		return nil
	}
	member, err := s.row(ctx, "SELECT MEMBER_STATE, MEMBER_ROLE FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid")
	if err == nil && len(member) == 2 && member[0] != "" {
		r.MemberState, r.MemberRole = member[0], member[1]
		if r.MemberState == "OFFLINE" && r.MemberRole == "" { // the plugin is there, and was not started
			r.MemberState = ""
		}
	}
	return err
}

func (s *session) readClock(ctx context.Context, r *Readings) error {
	before := time.Now()
	answer, err := s.row(ctx, "SELECT UNIX_TIMESTAMP()")
	if err != nil || len(answer) == 0 {
		return err
	}
	half := time.Since(before) / 2
	seconds, err := strconv.ParseFloat(answer[0], 64)
	if err != nil {
		return nil
	}
	// It says whole seconds: half a second later on average.
	theirs := time.Unix(0, int64((seconds+0.5)*float64(time.Second)))
	ahead := theirs.Sub(before.Add(half)).Round(100 * time.Millisecond).Seconds()
	r.ClockAhead = &ahead
	return nil
}

// Number is the version without what follows it.
func (r *Readings) Number() string {
	v := strings.TrimPrefix(r.Version, "5.5.5-")
	if _, tidb, ok := strings.Cut(v, "TiDB-"); ok {
		v = tidb
	}
	v, _, _ = strings.Cut(v, "-")
	return v
}

// notReady says why the host is no full member of its cluster; "" if it is, or
// is in none.
func (r *Readings) notReady() string {
	switch {
	case r.MemberState != "" && r.MemberState != "ONLINE":
		return "its state in the replication group is " + r.MemberState
	case r.WsrepState != "" && r.WsrepReady == "OFF":
		return "the Galera node is not ready: " + r.WsrepState
	}
	return ""
}

// readOnly reports whether writes are refused.
func (r *Readings) readOnly() bool {
	refuses := func(v string) bool { return v != "" && v != "0" && !strings.EqualFold(v, "OFF") }
	return refuses(r.ReadOnlyVariable) || refuses(r.SuperReadOnly) || r.MemberRole == "SECONDARY"
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

func number(all map[string]string, name string) *int64 {
	n, err := strconv.ParseInt(all[name], 10, 64)
	if err != nil {
		return nil
	}
	return &n
}
