package suite

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// A connection that its user killed, in whatever way, is nobody's afterwards. One of
// which only a statement was killed is used again.
func TestSuiteKillOfOneselfReachesNobodyElse(t *testing.T) {
	s := needServer(t)
	setup := s.open(t, stock, "")
	for _, st := range []string{"CREATE PROCEDURE ends() KILL CONNECTION_ID()", "CREATE PROCEDURE stops() KILL QUERY CONNECTION_ID()"} {
		if _, err := setup.Exec(st); err != nil {
			t.Skip(err)
		}
	}
	setup.Close()
	ways := map[string]func(db, other *sql.DB, id int64) error{
		"KILL CONNECTION_ID()": func(db, _ *sql.DB, _ int64) error {
			_, err := db.Exec("KILL CONNECTION_ID()")
			return err
		},
		"KILL n": func(db, _ *sql.DB, id int64) error {
			_, err := db.Exec(fmt.Sprintf("KILL %d", id))
			return err
		},
		"KILL CONNECTION n": func(db, _ *sql.DB, id int64) error {
			_, err := db.Exec(fmt.Sprintf("kill connection %d", id))
			return err
		},
		"KILL ?": func(db, _ *sql.DB, id int64) error {
			_, err := db.Exec("KILL ?", id)
			return err
		},
		"KILL by Query": func(db, _ *sql.DB, id int64) error {
			_, err := db.Query("KILL CONNECTION_ID()")
			return err
		},
		"prepared KILL": func(db, _ *sql.DB, id int64) error {
			stmt, err := db.Prepare("KILL CONNECTION_ID()")
			if err != nil {
				return err
			}
			defer stmt.Close()
			_, err = stmt.Exec()
			return err
		},
		"KILL in a transaction": func(db, _ *sql.DB, _ int64) error {
			tx, err := db.Begin()
			if err != nil {
				return err
			}
			defer tx.Rollback()
			_, err = tx.Exec("KILL CONNECTION_ID()")
			return err
		},
		"CALL that kills": func(db, _ *sql.DB, _ int64) error {
			_, err := db.Exec("CALL ends()")
			return err
		},
		"KILL QUERY": func(db, _ *sql.DB, _ int64) error {
			_, err := db.Exec("KILL QUERY CONNECTION_ID()")
			return err
		},
		"CALL that stops": func(db, _ *sql.DB, _ int64) error {
			_, err := db.Exec("CALL stops()")
			return err
		},
		"KILL n by another": func(_, other *sql.DB, id int64) error {
			_, err := other.Exec(fmt.Sprintf("KILL %d", id))
			return err
		},
		"KILL QUERY n by another": func(_, other *sql.DB, id int64) error {
			_, err := other.Exec(fmt.Sprintf("KILL QUERY %d", id))
			return err
		},
		"COMMIT RELEASE": func(db, _ *sql.DB, _ int64) error {
			_, err := db.Exec("COMMIT RELEASE")
			return err
		},
	}
	for name, kill := range ways {
		t.Run(name, func(t *testing.T) {
			answers := map[string]string{}
			onBoth(t, func(t *testing.T, driver string) {
				for range 8 {
					db, other, next := s.open(t, driver, "@pool_size=2&@pool_max_overflow=0"), s.open(t, driver, "@pool_size=2&@pool_max_overflow=0"), s.open(t, driver, "@pool_size=2&@pool_max_overflow=0")
					db.SetMaxOpenConns(1)
					id := connectionID(t, db)
					err := kill(db, other, id)
					answers[driver] = strings.ReplaceAll(errText(err), fmt.Sprint(id), "n")
					if driver == pooled {
						// Its own handle meets no error: the stock driver's may.
						if _, err := askConnectionID(db); err != nil {
							t.Errorf("its own handle: %v", err)
						}
					}
					db.Close()
					other.Close()
					for range 2 {
						if _, err := askConnectionID(next); err != nil {
							t.Errorf("the next handle: %v", err)
						}
					}
					next.Close()
				}
			})
			if answers[stock] != answers[pooled] {
				t.Errorf("stock  %s\npooled %s", answers[stock], answers[pooled])
			}
		})
	}
}
