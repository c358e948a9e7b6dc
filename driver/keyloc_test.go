package mysqlpool

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
)

// The rules of time.Local are what the program set it to.
func TestAnotherLocalTimeZone(t *testing.T) {
	was := time.Local
	t.Cleanup(func() { time.Local = was })
	seen := map[dsn.Key]bool{}
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
			if got := c.(*connector).Shared; got != test.shared {
				t.Errorf("%s, constraint %v: shares a pool: got %v, want %v", name, test.constraint, got, test.shared)
			}
		}
	}
}

// BenchmarkOpen is of a handle that is not used.
func BenchmarkOpen(b *testing.B) {
	b.Cleanup(func() { mysql.DeregisterTLSConfig("bench") })
	roots := x509.NewCertPool()
	roots.AddCert(&x509.Certificate{Raw: []byte("root"), RawSubject: []byte("root")})
	mysql.RegisterTLSConfig("bench", &tls.Config{RootCAs: roots})
	for _, params := range []string{"", "?parseTime=true&loc=Europe%2FBerlin", "?tls=bench"} {
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
