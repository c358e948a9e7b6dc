package mysqlpool_test

import (
	"flag"
	"os"
	"strings"
	"testing"
)

// dsn is of the server that the examples run on.
var dsn = os.Getenv("MYSQL_POOL_TEST_DSN")

// serverExamples are the examples that need a server.
const serverExamples = "^Example(_oneDSN|_sessionState|NewConnector|Stats|Dispose|ErrPoolTimeout)?$"

// TestMain passes over the examples for which there is no server: an example
// that has an output cannot skip itself, and one without is never run.
func TestMain(m *testing.M) {
	flag.Parse()
	if dsn == "" {
		skip := flag.Lookup("test.skip").Value
		pattern := serverExamples
		if asked := skip.String(); asked != "" {
			pattern = asked + "|" + pattern
		}
		if err := skip.Set(pattern); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// withParams returns dsn with more parameters.
func withParams(dsn, params string) string {
	if strings.Contains(dsn[strings.LastIndexByte(dsn, '/'):], "?") {
		return dsn + "&" + params
	}
	return dsn + "?" + params
}
