package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/mysqlpool/mysqlpool/cmd/internal/faults"
	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/internal/doctor"
)

// oneDoctor lets one doctor at a time run in this process, of which each at its
// end disposes of every pool.
var oneDoctor sync.Mutex

// runDoctor runs doctor with these arguments.
func runDoctor(t *testing.T, args ...string) (status int, stdout, stderr *bytes.Buffer) {
	t.Helper()
	oneDoctor.Lock()
	defer oneDoctor.Unlock()
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	return run(t.Context(), append([]string{"doctor"}, args...), stdout, stderr), stdout, stderr
}

// examine runs doctor on a server and returns what it found.
func examine(t *testing.T, dsn string, flags ...string) (r doctor.Report) {
	t.Helper()
	status, stdout, stderr := runDoctor(t, append([]string{"--json", "--dsn=" + dsn}, flags...)...)
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || stderr.Len() > 0 {
		t.Fatalf("exit status %d: %v: %s", status, err, stderr)
	}
	want := 0
	if !r.OK {
		want = exitFailed
	}
	if status != want || r.OK != (r.Problems == 0) {
		t.Errorf("exit status %d, want %d: ok %v with %d problems", status, want, r.OK, r.Problems)
	}
	return r
}

// found returns a finding, of the host if one is given.
func found(r doctor.Report, name string, host ...string) doctor.Finding {
	for _, f := range r.Findings {
		if f.Name == name && (len(host) == 0 || f.Host == host[0]) {
			return f
		}
	}
	return doctor.Finding{}
}

func TestDoctorOnItsOwnServer(t *testing.T) {
	needEmbedded(t)
	status, stdout, stderr := runDoctor(t)
	if status != 0 || stderr.Len() > 0 {
		t.Fatalf("exit status %d: %s%s", status, stdout, stderr)
	}
	checkDoctor(t, stdout.String())
}

// checkDoctor checks what the text always is.
func checkDoctor(t *testing.T, out string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for _, line := range lines {
		if n := len([]rune(line)); n > columns || strings.HasSuffix(line, " ") {
			t.Errorf("%d columns wide, or with blanks at its end: %q", n, line)
		}
	}
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "Try next: ") {
		t.Errorf("the last line says not what to try next: %q", last)
	}
	if strings.Contains(out, "\x1b") {
		t.Error("colours, though this is no terminal")
	}
}

// ill is a server and a DSN that something is wrong with, and what doctor must
// say.
type ill struct {
	name   string
	args   []string // of the server
	params string   // of the DSN
	flags  []string // of doctor
	sql    string   // an administrator ran it before
	find   string
	level  doctor.Level
	fixes  int    // how many ways there are
	only   string // a flavour that it is tried on
}

