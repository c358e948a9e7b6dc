package servers

import (
	"errors"
	"testing"
)

func TestGroup(t *testing.T) {
	g, err := StartGroup(t.Context())
	if errors.Is(err, ErrNoGroup) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer g.Stop()
	for _, m := range g.Members {
		db, err := openQuietly(m.SchemaDSN())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if p, err := m.Primary(t.Context(), db); err != nil || p != g.Members[0] {
			t.Errorf("%s: the primary is %v, %v, want the first member", m.Addr, p, err)
		}
	}
}
