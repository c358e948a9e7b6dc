package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// oneServer is a server of this machine, or an embedded one.
func oneServer(t *testing.T, args ...string) *servers.Server {
	t.Helper()
	server, err := servers.Find(t.Context(), servers.Options{
		Kinds: []servers.Kind{servers.Local, servers.Embedded}, Args: args, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// lacksOfEmbedded is what the embedded server cannot do: its limit on connections
// is fixed.
var lacksOfEmbedded = regexp.MustCompile(`PREPARE|syntax|raise max_connections`)

// Every workload runs over every transport, and what is written agrees.
func TestBench(t *testing.T) {
	server := oneServer(t, "--max-connections=300")
	dir := t.TempDir()
	jsonFile, plotFile, htmlFile := filepath.Join(dir, "b.json"), filepath.Join(dir, "b.svg"), filepath.Join(dir, "b.html")
	args := []string{"bench", "--rounds=5", "--round-time=1ms", "--dsn=" + server.DSN, "--json=" + jsonFile, "--plot=" + plotFile, "--html=" + htmlFile}
	want := []string{"TCP"}
	for _, way := range []struct{ name, flag, dsn string }{{"unix", "--unix-dsn=", server.UnixDSN}, {"TLS", "--tls-dsn=", server.TLSDSN}} {
		if way.dsn != "" {
			args = append(args, way.flag+way.dsn)
			want = append(want, way.name)
		}
	}
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), args, &stdout, &stderr); status != 0 || stderr.Len() > 0 {
		t.Fatalf("exit status %d: %s", status, &stderr)
	}
	b, err := os.ReadFile(jsonFile)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, way := range r.Transports {
		got = append(got, way.Name)
		if way.RoundTripUS <= 0 {
			t.Errorf("%s: a round trip takes %v us", way.Name, way.RoundTripUS)
		}
	}
	if !slices.Equal(got, want) || !slices.Equal(r.workloads(), names(workloads)) || len(r.Results) != len(want)*len(workloads) {
		t.Errorf("got %v, %v: %d results, want all workloads over %v", got, r.workloads(), len(r.Results), want)
	}
	for _, res := range r.Results {
		if res.Error != "" && (server.Real() || !lacksOfEmbedded.MatchString(res.Error)) {
			t.Errorf("%s over %s: %s", res.Workload, res.Transport, res.Error)
		}
		if res.Error == "" && (len(res.Pairs) != 5 || res.Ratio.From > res.Ratio.Median || res.Ratio.Median > res.Ratio.To || res.Ratio.From <= 0) {
			t.Errorf("%s over %s: %d pairs, %+v", res.Workload, res.Transport, len(res.Pairs), res.Ratio)
		}
		if bounded := slices.ContainsFunc(workloads, func(w workload) bool { return w.name == res.Workload && w.byHand != nil }); res.Error == "" && bounded != (res.Most != nil && res.Most.Median > 0) {
			t.Errorf("%s over %s: the most to be won: got %+v", res.Workload, res.Transport, res.Most)
		}
		if res.Error == "" && !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(res.Workload)+` .*`+regexp.QuoteMeta(res.Ratio.String())).Match(stdout.Bytes()) {
			t.Errorf("%s: %s is not in the table", res.Workload, res.Ratio)
		}
	}
	for _, line := range strings.Split(stdout.String(), "\n") {
		if len(line) > 80 && !strings.HasPrefix(line, "server: ") && !strings.Contains(line, dir) && !strings.HasPrefix(line, "Not measured") {
			t.Errorf("wider than 80 columns: %q", line)
		}
	}
	page, err := os.ReadFile(htmlFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range r.Results {
		if res.Error == "" && !bytes.Contains(page, []byte("<td>"+res.Workload+"<td class=n>"+res.Ratio.String()+"<")) {
			t.Errorf("%s: %s is not in the page", res.Workload, res.Ratio)
		}
	}
	svg, err := os.ReadFile(plotFile)
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the plot: %v", err)
		}
	}
	if !bytes.Contains(page, bytes.TrimSpace(svg)) {
		t.Error("the plot is not in the page")
	}
	for _, name := range names(workloads) {
		if !bytes.Contains(svg, []byte(name)) {
			t.Errorf("%s is not in the plot", name)
		}
	}
	wantNothingLeft(t, server)
}

