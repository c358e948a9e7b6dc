package mysqlpool

import (
	"database/sql"
	"database/sql/driver"
	"testing"
)

func TestSessionStateStaysWithItsLogicalConnection(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		const one = "pool_size=2&pool_max_overflow=0"
		a, b := handle(t, s, one), handle(t, s, one)
		a.SetMaxOpenConns(1)
		mustExec(t, a, "SET @a = 1")
		if p := onePool(t); p.Pinned != 1 || p.Idle != 0 {
			t.Errorf("got %+v, want one pinned", p)
		}
		for range 2 {
			if id := ask(t, b); id != 2 {
				t.Errorf("another handle: got connection %d, want its own", id)
			}
			if id := ask(t, a); id != 1 {
				t.Errorf("the same handle: got connection %d, want the one with its state", id)
			}
		}
		a.Close()
		wantOpen(t, s, 1, 2)
		if p := onePool(t); p.Dirty != 1 {
			t.Errorf("dirty: got %d, want 1", p.Dirty)
		}
	})
}

func mustExec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsKeptAfterAStatement(t *testing.T) {
	for _, test := range []struct {
		name, params, autocommit, query string
		kept                            bool
	}{
		{"read", "", "1", "SELECT 1", true},
		{"write", "", "1", "INSERT INTO t VALUES (1)", true},
		{"autocommit is called ON", "", "ON", "SELECT 1", true},
		{"state", "", "1", "SET @a = 1", false},
		{"read without autocommit", "", "0", "SELECT 1", false},
		{"read, always", "pool_reset=always", "1", "SELECT 1", false},
		{"state, never", "pool_reset=never", "1", "SET @a = 1", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *fakeServer) {
				s.autocommit = test.autocommit
				want := 0
				if test.kept {
					want = 1
				}
				db := handle(t, s, test.params)
				mustExec(t, db, test.query)
				db.Close()
				wantOpen(t, s, want, 1)

				db = handle(t, s, test.params+"&wait_timeout=60") // another pool
				stmt, err := db.Prepare(test.query)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := stmt.Exec(); err != nil {
					t.Fatal(err)
				}
				stmt.Close()
				db.Close()
				wantOpen(t, s, 2*want, 2)
			})
		})
	}
}

// A failed statement may have done half of what it says.
func TestFailedStatementCountsAsState(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		ask(t, db)
		s.query = failAll
		if _, err := db.Exec("SET @a = 1, @b = oops"); err != errServer {
			t.Fatalf("got %v, want the server's own error", err)
		}
		db.Close()
		wantOpen(t, s, 0, 1)
	})
}

// database/sql does not know of a transaction that was begun in Conn.Raw.
func TestTransactionLeftOpenInRawIsNotHandedOn(t *testing.T) {
	for _, ended := range []bool{false, true} {
		bubble(t, func(t *testing.T, s *fakeServer) {
			db := handle(t, s, "")
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			err = c.Raw(func(dc any) error {
				tx, err := dc.(stockConn).BeginTx(t.Context(), driver.TxOptions{})
				if err == nil && ended {
					err = tx.Rollback()
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			db.Close()
			if open, _ := s.open(); (open == 1) != ended {
				t.Errorf("ended: %v; connections kept: %d", ended, open)
			}
		})
	}
}

// Whoever reads rows in Conn.Raw is not made to close them.
func TestRawQueryIsNotHandedOn(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, "")
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = c.Raw(func(dc any) error {
			_, err := dc.(stockConn).Query("SELECT 1", nil)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		db.Close()
		wantOpen(t, s, 0, 1)
	})
}
