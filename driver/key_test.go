package mysqlpool

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"log"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/dsn"
)

func keyOf(t *testing.T, dsn string) dsn.Key {
	t.Helper()
	c, err := Driver{}.OpenConnector(dsn)
	if err != nil {
		t.Fatalf("%s: %v", dsn, err)
	}
	if !c.(*connector).Shared {
		t.Fatalf("%s: does not share a pool", dsn)
	}
	return c.(*connector).Key
}

const keyDSN = "app:secret@tcp(127.0.0.1:3306)/app"

func TestSameLoginSamePool(t *testing.T) {
	for _, dsn := range []string{
		keyDSN,
		"app:secret@tcp(127.0.0.1)/app",
		"app:secret@tcp/app",
		"app:secret@/app",
		keyDSN + "?pool_size=5",
		keyDSN + "?@pool_size=5&@pool_timeout='30s'",
		keyDSN + "?parseTime=false",
		keyDSN + "?loc=UTC",
		"app:secret@tcp(127.0.0.1:3306)/other", // a checkout switches the schema
		"app:secret@tcp(127.0.0.1:3306)/",
	} {
		if keyOf(t, dsn) != keyOf(t, keyDSN) {
			t.Errorf("%s: got a pool of its own, want that of %s", dsn, keyDSN)
		}
	}
}

func TestAnotherLoginAnotherPool(t *testing.T) {
	seen := map[dsn.Key]string{}
	for _, dsn := range []string{
		keyDSN,
		"app:other@tcp(127.0.0.1:3306)/app",
		"app@tcp(127.0.0.1:3306)/app",
		"ap:psecret@tcp(127.0.0.1:3306)/app",
		"root:secret@tcp(127.0.0.1:3306)/app",
		"app:secret@tcp(127.0.0.2:3306)/app",
		"app:secret@tcp(127.0.0.1:3307)/app",
		"app:secret@unix(/tmp/mysql.sock)/app",
		keyDSN + "?tls=true",
		keyDSN + "?tls=skip-verify",
		keyDSN + "?tls=preferred",
		keyDSN + "?readTimeout=5s",
		keyDSN + "?writeTimeout=5s",
		keyDSN + "?timeout=5s",
		keyDSN + "?multiStatements=true",
		keyDSN + "?parseTime=true",
		keyDSN + "?interpolateParams=true",
		keyDSN + "?clientFoundRows=true",
		keyDSN + "?charset=utf8mb4",
		keyDSN + "?charset=utf8mb4,latin1",
		keyDSN + "?collation=utf8mb4_bin",
		keyDSN + "?compress=true",
		keyDSN + "?timeTruncate=1s",
		keyDSN + "?loc=Local",
		keyDSN + "?maxAllowedPacket=0",
		keyDSN + "?time_zone=%27%2B00:00%27",
		keyDSN + "?wait_timeout=120",
		keyDSN + "?wait_timeout=121",
		keyDSN + "?pool_size=6",
		keyDSN + "?pool_reset=always",
	} {
		k := keyOf(t, dsn)
		if same, ok := seen[k]; ok {
			t.Errorf("%s: got the pool of %s, want another", dsn, same)
		}
		seen[k] = dsn
	}
}

// The pool of a registered TLS config is told by what the name stands for, not
// by the name alone: it may be registered again.
func TestRegisteredTLSConfig(t *testing.T) {
	t.Cleanup(func() { mysql.DeregisterTLSConfig("mine") })
	text := keyDSN + "?tls=mine"
	seen := map[dsn.Key]bool{}
	pool := func(subject string) *x509.CertPool {
		p := x509.NewCertPool()
		p.AddCert(&x509.Certificate{Raw: []byte(subject), RawSubject: []byte("all the same")})
		return p
	}
	certificate := func(key crypto.PrivateKey) []tls.Certificate {
		return []tls.Certificate{{Certificate: [][]byte{[]byte("me")}, PrivateKey: key}}
	}
	privateKey := func(b byte) crypto.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
	}
	for _, c := range []*tls.Config{
		{ServerName: "one"},
		{ServerName: "two"},
		{ServerName: "one", MinVersion: tls.VersionTLS13},
		{ServerName: "one", NextProtos: []string{"x"}},
		{ServerName: "one", RootCAs: pool("a")},
		{ServerName: "one", RootCAs: pool("b")},
		{ServerName: "one", Certificates: certificate(nil)},
		{ServerName: "one", Certificates: certificate(privateKey(1))},
		{ServerName: "one", Certificates: certificate(privateKey(2))}, // not the certificate's, or the other is not
	} {
		for range 2 { // once more with an equal copy
			mysql.RegisterTLSConfig("mine", c.Clone())
			k := keyOf(t, text)
			if k != keyOf(t, text) {
				t.Error("the same DSN has two pools")
			}
			if c.RootCAs != nil {
				c.RootCAs = c.RootCAs.Clone()
			}
			defer func() { seen[k] = true }()
		}
		if k := keyOf(t, text); seen[k] {
			t.Errorf("%+v: got another's pool", c)
		} else {
			seen[k] = true
		}
	}
	mysql.RegisterTLSConfig("mine", &tls.Config{ServerName: "one", VerifyConnection: func(tls.ConnectionState) error { return nil }})
	c, err := Driver{}.OpenConnector(text)
	if err != nil {
		t.Fatal(err)
	}
	if c.(*connector).Shared {
		t.Error("a TLS config with a function: shares a pool, want one of its own")
	}
}

