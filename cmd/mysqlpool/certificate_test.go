package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/mysqlpool/mysqlpool/cmd/internal/servers"
	"github.com/mysqlpool/mysqlpool/cmd/mysqlpool/internal/doctor"
)

// certified starts a server whose certificate is valid for that time, from now
// on, and returns a DSN that has it verified.
func certified(t *testing.T, name string, from, to time.Duration) (dsn string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, b := range map[string][]byte{cert: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := needLocal(t, servers.Options{Args: []string{"--ssl-cert=" + cert, "--ssl-key=" + keyFile}})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	if err := mysql.RegisterTLSConfig(name, &tls.Config{RootCAs: roots}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mysql.DeregisterTLSConfig(name) })
	return server.DSN + "?tls=" + name
}

func TestDoctorOnCertificates(t *testing.T) {
	t.Run("good", func(t *testing.T) {
		r := examine(t, certified(t, "doctor-good", -time.Hour, 365*24*time.Hour))
		c := r.Hosts[0].Readings.Certificate
		if f := found(r, "TLS"); f.Level != doctor.OK || f.Short != "verified" || !strings.HasPrefix(f.Value, "TLS") || !c.Verified || !c.Valid {
			t.Errorf("got %+v, %+v", f, c)
		}
	})
	t.Run("of several hosts", func(t *testing.T) {
		dsn := certified(t, "doctor-several", -time.Hour, 365*24*time.Hour)
		addr := addrOf(t, dsn)
		r := examine(t, strings.Replace(dsn, addr, "127.0.0.1:1,"+addr, 1))
		if f := found(r, "TLS", addr); f.Level != doctor.OK || f.Short != "verified" {
			t.Errorf("got %+v", r.Findings)
		}
	})
	t.Run("ends soon", func(t *testing.T) {
		if f := found(examine(t, certified(t, "doctor-soon", -time.Hour, 10*24*time.Hour)), "TLS"); f.Level != doctor.Warning || !strings.Contains(f.Text, "in 10 days") {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("of a clock that is behind", func(t *testing.T) {
		dsn := certified(t, "doctor-early", 2*time.Hour, 48*time.Hour)
		status, stdout, stderr := runDoctor(t, "--dsn="+dsn)
		for _, want := range []string{"not yet valid", "this machine's clock says"} {
			if status != exitUsage || !strings.Contains(stderr.String(), want) || strings.Count(stderr.String(), "\n") != 1 || stdout.Len() > 0 {
				t.Errorf("exit status %d, want %q in one line: %s%s", status, want, stdout, stderr)
			}
		}
		// Without verifying, the server's clock can be asked: by that it is valid.
		plain, _, _ := strings.Cut(dsn, "?")
		skewed := relay{rewrite: func(_ *relayed, query string) string {
			return strings.Replace(query, "UNIX_TIMESTAMP()", "UNIX_TIMESTAMP() + 36000", 1)
		}}
		if f := found(examine(t, skewed.to(t, plain)), "clock"); f.Level != doctor.Warning || !strings.Contains(f.Text, "by the server's it is") {
			t.Errorf("got %+v", f)
		}
	})
}
