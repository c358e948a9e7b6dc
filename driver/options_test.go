package mysqlpool

import (
	"database/sql"
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/hosts"
)

// An error names the option, what was given and what it takes.
func TestBadOptions(t *testing.T) {
	for _, test := range []struct {
		params string
		says   []string
	}{
		{"pool_sise=3", []string{"pool_sise", "pool_size", "pool_timeout"}},
		{"POOL_SIZE=3", []string{"POOL_SIZE", "pool_size"}},
		{"@pool_sise=3", []string{"pool_sise", "pool_size"}},
		{"pool_size=-1", []string{"pool_size", `"-1"`, "a whole number, 0 or more"}},
		{"pool_name=a%20b", []string{"pool_name", `"a b"`, "letters"}},
		{"pool_name=" + strings.Repeat("a", 65), []string{"pool_name", "up to 64"}},
		{"pool_size=many", []string{"pool_size", `"many"`}},
		{"pool_size=3.5", []string{"pool_size", `"3.5"`}},
		{"pool_size=99999999999", []string{"pool_size", "99999999999"}},
		{"pool_size=", []string{"pool_size", `""`}},
		{"pool_size", []string{"pool_size", "no value", "a whole number"}},
		{"@pool_size", []string{"@pool_size", "no value"}},
		{"pool_max_overflow=some", []string{"pool_max_overflow", `"some"`, "auto"}},
		{"pool_timeout=0", []string{"pool_timeout", `"0"`, "above 0"}},
		{"pool_timeout=-5s", []string{"pool_timeout", "-5s"}},
		{"pool_timeout=5parsecs", []string{"pool_timeout", "5parsecs", "seconds"}},
		{"pool_timeout=1e3", []string{"pool_timeout", "1e3"}},
		{"pool_timeout=99999999999999", []string{"pool_timeout", "99999999999999"}},
		{"pool_timeout=.", []string{"pool_timeout", `"."`}},
		{"pool_dial_limit=0", []string{"pool_dial_limit", `"0"`, "1 or more"}},
		{"pool_reset=sometimes", []string{"pool_reset", `"sometimes"`, "state, always or never"}},
		{"@pool_reset=always", []string{"@pool_reset", "@pool_reset='always'", "@pool_reset=%27always%27"}},
		{"@pool_timeout=5s", []string{"@pool_timeout", "@pool_timeout='5s'"}},
		{"@pool_reset='", []string{"@pool_reset"}},
		{"pool_size=1&@pool_size=2", []string{"pool_size and @pool_size", "one of the two"}},
		{"pool_size=0&pool_max_overflow=0", []string{"pool_size", "pool_max_overflow", "1 or more"}},
	} {
		_, err := sql.Open("mysql_pool", "app:secret@tcp(127.0.0.1:1)/app?"+test.params)
		if err == nil {
			t.Errorf("%s: got no error", test.params)
			continue
		}
		for _, part := range append(test.says, "mysqlpool: ") {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", test.params, err, part)
			}
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows the password: %v", test.params, err)
		}
	}
}

func TestDSNErrorsAreTheStockDrivers(t *testing.T) {
	for _, dsn := range []string{"app:secret@tcp(127.0.0.1", "nonsense", "/app?parseTime=maybe", "/app?tls=unheard-of", "/app?timeout=soon"} {
		_, want := sql.Open("mysql", dsn)
		_, got := sql.Open("mysql_pool", dsn)
		if want == nil || got == nil || got.Error() != want.Error() {
			t.Errorf("%s: got %v, want %v", dsn, got, want)
		}
	}
	if _, err := sql.Open("mysql_pool", "/app?strict=true"); err == nil { // the stock driver panics
		t.Error("strict=true: got no error")
	}
}

func TestOptionFunctionsSetWhatTheDSNSets(t *testing.T) {
	for _, test := range []struct {
		option Option
		params string
	}{
		{WithSize(7), "pool_size=7"},
		{WithMaxOverflow(8), "pool_max_overflow=8"},
		{WithIdleTimeout(90 * time.Second), "pool_idle_timeout=90"},
		{WithTimeout(1500 * time.Millisecond), "pool_timeout=1.5"},
		{WithRecycle(0), "pool_recycle=0"},
		{WithPingAfter(time.Minute), "pool_ping_after=1m"},
		{WithWarm(2), "pool_warm=2"},
		{WithDialLimit(2), "pool_dial_limit=2"},
		{WithReset("always"), "pool_reset=always"},
		{WithStmtCache(0), "pool_stmt_cache=0"},
		{WithLeakAfter(time.Minute), "pool_leak_after=60"},
		{WithKill(true), "pool_kill=on"},
		{WithPipeline("off"), "pool_pipeline=off"},
		{WithSchemaSwitch("always"), "pool_schema_switch=always"},
		{WithKill(false), "pool_kill=off"},
		{WithBalance("round_robin"), "pool_balance=round_robin"},
		{WithTarget("prefer_replica"), "pool_target=prefer_replica"},
		{WithName("orders"), "pool_name=orders"},
	} {
		want := dsn.DefaultOptions()
		if err := want.TakeParams(paramsOf(test.params)); err != nil {
			t.Fatal(err)
		}
		got := settings{Config: hosts.Config{Options: dsn.DefaultOptions()}}
		if err := test.option(&got); err != nil {
			t.Errorf("%s: %v", test.params, err)
		} else if got.Options != want {
			t.Errorf("%s: got %+v", test.params, got.Options)
		}
	}
	if err := WithSize(-1)(&settings{}); err == nil {
		t.Error("WithSize(-1): got no error")
	}
}

