package doctor

import (
	"fmt"
	"math"
	"strings"
)

const (
	// Below that, in seconds, connections are opened again so often that the pool
	// saves little: with 30 s a busy connection logs in twice a minute.
	leastWaitTimeout = 30
	wantWaitTimeout  = 120
	mostWaitTimeout  = 31_536_000

	defaultMaxStmts = 16_382

	// With fewer statements for each connection the cache evicts what it needs.
	leastStmtsPerConn = 16
)

// quoteAccount turns name@host into 'name'@'host'.
func quoteAccount(account string) string {
	at := strings.LastIndexByte(account, '@')
	if at < 0 {
		return quote(account)
	}
	return quote(account[:at]) + "@" + quote(account[at+1:])
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'"
}

func (e *examined) waitTimeout() Finding {
	f := Finding{Name: "wait_timeout", Level: OK, Value: seconds(e.WaitTimeout)}
	recycle := e.Options.PoolRecycle
	switch {
	case recycle != nil && *recycle == 0:
		f.Short = "never recycled: pool_recycle=0"
	case e.Pool.Recycle > 0:
		f.Short = fmt.Sprintf("recycled after %s or so", secondsText(e.Pool.Recycle))
	default:
		f.Short = "recycled before that"
	}
	if e.WaitTimeout == nil {
		return f
	}
	wait := *e.WaitTimeout
	switch {
	case wait < leastWaitTimeout:
		f.Level = Problem
		f.Text = fmt.Sprintf("The server ends a session that was idle for %d s, so the pool opens each connection again within that time: "+
			"much of what it saves is lost.", wait)
		want := int64(wantWaitTimeout)
		if recycle != nil {
			want = min(max(want, int64(math.Ceil(*recycle))+1), mostWaitTimeout)
		}
		f.Fixes = []Fix{e.setWaitTimeout(want)}
	case recycle != nil && (*recycle == 0 || *recycle > float64(wait-1)):
		f.Level = Warning
		what := fmt.Sprintf("lets a connection get %s old", secondsText(*recycle))
		if *recycle == 0 {
			what = "lets a connection get as old as it likes"
		} else if want := int64(math.Ceil(*recycle)) + 1; want <= mostWaitTimeout {
			f.Fixes = append(f.Fixes, e.setWaitTimeout(want))
		}
		f.Text = fmt.Sprintf("The server ends a session that was idle for %d s, and pool_recycle %s: the pool will hold connections that the server has closed, and finds out by a ping. "+
			"Without pool_recycle, or with auto, it is what the server allows.", wait, what)
		f.Fixes = append([]Fix{parameter("@pool_recycle=%27auto%27")}, f.Fixes...)
	}
	return f
}

// setWaitTimeout sets it where it comes from.
func (e *examined) setWaitTimeout(want int64) Fix {
	if e.Options.WaitTimeoutInDSN {
		return parameter(fmt.Sprintf("wait_timeout=%d", want))
	}
	return setToNumber("wait_timeout", want)
}

func (e *examined) preparedStmts() Finding {
	f := Finding{Name: "max_prepared_stmt_count", Level: OK, Value: count(e.MaxPreparedStmtCount), Short: "arguments take one round trip"}
	unlimited := e.MaxPreparedStmtCount != nil && (*e.MaxPreparedStmtCount < 0 || *e.MaxPreparedStmtCount == 0 && e.Pool.Arguments && !e.Options.InterpolateParams)
	if unlimited {
		f.Value = "no limit"
	}
	switch {
	case e.Options.InterpolateParams:
		f.Short = "not needed: interpolateParams=true"
		return f
	case !e.Pool.Statements:
		f.Short = "arguments take two round trips"
	}
	if e.MaxPreparedStmtCount == nil || unlimited {
		return f
	}
	most := *e.MaxPreparedStmtCount
	perConn := int64(leastStmtsPerConn)
	if n := e.Options.PoolStmtCache; n != nil {
		perConn = int64(*n)
	}
	needed := 2 * perConn * e.needed() // the pool takes half
	prepared := int64(0)
	if e.PreparedStmts != nil {
		prepared = *e.PreparedStmts
	}
	switch {
	case most == 0:
		f.Level = Problem
		f.Text = "The server prepares no statements: with either driver every query with an argument fails (Error 1461), unless the DSN says interpolateParams=true."
		f.Fixes = append(f.Fixes, parameter("interpolateParams=true"))
	case prepared*2 > most:
		f.Level = Hint
		f.Text = fmt.Sprintf("There are %s of %d now. When there is no room the pool keeps none, and queries with arguments may fail.", plural(prepared, "statement"), most)
	case most < needed:
		f.Level = Hint
		f.Text = fmt.Sprintf("The pool keeps half of that at most: fewer than %d for each of %s.", perConn, plural(e.needed(), "connection"))
		if fits := most / 2 / max(e.needed(), 1); fits >= 1 {
			f.Fixes = append(f.Fixes, option("pool_stmt_cache", int(fits)))
		}
	default:
		return f
	}
	want := max(defaultMaxStmts, needed, 4*prepared)
	if want > defaultMaxStmts {
		want = (want + 999) / 1000 * 1000
	}
	if want <= e.mostStmts() {
		f.Fixes = append([]Fix{setToNumber("max_prepared_stmt_count", want)}, f.Fixes...)
	}
	return f
}

