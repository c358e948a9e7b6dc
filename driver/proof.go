package mysqlpool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/session"
)

// Proof is what was found out of one way in which a server restores a
// session.
type Proof string

const (
	ProofUnknown Proof = ""        // not tried, or found out too long ago
	ProofWorks   Proof = "works"   // what was set is gone afterwards
	ProofIgnored Proof = "ignored" // the server answered OK, and what was set is still there
	ProofRefused Proof = "refused" // the server answered with an error
)

// proofs is what was found out of a server. Some that only look like MySQL
// (Vitess, proxies) answer OK to COM_RESET_CONNECTION, or to a SET that puts a
// variable back, and do nothing. So before the state that a user left is taken
// back in one of these ways for the first time the way is tried.
type proofs struct {
	turn     chan struct{} // holds a token while somebody tries
	undo     atomic.Pointer[found]
	reset    atomic.Pointer[found]
	pipeline atomic.Pointer[found] // of several commands sent at once all are answered
}

// found is a proof, and for how long it is believed. Immutable.
type found struct {
	proof Proof
	until time.Time
}

const (
	// proofLife is for how long a proof is believed: there may be another server
	// behind the address by then.
	proofLife = time.Hour

	// refusalLife is proofLife of an error that may pass.
	refusalLife = time.Minute

	// proofTimeout bounds the trial, which is some ten round trips.
	proofTimeout = 5 * time.Second
)

func newProofs() proofs { return proofs{turn: make(chan struct{}, 1)} }

func readProof(from *atomic.Pointer[found]) Proof {
	if f := from.Load(); f != nil && time.Now().Before(f.until) {
		return f.proof
	}
	return ProofUnknown
}

func storeProof(to *atomic.Pointer[found], proof Proof, life time.Duration) {
	to.Store(&found{proof, time.Now().Add(life)})
}

// sureKinds is the kinds of state that are undone by what the server cannot
// but do, or that its answer shows.
const sureKinds = session.Transaction | session.Schema | session.FoundRows

// errNoReset means that the session cannot be reset.
var errNoReset = errors.New("mysqlpool: the connection cannot be reset")

var (
	errUndoIgnored  = errors.New("mysqlpool: the server answers OK when a variable is put back or a lock is released, and does not do it")
	errResetIgnored = fmt.Errorf("%w: the server answers OK and resets nothing", errNoReset)
	errResetRefused = fmt.Errorf("%w: the server refused it lately", errNoReset)
)

// trusts returns an error if the server is known not to do what it says, or not
// to undo state in this way.
func (s *server) trusts(how restoreMethod) error {
	resets := readProof(&s.proofs.reset)
	switch {
	case how == undone && (resets == ProofIgnored || readProof(&s.proofs.undo) == ProofIgnored):
		return errUndoIgnored
	case how == reset && resets == ProofIgnored:
		return errResetIgnored
	case how == reset && resets == ProofRefused:
		return errResetRefused
	}
	return nil
}

// proved reports whether nothing is left to be tried before this way is trusted.
func (p *physical) proved(how restoreMethod) bool {
	s := &p.host.server.proofs
	resets := readProof(&s.reset) != ProofUnknown || !p.canSendReset()
	return resets && (how == reset || readProof(&s.undo) != ProofUnknown)
}

// prove tries what is not known of the server yet on this connection, whose state
// was undone just now, in this way. It returns how that was done in the end,
// and an error if that is not to be trusted. One connection tries at a time; the
// others wait for it.
func (p *physical) prove(ctx context.Context, how restoreMethod) (_ restoreMethod, err error) {
	defer p.survive("the trial of how a session is restored", &err)
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	s := p.host.server
	select {
	case s.proofs.turn <- struct{}{}:
		defer func() { <-s.proofs.turn }()
	case <-ctx.Done():
		return closed, ctx.Err()
	}
	if how == undone && readProof(&s.proofs.undo) == ProofUnknown {
		if err := p.proveUndo(ctx); err != nil {
			return closed, err
		}
	}
	if readProof(&s.proofs.reset) == ProofUnknown && p.canSendReset() {
		works, err := p.proveReset(ctx)
		if err != nil {
			return closed, err
		}
		if works && s.trusts(how) != nil {
			how = reset
		}
	}
	return how, s.trusts(how)
}

// proofVariable holds what a trial sets. Nobody else has it.
const proofVariable = "@mysqlpool_proof"

// proofNumbers is variables one of which every server has, and lets a session
// change by one.
var proofNumbers = []string{"group_concat_max_len", "lock_wait_timeout", "sort_buffer_size"}

// another returns a variable, its value and another value for it.
func (p *physical) another() (name, value, other string, ok bool) {
	for _, name := range proofNumbers {
		value := p.baseline.Value(name)
		n, err := strconv.ParseUint(value, 10, 64)
		switch {
		case err != nil:
			continue
		case n > 1000:
			return name, value, strconv.FormatUint(n-1, 10), true
		default:
			return name, value, strconv.FormatUint(n+1, 10), true
		}
	}
	return "", "", "", false
}

