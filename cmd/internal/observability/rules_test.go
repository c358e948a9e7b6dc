package observability

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	mysqlprometheus "github.com/mysqlpool/mysqlpool/driver/prometheus"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

const rulesFile = "../../../driver/prometheus/rules.yml"

// interval is how often series have a value, and rules are evaluated.
const interval = time.Minute

func readRules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(rulesFile, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil {
		t.FailNow()
	}
	var all []rulefmt.Rule
	for _, g := range groups.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// exported is what a metric's series are called.
func exported() map[string]bool {
	descs := make(chan *prometheus.Desc)
	go func() {
		mysqlprometheus.NewCollector().Describe(descs)
		close(descs)
	}()
	name := regexp.MustCompile(`fqName: "([^"]+)"`)
	all := map[string]bool{}
	for d := range descs {
		n := name.FindStringSubmatch(d.String())[1]
		all[n] = true
		if strings.HasSuffix(n, "_time_seconds") {
			all[n+"_bucket"] = true
		}
	}
	return all
}

// Each rule asks for what is exported, or recorded, and says what to do.
func TestRules(t *testing.T) {
	all, known := readRules(t), exported()
	docs, err := os.ReadFile("../../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Record != "" {
			known[r.Record] = true
		}
	}
	for _, r := range all {
		name := r.Record + r.Alert
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			if v, ok := node.(*parser.VectorSelector); ok && !known[v.Name] {
				t.Errorf("%s asks for %s, which nobody exports", name, v.Name)
			}
			return nil
		})
		if !strings.Contains(string(docs), "`"+name+"`") {
			t.Errorf("%s: docs/observability.md does not say what it means", name)
		}
		if r.Alert != "" && (r.Labels["severity"] == "" || r.Annotations["summary"] == "") {
			t.Errorf("%s: want a severity and a summary", name)
		}
	}
}

// bad is for each alert what makes it fire, and good what is much like it and does
// not: series of half an hour.
var bad = map[string]string{
	"MySQLPoolTimeouts":            `db_client_connection_timeouts_total 0+2x30`,
	"MySQLPoolSaturated":           `db_client_connection_count{db_client_connection_state="used"} 10x30` + "\n" + `db_client_connection_count{db_client_connection_state="pinned"} 9x30` + "\n" + `db_client_connection_max 20x30`,
	"MySQLPoolQueue":               `db_client_connection_pending_requests 1x30`,
	"MySQLPoolLoginErrors":         `mysqlpool_login_errors_total 0+1x30` + "\n" + `mysqlpool_connections_opened_total 0+2x30`,
	"MySQLPoolLeak":                `mysqlpool_connections_held_long 1x30`,
	"MySQLPoolUnclosedConnections": `mysqlpool_connections_closed_total{reason="unclosed"} 0+1x30`,
	"MySQLPoolBrokenConnections":   `mysqlpool_connections_closed_total{reason="broken"} 0+20x30`,
	"MySQLPoolDirtyConnections":    `mysqlpool_connections_closed_total{reason="dirty"} 0+20x30`,
	"MySQLPoolResetIgnored":        `mysqlpool_restore_proof{way="reset",found="ignored"} 1x30`,
	"MySQLPoolHostDown":            `mysqlpool_host_state{host="a",state="down"} 1x30`,
	"MySQLPoolNoWantedHost":        `mysqlpool_host_wanted{host="a"} 0x30` + "\n" + `mysqlpool_host_wanted{host="b"} 0x30`,
	"MySQLPoolBudgetUsedUp":        `mysqlpool_server_waiting_pools 1x30`,
	"MySQLPoolAccountLimit":        `mysqlpool_account_connections{user="a"} 19x30` + "\n" + `mysqlpool_account_connections_max{user="a"} 20x30`,
	"MySQLPoolServerFull":          `mysqlpool_server_connections{server="s",instance="a"} 60x30` + "\n" + `mysqlpool_server_connections{server="s",instance="b"} 35x30` + "\n" + `mysqlpool_server_max_connections{server="s",instance="a"} 100x30` + "\n" + `mysqlpool_server_max_connections{server="s",instance="b"} 100x30`,
}

