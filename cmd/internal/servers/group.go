package servers

import (
	"context"
	crand "crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"
)

// ErrNoGroup is what StartGroup's error matches (errors.Is) where there is no
// MySQL server that knows Group Replication. The error's text says why.
var ErrNoGroup = errors.New("MySQL with Group Replication is not installed")

// unpackedMysqld is where make test-others unpacks MySQL.
const unpackedMysqld = "/var/tmp/mysqlpool/sid/bin/mysqld"

// groupMembers is the least that has a majority when one is gone.
const groupMembers = 3

const groupName = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"

// A Group is a replication group of MySQL servers on this machine, with one
// primary. The others are read-only.
type Group struct {
	Members []*Member

	binary   *binary
	dir      string // private: all that the members read and write
	password string
	stopOnce sync.Once
}

// A Member is one server of a group.
type Member struct {
	node
	group    *Group
	id       int // from 1
	internal int // the port for the group
}

// StartGroup starts a group of three members on a private data directory, the
// first of which is the primary, and returns once all are ONLINE, which takes
// some fifteen seconds; ctx bounds that. It needs MySQL 8 or later: the one that
// MYSQL_POOL_TEST_MYSQLD names, or that make test-others unpacked, or mysqld in
// PATH.
func StartGroup(ctx context.Context) (_ *Group, err error) {
	g := &Group{password: crand.Text()}
	if g.binary, err = findGroupBinary(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoGroup, err)
	}
	if g.dir, err = privateDir(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			g.Stop()
		}
	}()
	for n := range groupMembers {
		m := &Member{node: node{kind: "group member", dir: filepath.Join(g.dir, fmt.Sprint(n+1)), password: g.password}, group: g, id: n + 1}
		if m.port, err = freePort(); err != nil {
			return nil, err
		}
		if m.internal, err = freePort(); err != nil {
			return nil, err
		}
		m.Addr = fmt.Sprintf("127.0.0.1:%d", m.port)
		m.DSN = dsnFor("tcp", m.Addr, g.password, "")
		if err := os.MkdirAll(m.path("tmp"), 0o700); err != nil {
			return nil, err
		}
		g.Members = append(g.Members, m)
	}
	if err := g.makeDataDirs(ctx); err != nil {
		return nil, err
	}
	for n, m := range g.Members {
		if err := m.start(ctx); err != nil {
			return nil, err
		}
		if err := m.setUp(ctx); err != nil {
			return nil, m.failed(err)
		}
		if err := m.join(ctx, n == 0); err != nil {
			return nil, m.failed(err)
		}
	}
	return g, nil
}

func findGroupBinary(ctx context.Context) (*binary, error) {
	if !canStartLocal {
		return nil, errors.New("starting servers is not supported on this system")
	}
	paths := []string{unpackedMysqld}
	if path := os.Getenv(EnvMysqld); path != "" {
		paths = append([]string{path}, paths...)
	}
	if path, err := exec.LookPath("mysqld"); err == nil {
		paths = append(paths, path)
	}
	for _, path := range paths {
		if b, err := inspect(ctx, path); err == nil && !b.maria && b.major >= 8 {
			return b, nil
		}
	}
	return nil, fmt.Errorf("none of %s is MySQL 8 or later (make test-others unpacks one)", strings.Join(paths, ", "))
}

// Stop ends every member and removes what they wrote. It may be called again.
func (g *Group) Stop() {
	g.stopOnce.Do(func() {
		for _, m := range g.Members {
			m.Crash()
		}
		os.RemoveAll(g.dir)
	})
}

