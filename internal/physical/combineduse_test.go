package physical

import (
	"database/sql/driver"
	"encoding/json"
	"testing"
	"time"
)

func TestArgumentThatMayBeSeveral(t *testing.T) {
	type text string
	for _, test := range []struct {
		value any
		want  bool
	}{
		{nil, false}, {int64(1), false}, {uint64(1), false}, {1.5, false}, {true, false}, {time.Now(), false},
		{"a", false}, {[]byte("a"), false}, {json.RawMessage("{}"), false},
		{"a;b", true}, {[]byte(";"), true}, {json.RawMessage(`";"`), true}, {text("a"), true},
	} {
		if got := anyMayBeSeveral([]driver.NamedValue{{Value: int64(1)}, {Value: test.value}}); got != test.want {
			t.Errorf("%T %v: got %v, want %v", test.value, test.value, got, test.want)
		}
	}
}

func TestPlainName(t *testing.T) {
	for name, want := range map[string]bool{"": false, "tenant_7": true, "a-b.c$": true, "A": true, "a b": false, "a?b": false, "a;b": false, "a`b": false, "ä": false, "@": false, "[": false} {
		if got := isPlainName(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}
