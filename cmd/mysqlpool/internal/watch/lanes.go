package watch

import (
	"fmt"
	"strings"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// A lane is one of several hosts on the page.
type lane struct {
	Addr        string   `json:"addr"`
	Product     string   `json:"product"` // "" if it has never answered
	Up          bool     `json:"up"`
	DownSince   int64    `json:"downSince"`   // Unix milliseconds, 0 if it is up
	Role        string   `json:"role"`        // primary, takes writes, read-only, not ready, unreachable
	Connections [2]int   `json:"connections"` // of each side
	Others      int      `json:"others"`      // of others
	Warnings    []string `json:"warnings"`

	// What the pool knows of it.
	State  string `json:"state"`  // as in mysqlpool.HostStats
	Since  int64  `json:"since"`  // Unix milliseconds, 0 if nobody logged in yet
	Reason string `json:"reason"` // "" if it is up
}

// lanes returns what there is to show of several hosts, and what is wrong with
// them together.
func (w *Watch) lanes() (all []lane, warnings []string) {
	if len(w.hosts) == 1 {
		return []lane{}, []string{}
	}
	inPool := poolHosts()
	writable := map[string][]string{} // addresses by identity: one server may have two
	cluster := true
	warnings = []string{}
	for _, h := range w.hosts {
		s := h.read()
		l := lane{Addr: h.server.Addr, Product: h.server.Product, Up: s.up, Warnings: []string{}}
		sides, others := w.claims.bySide(s.identity, s.conns)
		l.Connections, l.Others = [2]int{len(sides[left]), len(sides[right])}, len(others)
		switch {
		case !s.up:
			l.Role, l.Warnings, l.DownSince = "unreachable", append(l.Warnings, "Unreachable: "+s.err), s.since.UnixMilli()
		case s.role.unready != "":
			l.Role, l.Warnings = "not ready", append(l.Warnings, "Not ready: "+s.role.unready)
		case s.role.readOnly:
			l.Role, l.Warnings = "read-only", append(l.Warnings, "Read-only: writes are refused.")
		default:
			l.Role = "takes writes"
			writable[s.identity] = append(writable[s.identity], l.Addr)
			cluster = cluster && s.role.cluster
		}
		l.State = "unknown"
		if p, ok := inPool[l.Addr]; ok {
			l.State, l.Reason = p.State, p.Reason
			if !p.Since.IsZero() {
				l.Since = p.Since.UnixMilli()
			}
		}
		all = append(all, l)
	}
	switch {
	case len(writable) == 0:
		warnings = append(warnings, "No host takes writes.")
	case len(writable) > 1 && !cluster:
		var addrs []string
		for _, l := range all {
			if l.Role == "takes writes" {
				addrs = append(addrs, l.Addr)
			}
		}
		warnings = append(warnings, fmt.Sprintf("%s all take writes, and are no nodes of one cluster: set read_only on all of them but the primary.", strings.Join(addrs, ", ")))
	case len(writable) == 1:
		for i := range all {
			if all[i].Role == "takes writes" {
				all[i].Role = "primary"
			}
		}
	}
	return all, warnings
}

// poolHosts returns what the pool that was made last knows of each host.
func poolHosts() map[string]mysqlpool.HostStats {
	byAddr, number := map[string]mysqlpool.HostStats{}, map[string]int64{}
	for _, p := range mysqlpool.Stats() {
		for _, h := range p.Hosts {
			if n, ok := number[h.Addr]; !ok || n < p.Number {
				byAddr[h.Addr], number[h.Addr] = h, p.Number
			}
		}
	}
	return byAddr
}
