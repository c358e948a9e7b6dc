module github.com/mysqlpool/mysqlpool

go 1.25.0

require (
	github.com/DATA-DOG/go-sqlmock v1.5.2
	github.com/go-sql-driver/mysql v1.9.3
)

require filippo.io/edwards25519 v1.2.0 // indirect
