package mysqlpool

import (
	"encoding/json"
	"testing"
	"time"
)

func TestFixesTypes(t *testing.T) {
	for version, want := range map[string]bool{
		"8.0.22": true, "8.0.21": false, "8.0.43-0ubuntu0": true, "8.4.3": true, "9.7.4-2": true, "10.0.0": true, "5.7.44-log": false, "5.6.24": false,
		"10.11.19-MariaDB-deb12u1": false, "5.5.5-10.11.19-MariaDB": false, "11.8.9-MariaDB": false,
		"8.0.30-Vitess": true, "": true, "proxy": true,
	} {
		if got := fixesTypes(version); got != want {
			t.Errorf("%q: got %v, want %v", version, got, want)
		}
	}
}

// Texts that a server may read as values of different types are of different
// kinds, and those are few.
func TestKindsOfTexts(t *testing.T) {
	groups := [][]string{
		{"", "abc", "-", "+", ".", " ", "x1", "user@example.com", "5 apples", "12 Main Street", "0x1F", "550e8400-e29b-41d4-a716-446655440000", "f47ac10b-58cc", "ä5", "-x", "5ä", "e5", ":5"},
		{"0", "5", "00", "123456789012345678"},
		{"202001011200", "20200101120000", "12345678901234567890", "99999999999999999999"},
		{"-5", "+5", "-123456789012345678"},
		{"-12345678901234567890"},
		{"5.5", "5.", ".5", "10.0.0.1"},
		{"-5.5", "-.5"},
		{"1e5", "1E5"},
		{"1e-5", "1e+5"},
		{"-1.5e5"},
		{"2020-01-01", "2020/1/1"},
		{"2020-01-01 10:00:00", "2020-01-01T10:00:00", "2020-01-01T10:00:00Z", "2020-01-01 10:00 UTC", "2020-01-01 10:00:00+02:00"},
		{"2020-01-01 10:00:00.5"},
		{"10:00:00", "1 10:00", " 5", "5 "},
		{"-10:00:00"},
	}
	seen := map[byte]string{}
	for _, group := range groups {
		want := textKind(group[0], 's', likeText)
		if other, ok := seen[want]; ok {
			t.Errorf("%q and %q are of one kind", group[0], other)
		}
		seen[want] = group[0]
		for _, text := range group {
			if got := textKind(text, 's', likeText); got != want {
				t.Errorf("%q: got kind %x, want %x as of %q", text, got, want, group[0])
			}
			bytes := textKind([]byte(text), 'x', likeBytes)
			if (want == 's') != (bytes == 'x') || want != 's' && bytes != want|likeBytes {
				t.Errorf("%q: got kind %x of bytes, %x of text", text, bytes, want)
			}
		}
	}
}

func TestKindsOfTimes(t *testing.T) {
	berlin := time.FixedZone("CEST", 7200)
	midnight := time.Date(2020, 7, 1, 0, 0, 0, 0, berlin)
	for _, test := range []struct {
		t    time.Time
		loc  *time.Location
		want byte
	}{
		{time.Time{}, berlin, 'Z'},
		{midnight, berlin, 'd'},
		{midnight.UTC(), berlin, 'd'},
		{midnight, time.UTC, 't'},
		{midnight.Add(time.Second), berlin, 't'},
		{midnight.Add(time.Microsecond), berlin, 'T'},
	} {
		if got := argKind(test.t, test.loc); got != test.want {
			t.Errorf("%v in %v: got %c, want %c", test.t, test.loc, got, test.want)
		}
	}
}

// Where shapes do not count all texts are alike.
func TestKindsWithoutShapes(t *testing.T) {
	for _, text := range []string{"", "5", "5.5", "2020-01-01"} {
		if s, x, j := argKind(text, nil), argKind([]byte(text), nil), argKind(json.RawMessage(text), nil); s != 's' || x != 'x' || j != 'j' {
			t.Errorf("%q: got %c, %c, %c", text, s, x, j)
		}
	}
	if got := argKind(time.Now(), nil); got != 't' {
		t.Errorf("got %c", got)
	}
	if n := testing.AllocsPerRun(100, func() { argKind("2020-01-01 10:00:00", time.UTC); argKind("550e8400-e29b-41d4", time.UTC) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
