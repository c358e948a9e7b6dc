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

func TestKeepsWarnings(t *testing.T) {
	for version, want := range map[string]bool{
		"5.6.24": true, "5.5.62-log": true, "5.7.44": false, "8.0.30-Vitess": false, "9.7.4-2": false, "": false, "proxy": false,
		"10.11.19-MariaDB-deb12u1": true, "5.5.5-10.11.19-MariaDB": true,
	} {
		if got := KeepsWarnings(version); got != want {
			t.Errorf("%q: got %v, want %v", version, got, want)
		}
	}
}

func TestLacksRoles(t *testing.T) {
	for version, want := range map[string]bool{
		"5.6.24": true, "5.7.44-log": true, "8.0.36": false, "9.7.4-2": false, "8.0.11-TiDB-v8.5.0": false,
		"5.5.5-10.11.6-MariaDB": false, "10.11.6-MariaDB": false, "": false, "unknown": false,
	} {
		if got := LacksRoles(version); got != want {
			t.Errorf("%q: got %v", version, got)
		}
	}
}
