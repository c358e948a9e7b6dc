package suite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// Each test here is also one for what needServer checks: no connection and no
// goroutine is left behind.

// failAll uses a handle that cannot work in every way there is, and returns the
// errors.
func failAll(t *testing.T, db *sql.DB) (errs []error) {
	t.Helper()
	start := time.Now()
	add := func(err error) {
		if err == nil {
			err = errors.New("no error")
		}
		errs = append(errs, err)
	}
	add(db.Ping())
	_, err := db.Exec("SELECT 1")
	add(err)
	_, err = askConnectionID(db)
	add(err)
	_, err = db.Prepare("SELECT 1")
	add(err)
	_, err = db.Begin()
	add(err)
	_, err = db.Conn(t.Context())
	add(err)
	if took := time.Since(start); took > patience {
		t.Errorf("it took %v", took)
	}
	return errs
}

func errTexts(errs []error) (all []string) {
	for _, err := range errs {
		all = append(all, errText(err))
	}
	return all
}

// wantNumber wants each error to be the server's own of that number.
func wantNumber(t *testing.T, errs []error, number int) {
	t.Helper()
	for _, err := range errs {
		if errNumber(err) != number {
			t.Errorf("got %s, want the server's Error %d", errText(err), number)
		}
	}
}

// wrongPassword is no account's password, and no error has it for another reason. The
// server's own may be empty, or a word that errors have in them.
const wrongPassword = "not-the-password-7531"

// needPasswords skips the test if the server lets everybody in.
func (s *server) needPasswords(t *testing.T) {
	t.Helper()
	cfg := s.config(t)
	cfg.Passwd = wrongPassword
	db := openDSN(t, stock, cfg.FormatDSN())
	defer db.Close()
	if db.Ping() == nil {
		t.Skip("the server takes any password")
	}
}

