package physical

import (
	"database/sql/driver"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/session"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

func (p *Conn) scan(query string) session.Statement { return p.texts.scan(query, p.config.Multi) }

// running notes that a statement is about to run, so that a panic of the stock
// driver does not leave it unnoticed. The status flags are unknown until its
// answer has some.
func (p *Conn) running() {
	p.busy, p.used = true, true
	p.flags.running()
}

// declined notes that the statement did not run: the stock driver returns
// driver.ErrSkip for one with arguments that it would have to prepare first.
func (p *Conn) declined() {
	p.busy = false
	p.flags.declined()
}

// ran notes a statement that ran. What it may leave counts even if it failed: it
// may have done half of what it says. firstArg is the value of its first
// placeholder, which may be the name of a lock.
//
// Where the server's answer shows the transaction that a statement opened, that
// flag counts from then on, and is more exact than any text: a transaction may end
// in many ways.
func (p *Conn) ran(st *session.Statement, firstArg any, err error) {
	p.busy = false
	if st.Leaves&(session.Schema|hidesSchema) != 0 {
		p.schema.forget()
	}
	if p.Shared.Reset == dsn.ResetNever {
		p.altered = p.altered || st.Leaves&^cacheSafeState != 0
		return
	}
	p.state.Before(st, firstArg)
	if st.OpensTx() && !p.autocommit() {
		p.state.Add(session.Transaction)
	}
	if err != nil {
		return
	}
	p.state.After(st, firstArg)
	// Of several statements those behind the first answer are still to come.
	if !p.config.Multi && (p.InTransaction() || st.MayBegin() && p.flags.Known() && !p.Unverified()) {
		p.state.Remove(session.Transaction)
	}
}

// prepares notes a statement that is about to be prepared. To prepare an
// assignment, as in SELECT @a := 1, makes the user variable on MySQL: it is NULL
// as before, and has a type, which shows in what is computed with it. To prepare
// GET_LOCK('a', 1) takes the lock on TiDB, which runs functions of constants then,
// also if the statement cannot be prepared.
func (p *Conn) prepares(st *session.Statement) {
	if p.Shared.Reset == dsn.ResetNever {
		return
	}
	kinds := session.UserVariables
	if p.Host.runsAtPrepare() {
		kinds |= session.Locks
	}
	p.state.Add(st.Leaves & kinds)
}

// hidesSchema is the kinds of statements that may have a USE in them.
const hidesSchema = session.Other | session.Identity

// autocommit reports whether a statement commits by itself.
func (p *Conn) autocommit() bool {
	if p.flags.Known() {
		return p.flags.Flags()&stockdriver.StatusAutocommit != 0
	}
	return p.autocommitAtLogin && !p.state.AutocommitSet()
}

// kinds is the session state that is left on the connection now, between two
// statements. A driver.Tx that has not ended when its connection is put away was
// begun in Conn.Raw: database/sql ends its own.
func (p *Conn) kinds() session.Kinds {
	k := p.state.Kinds()
	if p.busy {
		k |= session.Identity
	}
	if p.Shared.Reset == dsn.ResetNever {
		return k // what the driver itself knows of
	}
	if p.inTx || p.InTransaction() {
		k |= session.Transaction
	}
	if p.after.eachUse && p.used {
		k |= session.Other
	}
	if k&session.Variables == 0 && p.autocommit() != p.autocommitAtLogin {
		k |= session.Other // set where no text shows it, as in a stored procedure
	}
	return k
}

// MustRestore reports whether the connection must not go to anybody else as it
// is, nor lie idle: it may hold locks, or an open transaction.
func (p *Conn) MustRestore() bool {
	switch p.Shared.Reset {
	case dsn.ResetNever:
		return p.kinds()&^session.FoundRows != 0
	case dsn.ResetAlways:
		return p.used
	}
	return p.Unverified() || p.kinds()&^session.FoundRows != 0
}

// PinText names the kinds for Stats and errors.
func PinText(why uint32) []string { return session.Kinds(why).Names() }

// firstValue is the value of the first argument, nil for none.
func firstValue(args []driver.NamedValue) any {
	if len(args) == 0 {
		return nil
	}
	return args[0].Value
}