// proveUndo sees whether variables that are put back, and locks that are
// released, are so afterwards.
func (p *physical) proveUndo(ctx context.Context) error {
	name, value, other, ok := p.another()
	if !ok {
		return errNotUndone
	}
	proof := ProofWorks
	for _, v := range []string{other, value} {
		if _, err := p.ExecContext(ctx, "SET "+name+" = "+v, nil); err != nil {
			return err
		}
		row, err := queryRow(ctx, p, "SELECT @@"+name)
		if err != nil {
			return err
		}
		if row[0] != v {
			proof = ProofIgnored
		}
	}
	if released, err := p.releasesLocks(ctx); err != nil {
		return err
	} else if !released {
		proof = ProofIgnored
	}
	p.found(ctx, "undo", &p.host.server.proofs.undo, proof, proofLife, nil)
	return nil
}

// releasesLocks sees whether a lock that is released is free afterwards. On a
// server without locks nobody takes any.
func (p *physical) releasesLocks(ctx context.Context) (bool, error) {
	lock := "'mysqlpool " + strconv.FormatUint(p.id, 10) + " " + strconv.FormatInt(time.Now().UnixNano(), 36) + "'"
	switch row, err := queryRow(ctx, p, "SELECT GET_LOCK("+lock+", 0)"); {
	case errorNumber(err) != 0:
		return true, nil
	case err != nil:
		return false, err
	case row[0] != "1":
		return false, nil
	}
	release := "DO RELEASE_ALL_LOCKS()"
	if p.host.noReleaseAll.Load() {
		release = "DO RELEASE_LOCK(" + lock + ")"
	}
	_, err := p.ExecContext(ctx, release, nil)
	if errorNumber(err) == 1305 { // ER_SP_DOES_NOT_EXIST
		p.host.noReleaseAll.Store(true)
		_, err = p.ExecContext(ctx, "DO RELEASE_LOCK("+lock+")", nil)
	}
	if err != nil {
		return false, err
	}
	row, err := queryRow(ctx, p, "SELECT IS_FREE_LOCK("+lock+")")
	return err == nil && row[0] == "1", err
}

// proveReset sees whether a reset takes a user variable, and sets another
// variable anew. It reports whether this connection was reset by it.
func (p *physical) proveReset(ctx context.Context) (works bool, err error) {
	set, sel := "SET "+proofVariable+" = 1", "SELECT "+proofVariable
	name, _, other, ok := p.another()
	if ok {
		set += ", " + name + " = " + other
		sel += ", @@" + name
	}
	if _, err := p.ExecContext(ctx, set, nil); err != nil {
		return false, err
	}
	before, err := queryRow(ctx, p, sel)
	if err != nil {
		return false, err
	}
	if before[0] != "1" || ok && before[1] != other {
		// It does not even keep what is set, so that nothing can be proved.
		p.found(ctx, "reset", &p.host.server.proofs.reset, ProofIgnored, proofLife, nil)
		return false, nil
	}
	if err := p.resetAndSet(ctx, 0); err != nil {
		if !errors.Is(err, errNoReset) && errorNumber(err) == 0 || p.host.server.trusts(reset) == nil {
			return false, err
		}
		// It was refused. What is set here is put back as the undo does it.
		set = "SET " + proofVariable + " = NULL"
		if ok {
			set += ", " + name + " = " + p.baseline.Value(name)
		}
		_, err = p.ExecContext(ctx, set, nil)
		return false, err
	}
	after, err := queryRow(ctx, p, sel)
	if err != nil {
		return false, err
	}
	proof := ProofWorks
	if after[0] != "" || ok && after[1] == other {
		proof = ProofIgnored
	}
	p.found(ctx, "reset", &p.host.server.proofs.reset, proof, proofLife, nil)
	return proof == ProofWorks, nil
}

// refusedReset notes that a reset was refused, and whether that may pass.
func (p *physical) refusedReset(ctx context.Context, err error) {
	number := errorNumber(err)
	if number == 0 || endsSession(number) || isUnready(err) {
		return
	}
	life := refusalLife
	if number == 1047 { // ER_UNKNOWN_COM_ERROR: MySQL before 5.7
		life = proofLife
	}
	p.found(ctx, "reset", &p.host.server.proofs.reset, ProofRefused, life, err)
}

// found notes a proof. What is not as it should be is logged once for each time
// that it is found.
func (p *physical) found(ctx context.Context, way string, to *atomic.Pointer[found], proof Proof, life time.Duration, why error) {
	level, text := slog.LevelDebug, "mysqlpool: tried how the server restores a session"
	switch {
	case to == &p.host.server.proofs.pipeline && proof != ProofWorks:
		level, text = slog.LevelInfo, "mysqlpool: the server does not answer several commands that are sent at once: the pool sends its own one by one, and needs more round trips to restore a session"
	case proof == ProofIgnored:
		level, text = slog.LevelWarn, "mysqlpool: the server answers OK when a session is restored, and does not do it: connections with more on them than a transaction or another schema are closed"
	}
	p.login.log().LogAttrs(ctx, level, text,
		slog.String("login", p.login.name), slog.String("host", p.host.addr), slog.String("way", way), slog.String("found", string(proof)), slog.Any("error", why))
	storeProof(to, proof, life)
}
