// The command tenants has a schema and a handle for each of many tenants, and a few
// connections for all of them.
//
//	DSN='user:password@tcp(127.0.0.1:3306)/' go run .
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

const tenants = 20

func main() {
	ctx := context.Background()
	if err := errors.Join(run(ctx, os.Getenv("DSN")), mysqlpool.Dispose(ctx)); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dsn string) (err error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return err
	}
	handles := map[string]*sql.DB{}
	defer func() {
		for _, db := range handles {
			err = errors.Join(err, db.Close())
		}
	}()
	admin, err := sql.Open("mysql_pool", dsn)
	if err != nil {
		return err
	}
	defer admin.Close()
	for n := range tenants {
		// A schema's name cannot be an argument: it comes from the program, never from a request.
		schema := fmt.Sprintf("tenant_%02d", n)
		for _, text := range []string{"CREATE DATABASE IF NOT EXISTS " + schema, "CREATE TABLE IF NOT EXISTS " + schema + ".notes (text VARCHAR(40))"} {
			if _, err := admin.ExecContext(ctx, text); err != nil {
				return err
			}
		}
		defer admin.ExecContext(ctx, "DROP DATABASE "+schema)

		// The same login, another schema: the same pool.
		cfg.DBName = schema
		db, err := sql.Open("mysql_pool", cfg.FormatDSN())
		if err != nil {
			return err
		}
		handles[schema] = db
	}
	for schema, db := range handles {
		if _, err := db.ExecContext(ctx, "INSERT INTO notes VALUES (?)", "of "+schema); err != nil {
			return err
		}
	}
	for schema, db := range handles {
		var text string
		if err := db.QueryRowContext(ctx, "SELECT text FROM notes").Scan(&text); err != nil {
			return err
		}
		if text != "of "+schema {
			return fmt.Errorf("%s reads %q", schema, text)
		}
	}
	for _, p := range mysqlpool.Stats() {
		fmt.Printf("%d tenants, %d handles, %d connections\n", tenants, p.Handles, p.Open)
	}
	return nil
}
