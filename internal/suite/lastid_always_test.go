package suite

import (
	"fmt"
	"testing"
)

// With pool_reset=always and no way to send a reset, as with compression, another handle's
// use closes the connection. It did not break: the id stays.
func TestSuiteLastIDOutlivesAConnectionThatCannotBeReset(t *testing.T) {
	s := needServer(t)
	for _, params := range []string{"", "&compress=true"} {
		t.Run(params, func(t *testing.T) {
			asStock(t, func(t *testing.T, driver string) []string {
				own := params
				if driver == pooled {
					own = "pool_reset=always&pool_size=1&pool_max_overflow=0" + params
				}
				a, b := s.open(t, driver, own), s.open(t, driver, own)
				defer a.Close()
				defer b.Close()
				a.SetMaxOpenConns(1)
				b.SetMaxOpenConns(1)
				if _, err := a.Exec("DO LAST_INSERT_ID(2 + 40)"); err != nil {
					t.Skip(err)
				}
				var all []string
				for range 2 {
					all = append(all, seen(b, "SELECT LAST_INSERT_ID()"), seen(a, "SELECT LAST_INSERT_ID()"))
				}
				return append(all, fmt.Sprint(len(all)))
			})
		})
	}
}