var ills = []ill{
	{name: "short wait_timeout", args: []string{"--wait_timeout=5"}, find: "wait_timeout", level: doctor.Problem, fixes: 1},
	{name: "short wait_timeout, and longer pool_recycle", args: []string{"--wait_timeout=5"}, params: "?@pool_recycle=300", find: "wait_timeout", level: doctor.Problem, fixes: 1},
	{name: "pool_recycle longer than wait_timeout", args: []string{"--wait_timeout=60"}, params: "?pool_recycle=3600s", find: "wait_timeout", level: doctor.Warning, fixes: 2},
	{name: "no pool_recycle", args: []string{"--wait_timeout=60"}, params: "?@pool_recycle=0", find: "wait_timeout", level: doctor.Warning, fixes: 1},
	{name: "wait_timeout in the DSN", params: "?wait_timeout=10", find: "wait_timeout", level: doctor.Problem, fixes: 1},
	{name: "few connections", args: []string{"--max_connections=10"}, find: "max_connections", level: doctor.OK},
	{name: "too few connections", args: []string{"--max_connections=7"}, find: "max_connections", level: doctor.Problem, fixes: 2, only: "MySQL"},
	{name: "a pool larger than the server", args: []string{"--max_connections=100"}, params: "?@pool_size=1000", find: "max_connections", level: doctor.Problem, fixes: 2},
	{name: "a pool larger than any server", params: "?@pool_size=200000", find: "max_connections", level: doctor.Problem, fixes: 1},
	{name: "as many as can be written", params: "?@pool_size=2000000000", flags: []string{"--replicas=10"}, find: "max_connections", level: doctor.Problem, fixes: 1},
	{name: "replicas larger than the server", args: []string{"--max_connections=100"}, flags: []string{"--replicas=30"}, find: "max_connections", level: doctor.Problem, fixes: 2},
	{name: "replicas that may grow larger", args: []string{"--max_connections=100"}, flags: []string{"--replicas=4"}, find: "overflow", level: doctor.Warning, fixes: 1},
	{name: "pool_max_overflow beyond the server", args: []string{"--max_connections=50"}, params: "?pool_max_overflow=100", find: "overflow", level: doctor.Warning, fixes: 1},
	{name: "few connections for each account", args: []string{"--max_user_connections=4"}, find: "max_user_connections", level: doctor.Problem, fixes: 2},
	{name: "few connections for replicas of the account", args: []string{"--max_user_connections=20"}, flags: []string{"--replicas=5"}, find: "max_user_connections", level: doctor.Problem, fixes: 2},
	{name: "few connections for the account", sql: "ALTER USER doctor@'%' WITH MAX_USER_CONNECTIONS 4", find: "max_user_connections", level: doctor.Problem, fixes: 2},
	{name: "no statements", args: []string{"--max_prepared_stmt_count=0"}, find: "max_prepared_stmt_count", level: doctor.Problem, fixes: 2},
	{name: "few statements", args: []string{"--max_prepared_stmt_count=60"}, find: "max_prepared_stmt_count", level: doctor.Hint, fixes: 2},
	{name: "the default is few statements", args: []string{"--max_connections=1500"}, params: "?@pool_size=1000", find: "max_prepared_stmt_count", level: doctor.Hint, fixes: 2},
	{name: "few statements for replicas", flags: []string{"--replicas=60"}, args: []string{"--max_connections=1500"}, params: "?@pool_size=20", find: "max_prepared_stmt_count", level: doctor.Hint, fixes: 2},
	{name: "init_connect", args: []string{"--init_connect=SET @x = 1"}, find: "session state", level: doctor.Hint, fixes: 1, only: "MariaDB"},
	{name: "pool_reset=never", params: "?@pool_reset=%27never%27", find: "session state", level: doctor.Warning, fixes: 1},
}

// Each way that doctor prints ends what it found, alone.
func TestDoctorFixes(t *testing.T) {
	for _, ill := range ills {
		t.Run(ill.name, func(t *testing.T) {
			t.Parallel()
			ill.try(t)
		})
	}
}

