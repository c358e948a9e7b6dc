package suite

import (
	"flag"
	"os"
	"testing"
)

// serverExamples are the examples that need a server.
const serverExamples = "^Example(_oneDSN|_sessionState|NewConnector|Stats|Dispose|ErrPoolTimeout)?$"

// TestMain passes over the examples for which there is no server: an example
// that has an output cannot skip itself, and one without is never run.
func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(envDSN) == "" {
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
