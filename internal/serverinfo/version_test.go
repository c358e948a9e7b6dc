package serverinfo

import (
	"testing"
)

func TestFixesTypes(t *testing.T) {
	for version, want := range map[string]bool{
		"8.0.22": true, "8.0.21": false, "8.0.43-0ubuntu0": true, "8.4.3": true, "9.7.4-2": true, "10.0.0": true, "5.7.44-log": false, "5.6.24": false,
		"10.11.19-MariaDB-deb12u1": false, "5.5.5-10.11.19-MariaDB": false, "11.8.9-MariaDB": false,
		"8.0.30-Vitess": true, "": true, "proxy": true,
	} {
		if got := FixesTypes(version); got != want {
			t.Errorf("%q: got %v, want %v", version, got, want)
		}
	}
}
