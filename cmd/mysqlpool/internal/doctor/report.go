// Package doctor examines a server and says what the pool will make of it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Format is the version of the JSON that a Report is written as. It changes when
// a key goes away or means something else, not when one is added.
const Format = 1

// Report is what was found. Its JSON is described in docs/doctor-json.md.
type Report struct {
	Format   int       `json:"format"`
	Server   string    `json:"server"` // the primary, for people
	OK       bool      `json:"ok"`     // there is no problem
	Problems int       `json:"problems"`
	Warnings int       `json:"warnings"`
	Hints    int       `json:"hints"`
	Replicas int       `json:"replicas"` // processes of the program: as asked for
	Options  Options   `json:"options"`
	Pool     Pool      `json:"pool"`
	Hosts    []*Host   `json:"hosts"`
	Findings []Finding `json:"findings"`
}

// Host is one of the hosts that the DSN names.
type Host struct {
	Address  string    `json:"address"`
	Role     Role      `json:"role"`
	Error    string    `json:"error,omitempty"`    // why it could not be examined
	Readings *Readings `json:"readings,omitempty"` // nil if it could not be examined

	err error
}

// Role is what a host is for.
type Role string

const (
	Primary     Role = "primary"     // it takes writes
	ReadOnly    Role = "read_only"   // it refuses writes
	NotReady    Role = "not_ready"   // it is no full member of its cluster
	Unreachable Role = "unreachable" // no login succeeded
)

// Input says what to examine.
type Input struct {
	DSN      string
	Replicas int           // processes of the program that use the server
	Timeout  time.Duration // of each answer
}

// Examine examines the hosts of a DSN. It takes about ten logins on each and
// leaves nothing behind. It returns sql.Open's error for a DSN that it does not
// take, ctx's error, or that of the login if no host can be logged in to.
func Examine(ctx context.Context, in Input) (*Report, error) {
	plan, err := newPlan(in.DSN)
	if err != nil {
		return nil, err
	}
	r := &Report{Format: Format, Replicas: in.Replicas, Options: plan.options}
	// At once, since each may take the whole time; what is measured is then one
	// after the other.
	r.Hosts = make([]*Host, len(plan.stock))
	sessions := make([]*session, len(plan.stock))
	var all sync.WaitGroup
	for i, cfg := range plan.stock {
		all.Go(func() {
			r.Hosts[i] = &Host{Address: cfg.Addr}
			sessions[i], r.Hosts[i].err = logIn(ctx, cfg, in.Timeout)
		})
	}
	all.Wait()
	for i, h := range r.Hosts {
		if h.err == nil {
			h.Readings, h.err = sessions[i].read(ctx)
			sessions[i].close()
		}
		if h.err != nil {
			h.Error = h.err.Error()
		}
		h.Role = roleOf(h)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	first := r.first()
	if first == nil {
		return nil, noneAnswers(r.Hosts)
	}
	r.Server = fmt.Sprintf("%s %s at %s", first.Readings.Flavour, first.Readings.Number(), first.Address)
	if r.Pool, err = try(ctx, plan.tried(r.Hosts), plan.options, in.Timeout); err != nil {
		return nil, fmt.Errorf("trying \"mysql_pool\" on the server: %w", err)
	}
	r.Findings = r.findings(first)
	for _, f := range r.Findings {
		switch f.Level {
		case Problem:
			r.Problems++
		case Warning:
			r.Warnings++
		case Hint:
			r.Hints++
		}
	}
	r.OK = r.Problems == 0
	return r, nil
}

func noneAnswers(hosts []*Host) error {
	if len(hosts) == 1 {
		return fmt.Errorf("logging in to %s: %w", hosts[0].Address, hosts[0].err)
	}
	var errs []error
	for _, h := range hosts {
		errs = append(errs, fmt.Errorf("%s: %w", h.Address, h.err))
	}
	return fmt.Errorf("logging in: none of the hosts answers: %w", errors.Join(errs...))
}

// roleOf says what a host is for by what it says of itself.
func roleOf(h *Host) Role {
	switch r := h.Readings; {
	case r == nil:
		return Unreachable
	case r.notReady() != "":
		return NotReady
	case r.readOnly():
		return ReadOnly
	}
	return Primary
}

// first is the host that the pool logs in to first: one that takes writes, else
// one that answers; nil if there is none.
func (r *Report) first() *Host {
	for _, role := range []Role{Primary, ReadOnly, NotReady} {
		for _, h := range r.Hosts {
			if h.Role == role {
				return h
			}
		}
	}
	return nil
}

// several reports whether the DSN names more than one host.
func (r *Report) several() bool { return len(r.Hosts) > 1 }

// addressesOf is the addresses of the hosts of a role, for people.
func (r *Report) addressesOf(role Role) (all []string) {
	for _, h := range r.Hosts {
		if h.Role == role {
			all = append(all, h.Address)
		}
	}
	return all
}

func list(all []string) string { return strings.Join(all, ", ") }
