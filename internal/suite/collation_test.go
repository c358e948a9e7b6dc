package suite

import (
	"database/sql"
	"os"
	"strings"
	"testing"
)

// collations is how the server reads and compares what a session sends: as
// arguments and as literals. Variables do not show all of it.
var collations = []struct {
	query string
	args  []any
}{
	{"SELECT CONCAT_WS(' ', @@character_set_client, @@character_set_connection, @@collation_connection, IFNULL(@@character_set_results, 'NULL'))", nil},
	{"SELECT COLLATION('x'), COERCIBILITY('x'), COLLATION(CAST(1 AS CHAR)), COLLATION(DATABASE()), COLLATION(_utf8mb4'x')", nil},
	{"SELECT COLLATION(?), COERCIBILITY(?)", []any{"Łukasz", "Łukasz"}},
	{"SELECT COLLATION(CONCAT(?, '')), COERCIBILITY(CONCAT(?, ''))", []any{"Łukasz", "Łukasz"}},
	{"SELECT COLLATION(a) FROM (SELECT ? AS a) AS d", []any{"Łukasz"}},
	{"SELECT CONCAT(?, '') = 'lukasz'", []any{"Łukasz"}},
	{"SELECT ? = ?", []any{"Łukasz", "lukasz"}},
	{"SELECT 'Łukasz' = 'lukasz', 'ß' = 'ss', 'a' = 'A'", nil},
	{"SELECT COUNT(*) FROM people WHERE name LIKE CONCAT('%', ?, '%')", []any{"ü"}},
	{"SELECT COUNT(*) FROM people WHERE name = ?", []any{"lukasz"}},
	{"SELECT COUNT(*) FROM people WHERE CONCAT(name, ?) = 'mullerx'", []any{"x"}},
	{"SELECT HEX(name) FROM people ORDER BY CONCAT(?, name)", []any{"é"}},
	{"SELECT HEX(?), HEX('é')", []any{"é"}},
}

// collated returns the answers, or the errors, twice each, so that the second
// time is on a statement that was kept.
func collated(db *sql.DB) (answers []string) {
	for range 2 {
		for _, c := range collations {
			answer, err := askRow(db, c.query, c.args...)
			answers = append(answers, c.query+": "+answer+errText(err))
		}
	}
	return answers
}

// A new user's texts have the character set and the collation that a login gives
// them, whatever the DSN says of these, and whatever another user set.
func TestSuiteCollationIsTheLogins(t *testing.T) {
	if strings.Contains(os.Getenv("MYSQL_POOL_TEST_SERVER"), "embedded") {
		t.Skip("needs a real server: the embedded one has one collation")
	}
	s := needServer(t)
	setup := s.open(t, stock, "")
	mustExec(t, setup, "CREATE TABLE people (name VARCHAR(50)) CHARACTER SET utf8mb4", "INSERT INTO people VALUES ('Müller'), ('Muller'), ('Łukasz')")
	setup.Close()
	states := []string{
		"SET @a = 1", "SET NAMES latin1", "SET NAMES utf8mb4 COLLATE utf8mb4_bin", "SET CHARACTER SET latin1", "SET character_set_client = latin1",
		"SET collation_connection = utf8mb4_bin", "SET character_set_results = NULL",
		"SET character_set_collations = 'utf8mb4=utf8mb4_bin'",        // MariaDB 11
		"SET default_collation_for_utf8mb4 = 'utf8mb4_general_ci'",    // MySQL 8
		"SET NAMES utf8mb4 COLLATE utf8mb4_bin, time_zone = '+03:00'", //
	}
	for _, params := range []string{
		"", "charset=utf8mb4", "charset=latin1", "charset=nonsense,utf8mb4", "charset=utf8mb4,utf8", "collation=utf8mb4_unicode_ci", "collation=utf8mb4_bin",
		"collation=latin1_german1_ci", "collation=utf8mb4_0900_ai_ci", "collation=nonsense", "charset=utf8mb4&collation=utf8mb4_unicode_ci",
		"charset=latin1&collation=latin1_german1_ci", "collation_connection=utf8mb4_bin", "character_set_results=NULL", "character_set_client=latin1",
		"charset=latin1&character_set_results=utf8mb4", "collation=utf8mb4_unicode_ci&character_set_results=latin1", "charset=utf8mb4&collation_connection=utf8mb4_bin&character_set_client=latin1",
		"character_set_collations=%27utf8mb4=utf8mb4_bin%27&charset=utf8mb4", "interpolateParams=true", "interpolateParams=true&collation=utf8mb4_unicode_ci",
	} {
		t.Run(params, func(t *testing.T) {
			fresh := s.open(t, stock, params)
			if err := fresh.Ping(); err != nil {
				t.Skipf("the stock driver cannot log in: %v", err)
			}
			want := collated(fresh)
			fresh.Close()
			for _, state := range states {
				for _, mode := range []string{"state", "always"} {
					dispose(t)
					one := strings.Trim(params+"&pool_size=1&pool_max_overflow=0&pool_reset="+mode, "&")
					a, b := s.open(t, pooled, one), s.open(t, pooled, one)
					if _, err := a.Exec(state); err != nil {
						a.Close()
						continue // another server's
					}
					a.Close()
					if d := difference(collated(b), want); d != "" {
						t.Errorf("after %q, pool_reset=%s: the next user sees:%s", state, mode, d)
					}
					named := strings.HasPrefix(state, "SET NAMES") && !strings.Contains(params, "character_set") && !strings.Contains(params, "collation_connection")
					if taken := methodTaken(t); mode == "state" && named && taken != undone {
						t.Errorf("after %q: got %q, want it undone", state, taken)
					}
					b.Close()
				}
			}
		})
	}
}
