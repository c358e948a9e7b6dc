package doctor

import "fmt"

const (
	// The servers' default, and the most that they take (MySQL manual, "Server
	// System Variables").
	defaultMaxConnections = 151
	mostMaxConnections    = 100_000

	// A server that used so many of its connections, in percent, is near the end.
	nearlyFull = 90
)

// reserve is what the pool leaves of a server's connections to others: see
// pool_max_overflow.
func reserve(maxConnections int64) int64 { return max(3, maxConnections/20) }

// needed is how many connections the processes keep open together.
func (e *examined) needed() int64 { return int64(e.Options.PoolSize) * int64(e.Replicas) }

// unlimited reports whether the server says that it has no limit.
func (e *examined) unlimited() bool { return e.MaxConnections != nil && *e.MaxConnections <= 0 }

// others is how many connections other accounts hold now.
func (e *examined) others() int64 {
	if e.Others == nil {
		return 0
	}
	return *e.Others
}

// left is how many connections there are for this account's processes together,
// and for one of them, after the reserve.
func (e *examined) left() (all, one int64) {
	limit := *e.MaxConnections - reserve(*e.MaxConnections)
	all = max(min(*e.MaxConnections-e.others(), limit), 0)
	if u := e.MaxUserConnections; u != nil && *u > 0 {
		all = min(all, *u)
	}
	return all, all / int64(e.Replicas)
}

// enough is the least max_connections with which the processes have what they
// need beside the others, a round number.
func (e *examined) enough() int64 {
	n := max(e.needed()+e.others(), e.needed()/19*20) // from where it is not far
	for n-reserve(n) < e.needed() || n-reserve(n) < int64(e.Options.PoolSize) {
		n++
	}
	return (n + 9) / 10 * 10
}

func (e *examined) maxConnections() Finding {
	f := Finding{Name: "max_connections", Level: OK, Value: count(e.MaxConnections)}
	f.Short = fmt.Sprintf("%d at most", e.Options.most(&e.Pool))
	switch {
	case e.unlimited():
		f.Value, f.Short = "no limit", "as many as the pool needs"
		return f
	case e.MaxConnections == nil:
		f.Short = "as many as the pool needs"
		if e.Options.PoolMaxOverflow != nil {
			f.Short = fmt.Sprintf("%d at most", e.Options.most(&e.Pool))
			return f
		}
		f.Level = Hint
		f.Text = "The server does not say how many connections it takes, so the pool has no limit of its own."
		f.Fixes = []Fix{option("pool_max_overflow", 20)}
		return f
	}
	most := *e.MaxConnections
	all, one := e.left()
	if e.Others != nil {
		f.Short = fmt.Sprintf("%d at most; others hold %d", e.Options.most(&e.Pool), e.others())
	}
	want := int64(0)
	switch {
	case e.needed() > all && !e.userLimitDecides():
		f.Level = Problem
		f.Text = fmt.Sprintf("pool_size is %d: %s up to %s open. The server takes %d, of which other accounts hold %d now and the pool leaves %d free for others: "+
			"%d are left. Checkouts will wait, or fail.", e.Options.PoolSize, e.keep(), plural(e.needed(), "connection"), most, e.others(), reserve(most), all)
		want = e.enough()
		if one >= 1 {
			f.Fixes = append(f.Fixes, option("pool_size", int(one)))
		}
	case e.MaxUsed != nil && *e.MaxUsed*100 >= most*nearlyFull:
		f.Level = Hint
		f.Text = fmt.Sprintf("Since its start the server had up to %d of %d at a time.", *e.MaxUsed, most)
		if e.Refused != nil && *e.Refused > 0 {
			f.Text += fmt.Sprintf(" It refused %s because it had no room (Too many connections).", plural(*e.Refused, "login"))
		}
		want = *e.MaxUsed * 2
	default:
		return f
	}
	want = max(want, defaultMaxConnections, most+1)
	if want <= mostMaxConnections {
		f.Fixes = append([]Fix{setToNumber("max_connections", want)}, f.Fixes...)
	}
	return f
}

// processes is the processes of the program, for people.
func (e *examined) processes() string {
	if e.Replicas == 1 {
		return "this program"
	}
	return fmt.Sprintf("%d replicas", e.Replicas)
}

