package servers

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// ErrNoGalera is what StartGalera's error matches (errors.Is) where something is
// not installed that a cluster needs. The error's text says what.
var ErrNoGalera = errors.New("Galera is not installed")

// galeraNodes is the least that has a majority when one is gone.
const galeraNodes = 3

// A Galera is a cluster of MariaDB servers on this machine. Each takes writes,
// and has what any of them acknowledged.
type Galera struct {
	Nodes []*Node

	binary   *binary
	library  string // the wsrep provider
	account  *user.User
	dir      string // private: all that the nodes read and write
	password string
	stopOnce sync.Once
}

// StartGalera starts a cluster of three nodes on a private data directory, and
// returns once each is synced, which takes some ten seconds; ctx bounds that. It
// needs MariaDB, Galera's library, rsync, and, for root, the user mysql that
// MariaDB's package makes: the state transfer does not work as root.
func StartGalera(ctx context.Context) (_ *Galera, err error) {
	g := &Galera{password: crand.Text()}
	if err := g.findParts(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoGalera, err)
	}
	if g.dir, err = privateDir(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			g.Stop()
		}
	}()
	for n := range galeraNodes {
		node, err := g.newNode(n)
		if err != nil {
			return nil, err
		}
		g.Nodes = append(g.Nodes, node)
	}
	if err := g.makeDataDirs(ctx); err != nil {
		return nil, err
	}
	// The first makes the cluster, and the others join one after the other:
	// while a node gives its state to one it gives none to another.
	for n, node := range g.Nodes {
		if err := node.start(ctx, n == 0); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Stop ends every node and removes what they wrote. It may be called again.
func (g *Galera) Stop() {
	g.stopOnce.Do(func() {
		for _, n := range g.Nodes {
			n.Crash()
		}
		os.RemoveAll(g.dir)
	})
}

// libraries is where distributions put Galera's library.
var libraries = []string{"/usr/lib/galera/libgalera_smm.so", "/usr/lib/libgalera_smm.so",
	"/usr/lib64/galera-4/libgalera_smm.so", "/usr/lib64/galera/libgalera_smm.so"}

func (g *Galera) findParts(ctx context.Context) (err error) {
	if !canStartLocal {
		return errors.New("starting servers is not supported on this system")
	}
	if g.binary, err = findBinary(ctx); err != nil {
		return err
	}
	if !g.binary.maria {
		return fmt.Errorf("%s is not MariaDB", g.binary.path)
	}
	for _, path := range libraries {
		if _, err := os.Stat(path); err == nil {
			g.library = path
		}
	}
	if g.library == "" {
		return fmt.Errorf("none of %s is there (Debian: apt-get install galera-4)", strings.Join(libraries, ", "))
	}
	needs := []string{"rsync"}
	if os.Geteuid() == 0 {
		needs = append(needs, "setpriv")
		if g.account, err = user.Lookup("mysql"); err != nil {
			return err
		}
	}
	for _, program := range needs {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	return nil
}

// command is a command that runs as who owns the data: for root as mysql.
func (g *Galera) command(path string, args ...string) *exec.Cmd {
	if g.account != nil {
		args = append([]string{"--reuid=mysql", "--regid=mysql", "--clear-groups", path}, args...)
		path = "setpriv"
	}
	cmd := exec.Command(path, args...)
	cmd.Env = g.binary.env()
	cmd.Dir = g.dir
	return cmd
}

// makeDataDirs makes the first node's, and copies it: a state transfer wants one
// to be there.
func (g *Galera) makeDataDirs(ctx context.Context) error {
	first := g.Nodes[0]
	if err := g.binary.initDataDir(ctx, first.path("data"), first.path("tmp"), first.path("init.log")); err != nil {
		return err
	}
	for _, n := range g.Nodes[1:] {
		if err := os.CopyFS(n.path("data"), os.DirFS(first.path("data"))); err != nil {
			return fmt.Errorf("copying the data directory: %w", err)
		}
	}
	if err := os.WriteFile(first.path("init.sql"), []byte(g.binary.initSQL(g.password)), 0o600); err != nil {
		return err
	}
	if g.account == nil {
		return nil
	}
	uid, err := strconv.Atoi(g.account.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(g.account.Gid)
	if err != nil {
		return err
	}
	return filepath.WalkDir(g.dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, gid))
	})
}

func (g *Galera) newNode(n int) (*Node, error) {
	node := &Node{node: node{kind: "Galera node", dir: filepath.Join(g.dir, strconv.Itoa(n+1)), password: g.password}, cluster: g}
	if err := os.MkdirAll(node.path("tmp"), 0o700); err != nil {
		return nil, err
	}
	var err error
	if node.port, err = freePort(); err != nil {
		return nil, err
	}
	if node.base, err = freePorts(galeraPorts); err != nil {
		return nil, err
	}
	node.Addr = fmt.Sprintf("127.0.0.1:%d", node.port)
	node.DSN = dsnFor("tcp", node.Addr, g.password, testSchema)
	return node, nil
}

// freePorts is freePort for so many in a row, and returns the first.
func freePorts(count int) (int, error) {
next:
	for range 100 {
		first := minPort + rand.IntN(maxPort-minPort)
		for port := first; port < first+count; port++ {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				continue next
			}
			l.Close()
		}
		return first, nil
	}
	return 0, fmt.Errorf("no %d in a row between %d and %d are free", count, minPort, maxPort)
}
