package session

import (
	"testing"

	"github.com/mysqlpool/mysqlpool/internal/corpus"
)

// testdata is the corpora's folder.
const testdata = "../../testdata/"

// statements returns the corpus of statements.
func statements(t testing.TB) []corpus.Statement {
	t.Helper()
	all, err := corpus.Statements(testdata + "classifier/statements.txt")
	if err != nil {
		t.Fatal(err)
	}
	return all
}
