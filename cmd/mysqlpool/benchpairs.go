package main

import (
	"context"
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
	defer dispose()
	sides := []side{{drivers[0], w.prepare, false}, {drivers[1], w.prepare, false}}
	if w.byHand != nil {
		sides = append(sides, side{drivers[0], w.byHand, true})
	}
	steps := make([]step, len(sides))
	for i, side := range sides {
		e := &env{site: s, driver: side.driver, byHand: side.byHand}
		defer e.close()
		if steps[i], err = side.prepare(ctx, e); err != nil {
			return nil, fmt.Errorf("%s: %w", side.driver, err)
		}
		if err := steps[i](ctx); err != nil { // the first one logs in
			return nil, fmt.Errorf("%s: %w", side.driver, err)
		}
	}
	for n := range b.Rounds {
		begins(n + 1)
		var rates [3]float64
		order := []int{n % 2, (n + 1) % 2, 2}
		for _, i := range order[:len(sides)] {
			if rates[i], err = rate(ctx, steps[i], b.RoundTime); err != nil {
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

// spread is what lies in the middle, and between what half of all lie.
type spread struct {
	Median float64 `json:"median"`
	From   float64 `json:"from"`
	To     float64 `json:"to"`
}

func (s spread) String() string {
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
