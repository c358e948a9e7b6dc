package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A binary is a mariadbd or mysqld on this machine, and what its maker and
// version want of whoever starts it.
type binary struct {
	path         string
	maria        bool
	major, minor int
	base         string // where it was unpacked, "" where it knows that itself
}

// findBinary finds the server to start: the one that MYSQL_POOL_TEST_MYSQLD
// names, else the first mariadbd, else the first mysqld.
func findBinary(ctx context.Context) (*binary, error) {
	if path := os.Getenv(EnvMysqld); path != "" {
		b, err := inspect(ctx, path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", EnvMysqld, err)
		}
		return b, nil
	}
	// Most systems keep servers out of an ordinary user's PATH.
	dirs := append(filepath.SplitList(os.Getenv("PATH")),
		"/usr/sbin", "/usr/bin", "/usr/libexec", "/usr/local/sbin", "/usr/local/bin", "/usr/local/libexec",
		"/usr/local/mysql/bin", "/usr/local/mariadb/bin", "/opt/homebrew/bin",
		"/opt/homebrew/opt/mariadb/bin", "/opt/homebrew/opt/mysql/bin")
	var failed error
	for _, name := range []string{"mariadbd", "mysqld"} {
		for _, dir := range dirs {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err != nil || info.IsDir() {
				continue
			}
			b, err := inspect(ctx, path)
			if err == nil {
				return b, nil
			}
			failed = err
		}
	}
	if failed != nil {
		return nil, failed
	}
	return nil, errors.New("no mariadbd or mysqld in PATH or the usual places: install MariaDB or MySQL, or name one in " + EnvMysqld)
}

// "Ver 10.11.19-MariaDB", "Ver 8.4.3 for Linux", "Ver 5.6.24".
var versionPattern = regexp.MustCompile(`Ver (\d+)\.(\d+)\.`)

func inspect(ctx context.Context, path string) (*binary, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	b := &binary{path: path}
	cmd := exec.CommandContext(ctx, path, "--no-defaults", "--version")
	cmd.Env = b.env()
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", path, err)
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return nil, fmt.Errorf("%s --version: want \"... Ver 8.4.3 ...\", got %q", path, out)
	}
	b.major, _ = strconv.Atoi(string(m[1]))
	b.minor, _ = strconv.Atoi(string(m[2]))
	b.maria = strings.Contains(string(out), "MariaDB")
	b.base = baseDir(path)
	return b, nil
}

// baseDir returns the folder that a server was unpacked in, recognised by its
// share folder, or "" for one that the system installed.
func baseDir(path string) string {
	dir := filepath.Dir(path)
	if dir == "/usr/sbin" || dir == "/usr/bin" || dir == "/usr/libexec" {
		return ""
	}
	for _, base := range []string{dir, filepath.Dir(dir)} {
		if isDir(filepath.Join(base, "share", "charsets")) || isDir(filepath.Join(base, "share", "english")) {
			return base
		}
	}
	return ""
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// env is the environment to run the server in: libraries that were packed with
// it lie beside it.
func (b *binary) env() []string {
	env := os.Environ()
	dir := filepath.Dir(b.path)
	if libs, _ := filepath.Glob(filepath.Join(dir, "lib*.so*")); len(libs) > 0 {
		path := dir
		if old := os.Getenv("LD_LIBRARY_PATH"); old != "" {
			path += string(os.PathListSeparator) + old
		}
		env = append(env, "LD_LIBRARY_PATH="+path)
	}
	return env
}

// baseArgs come first on every command line of the server.
func (b *binary) baseArgs() []string {
	args := []string{"--no-defaults"}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root") // it would refuse to run as root otherwise
	}
	if b.base != "" {
		share := filepath.Join(b.base, "share")
		args = append(args, "--basedir="+b.base, "--lc-messages-dir="+share)
		if charsets := filepath.Join(share, "charsets"); isDir(charsets) {
			args = append(args, "--character-sets-dir="+charsets)
		}
	}
	return args
}

// lightArgs make a server small and quick, above all where the disk is busy: the
// data need not survive a power cut. Each maker and version passes over what it
// does not have ("loose").
var lightArgs = []string{
	"--loose-innodb-buffer-pool-size=16M",
	"--loose-innodb-log-file-size=4M",
	"--loose-innodb-flush-log-at-trx-commit=0",
	"--loose-innodb-flush-method=nosync",
	"--loose-innodb-doublewrite=0",
}

