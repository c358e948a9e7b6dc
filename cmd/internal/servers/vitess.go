package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// builtVitess is where make test-others builds Vitess and puts what sets its
// MySQL up.
const builtVitess = "/var/tmp/mysqlpool/vitess"

// otherStartTimeout bounds the start of TiDB and of Vitess.
const otherStartTimeout = 90 * time.Second

// vitessTopo is two keyspaces of one shard, and one of two.
const vitessTopo = `keyspaces:{name:"ks1" shards:{name:"0"}} keyspaces:{name:"ks2" shards:{name:"0"}} keyspaces:{name:"ks3" shards:{name:"-80"} shards:{name:"80-"}}`

// vitessSchemas is where a MySQL server has them.
var vitessSchemas = []string{"vt_ks1_0", "vt_ks2_0", "vt_ks3_-80", "vt_ks3_80-"}

// vitessVSchema is how ks3 is sharded.
const vitessVSchema = `{"sharded": true, "vindexes": {"hash": {"type": "hash"}}, "tables": {"sharded": {"column_vindexes": [{"column": "id", "name": "hash"}]}}}`

// vitess is vtcombo, which is all of Vitess in one process, before a MySQL server.
type vitess struct {
	dir                   string // private, but others may pass through: Vitess does not run as root
	mysqld, vtcombo       *process
	socket                string
	web, grpc, port, back int
}

// startVitess starts it. The DSN's schema is the keyspace ks1; ks2 is another, and ks3
// is sharded, with a table "sharded" by its id.
func startVitess(ctx context.Context, _ Options) (_ *Server, err error) {
	if _, err := os.Stat(filepath.Join(builtVitess, "vtcombo")); err != nil {
		return nil, fmt.Errorf("no Vitess: %w (make test-others builds it)", err)
	}
	b, err := findGroupBinary(ctx)
	if err != nil {
		return nil, err
	}
	v := &vitess{}
	if v.dir, err = privateDir(); err != nil {
		return nil, err
	}
	s := &Server{Kind: Vitess, vitess: v, stop: []func(){v.stop}}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	for _, port := range []*int{&v.web, &v.grpc, &v.port, &v.back} {
		if *port, err = freePort(); err != nil {
			return nil, err
		}
	}
	v.socket = filepath.Join(v.dir, "s")
	if err := errors.Join(os.Chmod(v.dir, 0o711), os.Mkdir(filepath.Join(v.dir, "tmp"), 0o700), os.Mkdir(filepath.Join(v.dir, "vt"), 0o700),
		os.Mkdir(filepath.Join(v.dir, "mysqld"), 0o700), os.MkdirAll(filepath.Join(v.dir, "vt", "schema", "ks3"), 0o755),
		os.WriteFile(filepath.Join(v.dir, "vt", "schema", "ks3", "vschema.json"), []byte(vitessVSchema), 0o644)); err != nil {
		return nil, err
	}
	if err := v.startMySQL(ctx, b); err != nil {
		return nil, err
	}
	if err := v.run(ctx); err != nil {
		return nil, err
	}
	s.DSN = v.dsn("ks1")
	if err := s.connect(ctx); err != nil {
		return nil, fmt.Errorf("logging in: %w", err)
	}
	s.Name = fmt.Sprintf("Vitess %s, a vtcombo started here", s.Version)
	return s, nil
}

func (v *vitess) dsn(keyspace string) string {
	return dsnFor("tcp", fmt.Sprintf("127.0.0.1:%d", v.port), "", keyspace)
}

