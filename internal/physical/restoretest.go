package physical

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/session"
)

// sureKinds is the kinds of state whose undo needs no test: the server cannot fail to do it,
// or its answer shows it.
const sureKinds = session.Transaction | session.Schema | session.FoundRows

// testTimeout bounds the test, which is some ten round trips.
const testTimeout = 5 * time.Second

// errNoReset means that the session cannot be reset.
var errNoReset = errors.New("mysqlpool: the connection cannot be reset")

var (
	errUndoIgnored  = errors.New("mysqlpool: the server acknowledges SET or RELEASE_LOCK but does not apply it")
	errResetIgnored = fmt.Errorf("%w: the server acknowledges COM_RESET_CONNECTION but resets nothing", errNoReset)
	errResetRefused = fmt.Errorf("%w: the server refused it lately", errNoReset)
)

// capabilityError returns an error if the server is known not to undo state in this way,
// or to acknowledge it and do nothing.
func capabilityError(s *serverinfo.Server, how restoreMethod) error {
	resets := s.Proofs.Reset.Verdict()
	switch {
	case how == byUndo && (resets == serverinfo.Ignored || s.Proofs.Undo.Verdict() == serverinfo.Ignored):
		return errUndoIgnored
	case how == byReset && resets == serverinfo.Ignored:
		return errResetIgnored
	case how == byReset && resets == serverinfo.Refused:
		return errResetRefused
	}
	return nil
}

// isTested reports whether nothing is left to be tested before this way is trusted.
func (p restorer) isTested(how restoreMethod) bool {
	s := &p.Host.Server.Proofs
	resets := s.Reset.Verdict() != serverinfo.Unknown || !p.canSendReset()
	return resets && (how == byReset || s.Undo.Verdict() != serverinfo.Unknown)
}

// test tests what is not known of the server yet on this connection, whose state was undone
// just now, in this way. It returns how that was done in the end, and an error if that is
// not to be trusted. One connection tests at a time; the others wait for it.
func (p restorer) test(ctx context.Context, how restoreMethod) (_ restoreMethod, err error) {
	defer p.survive("the test of how a session is restored", &err)
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	s := p.Host.Server
	select {
	case s.Proofs.Turn <- struct{}{}:
		defer func() { <-s.Proofs.Turn }()
	case <-ctx.Done():
		return byClosing, ctx.Err()
	}
	if how == byUndo && s.Proofs.Undo.Verdict() == serverinfo.Unknown {
		if err := p.testUndo(ctx); err != nil {
			return byClosing, err
		}
	}
	if s.Proofs.Reset.Verdict() == serverinfo.Unknown && p.canSendReset() {
		works, err := p.testReset(ctx)
		if err != nil {
			return byClosing, err
		}
		if works && capabilityError(s, how) != nil {
			how = byReset
		}
	}
	return how, capabilityError(s, how)
}

// testUserVariable is set by a test. Nobody else has it.
const testUserVariable = "@mysqlpool_proof"

// testVariables is variables one of which every server has, and lets a session change by
// one.
var testVariables = []string{"group_concat_max_len", "lock_wait_timeout", "sort_buffer_size"}