func TestConfigThatHasAPoolOfItsOwn(t *testing.T) {
	for _, test := range []struct {
		name   string
		shared bool
		change func(*mysql.Config)
	}{
		{"nothing", true, func(*mysql.Config) {}},
		{"parsed tls word", true, func(c *mysql.Config) { *c = *mustParse(t, keyDSN+"?tls=true") }},
		{"tls word", true, func(c *mysql.Config) { c.TLSConfig = "true" }},
		{"named time zone", true, func(c *mysql.Config) { c.Loc, _ = time.LoadLocation("Europe/Berlin") }},
		{"DialFunc", false, func(c *mysql.Config) {
			c.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, nil }
		}},
		{"BeforeConnect", false, func(c *mysql.Config) {
			c.Apply(mysql.BeforeConnect(func(context.Context, *mysql.Config) error { return nil }))
		}},
		{"TLS", false, func(c *mysql.Config) { c.TLS = &tls.Config{ServerName: "other"} }},
		{"TLS beside the word", false, func(c *mysql.Config) { c.TLSConfig = "true"; c.TLS = &tls.Config{ServerName: "other"} }},
		{"Logger", false, func(c *mysql.Config) { c.Logger = log.Default() }},
		{"time zone of its own", true, func(c *mysql.Config) { c.Loc = time.FixedZone("UTC", 3600) }},
	} {
		cfg := mustParse(t, keyDSN)
		test.change(cfg)
		c, err := NewConnector(cfg)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got := c.(*connector).Shared; got != test.shared {
			t.Errorf("%s: shared: got %v, want %v", test.name, got, test.shared)
		}
	}
}

// The RSA key that a name stands for counts, as it was when the handle was
// opened; logins do not look it up again.
func TestRegisteredServerPubKey(t *testing.T) {
	t.Cleanup(func() { mysql.DeregisterServerPubKey("mine") })
	text := keyDSN + "?serverPubKey=mine"
	mysql.RegisterServerPubKey("mine", &rsa.PublicKey{N: big.NewInt(1000003), E: 3})
	one := keyOf(t, text)
	if keyOf(t, text) != one {
		t.Error("the same DSN has two pools")
	}
	parsed := mustParse(t, text)
	byHand := mustParse(t, keyDSN)
	byHand.ServerPubKey = "mine"
	c, err := NewConnector(byHand)
	if err != nil {
		t.Fatal(err)
	}
	if c.(*connector).Shared {
		t.Error("a name that is looked up at each login: shares a pool, want one of its own")
	}
	for _, other := range []*rsa.PublicKey{{N: big.NewInt(1000033), E: 3}, {N: big.NewInt(1000003), E: 5}} {
		mysql.RegisterServerPubKey("mine", other)
		if keyOf(t, text) == one {
			t.Error("another key under the same name shares the pool")
		}
	}
	mysql.DeregisterServerPubKey("mine")
	if _, err := mysql.NewConnector(dsn.WithoutKeyName(parsed)); err != nil {
		t.Errorf("login: %v, want the key that was looked up before", err)
	}
}

// What an address may be that cannot be written in a DSN.
func TestOddAddresses(t *testing.T) {
	for _, test := range []struct{ net, addr, want, name string }{
		{"", "", "127.0.0.1:3306", "127.0.0.1"},
		{"tcp", "db", "db:3306", "db"},
		{"tcp", "::1", "[::1]:3306", "::1"},
		{"tcp", "[::1]:3307", "[::1]:3307", "::1"},
		{"unix", "@abstract", "@abstract", ""},
		{"unix", "/with)paren/and?", "/with)paren/and?", ""},
		{"mynet", "a/b:1", "a/b:1", "a/b"},
	} {
		cfg := mysql.NewConfig()
		cfg.Net, cfg.Addr, cfg.TLSConfig = test.net, test.addr, "true"
		made, err := NewConnector(cfg)
		if err != nil {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		c := made.(*connector)
		if c.Cfg.Addr != test.want || c.Cfg.TLS.ServerName != test.name || !c.Shared {
			t.Errorf("%+v: got %s, for TLS %q, shared %v", test, c.Cfg.Addr, c.Cfg.TLS.ServerName, c.Shared)
		}
	}
}

func mustParse(t testing.TB, dsn string) *mysql.Config {
	t.Helper()
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestNewConnectorIsTheDSNs(t *testing.T) {
	c, err := NewConnector(mustParse(t, keyDSN+"?pool_size=3&tls=true"), WithSize(7))
	if err != nil {
		t.Fatal(err)
	}
	if c.(*connector).Key != keyOf(t, keyDSN+"?pool_size=7&tls=true") {
		t.Error("got another pool than the DSN's")
	}
	if _, err := NewConnector(nil); err == nil {
		t.Error("no config: got no error")
	}
	cfg := mysql.NewConfig()
	cfg.Net = "nonet"
	if _, err := NewConnector(cfg); err == nil {
		t.Error("unknown network without an address: got no error, want the stock driver's")
	}
}

func TestConfigIsCopied(t *testing.T) {
	cfg := mustParse(t, keyDSN+"?pool_size=3&time_zone=%27%2B00:00%27")
	if _, err := NewConnector(cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Params["pool_size"] != "3" {
		t.Errorf("the caller's config was changed: %v", cfg.Params)
	}
}
