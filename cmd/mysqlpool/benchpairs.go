package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// pair is a round of each driver, one right after the other: steps per second.
type pair struct {
	Stock float64 `json:"mysql"`
	Pool  float64 `json:"mysql_pool"`
}

func (p pair) ratio() float64 { return p.Pool / p.Stock }

// pairs runs a workload on both drivers in turn, each first in every other pair:
// so neither always pays for what the server still does for the one before.
func (b *bench) pairs(ctx context.Context, w workload, s *site, begins func(round int)) (all []pair, err error) {
	defer dispose()
	var steps [2]step
	for i, driver := range drivers {
		e := &env{site: s, driver: driver}
		defer e.close()
		if steps[i], err = w.prepare(ctx, e); err != nil {
			return nil, fmt.Errorf("%s: %w", driver, err)
		}
		if err := steps[i](ctx); err != nil { // the first one logs in
			return nil, fmt.Errorf("%s: %w", driver, err)
		}
	}
	for n := range b.Rounds {
		begins(n + 1)
		var rates [2]float64
		for i := range drivers {
			side := (i + n) % 2
			if rates[side], err = rate(ctx, steps[side], b.RoundTime); err != nil {
				return all, fmt.Errorf("%s: %w", drivers[side], err)
			}
		}
		all = append(all, pair{rates[0], rates[1]})
	}
	return all, nil
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
