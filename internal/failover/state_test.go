package failover

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// The table in State's comment is the one in the code.
func TestStateComment(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "state.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var doc string
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE && g.Specs[0].(*ast.TypeSpec).Name.Name == "State" {
			doc = g.Doc.Text()
		}
	}
	for s := range states {
		var want []string
		for e := range events {
			name := "(before)"
			if to := transitions[s][e]; to != asBefore {
				name = to.String()
			}
			want = append(want, name)
		}
		row := ""
		for line := range strings.SplitSeq(doc, "\n") {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), s.String()+"  "); ok {
				row = strings.Join(strings.Fields(rest), " ")
			}
		}
		if got := strings.Join(want, " "); row != got {
			t.Errorf("%v: the comment says %q, the table %q", s, row, got)
		}
	}
}

// Whatever a server says of itself is believed, in any state.
func TestAnswersCount(t *testing.T) {
	for s := range states {
		for event, want := range map[Event]State{Writable: Up, TakesNoWrites: ReadOnly, NotReady: Unready, NoRoom: Full, Failed: Down, Refused: ReadOnly} {
			if got := transitions[s][event]; got != want {
				t.Errorf("%v, event %d: got %v, want %v", s, event, got, want)
			}
		}
	}
}
