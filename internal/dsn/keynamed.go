package dsn

import (
	"crypto/tls"
	"crypto/x509"
	"reflect"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Named is what a DSN names that a program may give another meaning later: a TLS
// config, the default logger, and the zone Local.
type Named struct {
	logger mysql.Logger
	local  *time.Location
	probe  string            // a DSN with the same tls word; "" if that is one of the stock driver's own
	tls    *tls.Config       // what probe means
	certs  []tls.Certificate // a copy of its list, which a program might change in place
	roots  [2]int            // how many certificates its pools have
}

// NamedOf returns what the config of a DSN names. It reports false if that cannot be
// compared.
func NamedOf(cfg *mysql.Config) (n *Named, ok bool) {
	if cfg.ServerPubKey != "" {
		return nil, false
	}
	n = &Named{logger: mysql.NewConfig().Logger, local: time.Local}
	switch cfg.TLSConfig { // in any other case it may be a registered name
	case "", "false", "true", "skip-verify", "preferred":
		return n, sameLogger(cfg.Logger, n.logger)
	}
	word := mysql.Config{Net: "unix", Addr: "db:0", TLSConfig: cfg.TLSConfig}
	n.probe = word.FormatDSN()
	now, err := mysql.ParseDSN(n.probe)
	if err != nil || now.TLS == nil {
		return nil, false
	}
	n.tls = now.TLS
	n.certs, n.roots = slices.Clone(n.tls.Certificates), rootsOf(n.tls)
	return n, sameLogger(cfg.Logger, n.logger)
}

// Unchanged reports whether all of it is what it was. It goes by what the parts of a TLS
// config are, not by what is in them: a config must not be changed once it is used
// (crypto/tls.Config).
func (n *Named) Unchanged() bool {
	if time.Local != n.local {
		return false
	}
	if n.probe == "" {
		return sameLogger(n.logger, mysql.NewConfig().Logger)
	}
	now, err := mysql.ParseDSN(n.probe)
	return err == nil && sameLogger(n.logger, now.Logger) && now.TLS != nil && sameTLS(n.tls, now.TLS) &&
		n.roots == rootsOf(now.TLS) && slices.EqualFunc(n.certs, now.TLS.Certificates, sameCert)
}

// tlsFields is the exported fields of a tls.Config but for certificates.
var tlsFields = func() (fields []int) {
	t := reflect.TypeFor[tls.Config]()
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && f.Type != reflect.TypeFor[[]tls.Certificate]() {
			fields = append(fields, i)
		}
	}
	return fields
}()

// sameTLS compares all but the certificates. Functions are never the same.
func sameTLS(a, b *tls.Config) bool {
	va, vb := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for _, i := range tlsFields {
		fa, fb := va.Field(i), vb.Field(i)
		switch fa.Kind() {
		case reflect.Slice:
			if fa.Len() != fb.Len() || fa.UnsafePointer() != fb.UnsafePointer() {
				return false
			}
		case reflect.Func, reflect.Map, reflect.Interface:
			if !fa.IsNil() || !fb.IsNil() {
				return false
			}
		case reflect.Struct:
			return false // there is none, so far
		default:
			if !fa.Equal(fb) {
				return false
			}
		}
	}
	return true
}

func sameCert(a, b tls.Certificate) bool {
	key := reflect.ValueOf(a.PrivateKey)
	return slices.EqualFunc(a.Certificate, b.Certificate, sameBytes) &&
		slices.Equal(a.SupportedSignatureAlgorithms, b.SupportedSignatureAlgorithms) &&
		(!key.IsValid() && b.PrivateKey == nil || key.IsValid() && key.Comparable() && a.PrivateKey == b.PrivateKey)
}

func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// rootsOf returns how many certificates there are in each pool.
func rootsOf(c *tls.Config) [2]int { return [2]int{poolLen(c.RootCAs), poolLen(c.ClientCAs)} }

func poolLen(p *x509.CertPool) int {
	if p == nil {
		return 0
	}
	certs := reflect.ValueOf(p).Elem().FieldByName("lazyCerts")
	if certs.Kind() != reflect.Slice {
		return -1
	}
	return certs.Len()
}
