package chaos

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mysqlpool/mysqlpool/cmd/internal/faults"
)

// An injector does harm, in an order that its seed decides.
type injector struct {
	seed    uint64
	r       *rand.Rand // of the present fault
	server  *server
	proxy   *faults.Proxy
	figures *figures
}

// kinds is every fault. Each lasts a moment and is over when its function returns.
var kinds = map[string]func(*injector, context.Context) error{
	"kill":    (*injector).kill,
	"latency": (*injector).latency,
	"stall":   (*injector).stall,
	"reset":   (*injector).reset,
	"limit":   (*injector).limit,
	"slice":   (*injector).slice,
	"down":    (*injector).down,
	"full":    (*injector).full,
	"restart": (*injector).restart,
}

// run injects one fault after the other until ctx ends: every kind once in a
// random order, and again. Each has numbers of its own, so that a seed stands for
// the same faults however often one of them asks for a number.
func (i *injector) run(ctx context.Context, t *testing.T) {
	var names []string
	for n := uint64(0); ; n++ {
		i.r = rand.New(rand.NewPCG(i.seed, n))
		if len(names) == 0 {
			names = slices.Sorted(maps.Keys(kinds))
			i.r.Shuffle(len(names), func(a, b int) { names[a], names[b] = names[b], names[a] })
		}
		name := names[0]
		names = names[1:]
		if i.pause(ctx, 100, 400); ctx.Err() != nil {
			return
		}
		i.figures.inject(name)
		if err := kinds[name](i, ctx); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}

// pause waits for a random time in milliseconds, or until ctx ends.
func (i *injector) pause(ctx context.Context, least, most int) {
	select {
	case <-time.After(time.Duration(least+i.r.IntN(most-least)) * time.Millisecond):
	case <-ctx.Done():
	}
}

// kill kills some connections, one after the other.
func (i *injector) kill(ctx context.Context) error {
	for range 3 + i.r.IntN(8) {
		ids, err := connections(i.server.Monitor(), appUser)
		if err != nil {
			return err
		}
		if len(ids) > 0 {
			// An error means that it is gone already.
			i.server.Monitor().Exec(fmt.Sprintf("KILL %d", ids[i.r.IntN(len(ids))]))
		}
		i.pause(ctx, 1, 30)
	}
	return nil
}

// under has a condition on every connection for a moment.
func (i *injector) under(ctx context.Context, c faults.Condition) error {
	i.proxy.Set(c)
	i.pause(ctx, 200, 700)
	i.proxy.Set(faults.Condition{})
	return nil
}

func (i *injector) latency(ctx context.Context) error {
	return i.under(ctx, faults.Condition{Delay: time.Duration(5+i.r.IntN(60)) * time.Millisecond})
}

func (i *injector) stall(ctx context.Context) error {
	return i.under(ctx, faults.Condition{Stall: true})
}

func (i *injector) reset(ctx context.Context) error {
	return i.under(ctx, faults.Condition{Reset: true})
}

// limit cuts every connection off somewhere in an answer.
func (i *injector) limit(ctx context.Context) error {
	return i.under(ctx, faults.Condition{Limit: 1 + i.r.IntN(2000)})
}

// slice sends answers in small pieces.
func (i *injector) slice(ctx context.Context) error {
	return i.under(ctx, faults.Condition{Slice: 1 + i.r.IntN(5)})
}

// down ends every connection and refuses others.
func (i *injector) down(ctx context.Context) error {
	i.proxy.Shut()
	i.pause(ctx, 50, 500)
	return i.proxy.Open()
}

// full takes every connection that the server has left, and those of some
// others that it kills meanwhile.
func (i *injector) full(ctx context.Context) error {
	db, err := sql.Open(stock, i.server.otherDSN)
	if err != nil {
		return err
	}
	defer db.Close()
	long, cancel := context.WithTimeout(ctx, time.Duration(300+i.r.IntN(700))*time.Millisecond)
	defer cancel()
	for long.Err() == nil {
		if c, err := db.Conn(long); err == nil {
			defer c.Close()
			continue
		}
		if err := i.kill(long); err != nil {
			return err
		}
	}
	return nil
}

// restart kills the server and starts it again.
func (i *injector) restart(ctx context.Context) error {
	if err := i.server.Crash(); err != nil {
		return err
	}
	i.pause(ctx, 10, 300)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	greeted := make(chan error, 1)
	go func() {
		at, err := awaitGreeting(ctx, i.server.addr)
		if err == nil {
			i.figures.servesSince(at)
		}
		greeted <- err
	}()
	if err := i.server.Restart(ctx); err != nil {
		return err
	}
	// The connection that sees who is there must be up before the next fault may
	// take all that there are.
	if err := i.server.Monitor().PingContext(ctx); err != nil {
		return err
	}
	return <-greeted
}
