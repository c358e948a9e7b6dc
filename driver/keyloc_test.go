package mysqlpool

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

func locationKey(t *testing.T, l *time.Location) string {
	t.Helper()
	b, ok := appendLocation(nil, l, isNamedLocation(l))
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

// The rules of time.Local are what the program set it to.
func TestAnotherLocalTimeZone(t *testing.T) {
	was := time.Local
	t.Cleanup(func() { time.Local = was })
	seen := map[key]bool{}
	for _, hours := range []int{1, 5} {
		time.Local = time.FixedZone("test", hours*3600)
		seen[keyOf(t, keyDSN+"?loc=Local&parseTime=true")] = true
		time.Local = time.FixedZone("test", hours*3600)
		seen[keyOf(t, keyDSN+"?loc=Local&parseTime=true")] = true
	}
	if len(seen) != 2 {
		t.Errorf("got %d pools, want one for each set of rules", len(seen))
	}
}

// A root that was added with a function is not the one that was added without.
func TestRootsWithConstraints(t *testing.T) {
	t.Cleanup(func() { mysql.DeregisterTLSConfig("constrained") })
	root := &x509.Certificate{Raw: []byte("root"), RawSubject: []byte("root")}
	for _, test := range []struct {
		constraint, shared bool
	}{{false, true}, {true, false}, {false, true}} {
		roots := x509.NewCertPool()
		roots.AddCert(&x509.Certificate{Raw: []byte("another"), RawSubject: []byte("another")})
		if test.constraint {
			roots.AddCertWithConstraint(root, func([]*x509.Certificate) error { return nil })
		} else {
			roots.AddCert(root)
		}
		for name, c := range map[string]*tls.Config{"roots": {RootCAs: roots}, "client's": {ClientCAs: roots}} {
			mysql.RegisterTLSConfig("constrained", c)
			c, err := Driver{}.OpenConnector(keyDSN + "?tls=constrained")
			if err != nil {
				t.Fatal(err)
			}
			if got := c.(*connector).shared; got != test.shared {
				t.Errorf("%s, constraint %v: shares a pool: got %v, want %v", name, test.constraint, got, test.shared)
			}
		}
	}
	if mayHaveConstraints(nil) || mayHaveConstraints(x509.NewCertPool()) {
		t.Error("without certificates: got constraints")
	}
}

func BenchmarkPoolKey(b *testing.B) {
	for _, params := range []string{"", "?parseTime=true&loc=Local", "?parseTime=true&loc=Europe%2FBerlin"} {
		b.Run(params, func(b *testing.B) {
			cfg := mustParse(b, keyDSN+params)
			b.ReportAllocs()
			var latest key
			for b.Loop() {
				k, ok := poolKey(cfg, defaultOptions(), true)
				if !ok || latest != (key{}) && !bytes.Equal(k.config[:], latest.config[:]) {
					b.Fatal("another key")
				}
				latest = k
			}
		})
	}
}

// BenchmarkOpen is of a handle that is not used.
func BenchmarkOpen(b *testing.B) {
	for _, params := range []string{"", "?parseTime=true&loc=Europe%2FBerlin"} {
		b.Run("stock"+params, func(b *testing.B) {
			for b.Loop() {
				if _, err := (mysql.MySQLDriver{}).OpenConnector(keyDSN + params); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("ours"+params, func(b *testing.B) {
			for b.Loop() {
				if _, err := (Driver{}).OpenConnector(keyDSN + params); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
