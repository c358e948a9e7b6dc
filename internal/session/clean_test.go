package session

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mysqlpool/mysqlpool/internal/corpus"
)

// notClean is the statements of the corpus that are called state, and why.
var notClean = map[string]string{
	"ENGINE = innodb */": "a comment that the server executes may hold anything",
}

// What common programs send all day leaves nothing, and is called so: a pool
// that pins for each of them is of no use.
func TestCleanIsCalledClean(t *testing.T) {
	files, err := filepath.Glob(testdata + "clean/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	used := map[string]bool{}
	for _, file := range files {
		texts, err := corpus.Texts(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d statements", file, len(texts))
		for _, text := range texts {
			want := Kinds(0)
			for part := range notClean {
				if strings.Contains(text, part) {
					want, used[part] = Other, true
				}
			}
			for _, multi := range []bool{false, true} {
				if got := Scan(text, multi).Leaves; got != want {
					t.Errorf("%s: %q, multi %v: got %v, want %v", file, text, multi, got, want)
				}
			}
		}
	}
	for part := range notClean {
		if !used[part] {
			t.Errorf("%q: no statement has it", part)
		}
	}
}
