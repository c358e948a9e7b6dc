package docs

import (
	"strings"
	"testing"
)

// The rows of a table have as many cells as its head: GitHub drops what is too much.
func TestTables(t *testing.T) {
	tables := 0
	for _, p := range readPages(t, "*.md", "docs/*.md") {
		cells := 0 // of the head; 0: not in a table
		for i, line := range p.prose() {
			line = strings.TrimSpace(line)
			if !strings.HasPrefix(line, "|") {
				cells = 0
				continue
			}
			n := strings.Count(line, "|") - strings.Count(line, `\|`)
			if cells == 0 {
				cells = n
				tables++
			}
			if n != cells {
				t.Errorf("%s:%d: got %d cells, want %d", p.name, i+1, n-1, cells-1)
			}
		}
	}
	if tables < 30 {
		t.Errorf("found only %d tables", tables)
	}
}
