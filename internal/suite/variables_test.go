package suite

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// otherValues is values to set a variable to that has this one, as SQL; at least
// one is another, and the server takes it.
func otherValues(name, value string) []string {
	switch name {
	case "character_set_client", "character_set_results":
		return []string{"'latin1'", "'utf8'"}
	case "collation_connection":
		return []string{"'latin1_bin'", "'utf8_bin'"}
	case "time_zone":
		return []string{"'+07:30'"}
	case "sql_mode":
		return []string{"'ANSI'", "''"}
	case "lc_time_names", "lc_messages":
		return []string{"'de_DE'", "'en_US'"}
	case "default_storage_engine":
		return []string{"MyISAM", "MEMORY"}
	case "optimizer_switch":
		return []string{"'index_merge=off'", "'index_merge=on'"}
	case "transaction_isolation", "tx_isolation":
		return []string{"'SERIALIZABLE'", "'READ-COMMITTED'"}
	}
	if n, err := strconv.ParseFloat(value, 64); err == nil && n > 0 {
		return []string{fmt.Sprintf("%.0f", n/2), fmt.Sprintf("%.0f", n+1), fmt.Sprintf("%.0f", n*2), "1"}
	}
	return []string{"1", "0", "4096"}
}

// Each variable that a program may set by itself is put back by itself, and
// nothing else changes.
func TestSuiteEachVariableIsPutBack(t *testing.T) {
	if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "embedded") {
		t.Skip("needs a real server: the embedded one takes any value for any variable")
	}
	s := needServer(t)
	fresh := s.open(t, stock, "")
	want, err := s.fingerprint(fresh)
	if err != nil {
		t.Fatal(err)
	}
	fresh.Close()
	done := 0
	for _, name := range session.VariableNames() {
		var value string
		if err := s.admin.QueryRow("SHOW SESSION VARIABLES LIKE '"+name+"'").Scan(new(string), &value); err != nil {
			continue // another server's
		}
		t.Run(name, func(t *testing.T) {
			dispose(t)
			a, b := s.open(t, pooled, poolOfOne), s.open(t, pooled, poolOfOne)
			c := oneConn(t, a)
			was := row(t, c, "SELECT @@"+name)
			changed := false
			for _, other := range otherValues(name, was) {
				if _, err := c.ExecContext(t.Context(), "SET SESSION "+name+" = "+other); err != nil {
					t.Logf("SET SESSION %s = %s: %v", name, other, err)
					continue
				}
				if changed = row(t, c, "SELECT @@"+name) != was; changed {
					break
				}
			}
			if !changed {
				t.Fatalf("it is %s, whatever it is set to", was)
			}
			c.Close()
			a.Close()
			s.wantFingerprint(t, b, want)
			if taken := methodTaken(t); taken != undone {
				t.Errorf("got %q, want %q", taken, undone)
			}
			done++
		})
	}
	t.Logf("%d variables of %d", done, len(session.VariableNames()))
}

// MariaDB's SET STATEMENT … FOR sets variables for one statement, also for one
// that fails or takes too long, and leaves nothing.
func TestSuiteVariablesOfOneStatement(t *testing.T) {
	s := needServer(t)
	fresh := s.open(t, stock, "")
	if _, err := fresh.Exec("SET STATEMENT max_statement_time = 10 FOR SELECT 1"); err != nil {
		t.Skipf("the server has no SET STATEMENT: %v", err)
	}
	fresh.Close()
	fresh = s.open(t, stock, "")
	want, err := s.fingerprint(fresh)
	if err != nil {
		t.Fatal(err)
	}
	fresh.Close()
	dispose(t)
	a, b := s.open(t, pooled, poolOfOne), s.open(t, pooled, poolOfOne)
	done := 0
	for _, name := range session.VariableNames() {
		var value string
		if err := s.admin.QueryRow("SHOW SESSION VARIABLES LIKE '"+name+"'").Scan(new(string), &value); err != nil {
			continue // another server's
		}
		for _, other := range otherValues(name, value) {
			set := "SET STATEMENT " + name + " = " + other + " FOR "
			if says := session.Scan(set+"SELECT 1", false); says.Leaves != 0 {
				continue
			}
			if _, err := a.Exec(set + "SELECT 1"); err != nil {
				continue
			}
			done++
			a.Exec(set + "SELECT nothing FROM nowhere")
			a.Exec(set + "UPDATE nowhere SET nothing = 1")
		}
	}
	if _, err := a.Exec("SET STATEMENT max_statement_time = 0.02, lock_wait_timeout = 3 FOR SELECT SLEEP(2)"); err != nil {
		t.Logf("it took too long: %v", err)
	}
	a.Close()
	s.wantFingerprint(t, b, want)
	if taken := methodTaken(t); taken != "" || done < 30 {
		t.Errorf("%q, want nothing to restore; %d statements", taken, done)
	}
	if p := onlyPool(t); p.Opened != 1 {
		t.Errorf("%d logins, want 1", p.Opened)
	}
}