const good = `
	db_client_connection_timeouts_total 7x30
	db_client_connection_count{db_client_connection_state="used"} 10x30
	db_client_connection_count{db_client_connection_state="idle"} 10x30
	db_client_connection_count{db_client_connection_state="pinned"} 0x30
	db_client_connection_max 20x30
	db_client_connection_pending_requests 5 0 5 5 0 5 5 0 5 0x10 5 5 0 5 5 0 5 5 0 5x2
	mysqlpool_login_errors_total 3x30
	mysqlpool_connections_opened_total 0+2x30
	mysqlpool_connections_closed_total{reason="unclosed"} 1x30
	mysqlpool_connections_closed_total{reason="broken"} 0+1x30
	mysqlpool_connections_closed_total{reason="dirty"} 0+1x30
	mysqlpool_connections_closed_total{reason="recycled"} 0+90x30
	mysqlpool_restore_proof{way="undo",found="works"} 1x30
	mysqlpool_restore_proof{way="pipeline",found="ignored"} 1x30
	mysqlpool_host_state{host="a",state="up"} 1x30
	mysqlpool_host_state{host="b",state="read-only"} 1x30
	mysqlpool_host_wanted{host="a"} 0x30
	mysqlpool_host_wanted{host="b"} 1x30
	mysqlpool_server_waiting_pools 0 1 0 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
	mysqlpool_account_connections{user="a"} 9x30
	mysqlpool_account_connections_max{user="a"} 20x30
	mysqlpool_server_connections{server="s",instance="a"} 60x30
	mysqlpool_server_connections{server="s",instance="b"} 20x30
	mysqlpool_server_connections_max{server="s",instance="a"} 95x30
	mysqlpool_server_max_connections{server="s",instance="a"} 100x30
	mysqlpool_server_max_connections{server="s",instance="b"} 100x30
	mysqlpool_statement_cache_total{result="hit"} 0+30x30
	mysqlpool_statement_cache_total{result="miss"} 0+10x30
	db_client_connection_wait_time_seconds_bucket{le="0.1"} 0+10x30
	db_client_connection_wait_time_seconds_bucket{le="+Inf"} 0+10x30
	db_client_connection_use_time_seconds_bucket{le="0.1"} 0+10x30
	db_client_connection_use_time_seconds_bucket{le="+Inf"} 0+10x30
`

// evaluate runs all rules for half an hour over series, and returns the alerts that
// fire then, and the values that are recorded.
func evaluate(t *testing.T, series string) (firing []string, recorded map[string]float64) {
	t.Helper()
	var load strings.Builder
	fmt.Fprintf(&load, "load %s\n", model.Duration(interval))
	for line := range strings.Lines(series) {
		if line = strings.TrimSpace(line); line != "" {
			load.WriteString("  " + line + "\n")
		}
	}
	storage := promqltest.LoadedStorage(t, load.String())
	defer storage.Close()
	engine := promqltest.NewTestEngine(t, false, 0, 10000)
	manager := rules.NewManager(&rules.ManagerOptions{
		AppendableV2: storage, Queryable: storage, QueryFunc: rules.EngineQueryFunc(engine, storage),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Context: t.Context(),
		Logger: slog.New(slog.DiscardHandler), Parser: parser.NewParser(parser.Options{}),
	})
	groups, errs := manager.LoadGroups(interval, labels.EmptyLabels(), "", nil, false, rulesFile)
	for _, err := range errs {
		t.Fatal(err)
	}
	recorded = map[string]float64{}
	var inOrder []*rules.Group
	for _, g := range groups {
		inOrder = append(inOrder, g)
	}
	slices.SortFunc(inOrder, func(a, b *rules.Group) int { return -strings.Compare(a.Name(), b.Name()) }) // what is recorded first
	var at time.Time
	for n := range 30 {
		at = time.Unix(0, 0).Add(time.Duration(n) * interval)
		for _, g := range inOrder {
			g.Eval(t.Context(), at)
		}
	}
	for _, g := range inOrder {
		for _, r := range g.Rules() {
			if err := r.LastError(); err != nil {
				t.Errorf("%s: %v", r.Name(), err)
			}
			if a, ok := r.(*rules.AlertingRule); ok {
				if a.State() == rules.StateFiring {
					firing = append(firing, a.Name())
				}
				continue
			}
			found, err := rules.EngineQueryFunc(engine, storage)(t.Context(), r.Name(), at)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) == 1 {
				recorded[r.Name()] = found[0].F
			}
		}
	}
	return firing, recorded
}

func TestAlertsFire(t *testing.T) {
	for _, r := range readRules(t) {
		if r.Alert == "" {
			continue
		}
		if bad[r.Alert] == "" {
			t.Errorf("%s: nothing makes it fire here", r.Alert)
			continue
		}
		if got, _ := evaluate(t, bad[r.Alert]); !slices.Equal(got, []string{r.Alert}) {
			t.Errorf("%s: %q fire", r.Alert, got)
		}
	}
}

func TestHealthyPools(t *testing.T) {
	firing, recorded := evaluate(t, good)
	if len(firing) > 0 {
		t.Errorf("%q fire", firing)
	}
	want := map[string]string{
		"pool:db_client_connection_utilization:ratio":        "0.5",
		"pool:db_client_connection_wait_time_seconds:p99_5m": "0.099",
		"pool:db_client_connection_use_time_seconds:p99_5m":  "0.099",
		"pool:mysqlpool_login_errors:ratio_rate5m":           "0",
		"pool:mysqlpool_statement_cache_hits:ratio_rate5m":   "0.75",
		"account:mysqlpool_account_connections:ratio":        "0.45",
		"server:mysqlpool_server_connections:fleet_ratio":    "0.8",
		"server:mysqlpool_server_connections:ratio":          "0.632",
	}
	for _, r := range readRules(t) {
		if r.Record == "" {
			continue
		}
		v, ok := recorded[r.Record]
		if got := fmt.Sprintf("%.3g", v); !ok || got != want[r.Record] {
			t.Errorf("%s: recorded %s (%v), want %s", r.Record, got, ok, want[r.Record])
		}
	}
}
