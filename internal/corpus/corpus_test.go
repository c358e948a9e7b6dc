package corpus

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "corpus")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestStatements(t *testing.T) {
	got, err := Statements(write(t, "# a comment\n\nSELECT 1 => none\nCOMMIT => none; ends transaction, schema\n\"a => \\n\" => other\nSELECT \" => none\n"))
	want := []Statement{{"SELECT 1", "none", "none", 3}, {"COMMIT", "none", "transaction, schema", 4}, {"a => \n", "other", "none", 5}, {`SELECT "`, "none", "none", 6}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestSequences(t *testing.T) {
	got, err := Sequences(write(t, "# a comment\n\nBEGIN\nfail: COMMIT\n=> transaction\n\nSELECT 1\n=> none\n"))
	want := []Sequence{{[]string{"BEGIN", "fail: COMMIT"}, "transaction", 5}, {[]string{"SELECT 1"}, "none", 8}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	statements := func(file string) error { _, err := Statements(file); return err }
	sequences := func(file string) error { _, err := Sequences(file); return err }
	seeds := func(file string) error { _, err := Seeds(file); return err }
	for _, test := range []struct {
		read       func(string) error
		text, want string
	}{
		{statements, "SELECT 1 => none\nSELECT 2\n", ":2: got \"SELECT 2\""},
		{statements, "\"SELECT => none\n", ":1: \"SELECT: got no string"},
		{statements, "# nothing\n", "nothing but comments"},
		{sequences, "BEGIN\n\n=> transaction\n", ":2: got an empty line"},
		{sequences, "=> transaction\n", ":1: got \"=> transaction\", want statements"},
		{sequences, "BEGIN\n", "ends without =>"},
		{seeds, "1\nx\n", ":2: strconv.ParseUint"},
	} {
		if err := test.read(write(t, test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %q in it", test.text, err, test.want)
		}
	}
}