// Every option has a row of its own in the package documentation, and some have one in
// the README. Both say the default that the code has. docs/options.md is tested in
// internal/dsn.
func TestOptionsAreDocumented(t *testing.T) {
	for _, in := range []struct {
		file, row string
		want      []string
	}{
		{"doc.go", `(?m)^//   - (pool_\w+) \(([^;):]+)`, dsn.OptionNames()},
		{"../README.md", "(?m)^\\| `(pool_\\w+)` \\| `?([^`|]*?)`? \\|", []string{"pool_leak_after", "pool_max_overflow", "pool_recycle", "pool_size", "pool_timeout"}},
	} {
		text, err := os.ReadFile(in.file)
		if err != nil {
			t.Fatal(err)
		}
		documented := map[string]string{}
		for _, m := range regexp.MustCompile(in.row).FindAllStringSubmatch(string(text), -1) {
			documented[m[1]] = m[2]
		}
		if got := slices.Sorted(maps.Keys(documented)); !slices.Equal(got, in.want) {
			t.Errorf("%s: got rows of %v, want of %v", in.file, got, in.want)
		}
		for name, value := range documented {
			if value == "none" || value == "" {
				continue
			}
			o := dsn.DefaultOptions()
			if err := o.Set(name, value); err != nil {
				t.Errorf("%s: the default of %s: %v", in.file, name, err)
			}
			want := dsn.DefaultOptions()
			if err := errors.Join(o.Check(), want.Check()); err != nil || o != want {
				t.Errorf("%s: %s (%s): the code has another default", in.file, name, value)
			}
		}
	}
}

// Every function that returns an Option is in docs/options.md, and no other one.
func TestOptionFunctionsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/options.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	functions := map[string]bool{}
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (With\w+)\(.*\) Option \{`).FindAllStringSubmatch(string(source), -1) {
			functions[m[1]] = true
		}
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`(With[A-Z]\\w*)`").FindAllStringSubmatch(string(page), -1) {
		documented[m[1]] = true
	}
	if got, want := slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(functions)); !slices.Equal(got, want) {
		t.Errorf("docs/options.md: got %v, want %v", got, want)
	}
}

// Whatever the parameters are: no panic, and either an error or options that
// hold together, of which nothing is left to reach the server.
func FuzzDSN(f *testing.F) {
	for _, text := range []string{
		"", "/", "app:secret@tcp(h:1)/app?pool_size=3&@pool_timeout=5", "/?@pool_reset=%27always%27",
		"/?pool_size", "/?@pool_reset='", "/?pool_timeout=1h&pool_recycle=auto", "/?strict=1", "/?wait_timeout=120",
		"/?pool_timeout=.5", "/?@pool_size=0.", "/?pool_idle_timeout=106751d", "/?tls=preferred&compress=true",
		"tcp(a,b:1,[::1]:2)/", "tcp(a,)/", "tcp([::1],[::2])/?pool_balance=round_robin", "tcp(a,a:3306)/", "tcp([a,b]:3306)/",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := dsn.Parse(text)
		if err != nil {
			return
		}
		c, err := newConnector(cfg)
		if err != nil {
			return
		}
		hosts, err := c.Hosts()
		if len(hosts) == 0 || err != nil {
			t.Errorf("no host: %v", err)
		}
		for _, h := range hosts {
			if _, _, err := net.SplitHostPort(h.Addr); cfg.Net == "tcp" && len(hosts) > 1 && err != nil {
				t.Errorf("host %q: %v", h.Addr, err)
			}
		}
		for param := range c.Cfg.Params {
			if strings.HasPrefix(strings.ToLower(strings.TrimPrefix(param, "@")), dsn.OptionPrefix) {
				t.Errorf("%q would reach the server", param)
			}
		}
		if c.Size < 0 || c.Timeout <= 0 || c.IdleTimeout < 0 || c.PingAfter < 0 || c.DialLimit < 1 || c.LeakAfter < 0 ||
			c.Recycle < 0 && c.Recycle != dsn.Auto || c.MaxOverflow < dsn.Auto || c.Size == 0 && c.MaxOverflow == 0 {
			t.Errorf("options do not hold together: %+v", c.Options)
		}
	})
}

func paramsOf(s string) map[string]string {
	params := map[string]string{}
	for p := range strings.SplitSeq(s, "&") {
		if name, value, ok := strings.Cut(p, "="); ok {
			params[name] = value
		}
	}
	return params
}
