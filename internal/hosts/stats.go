package hosts

import (
	"context"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/budget"
	"github.com/mysqlpool/mysqlpool/internal/failover"
	"github.com/mysqlpool/mysqlpool/internal/histogram"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// Status is one of several hosts of a pool.
type Status struct {
	Addr                  string
	Open                  int   // connections
	Opened, LoginErrors   int64 // logins that succeeded, and that failed
	Probes                int64
	UndoProof, ResetProof serverinfo.Verdict
	PipelineProof         serverinfo.Verdict

	State            failover.State
	Since            time.Time // zero if nobody logged in yet
	Reason           string    // "" if it is up
	ReadOnly, Wanted bool      // as far as is known
}

// status says what is known of each host; nil for one host that may be anything.
func (b *hostSet) status() (all []Status) {
	if !b.tracks {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, h := range b.hosts {
		s := b.tracker.Status(i)
		all = append(all, Status{
			Addr: h.Addr, Open: int(h.Open.Load()), Opened: h.opened.Load(), LoginErrors: h.loginErrors.Load(), Probes: h.probes.Load(),
			UndoProof: h.server.Proofs.Undo.Verdict(), ResetProof: h.server.Proofs.Reset.Verdict(), PipelineProof: h.server.Proofs.Pipeline.Verdict(),
			State: s.State, Since: s.Since, Reason: s.Reason, ReadOnly: b.tracker.IsReadOnly(i), Wanted: b.tracker.Rating(i) == failover.Wanted,
		})
	}
	return all
}

// Stats is what a dialer counts.
type Stats struct {
	Hosts                                      []Status
	Killed, Undone, Resets                     int64
	UndoProof, ResetProof, PipelineProof       serverinfo.Verdict // of the first host
	Stmts, StmtHits, StmtMisses, StmtEvictions int64
	StmtShare                                  int64 // how many statements a connection may keep now
	UseTimes                                   *histogram.Histogram
}

func (l *Dialer) Stats() Stats {
	hits, misses, evictions := l.Stmts.Counts()
	proofs := &l.hosts.hosts[0].server.Proofs
	return Stats{
		Hosts: l.hosts.status(), Killed: l.killed.Load(), Undone: l.Undone.Load(), Resets: l.Resets.Load(),
		UndoProof: proofs.Undo.Verdict(), ResetProof: proofs.Reset.Verdict(), PipelineProof: proofs.Pipeline.Verdict(),
		Stmts: l.Stmts.Open.Load(), StmtHits: hits, StmtMisses: misses, StmtEvictions: evictions,
		StmtShare: l.Stmts.Share.Load(), UseTimes: &l.UseTimes,
	}
}

// End ends what the dialer does in the background: nothing starts any more.
func (l *Dialer) End() {
	l.hosts.end()
	l.background.cancel()
	l.watch.end()
}

// Wait waits, after End, until what was under way has ended, or ctx ends.
func (l *Dialer) Wait(ctx context.Context) {
	l.background.wait(ctx)
	l.watch.wait(ctx)
}

// SetSize notes the pool's size.
func (l *Dialer) SetSize(size int) {
	for _, h := range l.hosts.hosts {
		h.share.SetSize(size)
	}
}

// SetOrphan notes for each server whether the pool has no handle.
func (l *Dialer) SetOrphan(orphan bool) {
	for _, h := range l.hosts.hosts {
		h.share.SetOrphan(orphan)
	}
}

// TrimOrphans closes what the pools without handles have too much.
func (l *Dialer) TrimOrphans() {
	for _, h := range l.hosts.hosts {
		h.server.budget.TrimOrphans()
	}
}

// BudgetsOf returns what there is of each server that some dialer logs in to, once.
func BudgetsOf(dialers []*Dialer) (all []budget.Stats) {
	seen := map[*serverEntry]bool{}
	for _, l := range dialers {
		for _, h := range l.hosts.hosts {
			if !seen[h.server] {
				seen[h.server] = true
				all = append(all, h.server.budget.Stats())
			}
		}
	}
	return all
}
