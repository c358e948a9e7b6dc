// Command ramp shows how fast a burst that lasts gets its connections, beside the
// stock driver: goroutines that run one query after the other on a warm handle, at
// several round-trip times.
//
//	go run ./ramp -dsn 'root@tcp(127.0.0.1:3306)/test'
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/mysqlpool/mysqlpool/cmd/internal/faults"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

var (
	dsn        = flag.String("dsn", os.Getenv("MYSQL_POOL_TEST_DSN"), "a DSN over TCP")
	goroutines = flag.Int("goroutines", 64, "how many query at once")
	rounds     = flag.Int("rounds", 5, "runs of each driver, of which the median is shown")
	params     = flag.String("params", "", "options of the pool, as in a DSN")
	marks      = []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1600 * time.Millisecond}
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	fmt.Printf("%-6s %-11s queries after%39s\n%-18s", "rtt", "driver", "logins", "")
	for _, m := range marks {
		fmt.Printf(" %8v", m)
	}
	fmt.Println()
	for _, rtt := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond} {
		ctx, cancel := context.WithCancel(context.Background())
		slow, err := faults.Latency(ctx, *dsn, rtt)
		if err != nil {
			cancel()
			return err
		}
		drivers := []string{"mysql", "mysql_pool"}
		runs := map[string][][]int64{}
		for range *rounds { // in turns, so that both have the same of whatever else runs
			for _, driver := range drivers {
				one, err := burst(driver, slow)
				if err != nil {
					cancel()
					return err
				}
				runs[driver] = append(runs[driver], one)
			}
		}
		medians := map[string][]int64{}
		for _, driver := range drivers {
			all := runs[driver]
			for i := range len(marks) + 1 {
				var column []int64
				for _, one := range all {
					column = append(column, one[i])
				}
				slices.Sort(column)
				medians[driver] = append(medians[driver], column[len(column)/2])
			}
			fmt.Printf("%-6v %-11s", rtt, driver)
			for _, n := range medians[driver] {
				fmt.Printf(" %8d", n)
			}
			fmt.Println()
		}
		fmt.Printf("%-18s", "")
		for i := range marks {
			fmt.Printf(" %8.2f", float64(medians["mysql_pool"][i])/float64(medians["mysql"][i]))
		}
		fmt.Println()
		cancel()
	}
	return nil
}

// burst returns how many queries were done at each mark, and how many logins that
// took.
func burst(driver, dsn string) ([]int64, error) {
	if driver == "mysql_pool" && *params != "" {
		dsn += "?" + *params
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	defer mysqlpool.Dispose(context.Background())
	defer db.Close()
	db.SetMaxIdleConns(*goroutines)
	if err := warm(db); err != nil {
		return nil, err
	}
	before := logins(db)
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	start := time.Now()
	end := start.Add(marks[len(marks)-1])
	for range *goroutines {
		wg.Go(func() {
			for time.Now().Before(end) {
				if _, err := db.Exec("DO 1"); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(1)
			}
		})
	}
	var counts []int64
	for _, m := range marks {
		time.Sleep(time.Until(start.Add(m)))
		counts = append(counts, done.Load())
	}
	made := logins(db) - before
	wg.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return append(counts, made), nil
}

// warm opens what a quiet program has open.
func warm(db *sql.DB) error {
	var wg sync.WaitGroup
	errs := make([]error, 5)
	for i := range errs {
		wg.Go(func() { _, errs[i] = db.Exec("DO SLEEP(0.3)") })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	time.Sleep(2 * time.Second) // until nothing counts as just done
	return nil
}

func logins(db *sql.DB) (n int64) {
	for _, s := range mysqlpool.Stats() {
		n += s.Opened
	}
	if n == 0 {
		n = int64(db.Stats().OpenConnections) // none is closed meanwhile
	}
	return n
}
