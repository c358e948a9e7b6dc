package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// logins is how many logins and probes the pools with some parameter have made.
func logins() (n int64) {
	for _, p := range mysqlpool.Stats() {
		for _, h := range p.Hosts {
			n += h.Opened + h.LoginErrors + h.Probes
		}
	}
	return n
}

// A replication group of three. Its primary crashes, and the last host of the DSN is
// elected; then there is a planned switchover, a process that starts with the old
// primary first, and a member that is in ERROR.
func TestGroupReplication(t *testing.T) {
	noLeaks(t)
	group, err := servers.StartGroup(t.Context())
	if errors.Is(err, servers.ErrNoGroup) && os.Getenv(envGroup) == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(group.Stop)
	var hosts []string
	var admins []*sql.DB
	for _, m := range group.Members {
		hosts = append(hosts, m.Addr)
		admin := open(t, stock, m.DSN+"?readTimeout=20s")
		admin.SetMaxOpenConns(1)
		admins = append(admins, admin)
	}
	cfg, err := mysql.ParseDSN(group.Members[0].SchemaDSN())
	if err != nil {
		t.Fatal(err)
	}
	exec(t, admins[0], fmt.Sprintf("CREATE USER %s@'%%' IDENTIFIED BY '%s'", appUser, appPassword),
		fmt.Sprintf("GRANT ALL ON `%s`.* TO %s@'%%'", cfg.DBName, appUser),
		fmt.Sprintf("GRANT SELECT ON performance_schema.replication_group_members TO %s@'%%'", appUser),
		"CREATE TABLE "+cfg.DBName+".w (n BIGINT AUTO_INCREMENT PRIMARY KEY)")
	exec(t, admins[2], "SET GLOBAL group_replication_member_weight = 90")
	exec(t, admins[1], "SET GLOBAL group_replication_member_weight = 10")
	var ports []int
	for _, admin := range admins {
		ports = append(ports, portOf(t, admin))
	}
	dsn := func(params string, hosts ...string) string {
		return fmt.Sprintf("%s:%s@tcp(%s)/%s?timeout=3s&readTimeout=20s&%s", appUser, appPassword, strings.Join(hosts, ","), cfg.DBName, params)
	}

	all := map[string]*writers{}
	ctx, stop := context.WithCancel(t.Context())
	var waits []func()
	defer func() {
		stop()
		for _, wait := range waits {
			wait()
		}
	}()
	for _, params := range []string{"pool_size=5", "rejectReadOnly=true"} {
		w := &writers{db: open(t, pooled, dsn(params, hosts...)), does: "INSERT INTO w () VALUES ()", pause: 50 * time.Millisecond}
		all[params] = w
		waits = append(waits, w.run(ctx, 4))
	}
	// recovers waits for the first success on a member since the election of which
	// elected tells, and holds what came before and after.
	recovers := func(what string, began time.Time, to int, elected time.Time, loginsBefore int64) {
		t.Helper()
		for params, w := range all {
			first, err := w.awaits(elected, ports[to], patience)
			if err != nil {
				t.Fatalf("%s, %s: %v", what, params, err)
			}
			failed, late := map[string]int{}, 0
			for _, c := range w.since(began) {
				if c.err != nil {
					failed[failureOf(c.err)]++
					if c.began.After(first.ended) {
						late++
					}
				}
			}
			took := first.ended.Sub(elected)
			t.Logf("%s, %s: the first write %v after the election; failed: %v", what, params, took.Round(time.Millisecond), failed)
			if took > electionBound {
				t.Errorf("%s, %s: the first write took %v, want %v at most", what, params, took, electionBound)
			}
			if late > 4 {
				t.Errorf("%s, %s: %d transactions failed that began after the first success", what, params, late)
			}
		}
		n, long := logins()-loginsBefore, time.Since(began)
		t.Logf("%s: %d logins and probes in %v, by two pools", what, n, long.Round(time.Millisecond))
		// A probe of three hosts twice a second, and the connections.
		if most := int64(2*3*2*long.Seconds()) + 60; n > most {
			t.Errorf("%s: %d logins and probes, want %d at most", what, n, most)
		}
	}
	isElected := func(i int) time.Time {
		t.Helper()
		if err := within(90*time.Second, func() error {
			var readOnly int
			if err := admins[i].QueryRow("SELECT @@global.super_read_only").Scan(&readOnly); err != nil || readOnly != 0 {
				return fmt.Errorf("not elected: %d, %v", readOnly, err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return time.Now()
	}

	for _, w := range all {
		if _, err := w.awaits(time.Now(), ports[0], patience); err != nil {
			t.Fatal(err)
		}
	}
	before, crashed := logins(), time.Now()
	group.Members[0].Crash()
	elected := isElected(2)
	t.Logf("the last host was elected %v after the crash", elected.Sub(crashed).Round(time.Millisecond))
	recovers("crash", crashed, 2, elected, before)

	if err := group.Members[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh := open(t, pooled, dsn("pool_size=3", hosts...)) // the old primary is first
	if _, err := fresh.Exec("INSERT INTO w () VALUES ()"); err != nil {
		t.Errorf("a process that starts now: %v; %s", err, hostsText())
	}

	before = logins()
	asked := time.Now()
	var uuid string
	if err := admins[0].QueryRow("SELECT @@server_uuid").Scan(&uuid); err != nil {
		t.Fatal(err)
	}
	exec(t, admins[2], "SELECT group_replication_set_as_primary('"+uuid+"')")
	recovers("switchover", asked, 0, isElected(0), before)

	// The second applies nothing any more: a table is missing there.
	replicas := open(t, pooled, dsn("pool_target=replica&pool_size=6", hosts...))
	c, err := admins[1].Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"SET GLOBAL super_read_only = OFF", "SET sql_log_bin = 0", "DROP TABLE " + cfg.DBName + ".w", "SET sql_log_bin = 1"} {
		if _, err := c.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	c.Close()
	if err := within(patience, func() error {
		var state string
		err := admins[1].QueryRow("SELECT MEMBER_STATE FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid").Scan(&state)
		if err == nil && state != "ERROR" {
			err = errors.New("the member is " + state)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	at := map[int]int{}
	for range 20 {
		c, err := replicas.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var port int
		if err := c.QueryRowContext(t.Context(), "SELECT @@port").Scan(&port); err != nil {
			t.Fatal(err)
		}
		at[port]++
	}
	if len(at) != 1 || at[ports[2]] == 0 {
		t.Errorf("reads by port: %v, want all on the one replica that is ONLINE, %d; %s", at, ports[2], hostsText())
	}
	t.Log(hostsText())
	inError := time.Now()
	for params, w := range all {
		if _, err := w.awaits(inError, ports[0], patience); err != nil {
			t.Errorf("a member in ERROR, %s: %v", params, err)
		}
	}
}

// failureOf is an error's number, or its text.
func failureOf(err error) string {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		return fmt.Sprintf("Error %d", answer.Number)
	}
	text := err.Error()
	return text[:min(len(text), 60)]
}

// electionBound is how long after an election the first write may succeed: the
// driver probes twice a second, and the rest is for machines that are busy.
const electionBound = 3 * time.Second
