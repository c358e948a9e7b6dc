package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mysqlpool/mysqlpool/cmd/internal/faults"
	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// pair is a primary and a read-only server behind gates, and a DSN that names both.
func watchedPair(t *testing.T) (gates [2]*faults.Gate, second *servers.Server, dsn string) {
	t.Helper()
	var addrs []string
	for i, args := range [][]string{nil, {"--read_only=ON"}} {
		server := needLocal(t, servers.Options{Args: args})
		asUser(t, server)
		gates[i] = gateTo(t, server)
		addrs = append(addrs, addrOf(t, gates[i].DSN))
		second = server
	}
	return gates, second, "doctor:hush@tcp(" + strings.Join(addrs, ",") + ")/?@pool_name='watched'"
}

// The primary goes away, the other host is promoted, and the former primary comes
// back: the page says so of each.
func TestWatchHosts(t *testing.T) {
	chromium := needChromium(t)
	gates, second, dsn := watchedPair(t)
	w := startWatch(t, "--dsn="+dsn)
	if strings.Contains(w.stderr.String(), "hush") {
		t.Errorf("the password shows: %s", w.stderr)
	}
	p := openTab(t, chromium, w.url)
	const lane = `document.querySelectorAll("#lanes > li")[%d]?.textContent.includes(%q)`
	want := func(host int, text string) {
		t.Helper()
		p.until(fmt.Sprintf(lane, host, text))
	}
	warned := func(text string) {
		t.Helper()
		p.until(fmt.Sprintf(`document.getElementById("warnings").textContent.includes(%q)`, text))
	}
	want(0, "PRIMARY, MariaDB")
	want(1, "Read-only: writes are refused.")
	w.underLoad(t, 8)
	w.until(t, "both sides use the primary", func(s watchState) bool {
		return s.Hosts[0].Connections[0] > 0 && s.Hosts[0].Connections[1] > 0 && s.Hosts[0].State == "up" && s.Hosts[0].Since > 0
	})
	if s := w.state(t); s.Hosts[1].Connections[1] > 0 || len(s.Warnings) > 0 {
		t.Errorf("connections to a read-only host, or warnings: %+v, %q", s.Hosts, s.Warnings)
	}

	gates[0].Shut()
	want(0, "unreachable since ")
	want(0, "Unreachable: ")
	want(0, "mysql_pool: down since ")
	warned("No host takes writes.")
	before := w.state(t)
	w.until(t, "mysql fails, and mysql_pool goes on with the other host", func(s watchState) bool {
		return s.Sides[0].Failed > before.Sides[0].Failed && s.Sides[1].Served > before.Sides[1].Served+20 && s.Hosts[1].Connections[1] > 0
	})
	p.until(`!document.getElementById("server").classList.contains("unreachable")`)
	if dir := os.Getenv("MYSQL_POOL_TEST_SCREENSHOTS"); dir != "" && os.Getenv("MYSQL_POOL_TEST_ALL_SCREENSHOTS") != "" {
		w.until(t, "there is more to plot", func(s watchState) bool { return len(s.Samples) >= 25 })
		for _, width := range []int64{390, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				p.screenshot(dir, fmt.Sprintf("watch-away-%d-%s", width, scheme), width, scheme)
			}
		}
	}

	if _, err := second.Monitor().ExecContext(t.Context(), "SET GLOBAL read_only = OFF"); err != nil {
		t.Fatal(err)
	}
	want(1, "PRIMARY, MariaDB")
	p.until(`document.getElementById("warnings").textContent === ""`)
	for _, width := range []int64{390, 1280} {
		p.look(width, 800, "light")
		p.until(fmt.Sprintf("innerWidth === %d && document.documentElement.scrollWidth <= innerWidth", width))
		if dim := eval[[]string](p, faint); len(dim) > 0 {
			t.Errorf("hard to read: %q", dim)
		}
	}

	if err := gates[0].Open(); err != nil {
		t.Fatal(err)
	}
	want(0, "takes writes")
	warned("all take writes, and are no nodes of one cluster")
	gates[1].Shut()
	want(1, "unreachable since ")
	want(0, "PRIMARY")
	gates[0].Shut()
	p.until(`document.getElementById("server").textContent.includes("none of 2 hosts answers")`)
	p.quiet()
	if status, _ := w.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if said := w.stderr.String(); !strings.Contains(said, addrOf(t, gates[0].DSN)+" is unreachable: ") || !strings.Contains(said, addrOf(t, gates[0].DSN)+" answers again\n") || strings.Contains(said, "hush") {
		t.Errorf("want a line for each change, and no password: %s", said)
	}
}

// A host that is unreachable at the start is shown, and is no reason not to start.
func TestWatchStartsWithoutAHost(t *testing.T) {
	gates, _, dsn := watchedPair(t)
	gates[0].Shut()
	w := startWatch(t, "--dsn="+dsn)
	w.until(t, "one host is unreachable", func(s watchState) bool { return s.Hosts[0].Role == "unreachable" && s.Hosts[1].Role == "read-only" })
	w.post(t, "sides/mysql_pool/request")
	if s := w.state(t); s.Sides[1].Served != 1 {
		t.Errorf("%+v: want a request served by the other host", s.Sides[1])
	}
	if err := gates[0].Open(); err != nil {
		t.Fatal(err)
	}
	w.until(t, "it is the primary", func(s watchState) bool { return s.Hosts[0].Role == "primary" })
}
