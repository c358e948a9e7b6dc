package session

import (
	"strings"
	"testing"
)

func TestScan(t *testing.T) {
	for _, c := range statements(t) {
		for _, multi := range []bool{false, true} {
			st := Scan(c.Text, multi)
			if st.Leaves.String() != c.Leaves || st.Ends.String() != c.Ends {
				t.Errorf("statements.txt:%d: %q, multi %v: got leaves %v, ends %v; want leaves %v, ends %v",
					c.Line, c.Text, multi, st.Leaves, st.Ends, c.Leaves, c.Ends)
			}
		}
	}
}

func TestScanSeveral(t *testing.T) {
	for _, c := range []struct {
		text          string
		single, multi Kinds
	}{
		{"SELECT 1; SELECT 2", Other, 0},
		{"SELECT 1; SET @a = 1;", Other | UserVariables, UserVariables},
		{"BEGIN; USE d; SELECT ';'", Other | Transaction | Schema, Transaction | Schema},
		{"SELECT 1; SET ROLE r", Other | Identity, Other | Identity},
		{"CREATE PROCEDURE p() SET @a = 1", 0, Other | UserVariables},
		{"CREATE DEFINER=`a`@`b` PROCEDURE p() BEGIN SET @a = 1; CALL q(); END", 0, UserVariables | Other},
		{"CREATE DEFINER=CURRENT_USER() TRIGGER t BEFORE INSERT ON t FOR EACH ROW SET @a = 1", 0, UserVariables | Other},
		{"CREATE AGGREGATE FUNCTION IF NOT EXISTS f(a int) RETURNS int BEGIN RETURN 1; END", 0, Other},
		{"CREATE EVENT e ON SCHEDULE AT NOW() DO SET @a = 1", UserVariables, UserVariables},
		{"CREATE /*!50003 TRIGGER t BEFORE INSERT ON t FOR EACH ROW SET x = 1 */", Other, Other},
		{"CREATE DEFINER='a\\'@b PROCEDURE p() SELECT 1", Other, Other},
	} {
		if got := Scan(c.text, false).Leaves; got != c.single {
			t.Errorf("%q: got %v, want %v", c.text, got, c.single)
		}
		if got := Scan(c.text, true).Leaves; got != c.multi {
			t.Errorf("%q, multi: got %v, want %v", c.text, got, c.multi)
		}
	}
	if got := Scan("COMMIT; SELECT 1", true).Ends; got != 0 {
		t.Errorf("of several statements any may fail: got ends %v, want none", got)
	}
}

func TestOpens(t *testing.T) {
	for _, q := range []string{"SELECT 1", "INSERT INTO t VALUES (1)", "SHOW TABLES", "SAVEPOINT a", "CALL p()", "NONSENSE",
		"SET @a = (SELECT 1)", "(SELECT 1)", "COMMIT; SELECT 1", "DO 1", "HANDLER t OPEN", "LOCK TABLES t READ"} {
		if !Scan(q, true).OpensTx() {
			t.Errorf("%q: got false, want true", q)
		}
	}
	for _, q := range []string{"", "SET @a = 1", "SET autocommit = 0", "USE d", "COMMIT", "ROLLBACK", "COMMIT; USE d"} {
		if Scan(q, true).OpensTx() {
			t.Errorf("%q: got true, want false", q)
		}
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	all := statements(t)
	if n := testing.AllocsPerRun(100, func() {
		for i := range all {
			Scan(all[i].Text, false)
			Scan(all[i].Text, true)
		}
	}); n != 0 {
		t.Errorf("allocations: got %v, want none", n)
	}
}

func TestKindsString(t *testing.T) {
	for k, want := range map[Kinds]string{
		0:                           "none",
		Transaction | UserVariables: "transaction, user variables",
		Identity:                    "identity",
	} {
		if got := k.String(); got != want {
			t.Errorf("%d: got %q, want %q", k, got, want)
		}
	}
}

// No panic on any text; letter case, white space and comments change nothing;
// of two statements in one text each counts.
func FuzzScan(f *testing.F) {
	all := statements(f)
	for i, c := range all {
		f.Add(c.Text, all[len(all)-1-i].Text)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, multi := range []bool{false, true} {
			got := Scan(a, multi).Leaves
			for _, same := range []string{strings.ToUpper(ascii(a)), strings.ToLower(ascii(a))} {
				// NULL is \N and not \n.
				if !strings.Contains(a, "\\") && Scan(same, multi).Leaves != Scan(ascii(a), multi).Leaves {
					t.Errorf("%q and %q differ", ascii(a), same)
				}
			}
			_, seen := scan(a, multi, 0)
			closed := seen&(unsureSign|oddSign|escapeSign) == 0 // a comment behind it is one
			if got&^Scan("\t/* c */ "+a, multi).Leaves != 0 || closed && got&^Scan("-- c\n"+a+"\n-- c", multi).Leaves != 0 {
				t.Errorf("%q: a comment hides what it leaves", a)
			}
			if got == 0 && (Scan(a+"\n @a", multi).Leaves == 0 || Scan(a+"\n; SET @a = 1", multi).Leaves == 0) &&
				!strings.Contains(strings.ToLower(a), "create") {
				t.Errorf("%q: a variable or a second statement behind it goes unseen", a)
			}
		}
		// Quotes that are not closed in one would end in the other.
		if _, seen := scan(a, true, 0); seen&(unsureSign|oddSign|escapeSign) == 0 {
			both := Scan(a+"\n;"+b, true).Leaves
			if lost := (Scan(a, true).Leaves | Scan(b, true).Leaves) &^ both; lost != 0 {
				t.Errorf("%q and %q: %v is lost", a, b, lost)
			}
		}
		var s State
		for _, q := range []string{a, b} {
			st := Scan(q, false)
			s.Before(&st, a)
			if st.Leaves&^s.Kinds() != 0 {
				t.Errorf("%q: got %v, want all of %v", q, s.Kinds(), st.Leaves)
			}
			s.After(&st, a)
		}
		s.Undo(NewBaseline(nil, Charsets{}), false, 0)
	})
}

const benchQuery = "SELECT id, name, created_at FROM authors WHERE id = ? AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 10"

func BenchmarkScan(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"Select", benchQuery},
		{"Insert", "INSERT INTO `authors` (`name`,`email`,`bio`) VALUES ('O\\'Neil','a@b.c','He said: \"x\"'),('x','y','z')"},
		{"InsertPlaceholders", "INSERT INTO `authors` (`name`,`email`,`bio`,`created_at`) VALUES (?,?,?,?),(?,?,?,?),(?,?,?,?)"},
		{"Short", "SELECT c FROM sbtest1 WHERE id=?"},
		{"Set", "SET time_zone = '+00:00', sql_mode = 'ANSI'"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Scan(c.text, false)
			}
		})
	}
}

// ascii is s with what has no upper and lower case for the servers.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x80 {
			return '?'
		}
		return r
	}, s)
}