// makeDataDirs makes the first member's, and copies it without its identity.
func (g *Group) makeDataDirs(ctx context.Context) error {
	first := g.Members[0]
	if err := g.binary.initDataDir(ctx, first.path("data"), first.path("tmp"), first.path("init.log")); err != nil {
		return err
	}
	for _, m := range g.Members {
		if m != first {
			if err := os.CopyFS(m.path("data"), os.DirFS(first.path("data"))); err != nil {
				return fmt.Errorf("copying the data directory: %w", err)
			}
			os.Remove(filepath.Join(m.path("data"), "auto.cnf"))
		}
		text := "SET sql_log_bin = 0;\n" + g.binary.initSQL(g.password)
		if err := os.WriteFile(m.path("init.sql"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Restart starts the member again after Crash, and returns once it is ONLINE in
// the group, of which the others must be a majority.
func (m *Member) Restart(ctx context.Context) error {
	if err := m.wantDown(); err != nil {
		return err
	}
	if err := m.start(ctx); err != nil {
		return err
	}
	if err := m.join(ctx, false); err != nil {
		return m.failed(err)
	}
	return nil
}

// start starts the server, which is in no group then.
func (m *Member) start(ctx context.Context) error {
	cmd := exec.Command(m.group.binary.path, m.args()...)
	cmd.Env = m.group.binary.env()
	cmd.Dir = m.dir
	return m.run(ctx, cmd, m.group.dir, func(ctx context.Context) error { return m.waitState(ctx, "SELECT 'up'", "up") })
}

// setUp makes what a member needs, before it joins for the first time, and has it
// forget that it wrote anything.
func (m *Member) setUp(ctx context.Context) error {
	return m.exec(ctx,
		"SET sql_log_bin = 0",
		"CREATE USER rpl@'%' IDENTIFIED BY 'rpl'",
		"GRANT REPLICATION SLAVE, CONNECTION_ADMIN, BACKUP_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO rpl@'%'",
		"CHANGE REPLICATION SOURCE TO SOURCE_USER='rpl', SOURCE_PASSWORD='rpl' FOR CHANNEL 'group_replication_recovery'",
		"SET sql_log_bin = 1",
		"RESET BINARY LOGS AND GTIDS")
}

// join joins the group, or makes it, and returns once the member is ONLINE.
func (m *Member) join(ctx context.Context, first bool) error {
	statements := []string{"START GROUP_REPLICATION"}
	if first {
		statements = []string{"SET GLOBAL group_replication_bootstrap_group = ON", "START GROUP_REPLICATION",
			"SET GLOBAL group_replication_bootstrap_group = OFF", "CREATE DATABASE " + testSchema}
	}
	if err := m.exec(ctx, statements...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, nodeStart, fmt.Errorf("it was not ONLINE within %v", nodeStart))
	defer cancel()
	return m.waitState(ctx, "SELECT MEMBER_STATE FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid", "ONLINE")
}

// exec runs statements on one connection.
func (m *Member) exec(ctx context.Context, statements ...string) error {
	db, err := openQuietly(m.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, s := range statements {
		if _, err := c.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// Primary returns the member that the group has as its primary, as member m says.
func (m *Member) Primary(ctx context.Context, db *sql.DB) (*Member, error) {
	var port int
	err := db.QueryRowContext(ctx, "SELECT MEMBER_PORT FROM performance_schema.replication_group_members WHERE MEMBER_ROLE = 'PRIMARY' AND MEMBER_STATE = 'ONLINE'").Scan(&port)
	if err != nil {
		return nil, err
	}
	for _, other := range m.group.Members {
		if other.port == port {
			return other, nil
		}
	}
	return nil, fmt.Errorf("the primary has port %d, which is no member's", port)
}

// SchemaDSN is DSN with the schema that tests may write to.
func (m *Member) SchemaDSN() string {
	cfg, err := mysql.ParseDSN(m.DSN)
	if err != nil {
		return m.DSN
	}
	cfg.DBName = testSchema
	return cfg.FormatDSN()
}

func (m *Member) args() []string {
	var seeds []string
	for _, other := range m.group.Members {
		seeds = append(seeds, fmt.Sprintf("127.0.0.1:%d", other.internal))
	}
	args := append(m.group.binary.baseArgs(), lightArgs...)
	return append(args,
		"--init-file="+m.path("init.sql"),
		"--datadir="+m.path("data"),
		"--tmpdir="+m.path("tmp"),
		fmt.Sprintf("--port=%d", m.port),
		"--socket="+m.path("s"),
		"--pid-file="+m.path("pid"),
		"--bind-address=127.0.0.1",
		"--skip-name-resolve",
		"--mysqlx=OFF",
		"--max-connections=100",
		"--table-open-cache=200",
		"--performance-schema=ON", // the members' states are there
		fmt.Sprintf("--server-id=%d", m.id),
		"--log-bin=bin",
		"--gtid-mode=ON",
		"--enforce-gtid-consistency=ON",
		"--report-host=127.0.0.1",
		fmt.Sprintf("--report-port=%d", m.port),
		"--plugin-load-add=group_replication.so",
		"--loose-group_replication_group_name="+groupName,
		"--loose-group_replication_start_on_boot=OFF",
		fmt.Sprintf("--loose-group_replication_local_address=127.0.0.1:%d", m.internal),
		"--loose-group_replication_group_seeds="+strings.Join(seeds, ","),
		"--loose-group_replication_recovery_get_public_key=ON",
		"--loose-group_replication_member_expel_timeout=0",
	)
}