func (v *vitess) startMySQL(ctx context.Context, b *binary) error {
	data, tmp := filepath.Join(v.dir, "data"), filepath.Join(v.dir, "tmp")
	if err := b.initDataDir(ctx, data, tmp, filepath.Join(v.dir, "init.log")); err != nil {
		return err
	}
	cmd := exec.Command(b.path, append(append(b.baseArgs(), lightArgs...), "--datadir="+data, "--tmpdir="+tmp, fmt.Sprintf("--port=%d", v.back),
		"--socket="+v.socket, "--pid-file="+filepath.Join(v.dir, "pid"), "--bind-address=127.0.0.1", "--skip-name-resolve", "--mysqlx=OFF",
		"--loose-performance-schema=0", "--server-id=1", "--log-bin=bin", "--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--max-connections=200")...)
	cmd.Env = b.env()
	dsn := dsnFor("unix", v.socket, "", "")
	var err error
	if v.mysqld, err = startOther(cmd, filepath.Join(v.dir, "mysqld")); err != nil {
		return err
	}
	if err := v.mysqld.awaitServer(ctx, dsn, filepath.Join(v.dir, "mysqld", "log")); err != nil {
		return err
	}
	setup, err := os.ReadFile(filepath.Join(builtVitess, "init_db.sql"))
	if err != nil {
		return err
	}
	db, err := openQuietly(dsn + "?multiStatements=true")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	statements := []string{string(setup), "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF"}
	for _, schema := range vitessSchemas {
		statements = append(statements, "CREATE DATABASE `"+schema+"`")
	}
	for _, st := range statements {
		if _, err := db.ExecContext(ctx, st); err != nil {
			return fmt.Errorf("setting MySQL up for Vitess: %.40q: %w", st, err)
		}
	}
	return nil
}

// run starts vtcombo and returns once it takes logins and has found its tablets.
func (v *vitess) run(ctx context.Context) error {
	args := []string{filepath.Join(builtVitess, "vtcombo"),
		"--port", fmt.Sprint(v.web), "--bind-address", "127.0.0.1", "--grpc-port", fmt.Sprint(v.grpc), "--grpc-bind-address", "127.0.0.1",
		"--db-charset", "utf8mb4", "--db-app-user", "vt_dba", "--db-app-password", "", "--db-dba-user", "vt_dba", "--db-dba-password", "",
		"--proto-topo", vitessTopo, "--mycnf-server-id", "1", "--mycnf-socket-file", v.socket, "--db-socket", v.socket, "--normalize-queries",
		"--dbddl-plugin", "vttest", "--foreign-key-mode", "allow", "--tablet-refresh-interval", "10s", "--gateway-initial-tablet-timeout", "30s",
		"--queryserver-config-pool-size", "8", "--queryserver-config-stream-pool-size", "8", "--queryserver-config-transaction-cap", "20",
		"--schema-dir", filepath.Join(v.dir, "vt", "schema"), "--mysql-server-version", "8.4.6-Vitess", "--mysql-auth-server-impl", "none",
		"--mysql-server-port", fmt.Sprint(v.port), "--mysql-server-bind-address", "127.0.0.1"}
	if os.Geteuid() == 0 { // it refuses to run as root
		if err := os.Chown(filepath.Join(v.dir, "vt"), nobody, nobody); err != nil {
			return err
		}
		args = append([]string{"setpriv", fmt.Sprintf("--reuid=%d", nobody), fmt.Sprintf("--regid=%d", nobody), "--clear-groups"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "VTDATAROOT="+filepath.Join(v.dir, "vt"))
	var err error
	if v.vtcombo, err = startOther(cmd, filepath.Join(v.dir, "vt")); err != nil {
		return err
	}
	return v.vtcombo.awaitServer(ctx, v.dsn("ks1"), filepath.Join(v.dir, "vt", "log"))
}

// nobody is the user and the group without rights, on Linux.
const nobody = 65534

func (v *vitess) stop() {
	for _, p := range []*process{v.vtcombo, v.mysqld} {
		if p != nil {
			p.kill()
		}
	}
	os.RemoveAll(v.dir)
}

// RestartVitess kills vtcombo and starts it again on the same port, with the same MySQL
// server behind it. Only a server of the kind Vitess can.
func (s *Server) RestartVitess(ctx context.Context) error {
	if s.vitess == nil {
		return fmt.Errorf("%s is not Vitess", s.Name)
	}
	s.vitess.vtcombo.kill()
	return s.vitess.run(ctx)
}
