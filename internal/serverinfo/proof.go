package serverinfo

import (
	"sync/atomic"
	"time"
)

// Verdict is what a test of one way to restore a session found.
type Verdict string

const (
	Unknown Verdict = ""        // not tested, or too long ago
	Works   Verdict = "works"   // what was set is gone afterwards
	Ignored Verdict = "ignored" // the server answered OK, and what was set is still there
	Refused Verdict = "refused" // the server answered with an error
)

// Proofs is what was found about a server. Some that only look like MySQL (Vitess, proxies)
// answer OK to COM_RESET_CONNECTION, or to a SET that restores a variable, and do nothing.
// So each way to restore a session is tested before its first use.
type Proofs struct {
	Turn  chan struct{} // holds a token while a connection tests
	Undo  Proof
	Reset Proof

	Pipeline Proof // of several commands sent at once all are answered
}

func newProofs() Proofs { return Proofs{Turn: make(chan struct{}, 1)} }

// Proof is a verdict, for as long as it is believed. The zero value is unknown.
type Proof struct{ latest atomic.Pointer[found] }

// found is a verdict, and until when it is believed. Immutable.
type found struct {
	Verdict Verdict
	until   time.Time
}

const (
	// ProofLife is how long a verdict is believed: there may be another server behind the
	// address by then.
	ProofLife = time.Hour

	// RefusalLife is ProofLife after an error that may be temporary.
	RefusalLife = time.Minute
)

// Verdict returns what is believed now.
func (p *Proof) Verdict() Verdict {
	if f := p.latest.Load(); f != nil && time.Now().Before(f.until) {
		return f.Verdict
	}
	return Unknown
}

// Set notes a verdict, for as long as life.
func (p *Proof) Set(v Verdict, life time.Duration) {
	p.latest.Store(&found{v, time.Now().Add(life)})
}
