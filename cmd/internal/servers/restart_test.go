//go:build unix

package servers

import (
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// Each row whose COMMIT was answered is there after a kill -9 in mid-load.
func TestCrashAndRestart(t *testing.T) {
	needLocal(t)
	s := one(t, Local, append([]string{"--max-connections=77"}, DurableArgs...)...)
	db := s.Monitor()
	if _, err := db.Exec("CREATE TABLE kept (n INT PRIMARY KEY) ENGINE=InnoDB"); err != nil {
		t.Fatal(err)
	}
	pid := s.local.proc.cmd.Process.Pid
	acknowledged := make(chan int)
	written := make(chan struct{})
	go func() {
		n := 0
		for ; ; n++ {
			if _, err := db.Exec("INSERT INTO kept VALUES (?)", n); err != nil {
				break
			}
			if n == 100 {
				close(written)
			}
		}
		acknowledged <- n
	}()
	<-written
	if err := s.Crash(); err != nil {
		t.Fatal(err)
	}
	want := <-acknowledged
	if !gone(pid) {
		t.Fatalf("process %d is still there", pid)
	}
	if err := s.Crash(); err != nil {
		t.Errorf("a second crash: %v", err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err == nil {
		t.Error("a second restart: no error")
	}
	var got int
	if err := db.QueryRow("SELECT COUNT(*) FROM kept WHERE n < ?", want).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("%d of %d acknowledged rows are there", got, want)
	}
	if got := ask(t, s.DSN, "SELECT @@max_connections"); got != "77" {
		t.Errorf("max_connections %s: the argument did not arrive again", got)
	}
	checkStopped(t, s)
}

func TestCrashOfWhatIsNotOurs(t *testing.T) {
	clearEnv(t)
	s := one(t, Embedded)
	if err := s.Crash(); !errors.Is(err, errNotOurs) {
		t.Errorf("got %v, want %v", err, errNotOurs)
	}
	if err := s.Restart(t.Context()); !errors.Is(err, errNotOurs) {
		t.Errorf("got %v, want %v", err, errNotOurs)
	}
}

func init() { mysql.SetLogger(&mysql.NopLogger{}) }
