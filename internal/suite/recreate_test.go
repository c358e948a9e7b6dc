package suite

import (
	"fmt"
	"testing"
)

// A schema that was recreated or altered, through a handle of this process is what
// every handle meets that is opened then.
func TestSuiteSchemaMadeAnew(t *testing.T) {
	s := needServer(t)
	name := s.schema + "_Again"
	defer s.exec(t, "DROP DATABASE IF EXISTS "+name)
	for _, st := range []string{"DROP SCHEMA IF EXISTS " + name, "create schema " + name, "ALTER DATABASE " + name + " COLLATE latin1_bin", "DROP DATABASE " + name} {
		if _, err := s.admin.Exec(st); err != nil {
			t.Skip(err)
		}
	}
	cfg := s.config(t)
	cfg.DBName = ""
	for _, way := range []struct {
		name, params string
		run          func(text string) []string
	}{
		{"text", "", func(text string) []string { return []string{text} }},
		{"lower case", "", func(text string) []string { return []string{"/* one */ " + text} }},
		{"several statements", "multiStatements=true", func(text string) []string { return []string{"SELECT 1; " + text + "; SELECT 2"} }},
		{"executed comment", "", func(text string) []string { return []string{"/*!40000 " + text + " */"} }},
		{"prepared by name", "", func(text string) []string {
			return []string{"PREPARE made FROM '" + text + "'", "EXECUTE made"}
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			asStock(t, func(t *testing.T, driver string) (result []string) {
				admin := openDSN(t, driver, withParams(cfg.FormatDSN(), way.params))
				admin.SetMaxOpenConns(1)
				defer admin.Close()
				run := func(text string) {
					for _, st := range way.run(text) {
						_, err := admin.Exec(st)
						if errNumber(err) == 1295 { // not to be prepared
							mustExec(t, admin, text)
							return
						}
						if errNumber(err) == 1105 { // go-mysql-server, on a session whose schema is gone
							t.Skip(err)
						}
						if err != nil {
							t.Fatalf("%s: %v", st, err)
						}
					}
				}
				to := cfg.Clone()
				to.DBName = name
				ask := func() {
					db := openDSN(t, driver, withParams(to.FormatDSN(), "@pool_size=3"))
					defer db.Close()
					result = append(result, errText(db.Ping()))
					for range 3 {
						result = append(result, seen(db, "SELECT DATABASE(), @@collation_database"))
						result = append(result, seen(db, "SELECT v + ? FROM t"+fmt.Sprintf(" WHERE v = %d", 1)))
					}
					_, err := db.Exec("CREATE TABLE t (v INT, s VARCHAR(20))")
					result = append(result, errText(err))
					_, err = db.Exec("INSERT INTO t VALUES (1, '日本')")
					result = append(result, errText(err))
					for range 3 {
						got, err := askRow(db, "SELECT v + ?, s FROM t WHERE v = ?", 1, 1)
						result = append(result, got+errText(err))
					}
				}
				run("DROP DATABASE IF EXISTS " + name)
				ask()
				run("CREATE DATABASE " + name + " CHARACTER SET latin1")
				ask()
				run("DROP SCHEMA `" + name + "`")
				ask()
				run("create schema " + name + " CHARACTER SET utf8mb4")
				ask()
				run("ALTER DATABASE " + name + " COLLATE latin1_bin")
				ask()
				run("DROP DATABASE " + name)
				run("CREATE DATABASE " + name + " CHARACTER SET utf8mb4")
				ask()
				run("DROP DATABASE " + name)
				return result
			})
		})
	}
}
