package suite

import (
	"context"
	"testing"
	"time"
)

// Another handle's context that ends while it gets the connection does not cost the
// former user his last id, which is read from the session then.
func TestSuiteLastIDOutlivesTheNextUsersContext(t *testing.T) {
	s := needServer(t)
	s.answersWorld(t)
	for i := range 200 {
		one, other := s.open(t, pooled, poolOfOne), s.open(t, pooled, poolOfOne)
		one.SetMaxOpenConns(1)
		other.SetMaxOpenConns(1)
		mustExec(t, one, "INSERT INTO two (v) VALUES (1)")
		want := row(t, one, "SELECT LAST_INSERT_ID()")
		if _, err := one.Exec("INSERT INTO two (id, v) VALUES (?, 1)", 400-i); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*5*time.Microsecond)
		other.ExecContext(ctx, "DO 1")
		cancel()
		if got := row(t, one, "SELECT LAST_INSERT_ID()"); got != want {
			t.Fatalf("after %d: got the last id %s, want %s", i, got, want)
		}
		one.Close()
		other.Close()
	}
}
