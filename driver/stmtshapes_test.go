package mysqlpool

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

func TestFixesTypes(t *testing.T) {
	for version, want := range map[string]bool{
		"8.0.22": true, "8.0.21": false, "8.0.43-0ubuntu0": true, "8.4.3": true, "9.7.4-2": true, "10.0.0": true, "5.7.44-log": false, "5.6.24": false,
		"10.11.19-MariaDB-deb12u1": false, "5.5.5-10.11.19-MariaDB": false, "11.8.9-MariaDB": false,
		"8.0.30-Vitess": true, "": true, "proxy": true,
	} {
		if got := serverinfo.FixesTypes(version); got != want {
			t.Errorf("%q: got %v, want %v", version, got, want)
		}
	}
}

// Texts that a server may read as values of different types are of different
// kinds, and those are few.
func TestKindsOfTexts(t *testing.T) {
	groups := [][]string{
		{"", "abc", "-", "+", ".", " ", "x1", "user@example.com", "5 apples", "12 Main Street", "0x1F", "123b4567-e89b-12d3", "f47ac10b-58cc", "-x", "e5", ":5", strings.Repeat("x", 1000)},
		{"é", "ä5", "5ä", "-ä", "なし", "\xff", strings.Repeat("x", 1000) + "ä", "ä" + strings.Repeat("x", 1000), "1234567ä", "12345678ä", "x1234567\x80"},
		{"0", "5", "00", "123456789012345678"},
		{"-5", "-123456"},
		{"5.5", "5.", ".5", "1234.56"},
		{"2020-01-01", "2020/1/1", "555-1234"},
	}
	seen := map[byte]string{}
	for _, group := range groups {
		want := textKind(group[0])
		if other, ok := seen[want]; ok || want == kindNone {
			t.Errorf("%q: got kind %x, as %q", group[0], want, other)
		}
		seen[want] = group[0]
		for _, text := range group {
			if got, bytes := textKind(text), textKind([]byte(text)); got != want || bytes != want {
				t.Errorf("%q: got kind %x, and %x of bytes, want %x as of %q", text, got, bytes, want, group[0])
			}
		}
	}
	for _, text := range []string{
		"202001011200", "20200101120000", "1234567890123456789", "99999999999999999999", "+5", "-0", "-05", "-1234567", "-5.5", "10.0.0.1", "1.2.3", "12345678.25",
		"1e5", "1E400", "1e", "1e-5", "550e8400-e29b-41d4-a716-446655440000", "12e99999", "2020-01-01 10:00:00", "2020-01-01T10:00:00Z", "2020-01-01 10:00 UTC",
		"2020-01-01 10:00:00.5", "2020-01-01.5", "10:00:00", "-10:00:00", " 5", "5 ",
	} {
		if got, bytes := textKind(text), textKind([]byte(text)); got != kindNone || bytes != kindNone {
			t.Errorf("%q: got kind %x, and %x of bytes, want none", text, got, bytes)
		}
	}
}

// A kept statement never runs with an argument of no kind, and runs with others
// afterwards.
func TestArgumentsOfNoKind(t *testing.T) {
	bubble(t, func(t *testing.T, s *fakeServer) {
		db := handle(t, s, oneConnection)
		const query = "SELECT ?"
		askArg := func(arg any) {
			t.Helper()
			if err := db.QueryRow(query, arg).Scan(new(int)); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			askArg("1e5")
		}
		if p := onePool(t); p.StmtHits != 0 || p.Stmts > 1 {
			t.Errorf("%d hits, want none; %d statements, want the one at most that is kept for others", p.StmtHits, p.Stmts)
		}
		stmt, err := db.Prepare(query)
		if err != nil {
			t.Fatal(err)
		}
		stmt.QueryRow("1e5").Scan(new(int))
		stmt.Close()
		before := onePool(t).StmtHits
		for range 3 {
			askArg("abc")
		}
		if p := onePool(t); p.StmtHits-before < 2 {
			t.Errorf("%d hits, want 2 or 3 of 3", p.StmtHits-before)
		}
	})
}

func TestKindsOfTimes(t *testing.T) {
	berlin := time.FixedZone("CEST", 7200)
	midnight := time.Date(2020, 7, 1, 0, 0, 0, 0, berlin)
	for _, test := range []struct {
		t        time.Time
		loc      *time.Location
		truncate time.Duration
		want     byte
	}{
		{time.Time{}, berlin, 0, 'Z'},
		{midnight, berlin, 0, 'd'},
		{midnight.UTC(), berlin, 0, 'd'},
		{midnight, time.UTC, 0, 't'},
		{midnight.Add(time.Second), berlin, 0, 't'},
		{midnight.Add(time.Microsecond), berlin, 0, 'T'},
		{midnight.Add(time.Microsecond), berlin, time.Second, 'd'},
		{midnight.Add(time.Hour + time.Microsecond), berlin, time.Second, 't'},
	} {
		cfg := mysql.NewConfig()
		cfg.Loc = test.loc
		if err := cfg.Apply(mysql.TimeTruncate(test.truncate)); err != nil {
			t.Fatal(err)
		}
		if got := argKind(test.t, dsn.TimeFormatOf(cfg)); got != test.want {
			t.Errorf("%+v: got %c, want %c", test, got, test.want)
		}
	}
}

// What the stock driver sends decides, where shapes do not count too.
func TestKindsAreOfWhatIsSent(t *testing.T) {
	for _, test := range []struct {
		want byte
		args []any
	}{
		{kindText, []any{"", "5", "5.5", "2020-01-01", []byte{}, []byte("5"), json.RawMessage(""), json.RawMessage("5"), time.Now(), time.Time{}}},
		{kindWide, []any{"é", []byte("é"), json.RawMessage(`"é"`)}},
		{kindNull, []any{nil, []byte(nil), json.RawMessage(nil)}},
		{'i', []any{int64(0), int64(-1)}},
		{'u', []any{uint64(0), uint64(math.MaxUint64)}},
		{'f', []any{0.5, 2.0}},
		{'b', []any{true, false}},
		{kindNone, []any{int(1), struct{}{}, (*string)(nil), [4]byte{}}}, // the stock driver refuses them
	} {
		for _, arg := range test.args {
			if got := argKind(arg, dsn.TimeFormat{}); got != test.want {
				t.Errorf("%T %v: got %c, want %c", arg, arg, got, test.want)
			}
			if got := argKind(arg, dsn.TimeFormat{Loc: time.UTC}); (got == kindNull) != (test.want == kindNull) {
				t.Errorf("%T %v: got %c where shapes count", arg, arg, got)
			}
		}
	}
	times := dsn.TimeFormat{Loc: time.UTC}
	var text, date any = "550c8400-e29b-41d4", "2020-01-01"
	if n := testing.AllocsPerRun(100, func() { argKind(text, times); argKind(date, times) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
