package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/target"
)

// Certificate is how the server shows itself over TLS, whether the DSN asks for
// TLS or not.
type Certificate struct {
	Seen      bool       `json:"seen"`       // false: the server offers no TLS, or none that Go speaks
	Verified  bool       `json:"verified"`   // the DSN has it verified
	Valid     bool       `json:"valid"`      // it would pass, against the DSN's roots or else this machine's
	Error     string     `json:"error"`      // why not; "" if it would
	NotBefore *time.Time `json:"not_before"` // RFC 3339
	NotAfter  *time.Time `json:"not_after"`
	Version   string     `json:"tls_version_offered"`
}

var errSeen = errors.New("seen")

// inspect starts a login over TLS and ends it once the certificate was seen: no
// password is sent.
func inspect(ctx context.Context, cfg *mysql.Config) (c Certificate) {
	probe := cfg.Clone()
	verifies := cfg.TLS != nil && !cfg.TLS.InsecureSkipVerify
	if probe.TLS == nil {
		probe.TLS = &tls.Config{}
	} else {
		probe.TLS = probe.TLS.Clone()
	}
	roots := probe.TLS.RootCAs
	probe.AllowFallbackToPlaintext = false
	probe.TLS.InsecureSkipVerify = true
	var seen *tls.ConnectionState
	probe.TLS.VerifyConnection = func(state tls.ConnectionState) error {
		seen = &state
		return errSeen
	}
	connector, err := mysql.NewConnector(probe)
	if err != nil {
		return c
	}
	if conn, err := connector.Connect(ctx); err == nil { // cannot be
		conn.Close()
	}
	if seen == nil || len(seen.PeerCertificates) == 0 {
		return c
	}
	leaf := seen.PeerCertificates[0]
	c = Certificate{Seen: true, Verified: verifies, Version: tls.VersionName(seen.Version), NotBefore: &leaf.NotBefore, NotAfter: &leaf.NotAfter}
	name := target.HostOf(cfg.Addr)
	if cfg.TLS != nil && cfg.TLS.ServerName != "" {
		name = cfg.TLS.ServerName
	}
	pool := x509.NewCertPool()
	for _, above := range seen.PeerCertificates[1:] {
		pool.AddCert(above)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: pool}); err != nil {
		c.Error = err.Error()
		return c
	}
	c.Valid = true
	return c
}

// refusal says why a login failed that has the certificate verified; "" if that
// was not why.
func (c *Certificate) refusal(cfg *mysql.Config) string {
	if !c.Seen || !c.Verified || c.Valid {
		return ""
	}
	return fmt.Sprintf("the certificate is valid from %s to %s; this machine's clock says %s",
		c.NotBefore.UTC().Format(time.DateTime), c.NotAfter.UTC().Format(time.DateTime), time.Now().UTC().Format(time.DateTime))
}
