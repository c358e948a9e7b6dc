package examples

import (
	"cmp"
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"

	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
	"github.com/ory/dockertest/v3"
)

// startMySQL starts a server in a container, which goes with the test.
func startMySQL(t *testing.T) (dsn string) {
	t.Helper()
	docker, err := dockertest.NewPool("")
	if err == nil {
		err = docker.Client.Ping()
	}
	if err != nil {
		t.Skipf("needs Docker, and no engine answers: start one, or set DOCKER_HOST: %v", err)
	}
	image, tag, _ := strings.Cut(cmp.Or(os.Getenv("MYSQL_POOL_TEST_IMAGE"), "mysql:8.4"), ":")
	server, err := docker.Run(image, tag, []string{"MYSQL_ROOT_PASSWORD=secret", "MARIADB_ROOT_PASSWORD=secret"})
	if err != nil {
		t.Fatal(err)
	}
	server.Expire(600) // seconds, in case the test is killed
	t.Cleanup(func() { docker.Purge(server) })

	dsn = "root:secret@tcp(" + server.GetHostPort("3306/tcp") + ")/"
	db, err := sql.Open("mysql", dsn) // until the server is up, logins fail
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := docker.Retry(db.Ping); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE DATABASE shop"); err != nil {
		t.Fatal(err)
	}
	return dsn + "shop"
}

func TestMoveOnAServer(t *testing.T) {
	dsn := startMySQL(t)
	// Pools outlive their handles. Close them before the server goes.
	t.Cleanup(func() { mysqlpool.Dispose(context.Background()) })

	db, err := sql.Open("mysql_pool", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a, ctx := Accounts{db}, t.Context()
	if err := a.Create(ctx); err != nil {
		t.Fatal(err)
	}
	for id := range 2 {
		if err := a.Open(ctx, id, 100); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Move(ctx, 0, 1, 40); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Balance(ctx, 1); err != nil || got != 140 {
		t.Errorf("got %d, %v; want 140", got, err)
	}
}