// mostStmts is the greatest max_prepared_stmt_count there is.
func (e *examined) mostStmts() int64 {
	if e.Flavour == "MySQL" || e.Flavour == "Percona Server" {
		if !strings.HasPrefix(e.Number(), "5.") {
			return 4_194_304
		}
	}
	return 1_048_576
}

func (e *examined) sessionState() Finding {
	f := Finding{Name: "session state", Level: OK, Value: "reset", Short: "connections are kept and reset"}
	switch {
	case e.Options.PoolReset == "never":
		f.Level, f.Value, f.Short = Warning, "kept", "the next user has what one left"
		f.Text = "The DSN says pool_reset=never: variables, locks and temporary tables that one user leaves on a connection are there for the next one."
		f.Fixes = []Fix{parameter("@pool_reset=%27state%27")}
		return f
	case e.Pool.Leaks:
		f.Level, f.Value, f.Short = Problem, "leaks", "the next user has what one left"
		f.Text = "COM_RESET_CONNECTION is answered with OK and resets nothing, as by a proxy: a user variable that one user set was there for the next one. " +
			"Log in to the server itself, or to a port of the proxy that does not share connections."
		return f
	case e.Pool.Resets:
		return f
	}
	f.Level, f.Value, f.Short = Hint, "closed", "closed after use that leaves state"
	switch {
	case e.InitConnect != "":
		f.Text = "The server runs an init_connect script at each login, which the pool cannot run again. So it closes a connection " +
			"on which temporary tables, user variables and the like were left, and opens another. If the script is not needed:"
		f.Fixes = []Fix{setTo("init_connect", "''")}
	case e.Reset == ResetIgnored:
		f.Text = "COM_RESET_CONNECTION is answered with OK and resets nothing, as by a proxy. So the pool closes a connection " +
			"on which temporary tables, user variables and the like were left, and opens another."
	case e.Options.PoolSize == 0:
		f.Text = "pool_size is 0: the pool keeps no connection."
		f.Fixes = []Fix{option("pool_size", 5)}
	default:
		f.Text = "The server does not know COM_RESET_CONNECTION (MySQL has it since 5.7, MariaDB since 10.2), or the DSN asks for compression. So a connection " +
			"on which temporary tables, user variables and the like were left is closed, and another opened."
	}
	return f
}

func (e *examined) proxy() Finding {
	f := Finding{Name: "proxy", Level: OK, Value: "none seen", Short: "ids stay, and a reset resets"}
	switch {
	case e.IDsChange && e.StmtsPin && (e.Options.PoolStmtCache == nil || *e.Options.PoolStmtCache > 0) && !e.Options.InterpolateParams:
		f.Level, f.Value, f.Short = Hint, "pinned", "by each kept statement"
		f.Text = "A proxy hands each query to another connection, but stays on one while a prepared statement is kept: the pool's statements undo what the proxy is for."
		f.Fixes = []Fix{option("pool_stmt_cache", 0)}
	case e.IDsChange:
		f.Value, f.Short = "shares", "CONNECTION_ID() changes"
		f.Level = Hint
		f.Text = "A proxy hands each query to another connection. pool_kill and locks (GET_LOCK) need one connection: use a port of the proxy that does not share connections for those."
	case e.Reset == ResetIgnored:
		f.Value, f.Short = "likely", "a reset does not reset"
	case e.Reset == ResetRefused:
		f.Short = "ids stay"
	case e.Reset == ResetNotTried:
		f.Short = "ids stay; a reset was not tried out"
	}
	return f
}