func (ill ill) try(t *testing.T) {
	server := needLocal(t, servers.Options{Args: ill.args})
	dsn := asUser(t, server) + ill.params
	ill.exec(t, server, ill.sql)
	r := examine(t, dsn, ill.flags...)
	flavour := r.Hosts[0].Readings.Flavour
	if ill.only != "" && flavour != ill.only {
		t.Skipf("not of %s", flavour)
	}
	f := found(r, ill.find)
	if f.Level != ill.level || len(f.Fixes) != ill.fixes {
		t.Fatalf("got %+v, want %s and %d fixes", f, ill.level, ill.fixes)
	}
	if ill.level == doctor.OK {
		return
	}
	_, stdout, _ := runDoctor(t, append([]string{"--dsn=" + dsn}, ill.flags...)...)
	checkDoctor(t, stdout.String())

	fixed := func(how string, dsn string) {
		t.Helper()
		r := examine(t, dsn, ill.flags...)
		if f := found(r, ill.find); f.Level != doctor.OK || !r.OK {
			t.Errorf("%s does not fix it: %+v, %d problems", how, f, r.Problems)
		}
	}
	for _, fix := range f.Fixes {
		for _, want := range []string{fix.SetGlobal, fix.MyCnf[strings.Index(fix.MyCnf, "\n")+1:], fix.Flag, fix.Parameter, fix.Statement} {
			if !strings.Contains(strings.Join(strings.Fields(stdout.String()), " "), want) {
				t.Errorf("it does not print %q:\n%s", want, stdout)
			}
		}
		switch fix.Kind {
		case doctor.DSNParameter:
			fixed(fix.Parameter, withParameter(dsn, fix.Parameter))
		case doctor.Statement:
			ill.exec(t, server, fix.Statement)
			fixed(fix.Statement, dsn)
			ill.exec(t, server, ill.sql)
		case doctor.ServerVariable:
			if !strings.Contains(stdout.String(), "is lost when") {
				t.Error("it does not say that SET GLOBAL is lost")
			}
			// On servers of their own: what is set stays.
			own := needLocal(t, servers.Options{Args: ill.args})
			dsn := asUser(t, own) + ill.params
			ill.exec(t, own, fix.SetGlobal)
			fixed(fix.SetGlobal, dsn)
			own.Stop()
			flagged := needLocal(t, servers.Options{Args: append(slices.Clone(ill.args), fix.Flag)})
			fixed(fix.Flag, asUser(t, flagged)+ill.params)
			flagged.Stop()
			// The section is as a whole what the user has, with these lines at its end.
			var cnf strings.Builder
			cnf.WriteString("[mysqld]\n")
			for _, arg := range ill.args {
				fmt.Fprintln(&cnf, strings.TrimPrefix(arg, "--"))
			}
			fmt.Fprintln(&cnf, fix.MyCnf)
			fixed(fix.MyCnf, asUser(t, needLocal(t, servers.Options{MyCnf: cnf.String()}))+ill.params)
		default:
			t.Errorf("a fix of no known kind: %+v", fix)
		}
	}
}

func (ill ill) exec(t *testing.T, server *servers.Server, query string) {
	t.Helper()
	if query == "" {
		return
	}
	if _, err := server.Monitor().ExecContext(t.Context(), query); err != nil {
		t.Errorf("%s %v", query, err)
	}
}

// withParameter puts a parameter into a DSN, or in the place of the one of its
// name.
func withParameter(dsn, param string) string {
	bare := func(s string) string {
		name, _, _ := strings.Cut(strings.TrimPrefix(s, "@"), "=")
		return name
	}
	base, query, _ := strings.Cut(dsn, "?")
	params := slices.DeleteFunc(strings.Split(query, "&"), func(p string) bool { return p == "" || bare(p) == bare(param) })
	return base + "?" + strings.Join(append(params, param), "&")
}

