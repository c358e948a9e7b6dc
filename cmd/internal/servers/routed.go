package servers

import (
	"context"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// startRouted starts a server of this machine, and MySQL Router before it, which has
// its clients share connections.
func startRouted(ctx context.Context, opts Options) (_ *Server, err error) {
	s, err := startLocal(ctx, opts)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	cfg, err := mysql.ParseDSN(s.DSN)
	if err != nil {
		return nil, err
	}
	r, err := StartRouter(ctx, RouterOptions{Destinations: []string{cfg.Addr}, Sharing: true})
	if err != nil {
		return nil, err
	}
	s.stop = append(s.stop, r.Stop)
	// Router knows the password, which it needs to log in to the server, only where
	// the client may tell it.
	cfg.Addr, cfg.TLSConfig = r.Addr, "skip-verify"
	s.Kind, s.DSN, s.UnixDSN, s.TLSDSN = Routed, cfg.FormatDSN(), "", ""
	s.Name = fmt.Sprintf("MySQL Router, which shares connections, before %s", s.Name)
	return s, nil
}
