package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestTableFits(t *testing.T) {
	var results []result
	for _, l := range libraries {
		results = append(results, result{library: l, outcomes: []outcome{
			{driver: stock, values: 12345, logins: 1234}, {driver: pooled, values: 12345, logins: 123, err: errors.New(strings.Repeat("it is not as it was, ", 9))},
		}})
	}
	var out bytes.Buffer
	printTable(&out, "12.3.4-MariaDB-deb12-log", results)
	for line := range strings.Lines(out.String()) {
		if n := len(strings.TrimSuffix(line, "\n")); n > columns {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	for _, l := range libraries {
		if !strings.Contains(out.String(), "\n"+l.name+" ") {
			t.Errorf("no line for %s", l.name)
		}
	}
}
