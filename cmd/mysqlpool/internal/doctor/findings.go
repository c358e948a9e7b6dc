package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

// Level says how much a finding matters.
type Level string

const (
	OK      Level = "ok"
	Hint    Level = "hint"    // it works, and could be better
	Warning Level = "warning" // it works now, and may fail
	Problem Level = "problem" // something fails, or the pool saves next to nothing
)

// Finding is one thing that was examined.
type Finding struct {
	Name  string `json:"name"`
	Host  string `json:"host,omitempty"` // if the DSN names several
	Level Level  `json:"level"`
	Value string `json:"value"`           // what it is, for people
	Short string `json:"short"`           // what the pool makes of it
	Text  string `json:"text,omitempty"`  // what it means, unless it is ok
	Fixes []Fix  `json:"fixes,omitempty"` // each ends it alone
}

// findings is what there is to say, in the order in which it is shown: of the
// hosts, then of the one that the pool logs in to first, then what is not ok about
// the others.
func (r *Report) findings(first *Host) (all []Finding) {
	all = append(all, r.hosts()...)
	for _, h := range r.Hosts {
		if h.Readings == nil {
			continue
		}
		e := &examined{Report: r, Readings: h.Readings}
		for _, f := range e.findings() {
			if h != first && f.Level == OK {
				continue
			}
			if r.several() {
				f.Host = h.Address
			}
			all = append(all, f)
		}
	}
	return all
}

// examined is a host that was examined.
type examined struct {
	*Report
	*Readings
}

func (e *examined) findings() []Finding {
	return []Finding{
		e.version(), e.writes(), e.waitTimeout(), e.interactiveTimeout(), e.maxConnections(), e.together(), e.maxUserConnections(),
		e.preparedStmts(), e.sessionState(), e.proxy(), e.encryption(), e.clock(), e.roundTrip(), e.login(),
	}
}

// hosts is what there is to say of several hosts together.
func (r *Report) hosts() (all []Finding) {
	if !r.several() {
		return nil
	}
	primaries := r.addressesOf(Primary)
	f := Finding{Name: "primary", Level: OK, Value: "none", Short: "no host takes writes"}
	switch {
	case len(primaries) > 0:
		f.Value, f.Short = fmt.Sprintf("1 of %d", len(r.Hosts)), primaries[0]
	case r.Options.PoolTarget == "auto" || r.Options.PoolTarget == "primary":
		f.Level, f.Short = Problem, "writes fail"
		f.Text = "None of the hosts takes writes: name the primary in the DSN, or promote one of them."
	}
	if len(primaries) > 1 {
		f.Value = fmt.Sprintf("%d of %d", len(primaries), len(r.Hosts))
		if !r.oneCluster() {
			f.Level = Warning
			f.Text = list(primaries) + " all take writes, and are no nodes of one cluster. Set read_only on all of them but the primary: " +
				"otherwise what is written while one is away ends up in two places."
		}
	}
	all = append(all, f)
	for _, h := range r.Hosts {
		switch h.Role {
		case Unreachable:
			all = append(all, Finding{Name: "host", Host: h.Address, Level: Warning, Value: "away", Short: "no login succeeds",
				Text: "It could not be logged in to: " + h.Error})
		case NotReady:
			all = append(all, Finding{Name: "host", Host: h.Address, Level: Warning, Value: "not ready", Short: "no full member of its cluster",
				Text: "It answers, but " + h.Readings.notReady() + "."})
		}
	}
	return all
}

// oneCluster reports whether the hosts that take writes are nodes of a cluster
// that is meant so, or one and the same server.
func (r *Report) oneCluster() bool {
	identities := map[string]bool{}
	cluster := true
	for _, h := range r.Hosts {
		if h.Role == Primary {
			identities[h.Readings.identity] = true
			cluster = cluster && (h.Readings.MemberState != "" || h.Readings.WsrepState != "")
		}
	}
	return cluster || len(identities) == 1
}

func (e *examined) version() Finding {
	return Finding{Name: "version", Level: OK, Value: e.Number(), Short: e.Flavour}
}

// writes is about a host that refuses them.
func (e *examined) writes() Finding {
	f := Finding{Name: "read_only", Level: OK, Value: "OFF", Short: "it takes writes"}
	if !e.readOnly() {
		return f
	}
	which := "read_only"
	switch {
	case on(e.SuperReadOnly):
		which = "super_read_only"
	case !refusesByVariable(e.ReadOnlyVariable):
		which = "member role"
	}
	f.Value, f.Short = "ON", "a replica: writes are refused"
	switch target := e.Options.PoolTarget; {
	case target == "replica" || target == "prefer_replica" || target == "any":
		f.Short = "a replica, as pool_target wants"
	case e.several() && len(e.addressesOf(Primary)) > 0:
		f.Level = Warning
		f.Text = fmt.Sprintf("It is read-only (%s): the pool logs in to it only while no host that takes writes can be used. Writes then fail (Error 1290).", which)
	case e.several(): // said of all of them together
	default:
		f.Level = Warning
		f.Text = fmt.Sprintf("The server is read-only (%s): writes fail (Error 1290). If it is a replica, name its primary in the DSN, or both: tcp(primary:3306,replica:3306).", which)
	}
	return f
}

func refusesByVariable(v string) bool {
	return v != "" && v != "0" && !strings.EqualFold(v, "OFF")
}

func (e *examined) interactiveTimeout() Finding {
	return Finding{Name: "interactive_timeout", Level: OK, Value: seconds(e.InteractiveTimeout),
		Short: "not used by these drivers"}
}

func (e *examined) roundTrip() Finding {
	return Finding{Name: "round trip", Level: OK, Value: millis(e.RoundTrip.Median), Short: between(e.RoundTrip)}
}

func (e *examined) login() Finding {
	f := Finding{Name: "login", Level: OK, Value: millis(e.Login.Median), Short: between(e.Login)}
	if e.Login.Samples == 0 {
		f.Value, f.Short = "unknown", "none of the logins to time succeeded"
	} else if e.RoundTrip.Median > 0 {
		f.Short = fmt.Sprintf("as long as %.0f round trips", e.Login.Median/e.RoundTrip.Median)
	}
	return f
}

func between(s Spread) string {
	return fmt.Sprintf("middle half %s to %s", millis(s.Low), millis(s.High))
}

func millis(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.2f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

func seconds(n *int64) string {
	if n == nil {
		return "unknown"
	}
	return fmt.Sprintf("%d s", *n)
}

func secondsText(s float64) string {
	if s < 10 {
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%.0f s", s)
}

func count(n *int64) string {
	if n == nil {
		return "unknown"
	}
	return strconv.FormatInt(*n, 10)
}

func plural(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", n, thing))
}
