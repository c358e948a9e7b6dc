package pool

import (
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The picture in docs/design.md has the moves that the comment of State has, and no
// other one.
func TestStatePicture(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "state.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	row := regexp.MustCompile(`(?m)^\s+(\(a new login\)|any but InUse|\w+(?:, \w+)?)\s+(InUse|Fresh|Offered|Pinned|Idle|Closed)\s`)
	for _, m := range row.FindAllStringSubmatch(file.Comments[0].Text(), -1) {
		for _, from := range fromStates(m[1]) {
			want = append(want, from+" --> "+m[2])
		}
	}
	page, err := os.ReadFile("../../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^    (\S+ --> \w+):`).FindAllStringSubmatch(string(page), -1) {
		got = append(got, m[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 15 || !slices.Equal(got, want) {
		t.Errorf("docs/design.md: got the moves\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// fromStates is the states that a row of the comment is about.
func fromStates(text string) []string {
	switch text {
	case "(a new login)":
		return []string{"[*]"}
	case "any but InUse":
		return []string{"Offered", "Fresh", "Pinned", "Idle"}
	}
	return strings.Split(text, ", ")
}
