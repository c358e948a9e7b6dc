package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	linkPattern = regexp.MustCompile(`!?\[[^\]]*\]\(([^()\s]+)\)`)
	// pathPattern is a file or folder of the repository that is named in a code span.
	pathPattern = regexp.MustCompile("`((?:driver|internal|cmd|docs|testdata)/[\\w./-]+)`")
)

// Links lead to files and headings that exist, and named files exist.
func TestLinks(t *testing.T) {
	pages := readPages(t, "*.md", "docs/*.md")
	anchors := map[string]map[string]bool{}
	for _, p := range pages {
		anchors[p.name] = anchorsOf(p)
	}
	links := 0
	for _, p := range pages {
		for i, line := range p.prose() {
			for _, m := range linkPattern.FindAllStringSubmatch(line, -1) {
				links++
				if why := checkLink(p, m[1], anchors); why != "" {
					t.Errorf("%s:%d: link to %s: %s", p.name, i+1, m[1], why)
				}
			}
			for _, m := range pathPattern.FindAllStringSubmatch(line, -1) {
				path := strings.TrimSuffix(m[1], "/...")
				if _, err := os.Stat(filepath.Join(root, path)); err != nil && !strings.Contains(path, "/v0.") {
					t.Errorf("%s:%d: %s does not exist", p.name, i+1, path)
				}
			}
		}
	}
	if links < 100 {
		t.Errorf("found only %d links", links)
	}
}

func checkLink(p *page, link string, anchors map[string]map[string]bool) string {
	if strings.Contains(link, "://") {
		if !strings.HasPrefix(link, "https://") {
			return "want https"
		}
		return "" // others' pages are not fetched
	}
	path, anchor, hasAnchor := strings.Cut(link, "#")
	target := p.name
	if path != "" {
		target = filepath.Join(filepath.Dir(p.name), path)
		if _, err := os.Stat(filepath.Join(root, target)); err != nil {
			return "no such file"
		}
	}
	if hasAnchor && !anchors[target][anchor] {
		return "no such heading in " + target
	}
	return ""
}

// anchorsOf returns the anchors of a page's headings, as GitHub makes them.
func anchorsOf(p *page) map[string]bool {
	all := map[string]bool{}
	for _, line := range p.prose() {
		text := strings.TrimLeft(line, "#")
		if text == line || !strings.HasPrefix(text, " ") {
			continue
		}
		all[anchorOf(text)] = true
	}
	return all
}

func anchorOf(heading string) string {
	heading = linkText.ReplaceAllString(strings.TrimSpace(heading), "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

var linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// The table of contents has every page once.
func TestEveryPageIsInTheContents(t *testing.T) {
	contents := readPages(t, "docs/README.md")[0]
	text := strings.Join(contents.lines, "\n")
	for _, p := range readPages(t, "docs/*.md") {
		name := filepath.Base(p.name)
		if n := strings.Count(text, "]("+name+")"); name != "README.md" && n != 1 {
			t.Errorf("docs/README.md: got %d links to %s, want one", n, name)
		}
	}
}
