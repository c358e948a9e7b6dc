// The command replicas writes to the primary of several hosts and reads from the
// replicas, with two handles.
//
//	DSN='user:password@tcp(db1:3306,db2:3306,db3:3306)/schema' go run .
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

func main() {
	ctx := context.Background()
	if err := errors.Join(run(ctx, os.Getenv("DSN")), mysqlpool.Dispose(ctx)); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dsn string) error {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return err
	}
	// Which host is what each says itself, and may change: nobody needs to be told.
	open := func(target string) (*sql.DB, error) {
		c, err := mysqlpool.NewConnector(cfg, mysqlpool.WithTarget(target), mysqlpool.WithName(target))
		if err != nil {
			return nil, err
		}
		return sql.OpenDB(c), nil
	}
	writes, err := open("primary")
	if err != nil {
		return err
	}
	defer writes.Close()
	reads, err := open("prefer_replica") // the primary, while there is no replica
	if err != nil {
		return err
	}
	defer reads.Close()

	const schema = "replicas_example"
	for _, text := range []string{"CREATE DATABASE IF NOT EXISTS " + schema, "CREATE TABLE IF NOT EXISTS " + schema + ".visits (at DATETIME(6))"} {
		if _, err := writes.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	defer writes.ExecContext(ctx, "DROP DATABASE "+schema)
	if _, err := writes.ExecContext(ctx, "INSERT INTO "+schema+".visits VALUES (NOW(6))"); err != nil {
		return err
	}
	// A replica may be behind: what a request has written it reads from writes.
	var n int
	if err := writes.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+schema+".visits").Scan(&n); err != nil {
		return err
	}
	fmt.Printf("visits: %d\n", n)
	var readOnly bool
	if err := reads.QueryRowContext(ctx, "SELECT @@read_only").Scan(&readOnly); err != nil {
		return err
	}
	fmt.Printf("reads go to a replica: %v\n", readOnly)
	for _, p := range mysqlpool.Stats() {
		for _, h := range p.Hosts {
			fmt.Printf("%s: a host is %s, wanted %v\n", p.Name, h.State, h.Wanted)
		}
	}
	return nil
}
