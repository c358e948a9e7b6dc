-- name: CreateAccount :execresult
INSERT INTO accounts (owner, balance, opened, settings) VALUES (?, ?, ?, ?);

-- name: UpsertAccount :execresult
INSERT INTO accounts (owner, balance, opened, settings) VALUES (?, ?, ?, ?)
ON DUPLICATE KEY UPDATE balance = VALUES(balance);

-- name: CreateAccountID :execlastid
INSERT INTO accounts (owner, balance, opened, settings) VALUES (?, ?, ?, ?);

-- name: GetAccount :one
SELECT * FROM accounts WHERE owner = ?;

-- name: LockAccount :one
SELECT * FROM accounts WHERE id = ? FOR UPDATE;

-- name: ListAccounts :many
SELECT * FROM accounts WHERE owner IN (sqlc.slice('owners')) ORDER BY id;

-- name: OpenedSince :many
SELECT id, opened FROM accounts WHERE opened >= ? ORDER BY id;

-- name: Deposit :execrows
UPDATE accounts SET balance = balance + sqlc.arg(amount) WHERE id = sqlc.arg(id);

-- name: CloseAccount :exec
DELETE FROM accounts WHERE id = ?;
