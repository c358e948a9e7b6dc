package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// pair is a round of each driver, one right after the other: steps per second.
type pair struct {
	Stock  float64 `json:"mysql"`
	Pool   float64 `json:"mysql_pool"`
	ByHand float64 `json:"mysql_by_hand,omitempty"` // see workload.byHand
}

func (p pair) ratio() float64 { return p.Pool / p.Stock }

// most is what the ratio could be.
func (p pair) most() float64 { return p.ByHand / p.Stock }

// pairs runs a workload on both drivers in turn, each first in every other pair:
// so neither always pays for what the server still does for the one before. After
// each pair comes a round by hand.
func (b *bench) pairs(ctx context.Context, w workload, s *site, begins func(round int)) (all []pair, err error) {
	sides := []side{{drivers[0], w.prepare, false}, {drivers[1], w.prepare, false}}
	if w.byHand != nil {
		sides = append(sides, side{drivers[0], w.byHand, true})
	}
	for n := range b.Rounds {
		begins(n + 1)
		var rates [3]float64
		order := []int{n % 2, (n + 1) % 2, 2}
		for _, i := range order[:len(sides)] {
			if rates[i], err = b.round(ctx, sides[i], s); err != nil {
				return all, fmt.Errorf("%s: %w", sides[i].driver, err)
			}
		}
		all = append(all, pair{rates[0], rates[1], rates[2]})
	}
	return all, nil
}

// side is one of those whose rounds are compared.
type side struct {
	driver  string
	prepare preparing
	byHand  bool
}

// warmUp is which part of a round's time comes before it, unmeasured: logins, and
// statements that the pool keeps from their second use on.
const warmUp = 10

// round measures a round on connections of its own. How fast a connection is
// depends on which processors its two ends run on: with the same ones in all
// rounds a ratio would be of that too.
func (b *bench) round(ctx context.Context, side side, s *site) (perSecond float64, err error) {
	e := &env{site: s, driver: side.driver, byHand: side.byHand}
	defer dispose()
	defer e.close()
	err = keepTo(ctx, b.Timeout, func(ctx context.Context, answered func()) error {
		do, err := side.prepare(ctx, e)
		if err != nil {
			return err
		}
		counted := func(ctx context.Context) error {
			err := do(ctx)
			answered()
			return err
		}
		if _, err := rate(ctx, counted, b.RoundTime/warmUp); err != nil {
			return err
		}
		perSecond, err = rate(ctx, counted, b.RoundTime)
		return err
	})
	return perSecond, err
}

// rate is how many steps are made in a second.
func rate(ctx context.Context, step step, least time.Duration) (float64, error) {
	start := time.Now()
	for n := 1; ; n++ {
		if err := step(ctx); err != nil {
			return 0, err
		}
		if took := time.Since(start); took >= least {
			return float64(n) / took.Seconds(), nil
		}
	}
}

var errNoAnswer = errors.New("no answer")

// keepTo runs f, and ends it if it has not called answered for that long.
func keepTo(ctx context.Context, timeout time.Duration, f func(ctx context.Context, answered func()) error) error {
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(timeout, func() { cancel(errNoAnswer) })
	defer late.Stop()
	err := f(limited, func() { late.Reset(timeout) })
	if err != nil && context.Cause(limited) == errNoAnswer {
		return fmt.Errorf("%w within %v (--timeout)", errNoAnswer, timeout)
	}
	return err
}

// spread is a median and the interquartile range.
type spread struct {
	Median float64 `json:"median"`
	From   float64 `json:"from"`
	To     float64 `json:"to"`
}

// noisyFrom is the quotient of the quartiles from which on a median is not shown:
// another run would have another.
const noisyFrom = 2

func (s spread) noisy() bool { return !(s.From > 0 && s.To/s.From < noisyFrom) }

func (s spread) String() string {
	if s.noisy() {
		return fmt.Sprintf("noisy %s-%s", figure(s.From), figure(s.To))
	}
	return fmt.Sprintf("%s (%s-%s)", figure(s.Median), figure(s.From), figure(s.To))
}

func spreadOf(pairs []pair, value func(pair) float64) spread {
	var all []float64
	for _, p := range pairs {
		all = append(all, value(p))
	}
	slices.Sort(all)
	quantile := func(q float64) float64 {
		at := q * float64(len(all)-1)
		i := int(at)
		if i == len(all)-1 {
			return all[i]
		}
		return all[i] + (at-float64(i))*(all[i+1]-all[i])
	}
	return spread{quantile(0.5), quantile(0.25), quantile(0.75)}
}