// old reports MySQL 5.6 and before: no --initialize, and TLS so old that
// neither side of today would speak it.
func (b *binary) old() bool { return !b.maria && b.major == 5 && b.minor < 7 }

func (b *binary) canTLS() bool { return !b.old() }

// initDataDir makes the data directory, with a root without password that only
// the server's next start, on initSQL, gives one. tmpDir is for this server
// alone: at its start a server deletes the temporary tables that it finds, also
// those of another one.
func (b *binary) initDataDir(ctx context.Context, dataDir, tmpDir, logFile string) error {
	var cmd *exec.Cmd
	switch {
	case b.old():
		return b.copyDataDir(dataDir)
	case b.maria:
		script, err := b.installScript()
		if err != nil {
			return err
		}
		// --force: on a machine whose own name cannot be looked up it goes on.
		args := []string{"--no-defaults", "--datadir=" + dataDir, "--auth-root-authentication-method=normal",
			"--skip-test-db", "--skip-name-resolve", "--force"}
		if os.Geteuid() == 0 {
			args = append(args, "--user=root")
		}
		if b.base != "" {
			args = append(args, "--basedir="+b.base)
		}
		cmd = exec.CommandContext(ctx, script, append(args, lightArgs...)...)
	default:
		args := append(b.baseArgs(), "--initialize-insecure", "--datadir="+dataDir)
		cmd = exec.CommandContext(ctx, b.path, append(args, lightArgs...)...)
	}
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Env = append(b.env(), "TMPDIR="+tmpDir)
	cmd.Stdout, cmd.Stderr = log, log
	// The script's children must go too when we are told to stop.
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { killGroup(cmd.Process.Pid); return nil }
	err = cmd.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("making a data directory: %w", context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("making a data directory: %s: %w; it says:\n%s", cmd.Path, err, logTail(logFile, "\x00"))
	}
	return nil
}

// installScript finds mariadb-install-db, by its new name or its old one.
func (b *binary) installScript() (string, error) {
	dir := filepath.Dir(b.path)
	for _, d := range []string{dir, filepath.Join(dir, "../scripts"), filepath.Join(dir, "../bin")} {
		for _, name := range []string{"mariadb-install-db", "mysql_install_db"} {
			path := filepath.Join(d, name)
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
	}
	for _, name := range []string{"mariadb-install-db", "mysql_install_db"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no mariadb-install-db near %s or in PATH: install the rest of the MariaDB server package", b.path)
}

// copyDataDir takes the data directory that packages of MySQL 5.6 bring along.
func (b *binary) copyDataDir(dataDir string) error {
	for _, template := range []string{"data/mysql", "data"} {
		template = filepath.Join(b.base, template)
		if !isDir(filepath.Join(template, "mysql")) {
			continue
		}
		if err := os.CopyFS(dataDir, os.DirFS(template)); err != nil {
			return fmt.Errorf("copying the data directory: %w", err)
		}
		return nil
	}
	return fmt.Errorf("MySQL %d.%d cannot make a data directory by itself, and there is none to copy in %s",
		b.major, b.minor, filepath.Join(b.base, "data"))
}

// initSQL is what the server runs before it takes the first connection: root
// may log in from here, with this password only. Each statement is one line, as
// the server wants it.
func (b *binary) initSQL(password string) string {
	var sql strings.Builder
	// 127.0.0.1 and localhost too: where these exist, they win over %.
	for _, host := range []string{"localhost", "127.0.0.1", "%"} {
		account := "'root'@'" + host + "'"
		if b.maria || b.old() {
			fmt.Fprintf(&sql, "GRANT ALL ON *.* TO %s IDENTIFIED BY '%s' WITH GRANT OPTION;\n", account, password)
			continue
		}
		fmt.Fprintf(&sql, "CREATE USER IF NOT EXISTS %s;\n", account)
		fmt.Fprintf(&sql, "ALTER USER %s IDENTIFIED BY '%s';\n", account, password)
		fmt.Fprintf(&sql, "GRANT ALL ON *.* TO %s WITH GRANT OPTION;\n", account)
	}
	return sql.String()
}
