package hosts

import (
	"net/netip"
	"testing"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
)

// A name with one of its addresses in each answer has all of them.
func TestNameThatRotates(t *testing.T) {
	var all []netip.Addr
	for i := range byte(4) {
		all = append(all, netip.AddrFrom4([4]byte{10, 0, 0, i}))
	}
	a := addrs{misses: map[netip.Addr]int{}, needed: minMisses}
	wrong := 0
	for i := range 1000 {
		if gone := a.answer(all[i%4 : i%4+1]); len(gone) > 0 && i > 20 {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d times an address was taken to be gone", wrong)
	}
	for range maxMisses + 1 {
		a.answer(all[:1])
	}
	if gone := a.answer(all[:1]); len(gone) != 3 {
		t.Errorf("got %v, want the three that are gone", gone)
	}
}

func dialerOf(t *testing.T, text string) *Dialer {
	t.Helper()
	cfg, err := dsn.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{Options: dsn.DefaultOptions(), Cfg: cfg})
}

func TestNamesToLookUp(t *testing.T) {
	for text, want := range map[string]string{
		"u@tcp(db1:3306)/": "db1", "u@tcp(10.0.0.1:3306)/": "", "u@tcp([::1]:3306)/": "", "u@unix(/tmp/s)/": "",
	} {
		if name, ok := dialerOf(t, text).hosts.hosts[0].nameOf(); ok != (want != "") || ok && name != want {
			t.Errorf("%s: got %q, %v, want %q", text, name, ok, want)
		}
	}
}

// Two logins to one of the same hosts are to the same server, whatever else they
// name.
func TestLoginsThatMeet(t *testing.T) {
	to := func(addr string) *Dialer { return dialerOf(t, "u@tcp("+addr+")/") }
	one, both, other := to("db1"), to("db1:3306,db2"), to("db3,db4")
	if !one.Meets(both) || !both.Meets(one) || one.Meets(other) || other.Meets(both) {
		t.Error("want db1 to meet db1,db2 and nobody to meet db3,db4")
	}
}