// keep is that with its verb.
func (e *examined) keep() string {
	if e.Replicas == 1 {
		return e.processes() + " keeps"
	}
	return e.processes() + " keep"
}

// lacksAlterUser reports whether the server is older than MySQL 5.7.6 and MariaDB
// 10.2, where ALTER USER sets no limits.
func (e *examined) lacksAlterUser() bool {
	var major, minor int
	if n, _ := fmt.Sscanf(e.Number(), "%d.%d", &major, &minor); n < 2 {
		return false
	}
	if e.Flavour == "MariaDB" {
		return major < 10 || major == 10 && minor < 2
	}
	return major == 5 && minor < 7
}

// together is about what the processes may open beyond pool_size.
func (e *examined) together() Finding {
	f := Finding{Name: "overflow", Level: OK, Value: "auto", Short: "never more than the server takes"}
	if o := e.Options.PoolMaxOverflow; o != nil {
		f.Value = fmt.Sprint(*o)
	}
	if e.MaxConnections == nil || e.unlimited() {
		f.Short = "as many as the pool needs"
		return f
	}
	one := int64(e.Options.most(&e.Pool))
	all, each := e.left()
	if e.needed() > all { // a problem of its own
		f.Short = "see max_connections"
		return f
	}
	explicit := e.Options.PoolMaxOverflow != nil
	if one*int64(e.Replicas) <= all || !explicit && e.Replicas == 1 {
		return f
	}
	f.Level = Warning
	f.Short = fmt.Sprintf("up to %d, of %d that are left", one*int64(e.Replicas), all)
	f.Text = fmt.Sprintf("Under load %s may open %d each, %d together; %d are left beside what other accounts hold and the pool leaves free. Beyond that logins are refused (Too many connections), and requests wait. "+
		"A process does not know of the others: the sum is for you to do.", e.processes(), one, one*int64(e.Replicas), all)
	if e.Replicas == 1 {
		f.Text = fmt.Sprintf("Under load this program may open %d; %d are left beside what other accounts hold and the pool leaves free. Beyond that logins are refused (Too many connections), and requests wait.", one, all)
	}
	f.Fixes = []Fix{option("pool_max_overflow", int(max(each-int64(e.Options.PoolSize), 0)))}
	return f
}

// userLimitDecides reports whether the account's own limit is what leaves too
// little.
func (e *examined) userLimitDecides() bool {
	return e.MaxUserConnections != nil && *e.MaxUserConnections > 0 && *e.MaxUserConnections < e.needed() &&
		*e.MaxConnections-reserve(*e.MaxConnections) >= e.needed() && *e.MaxConnections-e.others() >= e.needed()
}

func (e *examined) maxUserConnections() Finding {
	f := Finding{Name: "max_user_connections", Level: OK, Value: count(e.MaxUserConnections), Short: "no limit for this account"}
	if e.MaxUserConnections == nil || *e.MaxUserConnections <= 0 {
		return f
	}
	most := *e.MaxUserConnections
	f.Short = "the pool opens no more"
	if most >= e.needed() {
		return f
	}
	f.Level = Problem
	f.Text = fmt.Sprintf("The account may have %s, and pool_size is %d: %s up to %d open. Checkouts will wait, or fail.",
		plural(most, "connection"), e.Options.PoolSize, e.keep(), e.needed())
	if e.MaxUserGlobal != nil && *e.MaxUserGlobal == most {
		f.Fixes = append(f.Fixes, setToNumber("max_user_connections", max(defaultMaxConnections, (e.needed()+9)/10*10)))
	} else if e.Account != "" {
		f.Text += " It is the account's own limit."
		change := "ALTER USER %s WITH MAX_USER_CONNECTIONS %d;"
		if e.lacksAlterUser() {
			change = "GRANT USAGE ON *.* TO %s WITH MAX_USER_CONNECTIONS %d;"
		}
		f.Fixes = append(f.Fixes, statement(fmt.Sprintf(change, quoteAccount(e.Account), (e.needed()+9)/10*10)))
	}
	if one := most / int64(e.Replicas); one >= 1 {
		f.Fixes = append(f.Fixes, option("pool_size", int(one)))
	}
	return f
}
