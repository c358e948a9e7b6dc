package suite

import (
	"bufio"
	"database/sql"
	"encoding/binary"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// Commands of the protocol.
const (
	comQuery = 0x03
	comReset = 0x1f
)

// relay stands between a client and the server, as a proxy does, and passes on
// what it does not answer itself.
type relay struct {
	addr   string
	answer func(command byte, text string) []byte // the payload of an answer; nil: it is passed on

	resets      atomic.Int64 // commands that came from clients
	closesAfter atomic.Int64 // for how long a client does not learn that the server closed, in nanoseconds
}

var (
	okPacket      = []byte{0, 0, 0, 2, 0, 0, 0}
	hangUp        = []byte{}                                                        // the connection is closed instead
	refusesPacket = append([]byte{0xff, 0x51, 0x04}, "#HY000no healthy backend"...) // 1105
)

// newRelay starts one to the server of a DSN.
func newRelay(t *testing.T, dsn string, answer func(command byte, text string) []byte) *relay {
	t.Helper()
	return newRelayThatSays(t, dsn, func(net.Conn) string { return "" }, answer)
}

// newRelayThatSays is newRelay of one that begins each connection to the server with a
// text.
func newRelayThatSays(t *testing.T, dsn string, first func(client net.Conn) string, answer func(command byte, text string) []byte) *relay {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: l.Addr().String(), answer: answer}
	var wg sync.WaitGroup
	var open closers
	t.Cleanup(func() {
		l.Close()
		open.closeAll()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(cfg.Net, cfg.Addr)
			if err != nil {
				client.Close()
				continue
			}
			open.add(client, server)
			io.WriteString(server, first(client))
			wg.Go(func() { r.commands(client, server) })
			wg.Go(func() {
				io.Copy(client, server)
				time.Sleep(time.Duration(r.closesAfter.Load()))
				client.Close()
			})
		}
	})
	return r
}

// closers is the ends of a relay's connections, which a test that failed or was
// skipped may leave open.
type closers struct {
	mu  sync.Mutex
	all []io.Closer // guarded by mu
}

func (c *closers) add(ends ...io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, ends...)
}

func (c *closers) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range c.all {
		end.Close()
	}
}

// commands passes on what the client sends. Nothing of an answer is on its way
// when the next command comes, so that it can be answered here.
func (r *relay) commands(client, server net.Conn) {
	defer server.Close()
	in := bufio.NewReader(client)
	for {
		var header [4]byte
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return
		}
		payload := make([]byte, int(binary.LittleEndian.Uint32(header[:])&0xffffff))
		if _, err := io.ReadFull(in, payload); err != nil {
			return
		}
		if sequence := header[3]; sequence == 0 && len(payload) > 0 {
			if payload[0] == comReset {
				r.resets.Add(1)
			}
			if answer := r.answer(payload[0], string(payload[1:])); answer != nil {
				if len(answer) == 0 {
					return
				}
				client.Write(append([]byte{byte(len(answer)), 0, 0, 1}, answer...))
				continue
			}
		}
		server.Write(append(header[:], payload...))
	}
}

// through is a DSN by way of the relay.
func (r *relay) through(t *testing.T, dsn, params string) string {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Net, cfg.Addr = "tcp", r.addr
	return withParams(cfg.FormatDSN(), params)
}

// proxies is proxies that do with a reset, or with what undoes state, something
// else than the server.
var proxies = []struct {
	name        string
	answer      func(command byte, text string) []byte
	undo, reset mysqlpool.Proof
}{
	{"honest", func(byte, string) []byte { return nil }, mysqlpool.ProofWorks, mysqlpool.ProofWorks},
	{"resets nothing", func(command byte, _ string) []byte {
		if command == comReset {
			return okPacket
		}
		return nil
	}, mysqlpool.ProofWorks, mysqlpool.ProofIgnored},
	{"refuses resets", func(command byte, _ string) []byte {
		if command == comReset {
			return refusesPacket
		}
		return nil
	}, mysqlpool.ProofWorks, mysqlpool.ProofRefused},
	{"puts nothing back", func(command byte, text string) []byte {
		if command == comReset || command == comQuery && strings.HasPrefix(text, "SET group_concat_max_len = 1") {
			return okPacket // it has that value anyway, by default
		}
		return nil
	}, mysqlpool.ProofIgnored, mysqlpool.ProofIgnored},
	{"releases nothing", func(command byte, text string) []byte {
		if command == comQuery && strings.HasPrefix(text, "DO RELEASE_") {
			return okPacket
		}
		return nil
	}, mysqlpool.ProofIgnored, mysqlpool.ProofWorks},
}

