package mysqlpool_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

// A program that opens a handle for each job changes one word, and logs in once.
func Example() {
	defer mysqlpool.Dispose(context.Background())

	for _, driver := range []string{"mysql", "mysql_pool"} {
		ids := map[int64]bool{}
		for range 10 {
			db, err := sql.Open(driver, dsn) // user:password@tcp(127.0.0.1:3306)/schema
			if err != nil {
				log.Fatal(err)
			}
			var id int64
			if err := db.QueryRow("SELECT CONNECTION_ID()").Scan(&id); err != nil {
				log.Fatal(err)
			}
			ids[id] = true
			db.Close()
		}
		fmt.Printf("%s: 10 handles, %d connections\n", driver, len(ids))
	}
	// Output:
	// mysql: 10 handles, 10 connections
	// mysql_pool: 10 handles, 1 connections
}

// One DSN for both drivers: with a leading @ an option is a user variable that
// the stock driver sets and nobody reads.
func Example_oneDSN() {
	defer mysqlpool.Dispose(context.Background())
	dsn := withParams(dsn, "@pool_size=10&@pool_timeout=5&@pool_reset=%27always%27")

	for _, driver := range []string{"mysql", "mysql_pool"} {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(driver, db.Ping())
		db.Close()
	}
	// Output:
	// mysql <nil>
	// mysql_pool <nil>
}

// What a handle sets in its session stays with it, and goes no further.
func Example_sessionState() {
	defer mysqlpool.Dispose(context.Background())

	one, err := sql.Open("mysql_pool", dsn)
	if err != nil {
		log.Fatal(err)
	}
	one.SetMaxOpenConns(1)
	if _, err := one.Exec("SET @tenant = 7"); err != nil {
		log.Fatal(err)
	}
	var tenant sql.NullString
	if err := one.QueryRow("SELECT @tenant").Scan(&tenant); err != nil {
		log.Fatal(err)
	}
	fmt.Println("its own:", tenant)
	one.Close()

	another, err := sql.Open("mysql_pool", dsn)
	if err != nil {
		log.Fatal(err)
	}
	defer another.Close()
	if err := another.QueryRow("SELECT @tenant").Scan(&tenant); err != nil {
		log.Fatal(err)
	}
	fmt.Println("another's:", tenant)
	// Output:
	// its own: {7 true}
	// another's: { false}
}

// An option that cannot be used is an error at once; no server is asked.
func Example_badOption() {
	for _, option := range []string{"pool_size=many", "pool_reset=sometimes"} {
		_, err := sql.Open("mysql_pool", "user:password@tcp(127.0.0.1:3306)/schema?"+option)
		fmt.Println(err)
	}
	// Output:
	// mysqlpool: option pool_size: got "many", want a whole number, 0 or more
	// mysqlpool: option pool_reset: got "sometimes", want state, always or never
}

// For a config with a function in it, as for passwords that rotate. Such a
// connector has a pool to itself, which closes with its handle.
func ExampleNewConnector() {
	defer mysqlpool.Dispose(context.Background())
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		log.Fatal(err)
	}
	password := cfg.Passwd
	cfg.Passwd = "yesterday's"
	logins := 0
	if err := cfg.Apply(mysql.BeforeConnect(func(ctx context.Context, cfg *mysql.Config) error {
		logins++
		cfg.Passwd = password // from where you keep it
		return nil
	})); err != nil {
		log.Fatal(err)
	}
	connector, err := mysqlpool.NewConnector(cfg, mysqlpool.WithSize(2), mysqlpool.WithTimeout(5*time.Second))
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	db.SetMaxIdleConns(0) // close each connection after use
	for range 10 {
		if err := db.Ping(); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(logins, "login")
	// Output: 1 login
}

func ExampleStats() {
	defer mysqlpool.Dispose(context.Background())
	db, err := sql.Open("mysql_pool", dsn)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range mysqlpool.Stats() {
		fmt.Printf("open %d, in use %d, logins %d, broken %d\n", p.Open, p.InUse, p.Opened, p.Broken)
	}
	if err := tx.Rollback(); err != nil {
		log.Fatal(err)
	}
	for _, p := range mysqlpool.Stats() {
		fmt.Printf("open %d, in use %d, idle %d\n", p.Open, p.InUse, p.Idle)
	}
	// Output:
	// open 1, in use 1, logins 1, broken 0
	// open 1, in use 0, idle 1
}

// At the end of a process: Ctrl-C ends the work, then every connection is closed
// cleanly.
func ExampleDispose() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	db, err := sql.Open("mysql_pool", dsn)
	if err != nil {
		log.Fatal(err)
	}
	if err := db.PingContext(ctx); err != nil {
		log.Fatal(err)
	}
	pressCtrlC() // somebody does, later

	<-ctx.Done()
	db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := mysqlpool.Dispose(ctx); err != nil {
		log.Print(err) // says what is still in use
	}
	fmt.Println("pools:", len(mysqlpool.Stats()))
	// Output: pools: 0
}

func pressCtrlC() {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		log.Fatal(err)
	}
	if err := self.Signal(os.Interrupt); err != nil {
		log.Fatal(err)
	}
}

// A checkout that finds no connection says what they are all used for.
func ExampleErrPoolTimeout() {
	defer mysqlpool.Dispose(context.Background())
	db, err := sql.Open("mysql_pool", withParams(dsn, "pool_size=1&pool_max_overflow=0&pool_timeout=100ms"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		log.Fatal(err)
	}
	defer tx.Rollback()
	err = db.Ping()
	fmt.Println(errors.Is(err, mysqlpool.ErrPoolTimeout))
	// Output: true
}
