package session

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/mysqlpool/mysqlpool/internal/corpus"
)

// run runs statements that succeed, or fail if they begin with "fail:". What
// follows " ? " is the first argument.
func run(s *State, texts ...string) {
	for _, text := range texts {
		text, fails := strings.CutPrefix(text, "fail: ")
		text, arg, hasArg := strings.Cut(text, " <- ")
		var first any
		if hasArg {
			first = arg
		}
		st := Scan(text, false)
		s.Before(&st, first)
		if !fails {
			s.After(&st, first)
		}
	}
}

func TestStateEnds(t *testing.T) {
	all, err := corpus.Sequences(testdata + "classifier/sequences.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		var s State
		run(&s, c.Statements...)
		if got := s.Kinds().String(); got != c.Leaves {
			t.Errorf("sequences.txt:%d: %q: got %v, want %v", c.Line, c.Statements, got, c.Leaves)
		}
		s.Reset()
		run(&s, "DO GET_LOCK('x', 1)", "DO RELEASE_LOCK('x')")
		if got := s.Kinds(); got != 0 {
			t.Errorf("%q: after a reset: got %v, want none", c.Statements, got)
		}
	}
}

func TestStateAddRemove(t *testing.T) {
	var s State
	s.Add(Transaction)
	s.Remove(Transaction)
	if got := s.Kinds(); got != 0 {
		t.Errorf("got %v, want none", got)
	}
	s.Add(Locks | Variables | UserVariables)
	run(&s, "DO GET_LOCK('x', 1)", "DO RELEASE_LOCK('x')")
	if got, want := s.Kinds(), Locks|Variables|UserVariables; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if undo, ok := s.Undo(testBaseline, true, 0); ok {
		t.Errorf("what is known of without names: got %q, want no undo", undo)
	}
}

var testBaseline = NewBaseline(map[string]string{
	"character_set_client": "utf8mb4", "character_set_results": "", "collation_connection": "utf8mb4_bin",
	"autocommit": "ON", "tx_isolation": "REPEATABLE-READ", "tx_read_only": "OFF", "time_zone": "SYSTEM", "sql_mode": "",
	"max_statement_time": "0.000000", "lc_messages": "it's", "optimizer_switch": "mrr=on",
}, Charsets{})

func TestUndo(t *testing.T) {
	for _, c := range []struct {
		texts []string
		all   bool
		want  []string // nil for what cannot be undone
	}{
		{[]string{"SELECT 1"}, false, []string{}},
		{[]string{"USE d"}, false, []string{}},
		{[]string{"SELECT SQL_CALC_FOUND_ROWS 1"}, false, []string{}},
		{[]string{"BEGIN"}, false, []string{"ROLLBACK"}},
		{[]string{"SET TRANSACTION READ ONLY"}, false, []string{"ROLLBACK"}},
		{[]string{"SET autocommit = 0"}, false, []string{"ROLLBACK", "SET autocommit = ON"}},
		{[]string{"SET NAMES latin1"}, false,
			[]string{"SET character_set_client = 'utf8mb4', character_set_results = NULL, collation_connection = 'utf8mb4_bin'"}},
		{[]string{"SET time_zone = 'UTC'", "SET SESSION TRANSACTION READ ONLY"}, false,
			[]string{"SET tx_isolation = 'REPEATABLE-READ', tx_read_only = OFF, time_zone = 'SYSTEM'"}},
		{[]string{"SET max_statement_time = 1, sql_mode = 'ANSI'"}, false, []string{"SET sql_mode = '', max_statement_time = 0.000000"}},
		{[]string{"SELECT 1 INTO @x"}, true, nil},
		{[]string{"SET @a = 1, time_zone = 'UTC'"}, true, nil},
		{[]string{"DO GET_LOCK('a', 1), 2"}, true, []string{"DO RELEASE_ALL_LOCKS()"}},
		{[]string{"DO GET_LOCK('a', 1), 2"}, false, nil},
		{[]string{"DO GET_LOCK('a', 1)", "DO GET_LOCK('b', 1)", "DO GET_LOCK('a', 1)"}, false,
			[]string{"DO RELEASE_LOCK('a'), RELEASE_LOCK('a'), RELEASE_LOCK('b')"}},
		{[]string{"BEGIN", "SET sql_mode = 'ANSI'", "DO GET_LOCK('a', 1)"}, true,
			[]string{"ROLLBACK", "SET sql_mode = ''", "DO RELEASE_ALL_LOCKS()"}},
		{[]string{"SET lc_messages = 'x'"}, false, nil},
		{[]string{"SET wait_timeout = 1"}, false, nil},
		{[]string{"SET timestamp = 1"}, true, nil},
		{[]string{"CREATE TEMPORARY TABLE t (a int)"}, true, nil},
		{[]string{"LOCK TABLES t READ"}, true, nil},
		{[]string{"CALL p()"}, true, nil},
	} {
		var s State
		run(&s, c.texts...)
		got, ok := s.Undo(testBaseline, c.all, 0)
		if ok != (c.want != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, %v; want %q", c.texts, got, ok, c.want)
		}
		if undo, ok := s.Undo(nil, c.all, 0); ok && s.Kinds()&Variables != 0 {
			t.Errorf("%q without a baseline: got %q, want no undo", c.texts, undo)
		}
	}
}

// What Undo sends is itself understood: it leaves no more than it restores.
func TestUndoIsUnderstood(t *testing.T) {
	values := map[string]string{}
	for _, name := range VariableNames() {
		values[name] = "1"
	}
	b := NewBaseline(values, Charsets{})
	for name := range maps.Keys(values) {
		var s State
		run(&s, "SET "+name+" = 2", "BEGIN")
		undo, ok := s.Undo(b, true, 0)
		if !ok || len(undo) != 2 {
			t.Errorf("%s: got %q, %v", name, undo, ok)
			continue
		}
		if st := Scan(undo[1], false); st.Leaves != Variables || st.vars != s.vars {
			t.Errorf("%s: %q leaves %v", name, undo[1], st.Leaves)
		}
	}
}

func TestCharset(t *testing.T) {
	got, ok := testBaseline.Charset()
	want := "SET character_set_client = 'utf8mb4', character_set_results = NULL, collation_connection = 'utf8mb4_bin'"
	if got != want || !ok {
		t.Errorf("got %q, %v; want %q", got, ok, want)
	}
	if got, ok := NewBaseline(nil, Charsets{}).Charset(); ok || got != "" {
		t.Errorf("of nothing: got %q, want none", got)
	}
}

func TestVariables(t *testing.T) {
	if n := len(varGroups); n > 64 {
		t.Errorf("got %d groups, want at most 64", n)
	}
	seen := map[string]bool{}
	for _, name := range VariableNames() {
		if seen[name] || name != strings.ToLower(name) || findVar(strings.ToUpper(name)) == 0 {
			t.Errorf("%s: twice, or not found", name)
		}
		seen[name] = true
	}
	for value, want := range map[string]string{
		"": "''", "1": "1", "-1": "'-1'", "0.5": "0.5", "1.": "'1.'", "ON": "ON", "a b": "'a b'", "a'b": "", "a\\b": "", "ä": "", "a\n": "",
	} {
		if got, _ := sqlValue("x", value); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}
