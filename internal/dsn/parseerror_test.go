package dsn

import (
	"strings"
	"testing"
)

func TestNoErrorShowsAPassword(t *testing.T) {
	for _, text := range []string{
		"app:a@hush/x", "app:a/b@hush/x", "app:hush/b@tcp(h:1)", "app:hush@tcp(h:1)", "app:a/hush%zz@tcp(h)", "app:a/b?parseTime=hush@tcp(h)",
		"app:hush@tcp(h:1/x", "app:hush@tcp(h)/x?strict=true", "app:hush@tcp(h)/x?parseTime=maybe", "mysql://app:hush@h/x", "mysql://app:a@hush@h/x", "app:hush",
		"app:hush@tcp(h)/x?pool_size",
	} {
		if _, err := Parse(text); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v, want an error without the password", text, err)
		}
	}
	// What cannot be one is said as the stock driver says it.
	for text, want := range map[string]string{
		"app@": "missing the slash", "app:a@tcp(h)/x?@pool_size=3&parseTime=maybe": "maybe", "app:a@tcp(h)/%zz?@v=(1)": "%zz",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