// What was measured over is named after what the DSNs go over, each once.
func TestBenchNamesItsTransports(t *testing.T) {
	server := oneServer(t, "--max-connections=300")
	if server.UnixDSN == "" || server.TLSDSN == "" {
		t.Skip("the server has no unix socket, or no TLS")
	}
	more := func(dsn, param string) string {
		if strings.Contains(dsn, "?") {
			return dsn + "&" + param
		}
		return dsn + "?" + param
	}
	tcp, unix, tls := "--dsn="+server.DSN, "--dsn="+server.UnixDSN, "--dsn="+server.TLSDSN
	for _, test := range []struct {
		name string
		args []string
		want string // the columns, or the error
	}{
		{"TCP", []string{tcp}, "TCP TLS"},
		{"unix", []string{unix}, "unix unix, TLS"},
		{"TLS", []string{tls}, "TLS"},
		{"all", []string{tcp, "--unix-dsn=" + server.UnixDSN, "--tls-dsn=" + server.TLSDSN}, "TCP unix TLS"},
		{"preferred", []string{"--dsn=" + more(server.DSN, "tls=preferred")}, "TLS"},
		{"the same twice", []string{tls, "--tls-dsn=" + server.TLSDSN}, "TLS"},
		{"a longer round trip", []string{tls, "--rtt=1ms"}, "TLS, 1ms more"},
		{"two over TLS", []string{tls, "--tls-dsn=" + more(server.TLSDSN, "timeout=5s")}, "--tls-dsn: this DSN is over TLS, as the one of --dsn is: leave one of them out"},
		{"two over unix sockets", []string{unix, "--unix-dsn=" + more(server.UnixDSN, "timeout=5s")}, "--unix-dsn: this DSN is over unix, as the one of --dsn is: leave one of them out"},
		{"the wrong one", []string{tcp, "--unix-dsn=" + server.TLSDSN}, "--unix-dsn: this DSN is over TLS, want one over unix"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "preferred" && !server.Real() {
				t.Skip("the embedded server does not tell whether a connection is over TLS")
			}
			var stdout, stderr bytes.Buffer
			args := append([]string{"bench", "--rounds=5", "--round-time=1ms", "--workload=pooled-query"}, test.args...)
			if run(t.Context(), args, &stdout, &stderr) != 0 {
				if got := stderr.String(); !strings.Contains(got, test.want) || !strings.HasPrefix(test.want, "--") {
					t.Errorf("got the error %s, want %s", got, test.want)
				}
				return
			}
			header := regexp.MustCompile(`(?m)^ +(\S.*\S) *$`).FindStringSubmatch(stdout.String())
			if header == nil || strings.Join(strings.Fields(header[1]), " ") != test.want {
				t.Errorf("got the columns %q, want %s:\n%s", header, test.want, &stdout)
			}
		})
	}
}

// wantNothingLeft checks that the server has neither a table nor a schema nor a
// connection of the command any more.
func wantNothingLeft(t *testing.T, server *servers.Server) {
	t.Helper()
	db, err := sql.Open("mysql", server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var left int
	if err := db.QueryRow("SELECT COUNT(*) FROM information_schema.tables WHERE TABLE_NAME = '" + benchTable + "'").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d tables are left, %v", left, err)
	}
	if err := db.QueryRow("SELECT COUNT(*) FROM information_schema.schemata WHERE SCHEMA_NAME LIKE 'mysqlpool\\_bench%'").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d schemas are left, %v", left, err)
	}
	// This one, and the one that counts logins.
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := db.QueryRow("SELECT COUNT(*) FROM information_schema.processlist WHERE USER = SUBSTRING_INDEX(CURRENT_USER(), '@', 1)").Scan(&left)
		if err == nil && left <= 2 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are left, %v", left, err)
		}
	}
}