// Whatever a proxy makes of resets and of what undoes state, the next user meets
// none of it: the connection is closed where neither can be trusted.
func TestSuiteProxiesLeakNothing(t *testing.T) {
	if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "embedded") {
		t.Skip("needs a real server: the embedded one has neither temporary tables nor DO")
	}
	s := needServer(t)
	if p := resetProofOf(t, s.dsn); p != mysqlpool.ProofWorks {
		t.Skipf("needs a server that resets: it is %q", p)
	}
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE t (v INT)", "CREATE TABLE u (v INT)", "INSERT INTO u VALUES (1), (2)")
	setup.Exec("CREATE PROCEDURE p() SET @a = 7, time_zone = '+03:00'")
	for _, proxy := range proxies {
		t.Run(proxy.name, func(t *testing.T) {
			relay := newRelay(t, s.dsn, proxy.answer)
			tried := false
			for _, x := range s.leaks() {
				dispose(t)
				mustExec(t, setup, "DELETE FROM t")
				fresh := openDSN(t, stock, withParams(s.dsn, x.params))
				want, err := s.fingerprint(fresh)
				fresh.Close()
				if err != nil {
					continue
				}
				params := strings.Trim(x.params+"&pool_size=1&pool_max_overflow=0", "&")
				a, b := openDSN(t, pooled, relay.through(t, s.dsn, params)), openDSN(t, pooled, relay.through(t, s.dsn, params))
				if !leaves(a, x.make) {
					a.Close()
					continue // another server's
				}
				a.Close()
				t.Run(x.name, func(t *testing.T) { s.wantFingerprint(t, b, want) })
				p := onlyPool(t)
				if taken := methodTaken(t); taken == isReset && proxy.reset != mysqlpool.ProofWorks {
					t.Errorf("%s: it was reset, by a server whose resets are %q", x.name, proxy.reset)
				}
				if x.method == isReset || x.name == "time_zone" || x.name == "named lock" {
					tried = true
					if p.ResetProof != proxy.reset || x.method == undone && p.UndoProof != proxy.undo {
						t.Errorf("%s: got undo %q, reset %q; want %q, %q", x.name, p.UndoProof, p.ResetProof, proxy.undo, proxy.reset)
					}
				}
				if x.name == "open transaction" && methodTaken(t) != undone {
					t.Errorf("%s: got %q, want it undone anywhere", x.name, methodTaken(t))
				}
				b.Close()
			}
			if !tried {
				t.Error("nothing was tried")
			}
			dispose(t)
		})
	}
	setup.Close()
}

// leaves runs statements on one connection, and reports whether all succeed.
func leaves(db *sql.DB, statements []string) bool {
	db.SetMaxOpenConns(1)
	for _, st := range statements {
		if _, err := db.Exec(st); err != nil {
			return false
		}
	}
	return true
}

// resetProofOf has a server prove itself.
func resetProofOf(t *testing.T, dsn string) mysqlpool.Proof {
	t.Helper()
	dispose(t)
	defer dispose(t)
	a, b := openDSN(t, pooled, withParams(dsn, poolOfOne)), openDSN(t, pooled, withParams(dsn, poolOfOne))
	defer b.Close()
	leaves(a, []string{"SET @a = 1"})
	a.Close()
	if err := b.Ping(); err != nil {
		t.Fatal(err)
	}
	return onlyPool(t).ResetProof
}

// What was found out of a server is not found out again for each connection, nor
// for each pool.
func TestSuiteProofIsKept(t *testing.T) {
	s := needServer(t)
	for _, proxy := range proxies[:3] {
		t.Run(proxy.name, func(t *testing.T) {
			defer dispose(t)
			relay := newRelay(t, s.dsn, proxy.answer)
			const users = 10
			for i := range users {
				// Another pool each second time.
				params := poolOfOne + []string{"", "&wait_timeout=1000"}[i%2]
				a, b := openDSN(t, pooled, relay.through(t, s.dsn, params)), openDSN(t, pooled, relay.through(t, s.dsn, params))
				if !leaves(a, []string{"SET @a = 1"}) {
					t.Skip("the server has no user variables")
				}
				a.Close()
				if got := row(t, b, "SELECT @a"); got != "NULL" {
					t.Errorf("user %d: got @a %s, want NULL", i, got)
				}
				b.Close()
			}
			want := int64(1)
			if proxy.reset == mysqlpool.ProofWorks {
				want = 2*users + 1 // each user's, also of who only reads, and one to try it
			}
			if n := relay.resets.Load(); n > want+1 {
				t.Errorf("got %d resets, want %d at most", n, want+1)
			}
		})
	}
}

// An error that may pass, at a pool's first login, does not decide for those to
// come.
func TestSuiteFirstLoginMeetsAnErrorThatPasses(t *testing.T) {
	s := needServer(t)
	var ill atomic.Bool
	ill.Store(true)
	relay := newRelay(t, s.dsn, func(command byte, text string) []byte {
		if ill.Load() && command == comQuery && !strings.HasPrefix(text, "SET ") && !strings.Contains(text, "max_allowed_packet") {
			return refusesPacket
		}
		return nil
	})
	db := openDSN(t, pooled, relay.through(t, s.dsn, ""))
	if _, err := db.Exec("DO 1"); errNumber(err) != 1105 {
		t.Errorf("got %v, want the error of the statement, 1105", err)
	}
	if p := onlyPool(t); p.Opened != 1 {
		t.Errorf("got %d logins, want 1", p.Opened)
	}
	ill.Store(false)
	// The first connection is held, so that another is opened.
	c := oneConn(t, db)
	if err := c.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := row(t, db, "SELECT 1"); got != "1" {
		t.Errorf("got %s", got)
	}
	want := s.row(t, "SELECT @@max_connections")
	if p := onlyPool(t); p.Opened != 2 || p.Limit == 0 && want != "0" {
		t.Errorf("got limit %d after %d logins; the server has max_connections %s", p.Limit, p.Opened, want)
	}
	c.Close()
	db.Close()
	dispose(t)
}