// wantNoSecret wants the password in none of the errors.
func wantNoSecret(t *testing.T, secret string, errs ...error) {
	t.Helper()
	if len(secret) < 10 {
		t.Fatalf("a password of %d bytes could be in an error by chance, or is in each: give the test one of its own", len(secret))
	}
	for _, err := range errs {
		if err != nil && strings.Contains(err.Error()+fmt.Sprintf("%#v", err), secret) {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

// config returns the test's DSN in parts.
func (s *server) config(t *testing.T) *mysql.Config {
	t.Helper()
	cfg, err := mysql.ParseDSN(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestSuiteWrongPassword(t *testing.T) {
	s := needServer(t)
	cfg := s.config(t)
	cfg.Passwd = wrongPassword
	s.needPasswords(t)
	connectionID(t, s.open(t, pooled, "")) // one of the right password lies idle
	asStock(t, func(t *testing.T, driver string) []string {
		errs := failAll(t, openDSN(t, driver, cfg.FormatDSN()))
		wantNumber(t, errs, 1045)
		wantNoSecret(t, cfg.Passwd, errs...)
		return errTexts(errs)
	})
}

func TestSuiteUnknownUser(t *testing.T) {
	s := needServer(t)
	cfg := s.config(t)
	cfg.User, cfg.Passwd = "nobody_"+s.schema[len(s.schema)-6:], wrongPassword
	s.needPasswords(t)
	asStock(t, func(t *testing.T, driver string) []string {
		errs := failAll(t, openDSN(t, driver, cfg.FormatDSN()))
		wantNoSecret(t, cfg.Passwd, errs...)
		return errTexts(errs)
	})
}

func TestSuiteUnknownSchema(t *testing.T) {
	s := needServer(t)
	cfg := s.config(t)
	cfg.DBName = "no_such_schema"
	good := s.open(t, pooled, "")
	for _, warm := range []bool{false, true} { // the second time a connection lies idle
		t.Run(fmt.Sprintf("warm=%v", warm), func(t *testing.T) {
			asStock(t, func(t *testing.T, driver string) []string {
				errs := failAll(t, openDSN(t, driver, cfg.FormatDSN()))
				wantNumber(t, errs, 1049)
				return errTexts(errs)
			})
		})
		id := connectionID(t, good)
		if again := connectionID(t, good); again != id {
			t.Errorf("connection %d, want %d as before", again, id)
		}
	}
}

func TestSuiteServerThatIsNotThere(t *testing.T) {
	s := needServer(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, set := range map[string]func(*mysql.Config){
		"refused":        func(c *mysql.Config) { c.Net, c.Addr = "tcp", closed.Addr().String() },
		"no socket":      func(c *mysql.Config) { c.Net, c.Addr = "unix", t.TempDir()+"/none.sock" },
		"unknown net":    func(c *mysql.Config) { c.Net, c.Addr = "carrier-pigeon", "loft" },
		"unusable addr":  func(c *mysql.Config) { c.Net, c.Addr = "tcp", "127.0.0.1:99999" },
		"is not a MySQL": func(c *mysql.Config) { c.Net, c.Addr, c.Timeout = "tcp", hangsUp(t), time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := s.config(t)
			cfg.Passwd = wrongPassword
			set(cfg)
			asStock(t, func(t *testing.T, driver string) []string {
				errs := failAll(t, openDSN(t, driver, cfg.FormatDSN()))
				wantNoSecret(t, cfg.Passwd, errs...)
				for _, err := range errs {
					// The stock driver says ErrBadConn here, after three tries of
					// database/sql. Ours tries as often, but must not say that.
					if name == "is not a MySQL" && !errors.Is(err, mysql.ErrInvalidConn) && err.Error() != "driver: bad connection" {
						t.Errorf("got %s", errText(err))
					}
				}
				if name == "is not a MySQL" {
					return nil
				}
				return errTexts(errs)
			})
		})
	}
}

// hangsUp is the address of a server that takes connections and closes them.
func hangsUp(t *testing.T) string {
	return listen(t, func(c net.Conn) { c.Close() })
}

// listen returns the address of a server that does something with each connection.
func listen(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	return l.Addr().String()
}

// How a name is not found depends on the machine, so only the kind of error is
// compared.
func TestSuiteUnknownHost(t *testing.T) {
	s := needServer(t)
	cfg := s.config(t)
	cfg.Net, cfg.Addr, cfg.Timeout = "tcp", "no-such-host.invalid:3306", 2*time.Second
	cfg.Passwd = wrongPassword
	onBoth(t, func(t *testing.T, driver string) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		err := openDSN(t, driver, cfg.FormatDSN()).PingContext(ctx)
		var op *net.OpError
		if !errors.As(err, &op) {
			t.Errorf("got %s, want a *net.OpError", errText(err))
		}
		wantNoSecret(t, cfg.Passwd, err)
	})
}

// A server that accepts and then says nothing must not hold anybody for longer
// than the DSN's timeout, or than pool_timeout.
func TestSuiteServerThatSaysNothing(t *testing.T) {
	s := needServer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := s.config(t)
	cfg.Net, cfg.Addr = "tcp", l.Addr().String()
	for _, param := range []string{"timeout=300ms", "pool_timeout=300ms"} {
		t.Run(param, func(t *testing.T) {
			db := openDSN(t, pooled, withParams(cfg.FormatDSN(), param))
			start := time.Now()
			if err := db.Ping(); err == nil {
				t.Error("no error")
			}
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// account makes a user that may have so many connections.
func (s *server) account(t *testing.T, connections int) *mysql.Config {
	t.Helper()
	cfg := s.config(t)
	cfg.User, cfg.Passwd, cfg.DBName = "u"+s.schema[len(s.schema)-10:], "Pass-word-8642!", ""
	limit := fmt.Sprintf(" WITH MAX_USER_CONNECTIONS %d", connections)
	account := s.accountName(t, cfg.User)
	create := "CREATE USER " + account + " IDENTIFIED BY '" + cfg.Passwd + "'"
	if _, err := s.admin.Exec(create + limit); err != nil {
		// As MySQL 5.6 has it.
		s.exec(t, create)
		s.exec(t, "GRANT USAGE ON *.* TO "+account+limit)
	}
	t.Cleanup(func() { s.exec(t, "DROP USER "+account) })
	return cfg
}

// accountName is user@host for the host that we are to the server. For % an
// anonymous account of that host would come first, as some servers have by default.
func (s *server) accountName(t *testing.T, user string) string {
	t.Helper()
	_, host, _ := strings.Cut(s.row(t, "SELECT USER()"), "@")
	return "'" + user + "'@'" + host + "'"
}

// A full server is waited for until pool_timeout, and then its own error is in
// ours.
func TestSuiteFullServer(t *testing.T) {
	s := needServer(t)
	cfg := s.account(t, 1)
	begin(t, openDSN(t, stock, cfg.FormatDSN()))
	full := openDSN(t, stock, cfg.FormatDSN()).Ping()
	if full == nil {
		t.Skip("the server does not enforce MAX_USER_CONNECTIONS")
	}
	db := openDSN(t, pooled, withParams(cfg.FormatDSN(), "pool_timeout=300ms"))
	start := time.Now()
	err := db.Ping()
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if errNumber(err) != errNumber(full) {
		t.Errorf("got %v, want the stock driver's %v in it", err, full)
	}
	wantNoSecret(t, cfg.Passwd, err)
	db.Close()

	// Who waits is served as soon as there is room.
	waits := openDSN(t, pooled, withParams(cfg.FormatDSN(), "pool_timeout=9"))
	pinged := make(chan error)
	go func() { pinged <- waits.Ping() }()
	eventually(t, func() error {
		for _, p := range mysqlpool.Stats() {
			if p.Waiting == 1 && p.LoginErrors > 0 {
				return nil
			}
		}
		return fmt.Errorf("nobody waits: %+v", mysqlpool.Stats())
	})
	s.killUser(t, cfg.User)
	if err := <-pinged; err != nil {
		t.Errorf("when there was room: %v", err)
	}
	waits.Close()
	dispose(t)
	s.wantNoneOf(t, cfg.User)
}

// killUser makes room for others.
func (s *server) killUser(t *testing.T, user string) {
	t.Helper()
	for _, p := range s.processes(t) {
		if p.user == user {
			s.kill(t, p.id)
		}
	}
}

// wantNoneOf waits until a user has no connection.
func (s *server) wantNoneOf(t *testing.T, user string) {
	t.Helper()
	eventually(t, func() error {
		for _, p := range s.processes(t) {
			if p.user == user {
				return fmt.Errorf("user %s still has connection %d", user, p.id)
			}
		}
		return nil
	})
}

// pool_max_overflow is what the server allows this user, so that nobody fails
// however many there are.
func TestSuiteLimitIsWhatTheServerAllowsTheUser(t *testing.T) {
	s := needServer(t)
	const limit = 3
	cfg := s.account(t, limit)
	db := openDSN(t, pooled, cfg.FormatDSN())
	if row(t, db, "SELECT COALESCE(@@max_user_connections, 0)") != fmt.Sprint(limit) {
		db.Close()
		t.Skip("the server does not tell a user its MAX_USER_CONNECTIONS")
	}
	inParallel(24, func(i int) {
		for j := range 10 {
			if err := askOwnNumber(t.Context(), db, i*10+j); err != nil {
				t.Error(err)
			}
		}
	})
	if p := onlyPool(t); p.Limit != limit || p.Open > limit {
		t.Errorf("want at most %d open: %+v", limit, p)
	}
	db.Close()
	dispose(t)
	s.wantNoneOf(t, cfg.User)
}

func TestSuiteMalformedDSN(t *testing.T) {
	needServer(t) // for what it checks
	for _, dsn := range []string{
		"nonsense", "user@", "user:secret-975@tcp(127.0.0.1:3306", "user:secret-975@tcp(127.0.0.1:3306)app",
		"user:secret-975@tcp(h)/app?timeout=soon", "user:secret-975@tcp(h)/app?parseTime=perhaps",
		"user:secret-975@tcp(h)/app?loc=Nowhere", "user:secret-975@tcp(h)/app?tls=unregistered",
		"user:secret-975@tcp(h)/app?collation=none", "user:secret-975@tcp(h)/app?serverPubKey=none",
		"user:secret-975@tcp(h)/app?allowAllFiles=%zz",
	} {
		t.Run(dsn, func(t *testing.T) {
			asStock(t, func(t *testing.T, driver string) string {
				db, err := sql.Open(driver, dsn)
				if err == nil {
					defer db.Close()
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					err = db.PingContext(ctx)
				}
				wantNoSecret(t, "secret-975", err)
				return errText(err)
			})
		})
	}
}

func TestSuiteBadOptionIsNamed(t *testing.T) {
	s := needServer(t)
	cfg := s.config(t)
	cfg.Passwd = wrongPassword // nothing is dialled
	for _, test := range []struct{ param, option, given, takes string }{
		{"pool_size=many", "pool_size", "many", "whole number"},
		{"pool_size=-1", "pool_size", "-1", "0 or more"},
		{"@pool_size=1.5", "pool_size", "1.5", "whole number"},
		{"pool_timeout=0", "pool_timeout", "0", "above 0"},
		{"pool_timeout=soon", "pool_timeout", "soon", "duration"},
		{"pool_recycle=never", "pool_recycle", "never", "auto"},
		{"pool_reset=perhaps", "pool_reset", "perhaps", "state, always or never"},
		{"@pool_reset=always", "@pool_reset", "always", "%27always%27"},
		{"pool_dial_limit=0", "pool_dial_limit", "0", "1 or more"},
		{"pool_sise=5", "pool_sise", "unknown", "pool_size"},
		{"Pool_Size=5", "Pool_Size", "unknown", "pool_size"},
		{"pool_size=0&pool_max_overflow=0", "pool_max_overflow", "0", "1 or more"},
	} {
		t.Run(test.param, func(t *testing.T) {
			db, err := sql.Open(pooled, withParams(cfg.FormatDSN(), test.param))
			if err == nil {
				db.Close()
				t.Fatal("no error from sql.Open")
			}
			for _, word := range []string{"mysqlpool:", test.option, test.given, test.takes} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("want %q in the error: %v", word, err)
				}
			}
			wantNoSecret(t, cfg.Passwd, err)
		})
	}
}
