// The command tokens logs in with passwords that change, as those of AWS IAM, GCP IAM and
// Vault do: a server hands out tokens, and the pool asks it at each login. All handles
// have one pool.
//
//	DSN='admin:password@tcp(127.0.0.1:3306)/' go run .
//
// The account of the DSN must be allowed to create another one: this program rotates its
// own token, with ALTER USER, which is otherwise somebody else's work.
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
	mysqlpool "github.com/mysqlpool/mysqlpool/driver"
)

const (
	user    = "tokens_example"
	handles = 10 // one for each part of the program
)

func main() {
	ctx := context.Background()
	if err := errors.Join(run(ctx, os.Getenv("DSN")), mysqlpool.Dispose(ctx)); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, adminDSN string) (err error) {
	admin, err := newRotator(ctx, adminDSN)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, admin.close(ctx)) }()
	server := httptest.NewServer(admin)
	defer server.Close()

	var dbs []*sql.DB
	defer func() {
		for _, db := range dbs {
			db.Close()
		}
	}()
	for range handles {
		db, err := open(adminDSN, server.URL)
		if err != nil {
			return err
		}
		dbs = append(dbs, db)
	}
	if err := askAll(ctx, dbs); err != nil {
		return err
	}
	stats := mysqlpool.Stats()
	fmt.Printf("%d handles, %d pool, %d connections\n", handles, len(stats), stats[0].Opened)
	for range 3 {
		if err := admin.rotate(ctx); err != nil {
			return err
		}
		// Connections that logged in with the old token work on. To be rid of them, as
		// after a leak, have them replaced. No statement fails for it.
		mysqlpool.Invalidate(func(p mysqlpool.PoolStats) bool { return p.Name == "orders" })
		if err := askAll(ctx, dbs); err != nil {
			return err
		}
	}
	fmt.Printf("3 rotations: %d connections in all, %d refused\n", mysqlpool.Stats()[0].Opened, mysqlpool.Stats()[0].LoginErrors)
	return nil
}

// open opens a handle whose password is the token of that time.
func open(adminDSN, tokens string) (*sql.DB, error) {
	cfg, err := mysql.ParseDSN(adminDSN) // for the address
	if err != nil {
		return nil, err
	}
	cfg.User, cfg.Passwd, cfg.DBName = user, "", ""
	err = cfg.Apply(mysql.BeforeConnect(func(ctx context.Context, cfg *mysql.Config) (err error) {
		cfg.Passwd, err = token(ctx, tokens)
		return err
	}))
	if err != nil {
		return nil, err
	}
	// Two functions cannot be compared. This says that they are alike where the tokens
	// are of the same server.
	connector, err := mysqlpool.NewConnector(cfg, mysqlpool.WithShareKey("tokens of "+tokens), mysqlpool.WithName("orders"))
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// token asks for the token. ctx is the login's, which ends with the DSN's timeout.
func token(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the token server answers %s", r.Status)
	}
	var answer struct{ Token string }
	err = json.NewDecoder(r.Body).Decode(&answer)
	return answer.Token, err
}

func askAll(ctx context.Context, dbs []*sql.DB) error {
	for _, db := range dbs {
		var who string
		if err := db.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&who); err != nil {
			return err
		}
	}
	return nil
}

// rotator hands out the token of an account, and changes it.
type rotator struct {
	db *sql.DB

	mu    sync.Mutex
	token string // guarded by mu
}

func newRotator(ctx context.Context, dsn string) (*rotator, error) {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, err
	}
	r := &rotator{db: db, token: rand.Text()}
	for _, query := range []string{"DROP USER IF EXISTS '" + user + "'@'%'", "CREATE USER '" + user + "'@'%' IDENTIFIED BY '" + r.token + "'"} {
		if _, err := db.ExecContext(ctx, query); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return r, nil
}

// rotate makes a new token. A login between the two steps is refused; token services
// have the old one valid for some time more.
func (r *rotator) rotate(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := rand.Text()
	if _, err := r.db.ExecContext(ctx, "ALTER USER '"+user+"'@'%' IDENTIFIED BY '"+next+"'"); err != nil {
		return err
	}
	r.token = next
	return nil
}

// ServeHTTP tells the token, to whoever asks: this is an example.
func (r *rotator) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	json.NewEncoder(w).Encode(map[string]any{"Token": r.token, "Expires": time.Now().Add(15 * time.Minute)})
}

func (r *rotator) close(ctx context.Context) error {
	_, err := r.db.ExecContext(ctx, "DROP USER '"+user+"'@'%'")
	return errors.Join(err, r.db.Close())
}
