package session

import (
	"slices"
	"strings"
	"testing"
)

// The statement that puts the character sets back, for what the variables show
// after a login.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		client, results, collation string
		charsets                   Charsets
		want                       string
	}{
		{"utf8mb4", "utf8mb4", "utf8mb4_bin", Charsets{}, "SET NAMES utf8mb4 COLLATE utf8mb4_bin"},
		{"utf8mb4", "utf8mb4", "utf8mb4_uca1400_ai_ci", Charsets{CollatesClient: true}, "SET NAMES utf8mb4 COLLATE utf8mb4_uca1400_ai_ci"},
		{"utf8mb3", "utf8mb3", "utf8_bin", Charsets{}, "SET NAMES utf8mb3 COLLATE utf8_bin"},
		{"binary", "binary", "binary", Charsets{}, "SET NAMES binary COLLATE binary"},
		// One by one: MariaDB does not say how arguments are collated.
		{"utf8mb4", "utf8mb4", "utf8mb4_bin", Charsets{CollatesClient: true, OneByOne: true}, ""},
		{"utf8mb4", "utf8mb4", "utf8mb4_bin", Charsets{OneByOne: true},
			"SET character_set_client = 'utf8mb4', character_set_results = 'utf8mb4', collation_connection = 'utf8mb4_bin'"},
		// What no SET NAMES makes.
		{"utf8mb4", "", "utf8mb4_bin", Charsets{}, "SET character_set_client = 'utf8mb4', character_set_results = NULL, collation_connection = 'utf8mb4_bin'"},
		{"latin1", "latin1", "utf8mb4_bin", Charsets{}, "SET character_set_client = 'latin1', character_set_results = 'latin1', collation_connection = 'utf8mb4_bin'"},
		{"latin1", "latin1", "utf8mb4_bin", Charsets{CollatesClient: true}, ""},
		{"utf8mb4", "utf8mb4", "utf8mb4_bin; DO 1", Charsets{CollatesClient: true}, ""},
	} {
		b := NewBaseline(map[string]string{
			"character_set_client": c.client, "character_set_results": c.results, "collation_connection": c.collation,
		}, c.charsets)
		got, ok := b.Charset()
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%+v: got %q, %v", c, got, ok)
		}
		var s State
		run(&s, "SET NAMES latin1")
		if undo, ok := s.Undo(b, true, 0); ok != (c.want != "") || ok && !slices.Equal(undo, []string{c.want}) {
			t.Errorf("%+v: undo %q, %v", c, undo, ok)
		}
		if !b.HasNames(c.client, c.results, c.collation) || b.HasNames(c.client, c.results, "latin1_bin") {
			t.Errorf("%+v: HasNames", c)
		}
	}
}

// No statement is longer than what may be sent, and together they put the same
// variables back.
func TestUndoInPieces(t *testing.T) {
	values := map[string]string{}
	for _, name := range VariableNames() {
		values[name] = "1"
	}
	b := NewBaseline(values, Charsets{})
	var s State
	for _, name := range VariableNames() {
		run(&s, "SET "+name+" = 2")
	}
	whole, _ := s.Undo(b, true, 0)
	longest := len(b.names)
	for i, set := range b.sets {
		if i != namesGroup {
			longest = max(longest, len("SET ")+len(set))
		}
	}
	for _, limit := range []int{longest, 200, 1000, 5000} {
		pieces, ok := s.Undo(b, true, limit)
		if !ok {
			t.Fatalf("limit %d: got no undo", limit)
		}
		var after State
		for _, st := range pieces {
			if len(st) > limit {
				t.Errorf("limit %d: got %d bytes: %s", limit, len(st), st)
			}
			run(&after, st)
		}
		if after.vars != s.vars {
			t.Errorf("limit %d: %b are put back, want %b", limit, after.vars, s.vars)
		}
		if limit == 5000 && !slices.Equal(pieces, whole) {
			t.Errorf("got %q, want %q", pieces, whole)
		}
	}
	if undo, ok := s.Undo(b, true, longest-1); ok {
		t.Errorf("one is too long: got %q, want no undo", strings.Join(undo, "; "))
	}
}
