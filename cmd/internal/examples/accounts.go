// Package examples is a program that uses the pool, and its tests: they are in
// docs/testing.md too, and a test holds the page to these files.
package examples

import (
	"context"
	"database/sql"
	"errors"
)

// Accounts is money in a table.
type Accounts struct{ db *sql.DB }

// ErrTooLittle means that there is less on the account than is to be moved.
var ErrTooLittle = errors.New("accounts: too little money")

// Create makes the table if there is none.
func (a Accounts) Create(ctx context.Context) error {
	_, err := a.db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS accounts (id INT PRIMARY KEY, balance INT NOT NULL)")
	return err
}

// Open opens an account.
func (a Accounts) Open(ctx context.Context, id, balance int) error {
	_, err := a.db.ExecContext(ctx, "INSERT INTO accounts (id, balance) VALUES (?, ?)", id, balance)
	return err
}

// Move moves money.
func (a Accounts) Move(ctx context.Context, from, to, amount int) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	res, err := tx.ExecContext(ctx, "UPDATE accounts SET balance = balance - ? WHERE id = ? AND balance >= ?", amount, from, amount)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(ErrTooLittle, err)
	}
	if _, err := tx.ExecContext(ctx, "UPDATE accounts SET balance = balance + ? WHERE id = ?", amount, to); err != nil {
		return err
	}
	return tx.Commit()
}

// Balance returns what is on an account.
func (a Accounts) Balance(ctx context.Context, id int) (balance int, err error) {
	err = a.db.QueryRowContext(ctx, "SELECT balance FROM accounts WHERE id = ?", id).Scan(&balance)
	return balance, err
}
