package servers

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"runtime/debug"

	gms "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	gmsserver "github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/mysql_db"
	"github.com/sirupsen/logrus"
)

// startEmbedded starts go-mysql-server in this process, its data in memory.
// Several may run at once, but they share their global variables, because
// go-mysql-server has one set of those for the process.
func startEmbedded(ctx context.Context, opts Options) (*Server, error) {
	// go-mysql-server logs every connection, through the global logger of
	// logrus, which nothing else in this module uses.
	logrus.SetOutput(io.Discard)

	certPEM, keyPEM, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("making a TLS certificate: %w", err)
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("making a TLS certificate: %w", err)
	}
	l, err := listen()
	if err != nil {
		return nil, fmt.Errorf("listening on a free port of 127.0.0.1: %w", err)
	}

	password := rand.Text()
	provider := memory.NewDBProvider(memory.NewDatabase(testSchema))
	engine := gms.NewDefault(provider)
	users := engine.Analyzer.Catalog.MySQLDb
	users.SetPersister(&mysql_db.NoopPersister{})
	editor := users.Editor()
	users.AddSuperUser(editor, "root", "%", password)
	editor.Close()

	server, err := gmsserver.NewServer(gmsserver.Config{
		Protocol:  "tcp",
		Address:   l.Addr().String(),
		Listener:  l,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
	}, engine, sql.NewContext, memory.NewSessionBuilder(provider), nil)
	if err != nil {
		l.Close()
		engine.Close()
		return nil, fmt.Errorf("go-mysql-server: %w", err)
	}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		if err := server.Start(); err != nil {
			opts.logf("go-mysql-server: %v", err)
		}
	}()

	s := &Server{
		Kind: Embedded,
		Name: "go-mysql-server" + gmsVersion() + ", embedded in this process",
		DSN:  dsnFor("tcp", l.Addr().String(), password, testSchema),
	}
	s.stop = append(s.stop, func() {
		server.Close()
		<-accepting
		// Ends what runs, a SLEEP too; go-mysql-server itself leaves open
		// connections to their clients. Its error is always that it was ended.
		engine.Close()
		if n := l.closeConns(); n > 0 {
			opts.logf("go-mysql-server: %d of its connections still ran a statement and were left behind", n)
		}
	})
	if l.socket != "" {
		s.UnixDSN = dsnFor("unix", l.socket, password, testSchema)
	}
	if err := s.connect(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("go-mysql-server: %w", err)
	}
	// It answers SHOW STATUS LIKE 'Connections' with 0.
	s.logins = func(context.Context) (int64, error) { return l.accepted.Load(), nil }
	return s, nil
}

// gmsVersion returns " v0.20.0", or "" where the build does not say.
func gmsVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/dolthub/go-mysql-server" {
				return " " + m.Version
			}
		}
	}
	return ""
}
