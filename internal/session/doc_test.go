package session

import (
	"os"
	"strings"
	"testing"
)

// The table in the package's documentation is what the code does.
func TestDocumentedTable(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var seen Kinds
	for line := range strings.Lines(string(doc)) {
		row, ok := strings.CutPrefix(line, "//\t")
		if !ok {
			continue
		}
		n++
		cells := strings.Split(row, " | ")
		if len(cells) != 4 {
			t.Errorf("%q: got %d cells, want 4", row, len(cells))
			continue
		}
		text, leaves, ends := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])
		st := Scan(text, false)
		seen |= st.Leaves | st.Ends
		if st.Leaves.String() != leaves || st.Ends.String() != ends {
			t.Errorf("%s: leaves %v, ends %v; documented as %s and %s", text, st.Leaves, st.Ends, leaves, ends)
		}
	}
	if all := Kinds(1<<len(kindNames) - 1); seen != all {
		t.Errorf("%d lines, none of which is about: %v", n, all&^seen)
	}
}
