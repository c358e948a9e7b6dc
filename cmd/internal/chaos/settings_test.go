package chaos

import (
	"cmp"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

const (
	envChaos = "MYSQL_POOL_TEST_CHAOS"      // how long each driver moves money in TestBank, as 10m; default 10s
	envSeed  = "MYSQL_POOL_TEST_CHAOS_SEED" // the faults of an earlier run, in their order; default at random
	envSoak  = "MYSQL_POOL_TEST_SOAK"       // how long TestSoak lasts, as 20m; default 15s
	envOut   = "MYSQL_POOL_TEST_OUT"        // where TestSoak leaves its samples and plot; default nowhere

	envReal    = "MYSQL_POOL_REQUIRE_REAL"    // fail where there is no server to start
	envHAProxy = "MYSQL_POOL_REQUIRE_HAPROXY" // fail where there is no haproxy
	envGroup   = "MYSQL_POOL_REQUIRE_GROUP"   // fail where there is no MySQL with Group Replication
	envGalera  = "MYSQL_POOL_REQUIRE_GALERA"  // fail where there is no Galera
)

const (
	stock  = "mysql"
	pooled = "mysql_pool"
)

// drivers is ours last: the figures are read beside the stock driver's.
var drivers = []string{stock, pooled}

// patience is how long a test waits for what should happen at once.
const patience = 20 * time.Second

func lasts(t *testing.T, env, short string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(cmp.Or(os.Getenv(env), short))
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return d
}

func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv(envSeed)
	if text == "" {
		return rand.Uint64() >> 16
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", envSeed, err)
	}
	return n
}
