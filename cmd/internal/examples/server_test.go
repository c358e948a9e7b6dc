package examples

import (
	"testing"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
)

// testDSN returns the DSN of a server, which goes with the test.
func testDSN(t *testing.T) string {
	t.Helper()
	s, err := servers.Find(t.Context(), servers.Options{Kinds: []servers.Kind{servers.DSN, servers.Embedded}, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s.DSN
}
