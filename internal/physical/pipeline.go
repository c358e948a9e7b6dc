package physical

import (
	"context"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
	"github.com/mysqlpool/mysqlpool/internal/stockdriver"
)

// Statements of the pool that return no rows are pipelined: sent in one write,
// with all answers read afterwards. Some servers and proxies drop what follows the
// first packet, and the client would wait for ever (Aurora with MySQL 5.7:
// MySqlConnector issues 486 and 1088). So it is tested once for each server, in the
// background, with statements that change nothing, before anything depends on it.

// pipelineTimeout bounds the test: three answers that need no work.
const pipelineTimeout = 250 * time.Millisecond

// pipelineTest is sent to find out. A server that refuses one of them has
// answered too.
var pipelineTest = []stockdriver.Command{stockdriver.Query("DO 0"), stockdriver.Ping, stockdriver.Query("DO 0")}

// runAll runs commands in their order, in one round trip if the server is known to
// answer several that are sent at once. It returns how many succeeded before the
// first that did not, and the error of that. If it is the server's, those behind it
// ran too if all were sent at once, and did not if they were not.
func (p restorer) runAll(ctx context.Context, commands []stockdriver.Command) (ran int, err error) {
	if len(commands) > 1 && p.Shared.Pipeline && p.Host.Server.Proofs.Pipeline.Verdict() == serverinfo.Works {
		return p.runAtOnce(ctx, commands)
	}
	for i, c := range commands {
		if text, ok := c.Text(); ok {
			_, err = p.ExecContext(ctx, text, nil)
		} else {
			_, err = p.runAtOnce(ctx, []stockdriver.Command{c})
		}
		if err != nil {
			return i, err
		}
	}
	return len(commands), nil
}

func (p restorer) runAtOnce(ctx context.Context, commands []stockdriver.Command) (ran int, err error) {
	for _, c := range commands {
		if text, ok := c.Text(); ok {
			if err := p.forbidSeveral(ctx, text, nil); err != nil {
				return 0, err
			}
		}
	}
	refused, err := p.known.Run(ctx, commands...)
	if err != nil && len(refused) > 0 && ctx.Err() == context.DeadlineExceeded {
		// It may have become a server that drops what follows the first packet.
		p.found(context.WithoutCancel(ctx), "pipeline", &p.Host.Server.Proofs.Pipeline, serverinfo.Ignored, serverinfo.RefusalLife, err)
	}
	for i, err := range refused {
		if err != nil {
			p.flags.forget()
			return i, err
		}
	}
	return len(refused), err
}

// testPipeline tests it unless it is known, or tested by another connection now. An error
// means that this connection must not be used again.
func (p restorer) testPipeline(ctx context.Context) error {
	proofs := &p.Host.Server.Proofs
	if !p.Shared.Pipeline || p.Socket == nil || proofs.Pipeline.Verdict() != serverinfo.Unknown {
		return nil
	}
	select {
	case proofs.Turn <- struct{}{}:
		defer func() { <-proofs.Turn }()
	default:
		return nil
	}
	timed, cancel := context.WithTimeout(ctx, pipelineTimeout)
	defer cancel()
	answered, err := p.known.Run(timed, pipelineTest...)
	switch {
	case err == nil:
		p.found(ctx, "pipeline", &proofs.Pipeline, serverinfo.Works, serverinfo.ProofLife, nil)
	case len(answered) > 0 && timed.Err() != nil && ctx.Err() == nil:
		p.found(ctx, "pipeline", &proofs.Pipeline, serverinfo.Ignored, serverinfo.ProofLife, err)
	case len(answered) > 0 && ctx.Err() == nil:
		// The connection broke: perhaps for another reason.
		p.found(ctx, "pipeline", &proofs.Pipeline, serverinfo.Refused, serverinfo.RefusalLife, err)
	}
	return err
}
