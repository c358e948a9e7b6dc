package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

// Level says how much a finding matters.
type Level string

const (
	OK    Level = "ok"
	Hint  Level = "hint"  // it works, and could be better
	Amiss Level = "amiss" // it must be mended
)

// Finding is one thing that was looked at.
type Finding struct {
	Name  string `json:"name"`
	Level Level  `json:"level"`
	Value string `json:"value"`          // what it is, for people
	Short string `json:"short"`          // what the pool makes of it
	Text  string `json:"text,omitempty"` // what it means, and what to do, unless it is ok
	Mend  *Mend  `json:"mend,omitempty"`
}

// What counts as amiss, and what it is to be instead.
const (
	// Below that, in seconds, connections are opened again so often that the pool
	// saves little: with 30 s a busy connection logs in twice a minute.
	leastWaitTimeout = 30
	wantWaitTimeout  = 120

	// The servers' defaults (MySQL manual, "Server System Variables").
	defaultMaxConnections = 151
	defaultMaxStmts       = 16382

	// A server that used so many of its connections, in percent, is near the end.
	nearlyFull = 90

	// With fewer statements for each connection the cache pushes out what it needs.
	leastStmtsPerConn = 16
)

// findings is what there is to say, in the order in which it is shown.
func findings(r *Readings, p *Pool) []Finding {
	return []Finding{
		version(r), waitTimeout(r, p), interactiveTimeout(r), maxConnections(r, p), maxUserConnections(r),
		preparedStmts(r, p), sessions(r, p), encryption(r), roundTrip(r), login(r),
	}
}

func version(r *Readings) Finding {
	number, _, _ := strings.Cut(r.Version, "-")
	return Finding{Name: "version", Level: OK, Value: number, Short: r.Flavour}
}

func waitTimeout(r *Readings, p *Pool) Finding {
	f := Finding{Name: "wait_timeout", Level: OK, Value: seconds(r.WaitTimeout)}
	switch {
	case p.Recycle == 0:
		f.Short = "never recycled: pool_recycle=0"
	default:
		f.Short = fmt.Sprintf("recycled after %s or so", secondsText(p.Recycle))
	}
	if r.WaitTimeout == nil || *r.WaitTimeout >= leastWaitTimeout {
		return f
	}
	f.Level = Amiss
	f.Text = fmt.Sprintf("The server ends a session that was idle for %d s, so the pool opens each connection again within that time: "+
		"much of what it saves is lost.", *r.WaitTimeout)
	if r.WaitTimeoutOurs {
		f.Text += " The DSN says so: take wait_timeout out of it, or set it to more."
		return f
	}
	f.Mend = setTo("wait_timeout", strconv.Itoa(wantWaitTimeout))
	return f
}

func interactiveTimeout(r *Readings) Finding {
	return Finding{Name: "interactive_timeout", Level: OK, Value: seconds(r.InteractiveTimeout),
		Short: "not for us: the drivers are no interactive clients"}
}

func maxConnections(r *Readings, p *Pool) Finding {
	f := Finding{Name: "max_connections", Level: OK, Value: count(r.MaxConnections)}
	f.Short = fmt.Sprintf("the pool opens %d at most", p.Limit)
	if p.Limit == 0 {
		f.Short = "the pool opens as many as it needs: set pool_max_overflow"
	}
	if r.MaxConnections == nil {
		f.Level = Hint
		f.Text = "The server does not say how many connections it takes, so the pool has no limit of its own. Set pool_max_overflow."
		return f
	}
	most := *r.MaxConnections
	others := int64(0)
	if r.Connections != nil {
		others = max(*r.Connections-1, 0) // ours is closed by then
	}
	switch {
	case p.Limit > 0 && p.Limit < r.Size && (r.MaxUserConnections == nil || *r.MaxUserConnections == 0 || *r.MaxUserConnections > int64(p.Limit)):
		f.Level = Amiss
		f.Text = fmt.Sprintf("The server takes %d, of which the pool leaves some for others. That is fewer than pool_size, %d: checkouts will wait.", most, r.Size)
	case most-others < int64(r.Size):
		f.Level = Amiss
		f.Text = fmt.Sprintf("Others have %d of %d now. What is left is fewer than pool_size, %d: checkouts will wait, or fail.", others, most, r.Size)
	case r.RefusedForRoom != nil && *r.RefusedForRoom > 0:
		f.Level = Hint
		f.Text = fmt.Sprintf("Since its start the server refused %s because it had no room (Too many connections).", plural(*r.RefusedForRoom, "login"))
	case r.MaxUsed != nil && *r.MaxUsed*100 >= most*nearlyFull:
		f.Level = Hint
		f.Text = fmt.Sprintf("Since its start the server had up to %d of %d at a time.", *r.MaxUsed, most)
	default:
		return f
	}
	f.Mend = setTo("max_connections", strconv.FormatInt(max(defaultMaxConnections, 2*most), 10))
	return f
}

