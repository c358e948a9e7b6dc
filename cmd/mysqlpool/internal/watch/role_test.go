package watch

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

func roleAt(t *testing.T, dsn string) (string, role) {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	identity, r, err := readRole(t.Context(), db)
	if err != nil || identity == "" {
		t.Fatalf("identity %q, %v", identity, err)
	}
	return identity, r
}

// What members of a replication group say of themselves.
func TestRoleInGroup(t *testing.T) {
	g, err := servers.StartGroup(t.Context())
	if errors.Is(err, servers.ErrNoGroup) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer g.Stop()
	identities := map[string]bool{}
	for i, m := range g.Members {
		identity, r := roleAt(t, m.DSN)
		identities[identity] = true
		if want := (role{readOnly: i > 0, cluster: true}); r != want {
			t.Errorf("member %d: got %+v, want %+v", i, r, want)
		}
	}
	if len(identities) != len(g.Members) {
		t.Errorf("%d identities, want %d", len(identities), len(g.Members))
	}
	last := g.Members[len(g.Members)-1]
	db, err := sql.Open("mysql", last.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "STOP GROUP_REPLICATION"); err != nil {
		t.Fatal(err)
	}
	if _, r := roleAt(t, last.DSN); !strings.Contains(r.unready, "OFFLINE") {
		t.Errorf("a member that left: got %+v, want it not ready", r)
	}
}

func TestRoleAlone(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		var args []string
		if readOnly {
			args = []string{"--read_only=ON"}
		}
		s, err := servers.Find(t.Context(), servers.Options{Kinds: []servers.Kind{servers.Local}, Args: args})
		if err != nil {
			t.Skip(err)
		}
		t.Cleanup(s.Stop)
		if _, r := roleAt(t, s.DSN); r != (role{readOnly: readOnly}) {
			t.Errorf("read_only %v: got %+v", readOnly, r)
		}
	}
}
