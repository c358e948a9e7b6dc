package chaos

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// server is a server that can be killed and started again, with a user for the
// driver under test who has no right to the connection that servers reserve for
// their administrators.
type server struct {
	*servers.Server
	addr     string
	dsn      string // as the user app
	otherDSN string // as another such user
}

const (
	appUser     = "app"
	otherUser   = "other"
	appPassword = "secret"
)

func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	s, err := servers.Find(t.Context(), servers.Options{Kinds: []servers.Kind{servers.Local},
		Args: append(servers.DurableArgs, args...)})
	if err != nil {
		if errors.Is(err, servers.ErrNone) && os.Getenv(envReal) == "" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	cfg, err := mysql.ParseDSN(s.DSN)
	if err != nil {
		t.Fatal(err)
	}
	dsns := map[string]string{}
	for _, user := range []string{appUser, otherUser} {
		exec(t, s.Monitor(),
			fmt.Sprintf("CREATE USER %s@'%%' IDENTIFIED BY '%s'", user, appPassword),
			fmt.Sprintf("GRANT ALL ON `%s`.* TO %s@'%%'", cfg.DBName, user))
		cfg.User, cfg.Passwd = user, appPassword
		dsns[user] = cfg.FormatDSN()
	}
	return &server{Server: s, addr: cfg.Addr, dsn: dsns[appUser], otherDSN: dsns[otherUser]}
}

// connections returns the ids of the connections that a user has.
func connections(db *sql.DB, user string) (ids []int64, err error) {
	rows, err := db.Query("SELECT id FROM information_schema.processlist WHERE user = ?", user)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// wantConnections waits until the user app has that many.
func (s *server) wantConnections(t *testing.T, want func() int) {
	t.Helper()
	eventually(t, func() error {
		ids, err := connections(s.Monitor(), appUser)
		if n := want(); err == nil && len(ids) != n {
			err = fmt.Errorf("the server has %d connections, want %d", len(ids), n)
		}
		return err
	})
}