func maxUserConnections(r *Readings) Finding {
	f := Finding{Name: "max_user_connections", Level: OK, Value: count(r.MaxUserConnections), Short: "no limit for this account"}
	if r.MaxUserConnections == nil || *r.MaxUserConnections == 0 {
		return f
	}
	f.Short = "the pool opens no more"
	if *r.MaxUserConnections >= int64(r.Size) {
		return f
	}
	f.Level = Amiss
	f.Text = fmt.Sprintf("The account may have %s, fewer than pool_size, %d: checkouts will wait.", plural(*r.MaxUserConnections, "connection"), r.Size)
	if r.MaxUserGlobal != nil && *r.MaxUserGlobal == *r.MaxUserConnections {
		f.Mend = setTo("max_user_connections", strconv.Itoa(defaultMaxConnections))
		return f
	}
	f.Text += " It is the account's own limit: ALTER USER … WITH MAX_USER_CONNECTIONS 0 takes that off."
	return f
}

func preparedStmts(r *Readings, p *Pool) Finding {
	f := Finding{Name: "max_prepared_stmt_count", Level: OK, Value: count(r.MaxPreparedStmtCount), Short: "arguments take one round trip"}
	switch {
	case r.Interpolates:
		f.Short = "not needed: interpolateParams=true"
		return f
	case !p.Statements:
		f.Short = "arguments take two round trips"
	}
	if r.MaxPreparedStmtCount == nil {
		return f
	}
	most := *r.MaxPreparedStmtCount
	switch {
	case most == 0:
		f.Level = Amiss
		f.Text = "The server prepares no statements: with either driver every query with an argument fails (Error 1461), unless the DSN says interpolateParams=true."
	case r.PreparedStmts != nil && *r.PreparedStmts*2 > most:
		f.Level = Hint
		f.Text = fmt.Sprintf("There are %d statements of %d now. When there is no room the pool keeps none, and queries with arguments may fail.", *r.PreparedStmts, most)
	case most/2 < int64(leastStmtsPerConn*r.Size):
		f.Level = Hint
		f.Text = fmt.Sprintf("The pool keeps half of that at most: fewer than %d for each of %s.", leastStmtsPerConn, plural(int64(r.Size), "connection"))
	default:
		return f
	}
	f.Mend = setTo("max_prepared_stmt_count", strconv.Itoa(defaultMaxStmts))
	return f
}

func sessions(r *Readings, p *Pool) Finding {
	f := Finding{Name: "session state", Level: OK, Value: "reset", Short: "a connection is kept, whatever its user left on it"}
	if p.Resets {
		return f
	}
	f.Level, f.Value, f.Short = Hint, "closed", "a connection is closed after use that leaves more than usual"
	if r.InitConnect != "" {
		f.Text = "The server runs statements of its own at each login (init_connect). The pool cannot repeat them, so it closes a connection " +
			"on which temporary tables, user variables and the like were left, and opens another. If they are not needed:"
		f.Mend = setTo("init_connect", "''")
		return f
	}
	f.Text = "The server does not know COM_RESET_CONNECTION (MySQL has it since 5.7, MariaDB since 10.2), or the DSN asks for compression. So a connection " +
		"on which temporary tables, user variables and the like were left is closed, and another opened."
	return f
}

func encryption(r *Readings) Finding {
	f := Finding{Name: "TLS", Level: OK, Value: r.TLSVersion, Short: "a login costs more, which the pool saves"}
	if r.TLSVersion != "" {
		return f
	}
	f.Value, f.Short = "none", "the connection does not leave this machine"
	if r.Local {
		return f
	}
	f.Level, f.Short = Hint, "the connection can be listened to"
	f.Text = "What you ask and what you are told crosses the network as it is. Put tls=true in the DSN (or skip-verify, if the certificate is the server's own): " +
		"with the pool the handshakes are few."
	if r.TLSOnServer != nil && !*r.TLSOnServer {
		f.Text = "What you ask and what you are told crosses the network as it is, and the server has no TLS: give it a certificate (ssl_cert, ssl_key)."
	}
	return f
}

func roundTrip(r *Readings) Finding {
	return Finding{Name: "round trip", Level: OK, Value: millis(r.RoundTrip.Median), Short: between(r.RoundTrip)}
}

func login(r *Readings) Finding {
	f := Finding{Name: "login", Level: OK, Value: millis(r.Login.Median), Short: between(r.Login)}
	if r.RoundTrip.Median > 0 {
		f.Short += fmt.Sprintf("; as long as %.0f round trips", r.Login.Median/r.RoundTrip.Median)
	}
	return f
}

func between(s Spread) string {
	return fmt.Sprintf("half of %d took %s to %s", s.N, millis(s.Low), millis(s.High))
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