func TestBenchWithLatency(t *testing.T) {
	server := oneServer(t)
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"bench", "--rounds=5", "--round-time=20ms", "--workload=parameter-inter", "--rtt=2ms", "--dsn=" + server.DSN}, &stdout, &stderr); status != 0 {
		t.Fatalf("exit status %d: %s", status, &stderr)
	}
	m := regexp.MustCompile(`a round trip takes +(\d+) us`).FindStringSubmatch(stdout.String())
	if m == nil || len(m[1]) < 4 {
		t.Errorf("want a round trip of 2,000 us or more:\n%s", &stdout)
	}
}

func TestBenchList(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"bench", "--list", "--workload=parameter"}, &stdout, &stderr); status != 0 {
		t.Fatalf("exit status %d: %s", status, &stderr)
	}
	if n := len(regexp.MustCompile(`(?m)^parameter`).FindAllString(stdout.String(), -1)); n != 4 {
		t.Errorf("%d workloads, want 4:\n%s", n, &stdout)
	}
	for line := range strings.Lines(stdout.String()) {
		if len(line) > columns+1 {
			t.Errorf("wider than %d columns: %q", columns, line)
		}
	}
}

func TestBenchBadInput(t *testing.T) {
	server := oneServer(t)
	for arg, want := range map[string]string{
		"--rounds=4":                             "want 5 to 1000",
		"--round-time=0s":                        "want 1ms to 1m",
		"--workload=nonsense":                    "open-query-close",
		"--tls-dsn=root:hush@tcp(127.0.0.1:1)/x": "give that too",
		"--rtt=-1ms":                             "want more than 0",
		"--tls-dsn=root:hush@127.0.0.1/x --dsn=" + server.DSN:    "--tls-dsn: not a DSN",
		"--unix-dsn=root:hush@unix(/none)/x --dsn=" + server.DSN: "--unix-dsn: logging in",
	} {
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), append([]string{"bench"}, strings.Fields(arg)...), &stdout, &stderr)
		if status == 0 || !strings.Contains(stderr.String(), want) || strings.Count(stderr.String(), "\n") != 1 || strings.Contains(stderr.String(), "hush") {
			t.Errorf("%s: exit status %d, want %q in one line: %s", arg, status, want, &stderr)
		}
	}
}

// Ctrl-C ends it within a second, and leaves nothing.
func TestBenchInterrupted(t *testing.T) {
	server := oneServer(t)
	for _, workload := range []string{"pooled-query-32", "login-per-query", "many-schemas", "reset-always"} {
		ctx, cancel := context.WithCancel(t.Context())
		began := make(chan time.Time, 1)
		time.AfterFunc(300*time.Millisecond, func() {
			began <- time.Now()
			cancel()
		})
		var stdout, stderr bytes.Buffer
		status := run(ctx, []string{"bench", "--round-time=1m", "--workload=" + workload, "--dsn=" + server.DSN}, &stdout, &stderr)
		if took := time.Since(<-began); took > time.Second {
			t.Errorf("%s: it took %v", workload, took)
		}
		if status != exitInterrupted || stderr.String() != "mysqlpool: interrupted\n" {
			t.Errorf("%s: exit status %d, want %d: %s", workload, status, exitInterrupted, &stderr)
		}
	}
	wantNothingLeft(t, server)
}

func TestSpread(t *testing.T) {
	var pairs []pair
	for _, ratio := range []float64{5, 1, 4, 2, 3} {
		pairs = append(pairs, pair{Stock: 10, Pool: 10 * ratio})
	}
	if got, want := spreadOf(pairs, pair.ratio), (spread{3, 2, 4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := spreadOf(pairs[:1], pair.ratio), (spread{5, 5, 5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := spreadOf(pairs[:2], pair.ratio), (spread{3, 2, 4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// An error of a step ends the round.
func TestRateOfWhatFails(t *testing.T) {
	failure := errors.New("no more")
	n := 0
	_, err := rate(t.Context(), func(context.Context) error {
		if n++; n == 3 {
			return failure
		}
		return nil
	}, time.Hour)
	if err != failure || n != 3 {
		t.Errorf("got %v after %d steps, want %v after 3", err, n, failure)
	}
}
