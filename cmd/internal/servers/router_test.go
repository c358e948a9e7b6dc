package servers

import (
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// Router passes connections on to a server, to the group's primary, and with
// connections that are shared.
func TestRouter(t *testing.T) {
	g, err := StartGroup(t.Context())
	if errors.Is(err, ErrNoGroup) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer g.Stop()
	if err := g.AddMetadata(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]RouterOptions{
		"static":   {Destinations: []string{g.Members[0].Addr, g.Members[1].Addr}},
		"metadata": {Group: g},
		"sharing":  {Destinations: []string{g.Members[0].Addr}, Sharing: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := StartRouter(t.Context(), opts)
			if errors.Is(err, ErrNoRouter) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer r.Stop()
			cfg, err := mysql.ParseDSN(g.Members[0].DSN)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Addr = r.Addr
			if opts.Sharing {
				cfg.TLSConfig = "skip-verify"
			}
			db, err := openQuietly(cfg.FormatDSN())
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var port int
			if err := db.QueryRow("SELECT @@port").Scan(&port); err != nil || port != g.Members[0].port {
				t.Errorf("the port is %d, %v, want %d; log:\n%s", port, err, g.Members[0].port, r.Log())
			}
		})
	}
}
