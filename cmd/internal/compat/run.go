package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/mysqlpool/mysqlpool/driver"
)

const (
	stock  = "mysql"
	pooled = "mysql_pool"
)

// A run is one run of a library's program with one of the drivers. The program
// notes what it sees; two drivers that are alike make it note the same.
type run struct {
	ctx    context.Context
	driver string // stock or pooled
	dsn    string // the same for both, on an empty schema
	site   *site
	trace  []string
	loud   bool // says what it notes
	undo   []func()
}

// failure ends a program: see must.
type failure struct{ err error }

// must ends the program if there is an error.
func (r *run) must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// note adds values to the trace.
func (r *run) note(what string, values ...any) {
	line := what + ":"
	for _, v := range values {
		line += " " + text(v)
	}
	if r.loud {
		fmt.Fprintf(os.Stderr, "%s\t%s\n", time.Now().Format(time.StampMilli), line)
	}
	r.trace = append(r.trace, line)
}

// later runs f when the program has ended, last to first.
func (r *run) later(f func()) { r.undo = append(r.undo, f) }

// open opens a handle as every program would, which is closed after the program.
func (r *run) open() *sql.DB {
	db, err := sql.Open(r.driver, r.dsn)
	r.must(err)
	r.later(func() { db.Close() })
	return db
}

// eventually tries until it is so, and ends the program if it is not for long.
func (r *run) eventually(what string, is func() bool) {
	const patience = 20 * time.Second
	for deadline := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.must(fmt.Errorf("not after %v: %s", patience, what))
		}
		r.must(r.ctx.Err())
	}
}

// do runs the program and returns what it ended with.
func (r *run) do(program func(*run)) (err error) {
	defer func() {
		for len(r.undo) > 0 {
			last := len(r.undo) - 1
			r.undo[last]()
			r.undo = r.undo[:last]
		}
	}()
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			err = fmt.Errorf("after %d values: %w", len(r.trace), p.err)
		default:
			err = fmt.Errorf("after %d values: panic: %v\n%s", len(r.trace), p, debug.Stack())
		}
	}()
	program(r)
	return nil
}

// text is a value with its type, so that an int64 and a uint64 differ, and two
// times that are the same instant in two zones.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case error:
		var answer *mysql.MySQLError
		if errors.As(v, &answer) {
			return fmt.Sprintf("%T(%d %s)", v, answer.Number, answer.Message)
		}
		return fmt.Sprintf("%T(%v)", v, v)
	case time.Time:
		return v.Format(time.RFC3339Nano) + " " + v.Location().String()
	case sql.Result:
		id, err := v.LastInsertId()
		n, err2 := v.RowsAffected()
		return fmt.Sprintf("(insert id %d, %d rows affected, %v)", id, n, errors.Join(err, err2))
	case []byte:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprintf("%T(%+v)", v, v)
}

// Values that are easily lost on the way.
const hugest uint64 = 1<<64 - 1

var (
	berlin = func() *time.Location {
		l, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			panic(err) // main imports time/tzdata
		}
		return l
	}()
	// moment is in summer time and has microseconds.
	moment = time.Date(2024, time.July, 1, 12, 34, 56, 123456000, berlin)
)

const document = `{"list":[1,2.5,"ü"],"none":null}`
