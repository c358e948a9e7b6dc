package dsn

import (
	"bytes"
	"crypto/x509"
	"testing"
	"time"
)

func locationKey(t *testing.T, l *time.Location) string {
	t.Helper()
	b, ok := appendLocation(nil, l, IsNamedLocation(l))
	if !ok {
		t.Fatalf("%v: its rules cannot be read: the fields of time.Location are others by now", l)
	}
	return string(b)
}

// A time zone counts by its name and its rules.
func TestTimeZonesByTheirRules(t *testing.T) {
	load := func(name string) *time.Location {
		l, err := time.LoadLocation(name)
		if err != nil {
			t.Skip(err)
		}
		return l
	}
	all := map[string]*time.Location{
		"nil": nil, "UTC": time.UTC, "one hour": time.FixedZone("test", 3600), "five hours": time.FixedZone("test", 5*3600), "named UTC": time.FixedZone("UTC", 3600),
		"Berlin": load("Europe/Berlin"), "Paris": load("Europe/Paris"), "New York": load("America/New_York"), "named Berlin": time.FixedZone("Europe/Berlin", 3600),
	}
	seen := map[string]string{}
	for name, l := range all {
		k := locationKey(t, l)
		if other, ok := seen[k]; ok && name+other != "nilUTC" && name+other != "UTCnil" { // nil is UTC
			t.Errorf("%s and %s are alike", name, other)
		}
		seen[k] = name
		if l == nil || l == time.UTC {
			continue
		}
		if again := *l; locationKey(t, &again) != k {
			t.Errorf("%s: another with the same rules is not alike", name)
		}
	}
	if locationKey(t, load("Europe/Berlin")) != locationKey(t, all["Berlin"]) || locationKey(t, time.FixedZone("test", 3600)) != locationKey(t, all["one hour"]) {
		t.Error("what was read once more is not alike")
	}
}

func BenchmarkPoolKey(b *testing.B) {
	for _, params := range []string{"", "?parseTime=true&loc=Local", "?parseTime=true&loc=Europe%2FBerlin"} {
		b.Run(params, func(b *testing.B) {
			cfg := parse(b, "app:secret@tcp(127.0.0.1:3306)/app"+params)
			b.ReportAllocs()
			var latest Key
			for b.Loop() {
				k, ok := KeyOf(cfg, DefaultOptions(), Sharing{NamedLoc: true})
				if !ok || latest != (Key{}) && !bytes.Equal(k.config[:], latest.config[:]) {
					b.Fatal("another key")
				}
				latest = k
			}
		})
	}
}

func TestNoConstraints(t *testing.T) {
	if mayHaveConstraints(nil) || mayHaveConstraints(x509.NewCertPool()) {
		t.Error("without certificates: got constraints")
	}
}
