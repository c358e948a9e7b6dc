package physical

import (
	"context"
	"database/sql/driver"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/pool"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// Holder is what a logical connection is to physical ones: it holds one at a time, and
// runs statements on it. Between two statements the logical connection may offer or pin it,
// and reclaims it unless the pool gave it to somebody else.
type Holder struct {
	*Lease
	stmts    stmtList
	bad      bool // driver.ErrBadConn was returned
	rejected bool // ... for a write that was refused; the connection is good
	readOnly bool // the latest transaction was begun as read-only
}

// NewHolder returns a holder that does not hold leased yet, which is the caller's.
// onGarbage is called if the logical connection becomes garbage without being closed; it
// may be nil. See Lease.Dropped.
func NewHolder(leased *pool.Conn[*Conn], onGarbage func()) Holder {
	return Holder{Lease: &Lease{leased: leased, onGarbage: onGarbage}}
}

// Current is the connection that is held.
func (h *Holder) Current() *Conn { return h.leased.Value }

// CheckedOut notes that a connection was checked out.
func (h *Holder) CheckedOut(leased *pool.Conn[*Conn]) {
	h.leased, h.held = leased, true
	if h.died.Swap(false) {
		h.stmts.lose()
	}
}

// Resume readies the connection that is held for another statement. It reports false if
// none is held.
func (h *Holder) Resume() bool {
	h.rejected = false
	if !h.held {
		return false
	}
	p := h.leased.Value
	p.ClosePending()
	p.usedBy(h.Lease)
	return true
}

// OfferUnused offers a connection that was checked out and never held.
func (h *Holder) OfferUnused() { h.ticket = h.leased.OfferUnused() }

// Usable readies the connection that is held to be offered or pinned. It reports false if
// it must not be used again.
func (h *Holder) Usable() bool {
	p := h.leased.Value
	p.stmts.rows = nil // database/sql has closed them
	p.ClosePending()
	if p.live.health >= broken {
		return false
	}
	if !p.IsValid() {
		p.closedHere(p.cancelled()) // perhaps while rows were read
		return false
	}
	return true
}

// OfferOrPin offers the connection that is held, or pins it if session state is left on it.
func (h *Holder) OfferOrPin() (pinned bool) {
	h.leased.Value.diagnostics.offeredBy(h.Lease)
	if kinds := h.leased.Value.kinds(); kinds != 0 {
		h.ticket, pinned = h.leased.Pin(uint32(kinds)), true
	} else {
		h.ticket = h.leased.Offer()
	}
	h.held = false
	return pinned
}

// Sound reports whether the connection that is held may be used again, as far as is known.
func (h *Holder) Sound() bool { return h.leased.Value.sound() }

// CheckIn checks in the connection that is held. It takes no time, since database/sql may
// call Close under its own lock.
func (h *Holder) CheckIn() {
	leased := h.leased
	h.leased, h.held = nil, false
	leased.Value.stmts.rows = nil
	if leased.Value.MustRestore() {
		leased.CheckInDirty()
		return
	}
	leased.Value.state.Reset()
	leased.CheckIn()
}

// Discard closes the connection that is held.
func (h *Holder) Discard(why pool.Reason) {
	leased := h.leased
	h.leased, h.held = nil, false
	leased.Discard(why)
}

// Holds reports whether a connection is held.
func (h *Holder) Holds() bool { return h.held }

// Rejected reports whether the connection that is held is good, though a write on it was
// refused and driver.ErrBadConn returned.
func (h *Holder) Rejected() bool { return h.rejected && h.Sound() }

// ReturnedBadConn reports whether driver.ErrBadConn was returned.
func (h *Holder) ReturnedBadConn() bool { return h.bad }

// Closed notes that the logical connection is closed: its LAST_INSERT_ID() is not needed any
// more.
func (h *Holder) Closed() { h.LastID.userClosed.Store(true) }

// Lost notes that the connection was found dead and discarded: what the stock driver's
// would have lost with it is lost.
func (h *Holder) Lost() {
	h.stmts.lose()
	h.LastID.Set(0) // as of the connection that the stock driver would open now
}

// Ping has the server answer.
func (h *Holder) Ping(ctx context.Context) error {
	p := h.leased.Value
	if err := (switcher{p}).selectDeferredSchema(ctx); err != nil {
		return h.noteError(err)
	}
	return h.noteError(p.Ping(ctx))
}

// noteError notes an error that is about to be returned, and returns the one to return. A
// refused write does not mean that the server is read-only if the session itself may
// refuse writes. With rejectReadOnly the stock driver returns driver.ErrBadConn for it,
// which means nothing if the connection was closed before.
func (h *Holder) noteError(err error) error {
	if err == nil {
		return nil
	}
	if !h.held {
		h.bad = h.bad || err == driver.ErrBadConn
		return err
	}
	p := h.leased.Value
	if err == driver.ErrBadConn {
		suspect := p.config.RejectReadOnly && !p.Shared.several() && p.live.health != closedLocally && !h.mayRefuseWrites()
		p.noteError(err)
		h.bad = true
		if suspect {
			p.Shared.events.BecameReadOnly()
		}
		return err
	}
	p.noteError(err)
	readOnly, transaction := mysqlerr.IsReadOnly(err), mysqlerr.IsReadOnlyTransaction(err)
	if !readOnly && !transaction {
		return err
	}
	if readOnly || !h.mayRefuseWrites() {
		p.Shared.events.WriteRefused(p, err)
	}
	return h.rejects(p, err)
}

// rejects is what rejectReadOnly makes of a refused write where there are several
// hosts: what the stock driver does, but for the connection, which is kept unless
// there is a host to go to. Otherwise each write would cost three logins while no
// host takes writes.
func (h *Holder) rejects(p *Conn, err error) error {
	if !p.Shared.rejectReadOnly || !p.Shared.several() {
		return err
	}
	h.bad, h.rejected = true, true
	return driver.ErrBadConn
}

// mayRefuseWrites reports whether the session may be in a read-only transaction
// (error 1792, which the stock driver takes for a read-only server): in one that
// was begun so, or by statements, whose text is not read for that.
func (h *Holder) mayRefuseWrites() bool {
	p := h.leased.Value
	if params := p.config.Params; params["transaction_read_only"]+params["tx_read_only"] != "" {
		return true
	}
	kinds := p.state.Kinds()
	begins := p.autocommitAtLogin || p.state.AutocommitSet() // else any statement opens a transaction
	if !begins {
		kinds &^= session.Transaction
	}
	return p.inTx && h.readOnly || begins && !p.inTx && p.InTransaction() ||
		kinds&(session.Transaction|session.NextTransaction|session.Variables|session.Other) != 0
}