// pickTestVariable returns a variable, its value and another value for it.
func (p restorer) pickTestVariable() (name, value, other string, ok bool) {
	for _, name := range testVariables {
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

// testUndo tests whether variables that are put back, and locks that are released, are so
// afterwards.
func (p restorer) testUndo(ctx context.Context) error {
	name, value, other, ok := p.pickTestVariable()
	if !ok {
		return errNotUndone
	}
	verdict := serverinfo.Works
	for _, v := range []string{other, value} {
		if _, err := p.ExecContext(ctx, "SET "+name+" = "+v, nil); err != nil {
			return err
		}
		row, err := queryRow(ctx, p, "SELECT @@"+name)
		if err != nil {
			return err
		}
		if row[0] != v {
			verdict = serverinfo.Ignored
		}
	}
	if released, err := p.releasesLocks(ctx); err != nil {
		return err
	} else if !released {
		verdict = serverinfo.Ignored
	}
	p.found(ctx, "undo", &p.Host.Server.Proofs.Undo, verdict, serverinfo.ProofLife, nil)
	return nil
}

// releasesLocks tests whether a lock that is released is free afterwards. On a
// server without locks there is nothing to release.
func (p restorer) releasesLocks(ctx context.Context) (bool, error) {
	lock := "'mysqlpool " + strconv.FormatUint(p.ID, 10) + " " + strconv.FormatInt(time.Now().UnixNano(), 36) + "'"
	switch row, err := queryRow(ctx, p, "SELECT GET_LOCK("+lock+", 0)"); {
	case mysqlerr.Number(err) != 0:
		return true, nil
	case err != nil:
		return false, err
	case row[0] != "1":
		return false, nil
	}
	release := "DO RELEASE_ALL_LOCKS()"
	if p.Host.noReleaseAll.Load() {
		release = "DO RELEASE_LOCK(" + lock + ")"
	}
	_, err := p.ExecContext(ctx, release, nil)
	if mysqlerr.Number(err) == mysqlerr.NoSuchFunction {
		p.Host.noReleaseAll.Store(true)
		_, err = p.ExecContext(ctx, "DO RELEASE_LOCK("+lock+")", nil)
	}
	if err != nil {
		return false, err
	}
	row, err := queryRow(ctx, p, "SELECT IS_FREE_LOCK("+lock+")")
	return err == nil && row[0] == "1", err
}

// testReset tests whether a reset removes a user variable, and restores a session variable.
// It reports whether this connection was reset by it.
func (p restorer) testReset(ctx context.Context) (works bool, err error) {
	set, sel := "SET "+testUserVariable+" = 1", "SELECT "+testUserVariable
	name, _, other, ok := p.pickTestVariable()
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
		// It does not even keep what is set, so nothing can be tested.
		p.found(ctx, "reset", &p.Host.Server.Proofs.Reset, serverinfo.Ignored, serverinfo.ProofLife, nil)
		return false, nil
	}
	if err := p.resetAndSet(ctx, 0); err != nil {
		if !errors.Is(err, errNoReset) && mysqlerr.Number(err) == 0 || capabilityError(p.Host.Server, byReset) == nil {
			return false, err
		}
		// It was refused. What is set here is put back as the undo does it.
		set = "SET " + testUserVariable + " = NULL"
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
	verdict := serverinfo.Works
	if after[0] != "" || ok && after[1] == other {
		verdict = serverinfo.Ignored
	}
	p.found(ctx, "reset", &p.Host.Server.Proofs.Reset, verdict, serverinfo.ProofLife, nil)
	return verdict == serverinfo.Works, nil
}

// refusedReset notes that a reset was refused, and whether that may pass.
func (p restorer) refusedReset(ctx context.Context, err error) {
	number := mysqlerr.Number(err)
	if number == 0 || mysqlerr.EndsSession(number) || mysqlerr.IsUnready(err) {
		return
	}
	life := serverinfo.RefusalLife
	if number == mysqlerr.UnknownCom { // MySQL before 5.7
		life = serverinfo.ProofLife
	}
	p.found(ctx, "reset", &p.Host.Server.Proofs.Reset, serverinfo.Refused, life, err)
}

// found notes a verdict, and logs one that restricts the pool.
func (p restorer) found(ctx context.Context, way string, to *serverinfo.Proof, v serverinfo.Verdict, life time.Duration, why error) {
	level, text := slog.LevelDebug, "mysqlpool: tried how the server restores a session"
	switch {
	case to == &p.Host.Server.Proofs.Pipeline && v != serverinfo.Works:
		level, text = slog.LevelInfo, "mysqlpool: the server does not answer several commands that are sent at once: the pool sends its own one by one, and needs more round trips to restore a session"
	case v == serverinfo.Ignored:
		level, text = slog.LevelWarn, "mysqlpool: the server answers OK when a session is restored, and does not do it: connections with more on them than a transaction or another schema are closed"
	}
	p.Shared.Log().LogAttrs(ctx, level, text,
		slog.String("login", p.Shared.Name), slog.String("host", p.Host.Addr), slog.String("way", way), slog.String("found", string(v)), slog.Any("error", why))
	to.Set(v, life)
}
