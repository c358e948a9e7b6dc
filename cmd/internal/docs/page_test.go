package docs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

// page is a Markdown file.
type page struct {
	name   string // from the root of the repository
	lines  []string
	blocks []block
}

// block is a fenced block of a page.
type block struct {
	language string
	text     string // without the indent of the fence
	line     int    // of the fence, from 1

	marks map[string]string // of the comment before it, by name
}

// skip says why the block does not run; "" if it does.
func (b *block) skip() string { return b.marks["skip"] }

// markNames are the names that a comment before a block may have.
var markNames = []string{"skip", "file", "output", "status"}

// readPages reads the pages that match one of the patterns.
func readPages(t *testing.T, patterns ...string) (all []*page) {
	t.Helper()
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: got %d files, %v", pattern, len(names), err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			name, err = filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			p := parsePage(name, string(text))
			for _, b := range p.blocks {
				for mark, value := range b.marks {
					if !slices.Contains(markNames, mark) || mark != "output" && value == "" {
						t.Errorf("%s:%d: got the mark %q with %q, want one of %q, with a value", name, b.line, mark, value, markNames)
					}
				}
			}
			all = append(all, p)
		}
	}
	return all
}

const markStart, markEnd = "<!-- docs:", "-->"

func parsePage(name, text string) *page {
	p := &page{name: name, lines: strings.Split(text, "\n")}
	marks := map[string]string{}
	for i := 0; i < len(p.lines); i++ {
		line := strings.TrimSpace(p.lines[i])
		if mark, ok := strings.CutPrefix(line, markStart); ok {
			mark, _ = strings.CutSuffix(mark, markEnd)
			key, value, _ := strings.Cut(strings.TrimSpace(mark), ":")
			marks[key] = strings.TrimSpace(value)
			continue
		}
		language, ok := strings.CutPrefix(line, "```")
		if !ok {
			if line != "" {
				marks = map[string]string{}
			}
			continue
		}
		indent := p.lines[i][:strings.Index(p.lines[i], "```")]
		b := block{language: language, line: i + 1, marks: marks}
		for i++; i < len(p.lines) && strings.TrimSpace(p.lines[i]) != "```"; i++ {
			b.text += strings.TrimPrefix(p.lines[i], indent) + "\n"
		}
		p.blocks = append(p.blocks, b)
		marks = map[string]string{}
	}
	return p
}

// prose is the page without its fenced blocks, which are blank lines.
func (p *page) prose() []string {
	lines := slices.Clone(p.lines)
	in := false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if in || fence {
			lines[i] = ""
		}
		in = in != fence
	}
	return lines
}
