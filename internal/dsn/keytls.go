package dsn

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"net"
	"reflect"
	"sync"

	"github.com/go-sql-driver/mysql"
)

// appendTLS appends a TLS config that the stock driver made from the DSN's tls
// word, with the certificates and roots of a registered one. It reports false
// for a TLS config that somebody set by hand; of that it appends what can be
// compared if it is shared.
func appendTLS(b []byte, cfg *mysql.Config, shared bool) ([]byte, bool) {
	if cfg.TLS == nil {
		return b, true
	}
	byWord, _, err := tlsOfWord(cfg)
	known := err == nil && byWord != nil
	if !known && !shared {
		return b, false
	}
	mine, ok := appendTLSConfig(nil, cfg.TLS)
	b = append(b, mine...)
	if !known {
		return b, false
	}
	its, itsOK := appendTLSConfig(nil, byWord)
	return b, ok && itsOK && bytes.Equal(mine, its)
}

// tlsOfWord returns the TLS config that the stock driver makes from a DSN's tls
// word, nil if from none, and whether it may fall back to plain text.
func tlsOfWord(cfg *mysql.Config) (c *tls.Config, fallback bool, err error) {
	// No host in the address, since not every one can be written in a DSN.
	word := mysql.Config{Net: "unix", Addr: "/", TLSConfig: cfg.TLSConfig}
	full, err := mysql.ParseDSN(word.FormatDSN())
	if err != nil {
		return nil, false, err
	}
	if c = full.TLS; c != nil && c.ServerName == "" && !c.InsecureSkipVerify {
		if host, _, err := net.SplitHostPort(cfg.Addr); err == nil {
			c.ServerName = host
		}
	}
	return c, full.AllowFallbackToPlaintext, nil
}

// mayHaveConstraints reports whether a certificate of the pool was added with a
// function (AddCertWithConstraint), for which CertPool.Equal does not look.
func mayHaveConstraints(p *x509.CertPool) bool {
	if p == nil {
		return false
	}
	certs := reflect.ValueOf(p).Elem().FieldByName("lazyCerts")
	if certs.Kind() != reflect.Slice || certs.Type().Elem().Kind() != reflect.Struct {
		return true // not known
	}
	constraint, ok := certs.Type().Elem().FieldByName("constraint")
	if !ok || constraint.Type.Kind() != reflect.Func {
		return true
	}
	for i := range certs.Len() {
		if !certs.Index(i).FieldByIndex(constraint.Index).IsNil() {
			return true
		}
	}
	return false
}

// appendTLSConfig appends all exported fields. It reports false if one of them
// cannot be compared, such as a function, and appends the others still.
func appendTLSConfig(b []byte, c *tls.Config) ([]byte, bool) {
	alike := true
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		b = appendString(b, field.Name)
		switch f := v.Field(i).Interface().(type) {
		case []tls.Certificate:
			for _, cert := range f {
				for _, der := range cert.Certificate {
					b = appendString(b, string(der))
				}
				for _, algorithm := range cert.SupportedSignatureAlgorithms {
					b = binary.LittleEndian.AppendUint16(b, uint16(algorithm))
				}
				var ok bool
				b, ok = appendPrivateKey(b, cert.PrivateKey)
				alike = alike && ok
			}
		case *x509.CertPool:
			alike = alike && !mayHaveConstraints(f)
			b = binary.LittleEndian.AppendUint64(b, uint64(certPools.number(f)))
		default:
			var ok bool
			b, ok = appendValue(b, v.Field(i))
			alike = alike && ok
		}
	}
	return b, alike
}

// appendPrivateKey appends what tells one private key from another. It reports
// false for one that cannot be told.
func appendPrivateKey(b []byte, key crypto.PrivateKey) ([]byte, bool) {
	if key == nil {
		return b, true
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return b, false
	}
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	return appendString(b, string(public)), err == nil
}

// certPools numbers the certificate pools that were seen: equal ones have the
// same number. A CertPool can be compared, but not read, so it has no digest.
// It grows with the TLS configs that a program registers, not with its DSNs.
var certPools certPoolNumbers

type certPoolNumbers struct {
	mu   sync.Mutex
	seen []*x509.CertPool // guarded by mu
}

func (n *certPoolNumbers) number(p *x509.CertPool) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, q := range n.seen {
		if p.Equal(q) {
			return i
		}
	}
	if p != nil {
		p = p.Clone() // the program may go on and add to its own
	}
	n.seen = append(n.seen, p)
	return len(n.seen) - 1
}
