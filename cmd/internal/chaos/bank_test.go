package chaos

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

const (
	accounts   = 64
	startsWith = 1000 // on each account
)

// A bank moves money between accounts, and writes each transfer into its outbox
// in the same transaction.
type bank struct {
	driver, dsn string
	within      time.Duration // a transfer ends
	shared      *sql.DB
	figures     *figures

	mu       sync.Mutex // guards what follows
	outcomes map[int64]outcome
}

// outcome is what the program knows of a transfer.
type outcome int8

const (
	refused      outcome = iota // an error came before COMMIT was sent: it must not be there
	unknown                     // COMMIT returned an error: it may be there, once
	acknowledged                // COMMIT returned nil: it must be there, once
)

func (o outcome) String() string { return [...]string{"refused", "unknown", "acknowledged"}[o] }

// createBank creates the tables again. The outbox has no unique key that would
// hide it if a transfer ran twice.
func createBank(t *testing.T, admin *sql.DB) {
	t.Helper()
	exec(t, admin, "DROP TABLE IF EXISTS accounts, outbox",
		"CREATE TABLE accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL) ENGINE=InnoDB",
		"CREATE TABLE outbox (n BIGINT AUTO_INCREMENT PRIMARY KEY, transfer BIGINT NOT NULL, payer INT NOT NULL, payee INT NOT NULL, amount INT NOT NULL, KEY (transfer)) ENGINE=InnoDB")
	for id := range accounts {
		exec(t, admin, fmt.Sprintf("INSERT INTO accounts VALUES (%d, %d)", id, startsWith))
	}
}

func openBank(t *testing.T, driver, dsn string, f *figures) *bank {
	b := &bank{driver: driver, dsn: dsn, within: transferWithin, shared: open(t, driver, dsn), figures: f, outcomes: map[int64]outcome{}}
	b.shared.SetMaxIdleConns(tellers)
	return b
}

// tellers is how many make transfers at once.
const tellers = 32

const (
	transferWithin = 1500 * time.Millisecond
	ownHandleEvery = 4  // teller opens a handle for each transfer
	cancelEvery    = 50 // transfer is cancelled after a moment
	auditEvery     = 40 // time a teller also asks for the total
)

// work has the tellers make transfers until ctx ends.
func (b *bank) work(ctx context.Context, seed uint64) {
	var all sync.WaitGroup
	for n := range tellers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(^seed, uint64(n)))
			for id := int64(n) << 32; ctx.Err() == nil; id++ {
				b.teller(r, id, n%ownHandleEvery == 0)
			}
		})
	}
	all.Wait()
}

// teller makes one transfer.
func (b *bank) teller(r *rand.Rand, id int64, ownHandle bool) {
	// Each draws as many numbers, so that a seed stands for the same transfers
	// whatever happens to them.
	payer, step, amount := r.IntN(accounts), 1+r.IntN(accounts-1), 1+r.IntN(5)
	cancelAfter := time.Duration(r.IntN(5000)) * time.Microsecond
	givenUp, audits := r.IntN(cancelEvery) == 0, r.IntN(auditEvery) == 0

	ctx, cancel := context.WithTimeout(context.Background(), b.within)
	defer cancel()
	if givenUp {
		defer time.AfterFunc(cancelAfter, cancel).Stop()
	}
	began := time.Now()
	db, err := b.shared, error(nil)
	if ownHandle {
		if db, err = sql.Open(b.driver, b.dsn); err != nil {
			b.figures.wrong("sql.Open: %v", err)
			return
		}
		defer db.Close()
	}
	sent, err := transfer(ctx, db, id, payer, (payer+step)%accounts, amount)
	o := refused
	switch {
	case err == nil:
		o = acknowledged
	case sent:
		o = unknown
	}
	b.mu.Lock()
	b.outcomes[id] = o
	b.mu.Unlock()
	b.figures.add(o, err, givenUp, began)
	if err != nil {
		// As a program does that is told no: without it, tellers that are
		// refused at once would leave no processor to anybody else.
		time.Sleep(time.Millisecond)
	} else if audits {
		b.audit(ctx, db)
	}
}

// transfer moves money. sent says whether COMMIT may have been sent.
func transfer(ctx context.Context, db *sql.DB, id int64, payer, payee, amount int) (sent bool, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	var locked int
	// In one order, or transfers would wait for each other in a circle.
	for _, id := range []int{min(payer, payee), max(payer, payee)} {
		if err := tx.QueryRowContext(ctx, "SELECT id FROM accounts WHERE id = ? FOR UPDATE", id).Scan(&locked); err != nil {
			return false, err
		}
	}
	for _, move := range []struct{ id, by int }{{payer, -amount}, {payee, amount}} {
		if _, err := tx.ExecContext(ctx, "UPDATE accounts SET balance = balance + ? WHERE id = ?", move.by, move.id); err != nil {
			return false, err
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO outbox (transfer, payer, payee, amount) VALUES (?, ?, ?, ?)", id, payer, payee, amount); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

// audit asks for the total, which is the same at every instant.
func (b *bank) audit(ctx context.Context, db *sql.DB) {
	var total int
	err := db.QueryRowContext(ctx, "SELECT SUM(balance) FROM accounts").Scan(&total)
	switch {
	case err != nil:
		b.figures.checkKind(err)
	case total != accounts*startsWith:
		b.figures.wrong("an audit found %d, want %d", total, accounts*startsWith)
	}
}

// checkBooks checks that nothing is lost, nothing was done twice, and nothing
// that was refused is there. The bank has stopped work.
func (b *bank) checkBooks(t *testing.T, admin *sql.DB) {
	t.Helper()
	balances := map[int]int{}
	for id := range accounts {
		balances[id] = startsWith
	}
	found := map[int64]int{}
	rows, err := admin.Query("SELECT transfer, payer, payee, amount FROM outbox")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var payer, payee, amount int
		if err := rows.Scan(&id, &payer, &payee, &amount); err != nil {
			t.Fatal(err)
		}
		found[id]++
		balances[payer] -= amount
		balances[payee] += amount
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for id, times := range found {
		if _, ok := b.outcomes[id]; !ok || times > 1 {
			t.Errorf("transfer %d is there %d times, and nobody made it: %v", id, times, !ok)
		}
	}
	lost := 0
	for id, o := range b.outcomes {
		switch {
		case o == acknowledged && found[id] == 0:
			lost++
		case o == refused && found[id] != 0:
			t.Errorf("transfer %d was refused, and is there", id)
		}
	}
	if lost > 0 {
		t.Errorf("%d acknowledged transfers are lost", lost)
	}
	total := 0
	for id := range accounts {
		var balance int
		if err := admin.QueryRow("SELECT balance FROM accounts WHERE id = ?", id).Scan(&balance); err != nil {
			t.Fatal(err)
		}
		if balance != balances[id] {
			t.Errorf("account %d has %d, and by the outbox %d", id, balance, balances[id])
		}
		total += balance
	}
	if total != accounts*startsWith {
		t.Errorf("the total is %d, want %d", total, accounts*startsWith)
	}
}
