package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// A way to a replication group's primary, and those who write through it.
type way struct {
	name, driver, addr string
	finds              bool // the primary, wherever it stands
	writers            writers
}

// The ways to the primary of a group of three, side by side, when it crashes and
// the last member is elected: a DSN of three hosts, and MySQL Router's port for
// reading and writing, with destinations in a fixed order and with InnoDB Cluster's
// metadata.
func TestBesideRouter(t *testing.T) {
	noLeaks(t)
	group, err := servers.StartGroup(t.Context())
	if errors.Is(err, servers.ErrNoGroup) && os.Getenv(envGroup) == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(group.Stop)
	if err := group.AddMetadata(t.Context()); err != nil {
		t.Fatal(err)
	}
	var hosts []string
	for _, m := range group.Members {
		hosts = append(hosts, m.Addr)
	}
	fixed := startRouter(t, servers.RouterOptions{Destinations: hosts})
	follows := startRouter(t, servers.RouterOptions{Group: group})

	cfg, err := mysql.ParseDSN(group.Members[0].SchemaDSN())
	if err != nil {
		t.Fatal(err)
	}
	admin := open(t, stock, group.Members[0].DSN)
	last := open(t, stock, group.Members[2].DSN)
	for _, i := range []int{1, 2} {
		exec(t, open(t, stock, group.Members[i].DSN), fmt.Sprintf("SET GLOBAL group_replication_member_weight = %d", 40*i))
	}
	ways := []*way{
		{name: "DSN of three hosts", driver: pooled, addr: strings.Join(hosts, ","), finds: true},
		{name: "Router, metadata", driver: pooled, addr: follows.Addr, finds: true},
		{name: "Router, metadata", driver: stock, addr: follows.Addr, finds: true},
		{name: "Router, fixed order", driver: pooled, addr: fixed.Addr},
		{name: "Router, fixed order", driver: stock, addr: fixed.Addr},
	}
	// Each has an account of its own, so that the server counts its logins.
	exec(t, admin, "CREATE TABLE "+cfg.DBName+".w (n BIGINT AUTO_INCREMENT PRIMARY KEY)")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for i, w := range ways {
		user := fmt.Sprintf("%s%d", appUser, i)
		exec(t, admin, fmt.Sprintf("CREATE USER %s@'%%' IDENTIFIED BY '%s'", user, appPassword),
			fmt.Sprintf("GRANT ALL ON `%s`.* TO %s@'%%'", cfg.DBName, user),
			fmt.Sprintf("GRANT SELECT ON performance_schema.replication_group_members TO %s@'%%'", user))
		dsn := fmt.Sprintf("%s:%s@tcp(%s)/%s?timeout=3s&readTimeout=20s", user, appPassword, w.addr, cfg.DBName)
		w.writers = writers{db: open(t, w.driver, dsn), does: "INSERT INTO w () VALUES ()", pause: 50 * time.Millisecond}
		w.writers.db.SetMaxIdleConns(4)
		wait := w.writers.run(ctx, 4)
		defer func() { stop(); wait() }()
	}
	ports := []int{portOf(t, admin), portOf(t, last)}
	for _, w := range ways {
		if _, err := w.writers.awaits(time.Now(), ports[0], patience); err != nil {
			t.Fatalf("%s, %s: %v", w.driver, w.name, err)
		}
	}

	before := loginsByAddr()
	crashed := time.Now()
	group.Members[0].Crash()
	if err := within(90*time.Second, func() error {
		var readOnly int
		if err := last.QueryRow("SELECT @@global.super_read_only").Scan(&readOnly); err != nil || readOnly != 0 {
			return fmt.Errorf("not elected: %d, %v", readOnly, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	elected := time.Now()
	recovered := map[*way]commit{}
	for _, w := range ways {
		if !w.finds {
			continue
		}
		c, err := w.writers.awaits(elected, ports[1], patience)
		if err != nil {
			t.Errorf("%s, %s: %v", w.driver, w.name, err)
			continue
		}
		recovered[w] = c
	}
	time.Sleep(5 * time.Second) // what goes on then is counted too
	over := time.Now()
	after := loginsByAddr()
	stop()

	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "way\tdriver\tfirst write after the election\trefused writes\tother failures\tof these after the first write\tlogins and probes")
	for _, w := range ways {
		first, found := recovered[w]
		refused, others, late := 0, 0, 0
		for _, c := range w.writers.since(crashed) {
			var answer *mysql.MySQLError
			switch {
			case c.err == nil:
				continue
			case errors.As(c.err, &answer) && answer.Number == 1290:
				refused++
			default:
				others++
			}
			if found && c.began.After(first.ended) {
				late++
			}
		}
		took := "none"
		if found {
			took = first.ended.Sub(elected).Round(time.Millisecond).String()
		}
		logins := "not counted"
		if w.driver == pooled {
			logins = fmt.Sprint(after[w.addr] - before[w.addr])
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%s\n", w.name, w.driver, took, refused, others, late, logins)
		if w.driver == pooled && found && late > 4 {
			t.Errorf("%s: %d transactions failed that began after the first success", w.name, late)
		}
		if w == ways[0] && found && first.ended.Sub(elected) > electionBound {
			t.Errorf("%s: the first write took %v, want %v at most", w.name, first.ended.Sub(elected), electionBound)
		}
		// A refused write must not turn into logins as fast as they go. A login that
		// fails for lack of a primary is the request's own, with both drivers.
		if n := after[w.addr] - before[w.addr]; w.driver == pooled && n > int64(others)+int64(2*3*over.Sub(crashed).Seconds())+60 {
			t.Errorf("%s: %d logins and probes in %v", w.name, n, over.Sub(crashed))
		}
	}
	table.Flush()
	t.Logf("the election took %v; counted for %v since the crash:\n%s", elected.Sub(crashed).Round(time.Millisecond), over.Sub(crashed).Round(time.Millisecond), text.String())
}

func startRouter(t *testing.T, opts servers.RouterOptions) *servers.Router {
	t.Helper()
	r, err := servers.StartRouter(t.Context(), opts)
	if errors.Is(err, servers.ErrNoRouter) && os.Getenv(envGroup) == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	return r
}

// loginsByAddr is how many logins and probes the pools have made, by what stands
// between the brackets of their DSN.
func loginsByAddr() map[string]int64 {
	n := map[string]int64{}
	for _, p := range mysqlpool.Stats() {
		addr := p.Login[strings.IndexByte(p.Login, '(')+1 : strings.LastIndexByte(p.Login, ')')]
		if len(p.Hosts) == 0 {
			n[addr] += p.Opened + p.LoginErrors
		}
		for _, h := range p.Hosts {
			n[addr] += h.Opened + h.LoginErrors + h.Probes
		}
	}
	return n
}
