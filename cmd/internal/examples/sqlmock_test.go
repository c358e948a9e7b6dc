package examples

import (
	"errors"
	"testing"

	"github.com/DATA-DOG/go-sqlmock"
)

func TestMoveWithoutEnough(t *testing.T) {
	db, mock, err := sqlmock.New(sqlmock.QueryMatcherOption(sqlmock.QueryMatcherEqual))
	if err != nil {
		t.Fatal(err)
	}
	mock.ExpectBegin()
	mock.ExpectExec("UPDATE accounts SET balance = balance - ? WHERE id = ? AND balance >= ?").
		WithArgs(100, 1, 100).
		WillReturnResult(sqlmock.NewResult(0, 0))
	mock.ExpectRollback()
	mock.ExpectClose()

	if err := (Accounts{db}).Move(t.Context(), 1, 2, 100); !errors.Is(err, ErrTooLittle) {
		t.Errorf("got %v, want %v", err, ErrTooLittle)
	}
	db.Close()
	if err := mock.ExpectationsWereMet(); err != nil {
		t.Error(err)
	}
}
