package servers

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// A Node is one server of a Galera cluster.
type Node struct {
	node
	cluster *Galera
	base    int // the first of galeraPorts
}

// galeraPorts is how many ports a node has besides its own: from the first on
// for the group, for incremental state transfers, none, and for full ones.
const galeraPorts = 4

func (n *Node) name() string { return "node" + filepath.Base(n.dir) }

// Restart starts the node again after Crash, and returns once it is synced with
// the others, of which at least two must run.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.wantDown(); err != nil {
		return err
	}
	return n.start(ctx, false)
}

// start starts the node and waits until it is synced. The first makes the
// cluster; its first start runs init.sql, and the others get what that did.
func (n *Node) start(ctx context.Context, first bool) error {
	cmd := n.cluster.command(n.cluster.binary.path, n.args(first)...)
	return n.run(ctx, cmd, n.cluster.dir, func(ctx context.Context) error {
		if err := waitReady(ctx, dsnFor("tcp", n.Addr, n.cluster.password, "")); err != nil {
			return err
		}
		return n.waitState(ctx, "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_local_state_comment'", "Synced")
	})
}

func (n *Node) args(first bool) []string {
	var others []string
	for _, node := range n.cluster.Nodes {
		others = append(others, fmt.Sprintf("127.0.0.1:%d", node.base))
	}
	// Whoever gives its state to one that joins lets nobody write meanwhile (rsync
	// is of files that must not change). That is the last one, if it can.
	donor := n.cluster.Nodes[galeraNodes-1].name()
	if donor == n.name() {
		donor = n.cluster.Nodes[galeraNodes-2].name()
	}
	address := "gcomm://" + strings.Join(others, ",")
	args := append([]string{"--no-defaults"}, lightArgs...)
	if first {
		address = "gcomm://"
		args = append(args, "--init-file="+n.path("init.sql"))
	}
	return append(args,
		"--datadir="+n.path("data"),
		"--tmpdir="+n.path("tmp"),
		fmt.Sprintf("--port=%d", n.port),
		"--socket="+n.path("s"),
		"--pid-file="+n.path("pid"),
		"--bind-address=127.0.0.1",
		"--skip-name-resolve",
		"--performance-schema=0",
		"--binlog-format=ROW",
		"--innodb-autoinc-lock-mode=2", // as Galera wants it
		"--wsrep-on=ON",
		"--wsrep-provider="+n.cluster.library,
		"--wsrep-cluster-address="+address,
		"--wsrep-node-address="+fmt.Sprintf("127.0.0.1:%d", n.base),
		"--wsrep-node-name="+n.name(),
		"--wsrep-sst-method=rsync",
		"--wsrep-sst-donor="+donor+",", // the comma: else another one
		"--wsrep-sst-receive-address="+fmt.Sprintf("127.0.0.1:%d", n.base+3),
		"--wsrep-provider-options="+n.providerOptions(),
	)
}

// providerOptions has a dead node found out within two seconds or three, not the
// five to fifteen that are the default, and no node remember a cluster that is
// gone: see https://galeracluster.com/library/documentation/galera-parameters.html.
// With less the two that are left may lose each other where processors are busy,
// and stay without a majority.
func (n *Node) providerOptions() string {
	return strings.Join([]string{
		fmt.Sprintf("base_port=%d", n.base),
		fmt.Sprintf("gmcast.listen_addr=tcp://127.0.0.1:%d", n.base),
		fmt.Sprintf("ist.recv_addr=127.0.0.1:%d", n.base+1),
		"pc.recovery=no",
		"gcache.size=16M",
		"evs.suspect_timeout=PT2S",
		"evs.inactive_timeout=PT8S",
		"evs.inactive_check_period=PT0.25S",
		"evs.keepalive_period=PT0.25S",
		"evs.install_timeout=PT8S",
	}, ";")
}
