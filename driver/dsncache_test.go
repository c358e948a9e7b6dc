package mysqlpool

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
)

// A DSN that was seen before means what it would mean if it were read now, whatever the
// program registered since.
func TestSeenDSN(t *testing.T) {
	names := []string{"seen", "tRuE"} // the latter is no boolean to the stock driver
	deregister := func() {
		for _, name := range names {
			mysql.DeregisterTLSConfig(name)
		}
	}
	t.Cleanup(func() { deregister(); seenDSNs.forget() })
	logger, local := mysql.NewConfig().Logger, time.Local
	t.Cleanup(func() { mysql.SetLogger(logger); time.Local = local })

	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	cert := func(name string) tls.Certificate {
		return tls.Certificate{Certificate: [][]byte{[]byte(name)}, PrivateKey: key()}
	}
	root := func(name string) *x509.Certificate {
		return &x509.Certificate{Raw: []byte(name), RawSubject: []byte(name)}
	}
	var config *tls.Config
	register := func(c *tls.Config) {
		config = c
		for _, name := range names {
			if err := mysql.RegisterTLSConfig(name, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	texts := []string{
		keyDSN, keyDSN + "?tls=true", keyDSN + "?tls=skip-verify&pool_size=7", keyDSN + "?tls=seen", keyDSN + "?tls=seen&loc=Local&pool_name=a",
		keyDSN + "?loc=Europe%2FBerlin", keyDSN + "?pool_size=none", keyDSN + "?tls=nobody", keyDSN + "?tls=tRuE",
	}
	for _, change := range []struct {
		name string
		make func()
	}{
		{"nothing was registered", func() {}},
		{"a config", func() { register(&tls.Config{MinVersion: tls.VersionTLS12}) }},
		{"the same again", func() { register(config) }},
		{"an equal one", func() { register(&tls.Config{MinVersion: tls.VersionTLS12}) }},
		{"another version", func() { register(&tls.Config{MinVersion: tls.VersionTLS13}) }},
		{"another server name", func() { register(&tls.Config{ServerName: "db"}) }},
		{"ciphers", func() { register(&tls.Config{CipherSuites: []uint16{1, 2}}) }},
		{"other ciphers", func() { register(&tls.Config{CipherSuites: []uint16{1, 3}}) }},
		{"a certificate", func() { register(&tls.Config{Certificates: []tls.Certificate{cert("a")}}) }},
		{"another one in its place", func() { config.Certificates[0] = cert("b") }},
		{"another key in its place", func() { config.Certificates[0].PrivateKey = key() }},
		{"roots", func() { register(&tls.Config{RootCAs: x509.NewCertPool()}) }},
		{"another root among them", func() { config.RootCAs.AddCert(root("a")) }},
		{"a root with a constraint", func() {
			config.RootCAs.AddCertWithConstraint(root("b"), func([]*x509.Certificate) error { return nil })
		}},
		{"a function", func() {
			register(&tls.Config{VerifyConnection: func(tls.ConnectionState) error { return nil }})
		}},
		{"no function", func() { register(&tls.Config{}) }},
		{"none any more", deregister},
		{"another logger", func() { mysql.SetLogger(log.New(io.Discard, "", 0)) }},
		{"another local time", func() { time.Local = time.FixedZone("Local", 3600) }},
	} {
		change.make()
		for _, text := range texts {
			want := opened(func() (any, error) {
				cfg, err := dsn.Parse(text)
				if err != nil {
					return nil, err
				}
				return newConnector(cfg)
			})
			for range 3 {
				if got := opened(func() (any, error) { return connectorOfDSN(text) }); got != want {
					t.Errorf("%s: %s: got %v, want %v as if it were read now", change.name, text, got, want)
				}
			}
		}
	}
}

// opened is what a handle is opened with, in a form that can be compared.
func opened(open func() (any, error)) string {
	made, err := open()
	if err != nil {
		return err.Error()
	}
	c := made.(*connector)
	tls := "none"
	if t := c.Cfg.TLS; t != nil {
		tls = fmt.Sprint(t.ServerName, t.MinVersion, t.InsecureSkipVerify, t.CipherSuites, len(t.Certificates), t.RootCAs != nil, t.VerifyConnection != nil)
	}
	return fmt.Sprint(c.Key, c.Shared, c.Options, c.Cfg.User, c.Cfg.Addr, c.Cfg.DBName, c.Cfg.Loc, tls, fmt.Sprintf("%p", c.Cfg.Logger))
}

func TestSeenDSNIsNotReadAgain(t *testing.T) {
	t.Cleanup(func() { mysql.DeregisterTLSConfig("seen"); seenDSNs.forget() })
	if err := mysql.RegisterTLSConfig("seen", &tls.Config{RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{{Certificate: [][]byte{{1}}}}}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{keyDSN, keyDSN + "?tls=true", keyDSN + "?tls=seen", keyDSN + "?loc=Local"} {
		var configs [2]*mysql.Config
		for i := range configs {
			c, err := connectorOfDSN(text)
			if err != nil {
				t.Fatal(err)
			}
			configs[i] = c.(*connector).Cfg
		}
		if configs[0] != configs[1] {
			t.Errorf("%s was read twice", text)
		}
	}
}

func TestSeenDSNsAreBounded(t *testing.T) {
	t.Cleanup(seenDSNs.forget)
	for i := range 3 * maxSeen {
		if _, err := connectorOfDSN(fmt.Sprintf("u@tcp(db:3306)/s%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(seenDSNs.all); n > maxSeen {
		t.Errorf("%d DSNs are remembered, want %d at most", n, maxSeen)
	}
	if err := Dispose(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(seenDSNs.all); n != 0 {
		t.Errorf("%d DSNs are remembered after Dispose, want none", n)
	}
}
