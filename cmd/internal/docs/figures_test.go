package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// figures are what the README claims: a ratio in prose, or a large count.
var figures = regexp.MustCompile(`(\d+(?:\.\d+)?) times|\b(\d+,\d{3})\b`)

// Each figure of the README is in docs/performance.md: a row of its table with the same
// words, and a number of its prose somewhere there. So to measure again changes both.
func TestFiguresAreMeasured(t *testing.T) {
	readme, measured := readPages(t, "README.md")[0], readPages(t, "docs/performance.md")[0]
	rows := map[string][][]string{} // by their words
	for _, line := range measured.prose() {
		if cells := cellsOf(line); cells != nil {
			rows[cells[0]] = append(rows[cells[0]], cells)
		}
	}
	all := strings.Join(measured.prose(), "\n")
	inTable, inProse := 0, 0
	for i, line := range readme.prose() {
		if cells := cellsOf(line); cells != nil {
			for _, cell := range cells[1:] {
				if !strings.Contains(cell, " to ") || !strings.ContainsAny(cell, "(") || cell[0] < '0' || cell[0] > '9' {
					continue
				}
				inTable++
				if !slices.ContainsFunc(rows[cells[0]], func(r []string) bool { return slices.Contains(r, cell) }) {
					t.Errorf("README.md:%d: no row %q of docs/performance.md has %q", i+1, cells[0], cell)
				}
			}
			continue
		}
		for _, m := range figures.FindAllStringSubmatch(line, -1) {
			number := m[1] + m[2]
			inProse++
			if !regexp.MustCompile(`(^|[^\d.,])` + regexp.QuoteMeta(number) + `($|[^\d.,]|[.,]\D)`).MatchString(all) {
				t.Errorf("README.md:%d: %s is not in docs/performance.md", i+1, number)
			}
		}
	}
	if inTable != 10 || inProse < 4 {
		t.Errorf("README.md: got %d figures in its table and %d in its prose, want 10 and at least 4", inTable, inProse)
	}
}

// cellsOf returns the cells of a row of a table, nil if the line is none.
func cellsOf(line string) []string {
	line, ok := strings.CutPrefix(line, "| ")
	if !ok {
		return nil
	}
	cells := strings.Split(strings.TrimSuffix(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}
