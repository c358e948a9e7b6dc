package mysqlpool

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"hash"
	"reflect"
	"strconv"
	"sync"

	"github.com/go-sql-driver/mysql"
)

// hashTLS hashes a TLS config that the stock driver made from the DSN's tls
// word, with the certificates and roots of a registered one. It reports false
// for a TLS config that somebody set by hand.
func hashTLS(h hash.Hash, cfg *mysql.Config) bool {
	if cfg.TLS == nil {
		return true
	}
	word := mysql.NewConfig()
	word.Net, word.Addr, word.TLSConfig = cfg.Net, cfg.Addr, cfg.TLSConfig
	byWord, err := mysql.ParseDSN(word.FormatDSN())
	if err != nil || byWord.TLS == nil {
		return false
	}
	mine, ok := tlsDigest(cfg.TLS)
	its, itsOK := tlsDigest(byWord.TLS)
	h.Write(mine[:])
	return ok && itsOK && mine == its
}

// tlsDigest tells TLS configs apart by all their exported fields. It reports
// false if one of them cannot be compared, such as a function.
func tlsDigest(c *tls.Config) (sum [sha256.Size]byte, ok bool) {
	h := sha256.New()
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		hashString(h, field.Name)
		switch f := v.Field(i).Interface().(type) {
		case []tls.Certificate:
			for _, cert := range f {
				for _, der := range cert.Certificate {
					hashString(h, string(der))
				}
			}
		case *x509.CertPool:
			hashString(h, strconv.Itoa(certPools.number(f)))
		default:
			if !hashValue(h, v.Field(i)) {
				return sum, false
			}
		}
	}
	return [sha256.Size]byte(h.Sum(nil)), true
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