// needLocal starts a server of this machine.
func needLocal(t *testing.T, o servers.Options) *servers.Server {
	t.Helper()
	o.Kinds, o.Logf = []servers.Kind{servers.Local}, t.Logf
	server, err := servers.Find(t.Context(), o)
	if err != nil {
		if os.Getenv("MYSQL_POOL_REQUIRE_REAL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// asUser returns the DSN of somebody without an administrator's rights, for whom
// init_connect and the limits count.
func asUser(t *testing.T, s *servers.Server) string {
	t.Helper()
	for _, query := range []string{"GRANT ALL ON test.* TO doctor@'%' IDENTIFIED BY 'hush'", "CREATE USER IF NOT EXISTS doctor@'%' IDENTIFIED BY 'hush'"} {
		if _, err := s.Monitor().ExecContext(t.Context(), query); err == nil {
			break
		}
	}
	_, rest, _ := strings.Cut(s.DSN, "@")
	return "doctor:hush@" + strings.SplitAfter(rest, "/")[0]
}

// The driver logs how long each connection may live; what doctor says of it is
// what wait_timeout allows, less a second and what chance takes off.
func TestDoctorSaysWhatTheDriverDoes(t *testing.T) {
	server := needLocal(t, servers.Options{Args: []string{"--wait_timeout=100", "--max_connections=50"}})
	r := examine(t, server.DSN+"?@pool_size=7")
	if got := r.Pool.Recycle; got > 99 || got < 99*.974 || math.IsNaN(got) {
		t.Errorf("recycled after %v s, want 96.5 to 99", got)
	}
	if r.Pool.Limit != 47 || r.Options.PoolSize != 7 || !r.Pool.Statements || !r.Pool.Arguments || r.Pool.Leaks {
		t.Errorf("got %+v, want 47 at most, pool_size 7, statements kept, no leak", r.Pool)
	}
	readings := r.Hosts[0].Readings
	if readings.RoundTrip.Median <= 0 || readings.Login.Median <= readings.RoundTrip.Median {
		t.Errorf("a login of %+v, a round trip of %+v", readings.Login, readings.RoundTrip)
	}
	if readings.Reset != doctor.ResetWorks && readings.Reset != doctor.ResetRefused {
		t.Errorf("a reset: %s", readings.Reset)
	}
	if server.TLSDSN != "" {
		r := examine(t, server.TLSDSN)
		if f := found(r, "TLS"); !strings.HasPrefix(f.Value, "TLS") {
			t.Errorf("TLS: got %+v", f)
		}
		if c := r.Hosts[0].Readings.Certificate; c.Verified || c.Seen && (c.Valid || c.Error == "" || !c.NotAfter.After(time.Now())) {
			t.Errorf("the certificate, of its own and not verified: %+v", c)
		}
	}
	wantNothingLeft(t, server)
}

// How many others hold is by account, whatever rights one has.
func TestDoctorCountsOthers(t *testing.T) {
	server := needLocal(t, servers.Options{Args: []string{"--max_connections=50"}})
	dsn := asUser(t, server)
	hold(t, server.DSN, 6)
	hold(t, dsn, 3)
	for name, dsn := range map[string]string{"a user": dsn, "the administrator": server.DSN} {
		// The server's own connection is the seventh.
		wantOthers, wantOwn := int64(7), int64(3)
		if name == "the administrator" {
			wantOthers, wantOwn = 3, 7
		}
		var r doctor.Report
		for deadline := time.Now().Add(10 * time.Second); ; { // what was closed may still be counted
			r = examine(t, dsn)
			readings := r.Hosts[0].Readings
			if readings.Others != nil && *readings.Others == wantOthers && *readings.AccountsOwn == wantOwn {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: others hold %v, the account %v, want %d and %d", name, readings.Others, readings.AccountsOwn, wantOthers, wantOwn)
			}
		}
	}
	// 50 less 7 are 43, which 9 processes of 5 are too many for.
	for replicas, want := range map[string]doctor.Level{"8": doctor.OK, "9": doctor.Problem} {
		if f := found(examine(t, dsn, "--replicas="+replicas), "max_connections"); f.Level != want {
			t.Errorf("%s replicas: got %+v, want %s", replicas, f, want)
		}
	}
}

// What was nearly full is a hint until there is more room.
func TestDoctorOnNearlyFull(t *testing.T) {
	server := needLocal(t, servers.Options{Args: []string{"--max_connections=30", "--max_prepared_stmt_count=100"}})
	dsn := asUser(t, server) + "?@pool_size=1"
	for _, name := range []string{"max_connections", "max_prepared_stmt_count"} {
		if f := found(examine(t, dsn), name); f.Level != doctor.OK {
			t.Errorf("before: got %+v", f)
		}
	}
	hold(t, server.DSN, 26)
	db, err := sql.Open("mysql", server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for n := range 60 {
		if _, err := conn.PrepareContext(t.Context(), fmt.Sprintf("SELECT %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"max_connections", "max_prepared_stmt_count"} {
		f := found(examine(t, dsn), name)
		if f.Level != doctor.Hint || len(f.Fixes) != 1 {
			t.Errorf("got %+v, want a hint with a fix", f)
			continue
		}
		ill{}.exec(t, server, f.Fixes[0].SetGlobal)
		if f := found(examine(t, dsn), name); f.Level != doctor.OK {
			t.Errorf("fixed: got %+v", f)
		}
	}
}

// hold opens so many connections until the test ends.
func hold(t *testing.T, dsn string, n int) {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for range n {
		if _, err := db.Conn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// An engine without limits has no problem with them.
func TestDoctorOnNoLimits(t *testing.T) {
	server := needLocal(t, servers.Options{})
	tidb := variables(map[string]string{"max_connections": "0", "max_prepared_stmt_count": "-1", "pseudo_thread_id": "", "version": "8.0.11-TiDB-v8.5.0", "version_comment": "TiDB Server"})
	r := examine(t, tidb.to(t, server.DSN), "--replicas=50")
	if r.Problems+r.Warnings+r.Hints > 0 || !strings.HasPrefix(r.Server, "TiDB v8.5.0") {
		t.Errorf("%s: %+v", r.Server, r.Findings)
	}
	for _, name := range []string{"max_connections", "max_prepared_stmt_count"} {
		if f := found(r, name); f.Value != "no limit" {
			t.Errorf("got %+v, want no limit", f)
		}
	}
}

func TestDoctorBehindAProxy(t *testing.T) {
	server := needLocal(t, servers.Options{})
	t.Run("that shares connections", func(t *testing.T) {
		if f := found(examine(t, sharing(false).to(t, server.DSN)), "proxy"); f.Level != doctor.Hint || f.Value != "shares" {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("that statements pin", func(t *testing.T) {
		dsn := sharing(true).to(t, server.DSN)
		f := found(examine(t, dsn), "proxy")
		if f.Level != doctor.Hint || f.Value != "pinned" || len(f.Fixes) != 1 {
			t.Fatalf("got %+v", f)
		}
		if f := found(examine(t, withParameter(dsn, f.Fixes[0].Parameter)), "proxy"); f.Value == "pinned" {
			t.Errorf("fixed: got %+v", f)
		}
	})
	t.Run("that only claims to reset", func(t *testing.T) {
		r := examine(t, relay{ignoresReset: true}.to(t, server.DSN))
		if got := r.Hosts[0].Readings.Reset; got != doctor.ResetIgnored {
			t.Errorf("a reset: %s, want %s", got, doctor.ResetIgnored)
		}
		// The driver hands such a connection on, or has found out and closes it.
		if f := found(r, "session state"); r.Pool.Leaks && f.Level != doctor.Problem || !r.Pool.Leaks && f.Level != doctor.Hint {
			t.Errorf("leaks %v: got %+v", r.Pool.Leaks, f)
		}
		if f := found(r, "proxy"); f.Value != "likely" {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("that is none", func(t *testing.T) {
		if f := found(examine(t, relay{}.to(t, server.DSN)), "proxy"); f.Level != doctor.OK || f.Value != "none seen" {
			t.Errorf("got %+v", f)
		}
	})
}

// Several hosts are shown, each as what it is for.
func TestDoctorOnSeveralHosts(t *testing.T) {
	primary := needLocal(t, servers.Options{})
	readOnly := needLocal(t, servers.Options{Args: []string{"--read_only=ON"}})
	dsnOf := func(hosts ...string) string {
		user, _, _ := strings.Cut(asUser(t, primary), "@")
		return user + "@tcp(" + strings.Join(hosts, ",") + ")/"
	}
	asUser(t, readOnly)
	up, replica := addrOf(t, primary.DSN), addrOf(t, readOnly.DSN)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away := nobody.Addr().String()
	nobody.Close()

	dsn := dsnOf(replica, up, away)
	r := examine(t, dsn)
	roles := map[string]doctor.Role{}
	for _, h := range r.Hosts {
		roles[h.Address] = h.Role
	}
	if roles[up] != doctor.Primary || roles[replica] != doctor.ReadOnly || roles[away] != doctor.Unreachable || len(roles) != 3 {
		t.Errorf("got %v", roles)
	}
	if f := found(r, "primary"); f.Level != doctor.OK || f.Short != up {
		t.Errorf("got %+v, want %s named as the primary", f, up)
	}
	if f := found(r, "read_only", replica); f.Level != doctor.Warning {
		t.Errorf("got %+v, want a warning of a host that is read-only", f)
	}
	if f := found(r, "host", away); f.Level != doctor.Warning || !strings.Contains(f.Text, "refused") {
		t.Errorf("got %+v, want a warning of a host that is away", f)
	}
	_, stdout, _ := runDoctor(t, "--dsn="+dsn)
	checkDoctor(t, stdout.String())
	for _, want := range []string{up + "  primary", replica + "  read-only", away + " "} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in:\n%s", want, stdout)
		}
	}
	// What is the same of several is said once.
	_, stdout, _ = runDoctor(t, "--replicas=4", "--dsn="+dsn)
	checkDoctor(t, stdout.String())
	both := "warning overflow of " + up + ", " + replica + "\n"
	if other := "warning overflow of " + replica + ", " + up + "\n"; strings.Contains(stdout.String(), other) {
		both = other
	}
	if strings.Count(stdout.String(), "\nwarning overflow of ") != 1 || !strings.Contains(stdout.String(), both) {
		t.Errorf("want %q, once, in:\n%s", both, stdout)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	mute := silent.Addr().String()
	if r := examine(t, dsnOf(mute, up), "--timeout=2s"); !r.OK || found(r, "host", mute).Level != doctor.Warning || found(r, "primary").Short != up {
		t.Errorf("a host that says nothing: got %+v", r.Findings)
	}
	if r := examine(t, dsnOf(replica, away)); r.OK || found(r, "primary").Level != doctor.Problem {
		t.Errorf("without a primary: got %+v", found(r, "primary"))
	}
	if r := examine(t, asUser(t, readOnly)); !r.OK || found(r, "read_only").Level != doctor.Warning {
		t.Errorf("a replica alone: got %+v", found(r, "read_only"))
	}
	other := needLocal(t, servers.Options{})
	asUser(t, other)
	if r := examine(t, dsnOf(up, addrOf(t, other.DSN))); found(r, "primary").Level != doctor.Warning {
		t.Errorf("two primaries: got %+v", found(r, "primary"))
	}
	host, port, _ := strings.Cut(up, ":")
	_ = host
	if r := examine(t, dsnOf(up, "localhost:"+port)); found(r, "primary").Level != doctor.OK {
		t.Errorf("one server by two names: got %+v", found(r, "primary"))
	}
	status, stdout, stderr := runDoctor(t, "--dsn="+dsnOf(away, "127.0.0.1:1"))
	if status != exitUsage || stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), away) {
		t.Errorf("nobody there: exit status %d: %s%s", status, stdout, stderr)
	}
}

func addrOf(t *testing.T, dsn string) string {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Addr
}

// A member of a replication group, or a node of a cluster, that is not ready.
func TestDoctorOnNotReady(t *testing.T) {
	server := needLocal(t, servers.Options{})
	member := relay{rewrite: func(_ *relayed, query string) string {
		switch {
		case strings.Contains(query, "replication_group_members"):
			return "SELECT 'RECOVERING', 'SECONDARY'"
		case query == "SELECT VERSION()":
			return "SELECT '9.7.0'"
		}
		return variables(map[string]string{"version_comment": "MySQL Community Server"}).rewrite(nil, query)
	}}
	node := relay{rewrite: func(_ *relayed, query string) string {
		if query == "SHOW GLOBAL STATUS" {
			return "SELECT 'wsrep_ready', 'OFF' UNION SELECT 'wsrep_local_state_comment', 'Joining'"
		}
		return variables(map[string]string{"wsrep_on": "ON"}).rewrite(nil, query)
	}}
	for want, relay := range map[string]relay{"RECOVERING": member, "Joining": node} {
		addr := addrOf(t, relay.to(t, server.DSN))
		user, _, _ := strings.Cut(asUser(t, server), "@")
		r := examine(t, user+"@tcp("+addr+","+addrOf(t, server.DSN)+")/")
		if f := found(r, "host", addr); f.Level != doctor.Warning || !strings.Contains(f.Text, want) || r.Hosts[0].Role != doctor.NotReady {
			t.Errorf("%s: role %s, got %+v", want, r.Hosts[0].Role, f)
		}
	}
}

func TestDoctorClock(t *testing.T) {
	server := needLocal(t, servers.Options{})
	for shift, want := range map[string]string{"+ 90": "+90 s", "- 3600": "-3600 s"} {
		skewed := relay{rewrite: func(_ *relayed, query string) string {
			return strings.Replace(query, "UNIX_TIMESTAMP()", "UNIX_TIMESTAMP() "+shift, 1)
		}}
		f := found(examine(t, skewed.to(t, server.DSN)), "clock")
		if f.Level != doctor.Warning || math.Abs(seconds(f.Value)-seconds(want)) > 1 {
			t.Errorf("%s: got %+v, want %s", shift, f, want)
		}
	}
}

func seconds(text string) float64 {
	var s float64
	fmt.Sscanf(text, "%f s", &s)
	return s
}

// A silent server ends every command within --timeout, before the login and
// after it.
func TestSilentServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, args := range [][]string{{"doctor"}, {"demo"}, {"watch", "--listen=127.0.0.1:0"}, {"bench"}} {
		for _, dsn := range []string{"root:hush@tcp(" + silent.Addr().String() + ")/", "root:hush@tcp(" + silent.Addr().String() + ",127.0.0.1:1)/"} {
			if strings.Contains(dsn, ",") && args[0] != "doctor" {
				continue
			}
			start := time.Now()
			var stdout, stderr bytes.Buffer
			oneDoctor.Lock()
			status := run(t.Context(), append(args, "--timeout=100ms", "--dsn="+dsn), &stdout, &stderr)
			oneDoctor.Unlock()
			if status == 0 || !strings.Contains(stderr.String(), "no answer within 100ms (--timeout)") || strings.Count(stderr.String(), "\n") != 1 || strings.Contains(stderr.String(), "hush") {
				t.Errorf("%s: exit status %d, want an error in one line: %s", args[0], status, &stderr)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s: it took %v", args[0], took)
			}
		}
		var stdout bytes.Buffer
		run(t.Context(), []string{args[0], "--help"}, &stdout, &stdout)
		if !strings.Contains(strings.Join(strings.Fields(stdout.String()), " "), "above 0. Default: 10s.") {
			t.Errorf("%s: the default is not 10 s:\n%s", args[0], &stdout)
		}
	}
}

// The time-out is met once, not by one part of it after the other.
func TestDoctorOnSilentServerTakesOneTimeout(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	start := time.Now()
	runDoctor(t, "--timeout=2s", "--dsn=root:hush@tcp("+silent.Addr().String()+")/")
	if took := time.Since(start); took < 2*time.Second || took >= 4*time.Second {
		t.Errorf("it took %v, want 2 s", took)
	}
}

// A server that falls silent at any moment ends doctor too.
func TestDoctorOnServerThatFallsSilent(t *testing.T) {
	server := oneServer(t)
	for _, after := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 15 * time.Millisecond, 40 * time.Millisecond} {
		gate, err := faults.NewGate(t.Context(), server.DSN)
		if err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(after, func() { gate.Silence() })
		start := time.Now()
		status, _, stderr := runDoctor(t, "--timeout=300ms", "--dsn="+gate.DSN)
		timer.Stop()
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("after %v: it took %v", after, took)
		}
		if strings.Count(stderr.String(), "\n") > 1 {
			t.Errorf("after %v: exit status %d: %s", after, status, stderr)
		}
	}
}

func TestDoctorBadInput(t *testing.T) {
	server := oneServer(t)
	for arg, want := range map[string]string{
		"--dsn=nonsense":                         "not a DSN",
		"--dsn=":                                 "--dsn is empty",
		"--dsn=root:hush@tcp(127.0.0.1:1)/x":     "refused",
		"--dsn=" + server.DSN + "?@pool_sizes=1": "unknown option pool_sizes",
		// The address would be refused: the option is explained before.
		"--dsn=root:hush@tcp(127.0.0.1:1)/x?pool_size=many": "option pool_size: got \"many\", want a whole number",
		"--jsn":        "unknown flag",
		"--replicas=0": "want 1 to 10000",
		"--replicas=x": "--replicas=x: want a whole number (see",
		"--dsn":        "--dsn: got none, want a value (see",
		"--timeout=x":  "--timeout=x: want a Go duration, such as 10s (see",
		// A password with an @ and no network, or with a slash.
		"--dsn=root:ssw@hush/x":       "not a DSN: unknown network",
		"--dsn=root:a/hush@tcp(h:1)":  "not a DSN: no slash after the address",
		"--dsn=mysql://root:hush@h/x": "not a DSN",
		"--timeout=0s":                "want a Go duration above 0",
	} {
		status, stdout, stderr := runDoctor(t, arg)
		if status != exitUsage || !strings.Contains(stderr.String(), want) || strings.Count(stderr.String(), "\n") != 1 || strings.Contains(stderr.String(), "hush") || stdout.Len() > 0 {
			t.Errorf("%s: exit status %d, want %q in one line: %s%s", arg, status, want, stdout, stderr)
		}
	}
}

// A DSN need not be where ps shows it; an empty one is none.
func TestDSNFromEnvironment(t *testing.T) {
	server := oneServer(t)
	t.Setenv(envDSN, server.DSN+"?@pool_sizes=1")
	if status, _, stderr := runDoctor(t); status != exitUsage || !strings.Contains(stderr.String(), "pool_sizes") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	if status, _, stderr := runDoctor(t, "--dsn="+server.DSN); status != 0 {
		t.Errorf("the flag counts more: exit status %d: %s", status, stderr)
	}
	t.Setenv(envDSN, "")
	if status, stdout, stderr := runDoctor(t); status != 0 || !strings.Contains(stdout.String(), "embedded") {
		t.Errorf("an empty variable: exit status %d: %s%s", status, stdout, stderr)
	}
}

// Ctrl-C ends it within a second, and leaves nothing.
func TestDoctorInterrupted(t *testing.T) {
	server := oneServer(t)
	db, err := sql.Open("mysql", server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, after := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond} {
		ctx, cancel := context.WithCancel(t.Context()) // a deadline would reach the dialer as one, and not as Ctrl-C
		timer := time.AfterFunc(after, cancel)
		start := time.Now()
		var stdout, stderr bytes.Buffer
		status := run(ctx, []string{"doctor", "--dsn=" + server.DSN}, &stdout, &stderr)
		timer.Stop()
		cancel()
		if took := time.Since(start); took > time.Second {
			t.Errorf("after %v: it took %v", after, took)
		}
		if status != exitInterrupted && status != 0 {
			t.Errorf("after %v: exit status %d: %s", after, status, &stderr)
		}
	}
	wantNothingLeft(t, server)
}

func TestWrap(t *testing.T) {
	for text, want := range map[string]string{
		"":                "",
		"one two three":   "one two|three",
		"averylongword a": "averylongword|a",
		"äöü äöü äöü":     "äöü äöü|äöü",
	} {
		if got := strings.Join(wrap(text, 8), "|"); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
